"""DTLS 1.2 records (RFC 6347 §4.1): where one ends, and how a flight is packed into datagrams."""

from __future__ import annotations

from collections.abc import Iterator

HEADER_LENGTH = 13
CHANGE_CIPHER_SPEC = 20
ALERT = 21
HANDSHAKE = 22

MAX_DATAGRAM = 1200
"""Largest UDP payload we send: fits every path WebRTC is used on without fragmentation."""


def is_dtls(datagram: bytes) -> bool:
    """Whether the first byte is one RFC 7983 gives to DTLS."""
    return len(datagram) >= HEADER_LENGTH and 20 <= datagram[0] <= 63


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
