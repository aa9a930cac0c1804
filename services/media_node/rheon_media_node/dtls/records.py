"""DTLS 1.2 records (RFC 6347 §4.1): where one ends, and how a flight is packed into datagrams."""

from __future__ import annotations

from collections.abc import Iterator

HEADER_LENGTH = 13
CHANGE_CIPHER_SPEC = 20
ALERT = 21
HANDSHAKE = 22
_LAST_CONTENT_TYPE = 24
"""Heartbeat (RFC 6520 §2)."""
_MAJOR_VERSION = 254
"""The ones' complement of 1: DTLS 1.0 and 1.2."""

MAX_DATAGRAM = 1200
"""Largest UDP payload we send: fits every path WebRTC is used on without fragmentation."""


def is_dtls(datagram: bytes) -> bool:
    """Whether it begins with a whole record of a content type and a version that DTLS 1.2 has."""
    if len(datagram) < HEADER_LENGTH or not CHANGE_CIPHER_SPEC <= datagram[0] <= _LAST_CONTENT_TYPE:
        return False
    length = int.from_bytes(datagram[11:13], "big")
    return datagram[1] == _MAJOR_VERSION and HEADER_LENGTH + length <= len(datagram)


def split(records: bytes) -> Iterator[bytes]:
    """Each record of a run of whole records; a truncated one ends the iteration."""
    start = 0
    while start + HEADER_LENGTH <= len(records):
        end = start + HEADER_LENGTH + int.from_bytes(records[start + 11 : start + 13], "big")
        if end > len(records):
            return
        yield records[start:end]
        start = end


def into_datagrams(records: bytes, limit: int = MAX_DATAGRAM) -> list[bytes]:
    """Pack whole records into as few datagrams of at most `limit` bytes as their order allows.

    A record longer than the limit gets a datagram of its own: a record cannot span datagrams.
    """
    datagrams: list[bytes] = []
    current = b""
    for record in split(records):
        if current and len(current) + len(record) > limit:
            datagrams.append(current)
            current = b""
        current += record
    if current:
        datagrams.append(current)
    return datagrams
