"""Sizes a message may have. Everything larger is refused before it is parsed."""

from typing import Final

MAX_FRAME_BYTES: Final = 256 * 1024
"""One WebSocket text frame."""

MAX_SDP_BYTES: Final = 64 * 1024
MAX_SDP_SECTIONS: Final = 64
"""Media sections (`m=` lines) of one session description."""

MAX_ROOM_NAME_CHARACTERS: Final = 128
MAX_CANDIDATE_CHARACTERS: Final = 4096
"""Far above any real candidate line (RFC 8839 section 5.1); extensions may make one long."""

MAX_MID_CHARACTERS: Final = 255
MAX_CONNECTION_ID_CHARACTERS: Final = 64
MAX_TRACK_ID_CHARACTERS: Final = 256

MAX_TOKEN_CHARACTERS: Final = 16 * 1024

MIN_ID: Final = -(2**63)
MAX_ID: Final = 2**63 - 1
"""User ids are signed 64-bit integers, as on the wire between gateway and media node."""

MAX_LAYER: Final = 2
"""Highest spatial and temporal layer number."""
