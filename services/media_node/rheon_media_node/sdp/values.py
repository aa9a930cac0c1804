"""Readers of single attribute values. Each takes the text after the colon and raises `MalformedValueError` only."""

from __future__ import annotations

from typing import Literal

from rheon_media_node.sdp.errors import MalformedValueError
from rheon_media_node.sdp.model import (
    Bandwidth,
    Candidate,
    Direction,
    ExtensionMap,
    Fingerprint,
    Group,
    Msid,
    Origin,
    Rid,
    RtcpFeedback,
    Setup,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
)

MAX_SSRC = 0xFFFF_FFFF
MAX_ICE_LENGTH = 256
"""Longest user fragment and password (RFC 8839 §5.4)."""

MAX_MID_LENGTH = 64
"""Bounded because mids stand in messages and, up to 16 bytes in the one-byte form, in packets."""

_FINGERPRINT_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
_HEX = frozenset("0123456789ABCDEF")


def decimal(text: str, what: str, highest: int) -> int:
    """An unsigned decimal number; bounded before conversion, for converting long digit strings is quadratic."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise MalformedValueError(f"{what} is not a number")
    number = int(text)
    if number > highest:
        raise MalformedValueError(f"{what} is above {highest}")
    return number


def token(text: str, what: str) -> str:
    """A value that must be there and hold no white space."""
    if not text or len(text.split()) != 1 or text != text.strip():
        raise MalformedValueError(f"{what} is empty or holds a space")
    return text


def payload_type(text: str) -> int:
    return decimal(text, "payload type", 127)


def origin(value: str) -> Origin:
    parts = value.split()
    if len(parts) != 6:
        raise MalformedValueError("o= needs six fields")
    return Origin(*parts)


def bandwidth(value: str) -> Bandwidth:
    kind, separator, number = value.partition(":")
    if not separator:
        raise MalformedValueError("b= needs a type and a value")
    return Bandwidth(token(kind, "bandwidth type"), decimal(number.strip(), "bandwidth", 2**63))


def group(value: str) -> Group:
    parts = value.split()
    if not parts:
        raise MalformedValueError("group needs semantics")
    return Group(parts[0], tuple(parts[1:]))


def ice_value(value: str) -> str:
    if len(value) > MAX_ICE_LENGTH:
        raise MalformedValueError(f"ICE credential is longer than {MAX_ICE_LENGTH}")
    return token(value, "ICE credential")


def mid(value: str) -> str:
    if len(value) > MAX_MID_LENGTH:
        raise MalformedValueError(f"mid is longer than {MAX_MID_LENGTH}")
    return token(value, "mid")


def fingerprint(value: str) -> Fingerprint:
    parts = value.split()
    if len(parts) != 2:
        raise MalformedValueError("fingerprint needs an algorithm and a value")
    algorithm, digest = parts[0].lower(), parts[1].upper()
    octets = digest.split(":")
    if not all(len(octet) == 2 and _HEX.issuperset(octet) for octet in octets):
        raise MalformedValueError("fingerprint is not colon-separated hexadecimal")
    if len(octets) != _FINGERPRINT_BYTES.get(algorithm, len(octets)):
        raise MalformedValueError("fingerprint has the wrong length for its algorithm")
    return Fingerprint(algorithm, digest)


def setup(value: str) -> Setup:
    try:
        return Setup(value)
    except ValueError:
        raise MalformedValueError("setup is none of active, passive, actpass, holdconn") from None


def candidate(value: str) -> Candidate:
    parts = value.split()
    if len(parts) < 8 or parts[6] != "typ":
        raise MalformedValueError("candidate needs foundation, component, transport, priority, address, port and typ")
    rest = parts[8:]
    if len(rest) % 2:
        raise MalformedValueError("candidate has an extension without a value")
    return Candidate(
        foundation=parts[0],
        component=decimal(parts[1], "candidate component", 256),
        transport=parts[2],
        priority=decimal(parts[3], "candidate priority", 2**32 - 1),
        address=parts[4],
        port=decimal(parts[5], "candidate port", 65535),
        kind=parts[7],
        extensions=tuple(zip(rest[::2], rest[1::2], strict=True)),
    )


def rtpmap(value: str) -> tuple[int, str, int, int | None]:
    """Payload type, encoding name, clock rate, channels."""
    parts = value.split()
    if len(parts) != 2:
        raise MalformedValueError("rtpmap needs a payload type and an encoding")
    encoding = parts[1].split("/")
    if len(encoding) not in (2, 3) or not encoding[0]:
        raise MalformedValueError("rtpmap needs a name and a clock rate")
    channels = decimal(encoding[2], "channel count", 255) if len(encoding) == 3 else None
    return payload_type(parts[0]), encoding[0], decimal(encoding[1], "clock rate", 2**32 - 1), channels


def fmtp(value: str) -> tuple[str, str]:
    """Format and its parameters."""
    parts = value.split(None, 1)
    if len(parts) != 2:
        raise MalformedValueError("fmtp needs a format and parameters")
    return parts[0], parts[1]


def rtcp_fb(value: str) -> tuple[int | None, RtcpFeedback]:
    """Payload type (None for `*`, every one) and the feedback."""
    parts = value.split()
    if len(parts) < 2:
        raise MalformedValueError("rtcp-fb needs a payload type and a feedback type")
    number = None if parts[0] == "*" else payload_type(parts[0])
    return number, RtcpFeedback(parts[1], " ".join(parts[2:]) or None)


def extmap(value: str) -> ExtensionMap:
    parts = value.split(None, 2)
    if len(parts) < 2:
        raise MalformedValueError("extmap needs an id and a URI")
    number, separator, way = parts[0].partition("/")
    direction = None
    if separator:
        try:
            direction = Direction(way)
        except ValueError:
            raise MalformedValueError("extmap has an unknown direction") from None
    identifier = decimal(number, "extmap id", 65535)
    if identifier == 0:
        raise MalformedValueError("extmap id is 0")
    return ExtensionMap(identifier, parts[1], direction, parts[2] if len(parts) > 2 else None)


def msid(value: str) -> Msid:
    parts = value.split()
    if len(parts) not in (1, 2):
        raise MalformedValueError("msid needs one or two identifiers")
    return Msid(parts[0], parts[1] if len(parts) == 2 else None)


def rid(value: str) -> Rid:
    parts = value.split(None, 2)
    if len(parts) < 2 or parts[1] not in ("send", "recv"):
        raise MalformedValueError("rid needs an id and send or recv")
    direction: Literal["send", "recv"] = "send" if parts[1] == "send" else "recv"
    payload_types: tuple[int, ...] = ()
    restrictions = []
    for item in parts[2].split(";") if len(parts) > 2 else ():
        key, _, listed = item.strip().partition("=")
        if key == "pt":
            payload_types = tuple(payload_type(number.strip()) for number in listed.split(","))
        elif key:
            restrictions.append(item.strip())
    return Rid(parts[0], direction, payload_types, ";".join(restrictions) or None)


def simulcast(value: str) -> Simulcast:
    parts = value.split()
    if len(parts) not in (2, 4):
        raise MalformedValueError("simulcast needs a direction and a list of rids, once or twice")
    lists: dict[str, tuple[tuple[SimulcastRid, ...], ...]] = {}
    for direction, listed in zip(parts[::2], parts[1::2], strict=True):
        if direction not in ("send", "recv") or direction in lists:
            raise MalformedValueError("simulcast directions are send and recv, each once")
        # Drafts before RFC 8853 wrote "rid=" in front of the list.
        streams = listed.removeprefix("rid=").split(";")
        lists[direction] = tuple(
            tuple(_simulcast_rid(alternative) for alternative in stream.split(",")) for stream in streams
        )
    return Simulcast(lists.get("send", ()), lists.get("recv", ()))


def _simulcast_rid(text: str) -> SimulcastRid:
    name = text.removeprefix("~")
    if not name:
        raise MalformedValueError("simulcast names an empty rid")
    return SimulcastRid(name, paused=name != text)


def ssrc_group(value: str) -> SsrcGroup:
    parts = value.split()
    if len(parts) < 2:
        raise MalformedValueError("ssrc-group needs semantics and sources")
    return SsrcGroup(parts[0], tuple(decimal(number, "SSRC", MAX_SSRC) for number in parts[1:]))


def ssrc(value: str) -> SsrcAttribute:
    parts = value.split(None, 1)
    if len(parts) != 2:
        raise MalformedValueError("ssrc needs a source and an attribute")
    name, separator, text = parts[1].partition(":")
    return SsrcAttribute(
        decimal(parts[0], "SSRC", MAX_SSRC), token(name, "ssrc attribute"), text if separator else None
    )
