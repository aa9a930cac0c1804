"""Frames to client messages: tolerant in shape, strict in content.

Tolerated, because existing clients do it: ids as decimal strings, descriptions as `{type, sdp}`, candidates in three
shapes, null for absent, unknown extra fields, a first message with only `token`. Everything else raises ProtocolError.
"""

import re
import types
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import UNSET

from rheon_signaling import client_messages as messages
from rheon_signaling.candidates import read_candidate
from rheon_signaling.client_messages import AnyClientMessage, ClientMessage
from rheon_signaling.errors import ErrorCode, ProtocolError, authentication_failed, invalid_json
from rheon_signaling.limits import (
    MAX_CONNECTION_ID_CHARACTERS,
    MAX_ID,
    MAX_LAYER,
    MAX_ROOM_NAME_CHARACTERS,
    MAX_SDP_BYTES,
    MAX_SDP_SECTIONS,
    MAX_TOKEN_CHARACTERS,
    MAX_TRACK_ID_CHARACTERS,
    MIN_ID,
)
from rheon_signaling.strict_json import read_object

_MESSAGES: Final[dict[str, type[AnyClientMessage]]] = {
    str(message.__struct_config__.tag): message for message in get_args(AnyClientMessage)
}
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SECTION: Final = re.compile(r"^m=", re.MULTILINE)
_ID_FIELDS: Final = ("publisherId", "targetUserId")
_OWN_CANDIDATES: Final = ("publish-ice-candidate", "subscribe-ice-candidate")
_RELAYED: Final = ("offer", "answer", "ice-candidate")


def _malformed(reason: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED, invalid_json(reason))


def decode_first(frame: bytes) -> messages.Auth:
    """Decode the first message of a connection, which must be `auth`; `{"token": …}` alone is taken for one.

    Raises ProtocolError: UNAUTHENTICATED when it is another message, MALFORMED or TOO_LARGE as `decode` does.
    """
    raw = read_object(frame)
    if raw.keys() == {"token"}:
        raw["type"] = "auth"
    if not isinstance(message := _convert(raw), messages.Auth):
        raise ProtocolError(
            ErrorCode.UNAUTHENTICATED,
            authentication_failed("the first message must be auth"),
            request_type=type_of(message),
        )
    return message


def decode(frame: bytes) -> AnyClientMessage:
    """Decode one message of an authenticated client.

    Raises ProtocolError: TOO_LARGE for frames and descriptions over their limit, MALFORMED for everything else, with
    room, publisher and type filled in as far as they could be read.
    """
    return _convert(read_object(frame))


def type_of(message: ClientMessage) -> str:
    """The message's `type` on the wire."""
    return str(message.__struct_config__.tag)


def _convert(raw: dict[str, object]) -> AnyClientMessage:
    tag = raw.get("type")
    if not isinstance(tag, str):
        raise _malformed("type is missing")
    struct = _MESSAGES.get(tag)
    if struct is None:
        raise _malformed("unknown message type")
    try:
        return _read(tag, struct, raw)
    except ProtocolError as error:
        error.request_type = tag
        room = raw.get("roomName")
        if isinstance(room, str) and 0 < len(room) <= MAX_ROOM_NAME_CHARACTERS and not _CONTROL.search(room):
            error.room_name = room
        publisher = raw.get("publisherId")
        if type(publisher) is int and MIN_ID <= publisher <= MAX_ID:
            error.publisher_id = publisher
        raise


def _read(tag: str, struct: type[AnyClientMessage], raw: dict[str, object]) -> AnyClientMessage:
    for name in _ID_FIELDS:
        if raw.get(name) is not None:
            raw[name] = _read_id(name, raw[name])
    if tag in _OWN_CANDIDATES:
        raw["candidate"] = read_candidate(raw)
    elif tag in _RELAYED:
        _check_relayed(tag, raw)
    else:
        _read_descriptions(raw)
    try:
        message = msgspec.convert(raw, type=struct)
    except msgspec.ValidationError:
        raise _malformed(f"{tag} needs {_expected(struct)}") from None
    _check(message)
    return message


def _read_id(name: str, value: object) -> int:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    if type(value) is not int or not MIN_ID <= value <= MAX_ID:
        raise _malformed(f"{name} must be an integer of 64 bits")
    return value


def _read_descriptions(raw: dict[str, object]) -> None:
    for name in ("offer", "answer"):
        value = raw.get(name)
        if isinstance(value, dict):
            value = raw[name] = value.get("sdp")
        if isinstance(value, str):
            _check_description(value)


