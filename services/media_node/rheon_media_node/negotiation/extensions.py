"""The header extension table: which extensions pass, in which kind of section, under which id of ours (RFC 8285)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from rheon_engine.types import Codec, HeaderExtension, Kind
from rheon_media_node.negotiation.codecs import CodecRow
from rheon_media_node.negotiation.errors import InvalidDescriptionError
from rheon_media_node.sdp import Direction, ExtensionMap

RESERVED_ID = 15
"""May not be used by the one-byte form (RFC 8285 §4.2)."""
HIGHEST_ID = 255
"""Highest id of the two-byte form; greater ones in an offer ask to be renumbered, which we do not do."""


@dataclass(frozen=True, slots=True)
class ExtensionRow:
    """One header extension."""

    extension: HeaderExtension
    kinds: frozenset[Kind]
    offer_id: int | None
    """In our own offers: one id per URI over the whole bundle (RFC 9143 §9). None: never offered to subscribers."""
    own: bool = False
    """Written by the engine itself, so offered whether or not the publisher sends it."""
    simulcast_only: bool = False
    """Belongs to simulcast: accepted only where the publisher offers that."""
    codecs: frozenset[Codec] | None = None
    """Only with these codecs; None: with any."""


_BOTH: frozenset[Kind] = frozenset({"audio", "video"})
_AUDIO: frozenset[Kind] = frozenset({"audio"})
_VIDEO: frozenset[Kind] = frozenset({"video"})
_SCALABLE: frozenset[Codec] = frozenset({"VP9", "AV1"})

EXTENSIONS: tuple[ExtensionRow, ...] = (
    ExtensionRow(HeaderExtension.MID, _BOTH, offer_id=1, own=True),
    ExtensionRow(HeaderExtension.TRANSPORT_CC, _BOTH, offer_id=2, own=True),
    ExtensionRow(HeaderExtension.ABS_SEND_TIME, _BOTH, offer_id=3, own=True),
    ExtensionRow(HeaderExtension.AUDIO_LEVEL, _AUDIO, offer_id=4),
    ExtensionRow(HeaderExtension.VIDEO_ORIENTATION, _VIDEO, offer_id=5),
    ExtensionRow(HeaderExtension.PLAYOUT_DELAY, _VIDEO, offer_id=6),
    ExtensionRow(HeaderExtension.ABS_CAPTURE_TIME, _BOTH, offer_id=7),
    ExtensionRow(HeaderExtension.COLOR_SPACE, _VIDEO, offer_id=8),
    ExtensionRow(HeaderExtension.DEPENDENCY_DESCRIPTOR, _VIDEO, offer_id=9, codecs=_SCALABLE),
    # What a publisher says about all its layers is wrong for a subscriber, who gets one.
    ExtensionRow(HeaderExtension.VIDEO_LAYERS_ALLOCATION, _VIDEO, offer_id=None),
    ExtensionRow(HeaderExtension.RID, _VIDEO, offer_id=None, simulcast_only=True),
    ExtensionRow(HeaderExtension.REPAIRED_RID, _VIDEO, offer_id=None, simulcast_only=True),
)

_BY_URI = {row.extension.value: row for row in EXTENSIONS}


def accepted_extensions(
    codec: CodecRow, offered: Iterable[ExtensionMap], supported: Collection[HeaderExtension], *, simulcast: bool
) -> dict[HeaderExtension, int]:
    """Extensions of a publisher's section the node accepts, under the offer's ids.

    Left out: what is not switched on, what the publisher would not send, ids the engine cannot read, and a URI's
    second id.
    """
    accepted: dict[HeaderExtension, int] = {}
    for extension in offered:
        row = _BY_URI.get(extension.uri)
        if row is None or row.extension not in supported or codec.kind not in row.kinds:
            continue
        if (row.simulcast_only and not simulcast) or (row.codecs is not None and codec.name not in row.codecs):
            continue
        if not _usable_id(extension.id) or row.extension in accepted:
            continue
        if extension.direction is not None and not extension.direction.sends:
            continue
        accepted[row.extension] = extension.id
    return accepted


def answered_extensions(
    accepted: Mapping[HeaderExtension, int], offered: Iterable[ExtensionMap]
) -> tuple[ExtensionMap, ...]:
    """The extmap lines that accept them. A direction is answered by its reverse (RFC 8285 §6)."""
    return tuple(
        ExtensionMap(extension.id, extension.uri, None if extension.direction is None else Direction.RECVONLY)
        for extension in offered
        if any(key.value == extension.uri and accepted[key] == extension.id for key in accepted)
    )


def offered_extensions(kind: Kind, published: Mapping[HeaderExtension, int]) -> dict[HeaderExtension, int]:
    """Extensions of a section of ours: those the engine writes, and those it passes on from this publisher."""
    return {
        row.extension: row.offer_id
        for row in EXTENSIONS
        if row.offer_id is not None and kind in row.kinds and (row.own or row.extension in published)
    }


def kept_extensions(
    offered: Mapping[HeaderExtension, int], answered: Iterable[ExtensionMap]
) -> dict[HeaderExtension, int]:
    """Extensions of ours that the answer accepts, under the answer's ids (which should be ours)."""
    kept: dict[HeaderExtension, int] = {}
    for extension in answered:
        row = _BY_URI.get(extension.uri)
        if row is None or row.extension not in offered or row.extension in kept or not _usable_id(extension.id):
            continue
        if extension.direction is not None and not extension.direction.receives:
            continue
        if extension.id in kept.values():
            raise InvalidDescriptionError("answer gives two header extensions one id")
        kept[row.extension] = extension.id
    return kept


def _usable_id(identifier: int) -> bool:
    return identifier <= HIGHEST_ID and identifier != RESERVED_ID
