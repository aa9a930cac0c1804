"""Whatever arrives, decoding ends in a message or in the one error."""

import json
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from rheon_signaling import ProtocolError, decode, decode_first

_TYPES = st.sampled_from(
    ["auth", "join-room", "publish-offer", "publish-ice-candidate", "subscribe-answer", "offer", "ice-candidate"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
_FIELDS = st.dictionaries(
    st.sampled_from(
        ["token", "roomName", "offer", "answer", "sdp", "candidate", "publisherId", "targetUserId", "sdpMid"]
    ),
    _VALUES,
)


@given(st.binary(max_size=300))
def test_bytes(frame: bytes) -> None:
    for read in (decode, decode_first):
        with suppress(ProtocolError):
            read(frame)


@given(_TYPES, _FIELDS)
def test_messages_with_fields_of_any_shape(kind: str, fields: dict[str, object]) -> None:
    frame = json.dumps({**fields, "type": kind}).encode()
    for read in (decode, decode_first):
        with suppress(ProtocolError):
            read(frame)