def _check_relayed(tag: str, raw: dict[str, object]) -> None:
    if tag == "ice-candidate":
        read_candidate(raw, any_line=True)
        value = raw.get("candidate", UNSET)
        if isinstance(value, dict):
            fields = ("candidate", "sdpMid", "sdpMLineIndex", "usernameFragment")
            raw["candidate"] = {name: value[name] for name in fields if _is_scalar(value.get(name, UNSET))}
        return
    value = raw.get("sdp")
    if isinstance(value, dict):
        kind, text = value.get("type"), value.get("sdp")
        if not isinstance(text, str) or not isinstance(kind, str) or kind not in ("offer", "answer", "pranswer"):
            raise _malformed("sdp must be a description or {type, sdp}")
        raw["sdp"] = {"type": kind, "sdp": text}
        value = text
    if isinstance(value, str):
        _check_description(value)


def _is_scalar(value: object) -> bool:
    return value is None or type(value) in (str, int)


def _check_description(sdp: str) -> None:
    if len(sdp) > MAX_SDP_BYTES or len(sdp.encode()) > MAX_SDP_BYTES:
        raise ProtocolError(
            ErrorCode.TOO_LARGE, f"Session description too large: at most {MAX_SDP_BYTES} bytes are accepted"
        )
    if len(_SECTION.findall(sdp)) > MAX_SDP_SECTIONS:
        raise ProtocolError(
            ErrorCode.TOO_LARGE,
            f"Session description too large: at most {MAX_SDP_SECTIONS} media sections are accepted",
        )


def _check(message: AnyClientMessage) -> None:
    match message:
        case messages.Auth(token=token) if len(token) > MAX_TOKEN_CHARACTERS:
            raise ProtocolError(ErrorCode.UNAUTHENTICATED, authentication_failed("token too long"))
        case messages.Ping(id=int() as identifier) if not MIN_ID <= identifier <= MAX_ID:
            raise _malformed("id must be an integer of 64 bits")
        case messages.SetPreferredLayer(spatial=spatial, temporal=temporal, track_id=track_id):
            if not 0 <= spatial <= MAX_LAYER or not 0 <= (temporal or 0) <= MAX_LAYER:
                raise _malformed(f"layers are 0 to {MAX_LAYER}")
            _check_track_id(track_id)
        case messages.SetMuted(kind=kind, track_id=track_id):
            if (kind is None) == (track_id is None):
                raise _malformed("set-muted needs either kind or trackId")
            _check_track_id(track_id)
        case messages.SubscribeAnswer() | messages.SubscribeIceCandidate():
            if (message.publisher_id is None) == (message.connection_id is None):
                raise _malformed(f"{type_of(message)} needs either publisherId or connectionId")
            _check_connection_id(message.connection_id)
        case messages.RestartIce(connection_id=connection_id):
            _check_connection_id(connection_id)
        case _:
            pass
    if isinstance(message, messages.RoomMessage):
        _check_room_name(message.room_name)


def _check_track_id(track_id: str | None) -> None:
    if track_id is not None and not 0 < len(track_id) <= MAX_TRACK_ID_CHARACTERS:
        raise _malformed(f"trackId has 1 to {MAX_TRACK_ID_CHARACTERS} characters")


def _check_connection_id(connection_id: str | None) -> None:
    if connection_id is not None and not 0 < len(connection_id) <= MAX_CONNECTION_ID_CHARACTERS:
        raise _malformed(f"connectionId has 1 to {MAX_CONNECTION_ID_CHARACTERS} characters")


def _check_room_name(name: str) -> None:
    if not 0 < len(name) <= MAX_ROOM_NAME_CHARACTERS or _CONTROL.search(name):
        raise _malformed(f"roomName must be 1 to {MAX_ROOM_NAME_CHARACTERS} characters without control characters")


def _expected(struct: type[AnyClientMessage]) -> str:
    """The fields of a message and their types, in the protocol's words."""
    parts = []
    for field in msgspec.structs.fields(struct):
        optional = "" if field.required else "?"
        parts.append(f"{field.encode_name}{optional} ({_type_name(field.type)})")
    return ", ".join(parts) or "no fields"


def _type_name(kind: Any) -> str:
    if isinstance(kind, types.UnionType):
        return " or ".join(
            dict.fromkeys(
                _type_name(part) for part in get_args(kind) if part not in (types.NoneType, msgspec.UnsetType)
            )
        )
    names = {str: "string", int: "integer", bool: "boolean", list: "list", dict: "object", Literal: "string"}
    return names.get(kind) or names.get(getattr(kind, "__origin__", kind), "value")
