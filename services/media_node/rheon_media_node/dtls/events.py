"""What a DTLS endpoint reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rheon_media_node.dtls.srtp_keys import SrtpKeys


class FailureReason(StrEnum):
    """Why a handshake did not end in keys."""

    DEADLINE = "deadline"
    HANDSHAKE = "handshake"
    FINGERPRINT = "fingerprint"
    NO_SRTP_PROFILE = "no-srtp-profile"


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake is complete and the peer's certificate is the announced one."""

    keys: SrtpKeys


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer sent close_notify, or a fatal alert after the handshake."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The endpoint is dead; no keys were released."""

    reason: FailureReason


DtlsEvent = Connected | PeerClosed | Failed
