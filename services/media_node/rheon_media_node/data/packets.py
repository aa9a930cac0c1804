"""The shape of SCTP packets (RFC 9260 §3), checked before aiortc reads them.

aiortc's reader trusts the lengths inside chunks: a parameter of length 0 keeps it busy for ever. What passes here it
reads in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from rheon_media_node.data import limits

_COMMON_HEADER = 12
_CHUNK_HEADER = 4
_DATA = 0

# Chunk type -> (length of its fixed part, whether parameters follow). RFC 9260 §3.3, RFC 3758 §3.2, RFC 6525 §3.1.
_SHAPES = {
    _DATA: (13, False),  # at least one byte of user data
    1: (16, True),  # INIT
    2: (16, True),  # INIT ACK
    4: (0, True),  # HEARTBEAT
    5: (0, True),  # HEARTBEAT ACK
    6: (0, True),  # ABORT
    7: (4, False),  # SHUTDOWN
    9: (0, True),  # ERROR
    130: (0, True),  # RE-CONFIG
}
_SACK = 3
_FORWARD_TSN = 192
_RESET_REQUEST = 13
_PARAMETER_LENGTHS = {_RESET_REQUEST: 12, 16: 8, 17: 8}
"""Of RE-CONFIG parameters, without header (RFC 6525 §4)."""
_RECONFIG = 130


def well_formed(packet: bytes) -> bool:
    """Whether every length in the packet holds, and the packet asks for a bounded number of answers."""
    if len(packet) < _COMMON_HEADER + _CHUNK_HEADER:
        return False
    control = 0
    position = _COMMON_HEADER
    while position + _CHUNK_HEADER <= len(packet):
        kind = packet[position]
        length = int.from_bytes(packet[position + 2 : position + 4], "big")
        if length < _CHUNK_HEADER or position + length > len(packet):
            return False
        if not _chunk_well_formed(kind, packet[position + _CHUNK_HEADER : position + length]):
            return False
        control += kind != _DATA
        position += length + -length % 4
    return control <= limits.MAX_CONTROL_CHUNKS


def _chunk_well_formed(kind: int, body: bytes) -> bool:
    if kind == _SACK:
        return len(body) >= 12 and len(body) == 12 + 4 * sum(int.from_bytes(body[at : at + 2], "big") for at in (8, 10))
    if kind == _FORWARD_TSN:
        return len(body) >= 4 and len(body) % 4 == 0
    shape = _SHAPES.get(kind)
    if shape is None:
        return True
    fixed, parameters = shape
    if len(body) < fixed:
        return False
    if not parameters:
        return True
    found = list(_parameters(body[fixed:]))
    if None in found or len(body) > limits.MAX_ECHO:
        return False
    return kind != _RECONFIG or all(each is not None and _reconfig_well_formed(*each) for each in found)


def _parameters(body: bytes) -> Iterator[tuple[int, int] | None]:
    """Type and length without header of each parameter; None, and the end, at a length that cannot be."""
    position = 0
    while position + 4 <= len(body):
        length = int.from_bytes(body[position + 2 : position + 4], "big")
        if length < 4 or position + length > len(body):
            yield None
            return
        yield int.from_bytes(body[position : position + 2], "big"), length - 4
        position += length + -length % 4


def _reconfig_well_formed(kind: int, length: int) -> bool:
    return length >= _PARAMETER_LENGTHS.get(kind, 0) and (kind != _RESET_REQUEST or length % 2 == 0)
