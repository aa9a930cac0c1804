"""The JSON signaling protocol as typed values: decoding, encoding, error codes. No I/O.

`decode_first` and `decode` turn one WebSocket text frame into a message struct or raise `ProtocolError`, the only
exception remote input can cause here. `encode` turns a server message into the bytes of one frame.
"""

from rheon_signaling.candidates import Candidate
from rheon_signaling.decoding import decode, decode_first
from rheon_signaling.encoding import encode
from rheon_signaling.errors import CloseCode, ErrorCode, ProtocolError
from rheon_signaling.limits import MAX_FRAME_BYTES, MAX_SDP_BYTES, MAX_SDP_SECTIONS

__all__ = [
    "MAX_FRAME_BYTES",
    "MAX_SDP_BYTES",
    "MAX_SDP_SECTIONS",
    "Candidate",
    "CloseCode",
    "ErrorCode",
    "ProtocolError",
    "decode",
    "decode_first",
    "encode",
]
