"""The media sections of a subscribe connection.

They are *slots*: they keep their place and mid over renegotiations. A track that goes leaves an inactive slot; a later
track of the same kind takes it over, but not in the offer that empties it: browsers announce a new track only to a
section that was inactive in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rheon_engine.types import HeaderExtension, Kind
from rheon_media_node.negotiation.codecs import codec_row
from rheon_media_node.negotiation.extensions import offered_extensions
from rheon_media_node.negotiation.payload_types import PayloadTypes, assign
from rheon_media_node.negotiation.tracks import PublishedTrack

MAX_SLOTS = 56
"""Sections of a connection. Answers with more come near the 64 KiB we read: Chromium writes up to 1.1 KiB each."""

_SSRC_ATTEMPTS = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """One media section of a subscribe connection."""

    mid: str
    kind: Kind
    format_of: PublishedTrack
    """The track in the slot, or the last one that was: its codec keeps describing an inactive section."""
    payload_types: PayloadTypes
    ssrc: int
    rtx_ssrc: int | None
    occupied: bool = True
    """False: the track is gone, the section inactive, and a later track may have the slot."""
    refused: bool = False
    """The subscriber rejected the section (port 0): it stays rejected until a new track takes its place."""

    @property
    def track(self) -> PublishedTrack | None:
        """The track offered in this section."""
        return self.format_of if self.occupied else None

    @property
    def extensions(self) -> dict[HeaderExtension, int]:
        """Header extensions we offer in it."""
        return offered_extensions(self.kind, self.format_of.parameters.extensions)


@dataclass(frozen=True, slots=True)
class DataSlot:
    """The section for data channels; a connection has one at most, and keeps it."""

    mid: str
    refused: bool = False
    """The subscriber rejected it: no later offer asks again, and a track may take its place."""
    kind: Literal["application"] = "application"


@dataclass(slots=True)
class SlotTable:
    """Places tracks in sections."""

    slots: list[Slot | DataSlot]
    next_mid: int
    allocate_ssrc: Callable[[], int]

    def media(self) -> Iterator[Slot]:
        """The slots for tracks."""
        return (slot for slot in self.slots if isinstance(slot, Slot))

    def place(self, tracks: Sequence[PublishedTrack], *, data: bool) -> tuple[PublishedTrack, ...]:
        """Make these the tracks of the connection; with `data` give it a section for data channels unless it has one.

        Returns the tracks it has no sections or payload types left for. A full connection gets no data channels.
        """
        data = data and not any(isinstance(slot, DataSlot) for slot in self.slots)
        free = self._free()
        new = self._release(tracks)
        limit = MAX_SLOTS - 1 if data else MAX_SLOTS
        left_out = tuple(track for track in new if not self._place(track, free, limit))
        if data and len(self.slots) < MAX_SLOTS:
            self.slots.append(DataSlot(self._new_mid()))
        return left_out

    def _free(self) -> list[int]:
        return [
            index
            for index, slot in enumerate(self.slots)
            if (slot.refused if isinstance(slot, DataSlot) else not slot.occupied)
        ]

    def _release(self, tracks: Sequence[PublishedTrack]) -> list[PublishedTrack]:
        """Empty the slots of tracks that are gone; the tracks that have no slot yet."""
        wanted = {track.track_id: track for track in tracks}
        for index, slot in enumerate(self.slots):
            if not isinstance(slot, Slot) or not slot.occupied:
                continue
            if slot.format_of.track_id in wanted:
                del wanted[slot.format_of.track_id]
            else:
                self.slots[index] = replace(slot, occupied=False)
        return list(wanted.values())

    def _place(self, track: PublishedTrack, free: list[int], limit: int) -> bool:
        place = next((i for i in free if self.slots[i].refused or self.slots[i].kind == track.kind), None)
        if place is None and len(self.slots) >= limit:
            return False
        types = self._payload_types(track)
        if types is None:
            return False
        # A rejected section is taken over under a new mid, by whatever kind (RFC 8829 §5.2.2).
        mid = self._new_mid() if place is None or self.slots[place].refused else self.slots[place].mid
        used = {ssrc for slot in self.media() for ssrc in (slot.ssrc, slot.rtx_ssrc) if ssrc is not None}
        ssrc = self._fresh_ssrc(used)
        rtx_ssrc = self._fresh_ssrc(used) if types.rtx is not None else None
        slot = Slot(mid, track.kind, track, types, ssrc, rtx_ssrc)
        if place is None:
            self.slots.append(slot)
        else:
            self.slots[place] = slot
            free.remove(place)
        return True

    def _payload_types(self, track: PublishedTrack) -> PayloadTypes | None:
        """Those of the same variant in any section, else new ones."""
        for slot in self.media():
            if _variant(slot.format_of) == _variant(track):
                return slot.payload_types
        used = (slot.payload_types for slot in self.media())
        return assign(codec_row(track.parameters.codec), used) or self._reclaimed(track)

    def _reclaimed(self, track: PublishedTrack) -> PayloadTypes | None:
        """Numbers that only empty sections hold. Those are described anew: what an inactive section lists is all one.

        Only when there are no others, for a subscriber may remember what a number meant.
        """
        kept = (slot.payload_types for slot in self.media() if slot.occupied or slot.kind != track.kind)
        types = assign(codec_row(track.parameters.codec), kept)
        if types is None:
            return None
        for index, slot in enumerate(self.slots):
            if not isinstance(slot, Slot) or slot.occupied or slot.kind != track.kind:
                continue
            if not set(types.numbers()).isdisjoint(slot.payload_types.numbers()):
                self.slots[index] = replace(slot, format_of=track, payload_types=types)
        return types

    def _new_mid(self) -> str:
        mid = str(self.next_mid)
        self.next_mid += 1
        return mid

    def _fresh_ssrc(self, used: set[int]) -> int:
        for _ in range(_SSRC_ATTEMPTS):
            ssrc = self.allocate_ssrc() & 0xFFFF_FFFF
            if ssrc != 0 and ssrc not in used:
                used.add(ssrc)
                return ssrc
        raise RuntimeError("allocate_ssrc keeps returning numbers in use")


def _variant(track: PublishedTrack) -> tuple[str, str | None]:
    return track.parameters.codec, track.format_parameters
