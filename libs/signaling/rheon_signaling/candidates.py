"""ICE candidates as clients write them (RFC 8839 section 5.1), read into one shape."""

import re
from typing import Final

import msgspec

from rheon_signaling.errors import ErrorCode, ProtocolError, invalid_json
from rheon_signaling.limits import MAX_CANDIDATE_CHARACTERS, MAX_MID_CHARACTERS

_MAX_SECTION_INDEX: Final = 0xFFFF

# candidate-attribute: foundation, component, transport, priority, address, port, "typ" and extensions. Foundations
# longer than 32 characters and address names (mDNS) occur, so only the shape is checked.
_LINE: Final = re.compile(
    r"(?:a=)?candidate:[!-~]{1,64} [0-9]{1,3} [!-~]{1,16} [0-9]{1,10} [!-~]{1,255} [0-9]{1,5} typ [!-~]{1,32}"
    r"(?: [ -~]*)?(?:\r?\n)?"
)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate of a client. An empty `line` means end of candidates."""

    line: str = ""
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None

    @property
    def is_end(self) -> bool:
        """End-of-candidates indication (RFC 8838 section 13)."""
        return not self.line


def _malformed(reason: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED, invalid_json(reason))


def read_candidate(message: dict[str, object], *, any_line: bool = False) -> Candidate:
    """Read `candidate` in any of its shapes: string, object, string with siblings; null, "" and absent mean the end.

    `any_line` leaves the line itself to whoever it is meant for.

    Raises ProtocolError (MALFORMED).
    """
    value = message.get("candidate")
    source = message
    if isinstance(value, dict):
        source, value = value, value.get("candidate")
    mid = source.get("sdpMid")
    index = source.get("sdpMLineIndex")
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > MAX_CANDIDATE_CHARACTERS:
        raise _malformed("candidate must be a candidate line, an object holding one, or null")
    if value and not any_line and not _LINE.fullmatch(value):
        raise _malformed("candidate is not an ICE candidate line")
    if mid is not None and not (isinstance(mid, str) and len(mid) <= MAX_MID_CHARACTERS):
        raise _malformed("sdpMid must be a string")
    if index is not None and not (type(index) is int and 0 <= index <= _MAX_SECTION_INDEX):
        raise _malformed("sdpMLineIndex must be a small number")
    return Candidate(line=value, sdp_mid=mid, sdp_m_line_index=index)
