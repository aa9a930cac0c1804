"""Random names and secrets of transports."""

from __future__ import annotations

import secrets
import string

from rheon_engine.types import IceCredentials
from rheon_media_node.router.values import ConnectionId

_ICE_CHARACTERS = string.ascii_letters + string.digits  # a subset of ice-char (RFC 8839 §5.4)


def new_ice() -> IceCredentials:
    """A user fragment unique on the node (71 random bits) and a password of 143 random bits (RFC 8445 §5.3)."""
    return IceCredentials(ufrag=_characters(12), pwd=_characters(24))


def new_session_id() -> int:
    """An o= session id: 62 random bits (RFC 8829 §5.2.1)."""
    return secrets.randbits(62)


def new_ssrc() -> int:
    """A random 32-bit SSRC."""
    return secrets.randbits(32)


def new_connection_id() -> ConnectionId:
    """A name for a subscribe connection that no node ever gives again."""
    return ConnectionId(secrets.token_hex(8))


def new_publisher_name() -> str:
    """Names a publish transport's tracks and its CNAME."""
    return f"p{secrets.token_hex(6)}"


def _characters(count: int) -> str:
    return "".join(secrets.choice(_ICE_CHARACTERS) for _ in range(count))
