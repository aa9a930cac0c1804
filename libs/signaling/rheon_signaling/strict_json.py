"""JSON text to plain Python values, stricter than the standard library's reader.

RFC 8259 leaves duplicate names, lone surrogates and huge numbers to the implementation; two readers that differ there
are how checks are bypassed, so all of them are refused.
"""

import json
import math
from collections.abc import Sequence
from typing import Final

from rheon_signaling.errors import ErrorCode, ProtocolError, invalid_json
from rheon_signaling.limits import MAX_FRAME_BYTES

_MAX_NUMBER_CHARACTERS: Final = 32


def _malformed(reason: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED, invalid_json(reason))


def _require_unicode(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _malformed("lone surrogate in a string") from None


def _require_unicode_within(values: Sequence[object]) -> None:
    for value in values:
        if isinstance(value, str):
            _require_unicode(value)
        elif isinstance(value, list):
            _require_unicode_within(value)


def _unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("duplicate key")
    _require_unicode_within(list(members))
    _require_unicode_within(list(members.values()))
    return members


def _constant(_name: str) -> object:
    raise _malformed("NaN and Infinity are not JSON")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_NUMBER_CHARACTERS:
        raise _malformed("number out of range")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits) if len(digits) <= _MAX_NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise _malformed("number out of range")
    return value


_reader = json.JSONDecoder(
    object_pairs_hook=_unique_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_number
)


def read_object(frame: bytes) -> dict[str, object]:
    """Read one JSON object.

    Raises ProtocolError: TOO_LARGE before anything is parsed, otherwise MALFORMED.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise ProtocolError(ErrorCode.TOO_LARGE, f"Message too large: at most {MAX_FRAME_BYTES} bytes are accepted")
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("not UTF-8") from None
    try:
        value = _reader.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(f"syntax error at character {error.pos}") from None
    except RecursionError:
        raise _malformed("nested too deeply") from None
    if not isinstance(value, dict):
        raise _malformed("a message is an object")
    return value
