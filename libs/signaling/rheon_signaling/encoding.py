"""Server messages to frames."""

import msgspec

from rheon_signaling.server_messages import ServerMessage

_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage) -> bytes:
    """Return the UTF-8 JSON text of one frame."""
    return _encoder.encode(message)
