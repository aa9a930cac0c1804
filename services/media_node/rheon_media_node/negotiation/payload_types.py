"""Payload types of a subscribe connection.

Over a bundle one number means one format (RFC 9143 §9.1), and publishers who share a connection may send one codec
in different variants. So each variant has its own numbers, the same in every section.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from rheon_media_node.negotiation.codecs import CODECS, CodecRow


@dataclass(frozen=True, slots=True)
class PayloadTypes:
    """The numbers of one variant of a codec."""

    primary: int
    rtx: int | None
    red: int | None

    def numbers(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(number for number in (self.primary, self.rtx, self.red) if number is not None)


def _preferred(row: CodecRow) -> PayloadTypes:
    return PayloadTypes(row.payload_type, row.rtx_payload_type, row.red_payload_type)


_RESERVED = frozenset(chain.from_iterable(_preferred(row).numbers() for row in CODECS))
# 64..95 would look like RTCP where the two share a port (RFC 5761 §4); below 35 stand the fixed assignments.
_FREE = tuple(number for number in (*range(96, 128), *range(35, 64)) if number not in _RESERVED)


def assign(row: CodecRow, used: Iterable[PayloadTypes]) -> PayloadTypes | None:
    """Numbers for a variant that has none yet, beside those in use; None when they have run out."""
    taken = set(chain.from_iterable(types.numbers() for types in used))
    preferred = _preferred(row)
    if taken.isdisjoint(preferred.numbers()):
        return preferred
    free = (number for number in _FREE if number not in taken)
    primary = next(free, None)
    rtx = next(free, None) if preferred.rtx is not None else None
    red = next(free, None) if preferred.red is not None else None
    if primary is None or (rtx is None) != (preferred.rtx is None) or (red is None) != (preferred.red is None):
        return None
    return PayloadTypes(primary, rtx, red)
