"""Published tracks as negotiation knows them: what the engine needs, and who they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rheon_engine.types import Kind, TrackParameters

_MSID_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,48}")


@dataclass(frozen=True, slots=True)
class PublisherIdentity:
    """The names a publisher's tracks go by. Tokens of at most 48 characters, for they stand in a=msid (RFC 8830 §2)."""

    name: str
    """Unique on the node and to one publish transport: track ids are `<name>-<number>`, and it is the CNAME."""
    stream_id: str
    """The MediaStream in which subscribers find all tracks of this publisher; the same after it published anew."""

    def __post_init__(self) -> None:
        for value in (self.name, self.stream_id):
            if _MSID_TOKEN.fullmatch(value) is None:
                raise ValueError(f"not a token of 1 to 48 characters: {value!r}")


@dataclass(frozen=True, slots=True)
class PublishedTrack:
    """A track some publisher sends."""

    track_id: str
    """Unique on the node; stays while section, source and codec stay, and is never used again."""
    parameters: TrackParameters
    stream_id: str
    """The MediaStream the publisher put the track in; empty when it named none."""
    label: str
    """The publisher's own name for the track (second part of its msid); empty when it gave none."""
    subscriber_stream_id: str
    """The MediaStream subscribers find the track in."""
    format_parameters: str | None
    """The fmtp value agreed with the publisher: what subscribers are told about the stream."""

    @property
    def publisher(self) -> str:
        """The `PublisherIdentity.name` of who sends it."""
        return self.parameters.cname

    @property
    def kind(self) -> Kind:
        return self.parameters.kind

    @property
    def mid(self) -> str:
        """The publisher's media section."""
        return self.parameters.mid
