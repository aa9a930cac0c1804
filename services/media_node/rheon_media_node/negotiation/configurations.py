"""What format parameters say about a codec: which variant it is, and the fmtp value that agrees to it.

Values are read, bounded and written anew, never copied, so that equal variants have equal text: publishers that send
the same share one payload type on a subscriber's connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rheon_media_node.sdp import PayloadFormat

_HEX = frozenset("0123456789abcdef")
_FLAGS = frozenset({"0", "1"})
_OPUS_ECHOED = ("usedtx", "stereo", "sprop-stereo")
_VP9_PROFILES = frozenset({0, 2})
_H264_DEFAULT = "420010"
"""Baseline, level 1 (RFC 6184 §8.1)."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One variant of a codec."""

    parameters: str | None
    """The fmtp value that agrees to it; what subscribers are told about the stream."""
    identity: tuple[str | int, ...] = ()
    """What both sides must have alike; empty when the codec's name says it all."""


def plain(_payload: PayloadFormat) -> Configuration:
    """PCMU, PCMA and VP8 have no variants. VP8's max-fr and max-fs limit what its writer receives: not our matter."""
    return Configuration(None)


def opus(payload: PayloadFormat) -> Configuration:
    """In-band FEC always (RFC 7587 §6.1); discontinuous transmission and stereo as the publisher wishes."""
    items = ["minptime=10", "useinbandfec=1"]
    for name in _OPUS_ECHOED:
        value = payload.parameter(name)
        if value in _FLAGS:
            items.append(f"{name}={value}")
    return Configuration(";".join(items))


def vp9(payload: PayloadFormat) -> Configuration | None:
    """Profiles 0 and 2: 4:2:0 of 8 and of 10 bits (RFC 9628 §6)."""
    profile = _number(payload, "profile-id", 0, highest=3)
    if profile not in _VP9_PROFILES:
        return None
    return Configuration(f"profile-id={profile}", (profile,))


def h264(payload: PayloadFormat) -> Configuration | None:
    """Profile and packetization mode are one format (RFC 6184 §8.2.2); the level is the publisher's own.

    Parameter sets are sent in band (RFC 7742 §6.2), so sprop-parameter-sets is not passed on.
    """
    level_id = (payload.parameter("profile-level-id") or _H264_DEFAULT).lower()
    profile = _h264_profile(level_id)
    mode = _number(payload, "packetization-mode", 0, highest=1)
    asymmetry = _number(payload, "level-asymmetry-allowed", 0, highest=1)
    if profile is None or mode is None or asymmetry is None:
        return None
    parameters = f"level-asymmetry-allowed={asymmetry};packetization-mode={mode};profile-level-id={level_id}"
    return Configuration(parameters, (profile, mode))


def av1(payload: PayloadFormat) -> Configuration | None:
    """A profile is a format; level and tier bound it (AV1 RTP payload format §7.2)."""
    profile = _number(payload, "profile", 0, highest=2)
    level = _number(payload, "level-idx", 5, highest=31)
    tier = _number(payload, "tier", 0, highest=1)
    if profile is None or level is None or tier is None:
        return None
    return Configuration(f"level-idx={level};profile={profile};tier={tier}", (profile,))


def h265(payload: PayloadFormat) -> Configuration | None:
    """Main and Main 10 in a single stream (RFC 7798 §7.1)."""
    profile = _number(payload, "profile-id", 1, highest=31)
    tier = _number(payload, "tier-flag", 0, highest=1)
    level = _number(payload, "level-id", 93, highest=255)
    mode = (payload.parameter("tx-mode") or "SRST").upper()
    if profile not in (1, 2) or tier is None or level is None or mode != "SRST":
        return None
    return Configuration(f"level-id={level};profile-id={profile};tier-flag={tier};tx-mode=SRST", (profile,))


def completed(answered: PayloadFormat, offered: str | None) -> PayloadFormat:
    """An answered format in which what it leaves unsaid is as offered."""
    if offered is None:
        return answered
    return replace(answered, parameters=f"{answered.parameters or ''};{offered}")


def _number(payload: PayloadFormat, name: str, default: int, *, highest: int) -> int | None:
    """A decimal parameter; None when it is malformed or too high."""
    text = payload.parameter(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        return None
    number = int(text)
    return number if number <= highest else None


def _h264_profile(level_id: str) -> str | None:
    """The profile a profile-level-id names (RFC 6184 §8.1, table 5); None when it is not forwarded."""
    if len(level_id) != 6 or not _HEX.issuperset(level_id):
        return None
    number = int(level_id, 16)
    profile, constraints = number >> 16, number >> 8 & 0xFF
    set0, set1, set2 = bool(constraints & 0x80), bool(constraints & 0x40), bool(constraints & 0x20)
    if constraints & 0x0F:
        return None  # among them constrained high, which Safari prefers and other browsers do not list
    match profile:
        case 0x42:
            return "constrained-baseline" if set1 else "baseline"
        case 0x4D:
            return "constrained-baseline" if set0 else None if set2 else "main"
        case 0x58:
            return ("constrained-baseline" if set1 else "baseline") if set0 else None
        case 0x64:
            return "high" if constraints == 0 else None
        case _:
            return None
