"""Whatever happens on a subscribe connection, in whatever order, its sections stay consistent."""

import random
from dataclasses import replace

import pytest

from rheon_engine.types import Codec, Kind
from rheon_media_node.negotiation import (
    PublishedTrack,
    SubscriptionNegotiation,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.negotiation.slots import MAX_SLOTS
from rheon_media_node.sdp import Direction, SessionDescription, write_session_description
from tests.unit.media_node.negotiation.peer import LOCAL, answer, published, ssrcs

AUDIO, VIDEO = published("safari")
VARIANTS: tuple[tuple[Kind, Codec, tuple[str | None, ...]], ...] = (
    ("audio", "opus", ("minptime=10;useinbandfec=1", "minptime=10;useinbandfec=1;stereo=1")),
    ("audio", "PCMU", (None,)),
    ("video", "VP8", (None,)),
    ("video", "VP9", ("profile-id=0", "profile-id=2")),
    ("video", "AV1", ("level-idx=5;profile=0;tier=0",)),
    ("video", "H264", tuple(f"packetization-mode=1;profile-level-id=42e0{level:02x}" for level in range(60))),
)


def track(number: int, randomness: random.Random) -> PublishedTrack:
    kind, codec, formats = randomness.choice(VARIANTS)
    base = AUDIO if kind == "audio" else VIDEO
    publisher = f"pub{number % 7}"
    return replace(
        base,
        track_id=f"{publisher}-{number}",
        subscriber_stream_id=publisher,
        parameters=replace(base.parameters, codec=codec, cname=publisher),
        format_parameters=randomness.choice(formats),
    )


def check(
    negotiation: SubscriptionNegotiation, wanted: list[PublishedTrack], before: SessionDescription | None
) -> None:
    description = read_description(negotiation.offer_text)
    mids = [section.mid for section in description.media]
    assert len(set(mids)) == len(mids) <= MAX_SLOTS
    placed = {each.track_id for each in negotiation.tracks}
    refused = negotiation.refused_track_ids
    left_out = {each.track_id for each in negotiation.left_out}
    assert placed | refused | left_out == {each.track_id for each in wanted}
    assert not placed & left_out
    assert not placed & refused
    formats: dict[int, tuple[str, str | None]] = {}
    sources: set[int] = set()
    for section in description.media:
        for payload in section.payloads:
            assert formats.setdefault(payload.payload_type, (payload.name, payload.parameters)) == (
                payload.name,
                payload.parameters,
            )
        numbers = {source.ssrc for source in section.ssrc_attributes}
        assert not numbers & sources
        sources |= numbers
        assert section.mid in negotiation.tracks_by_mid or section.direction is not Direction.SENDONLY
    assert sum(section.kind == "application" for section in description.media) <= 1
    if before is not None:
        assert len(before.media) <= len(description.media)
        for old, new in zip(before.media, description.media, strict=False):
            assert (old.mid, old.kind) == (new.mid, new.kind) or old.rejected


def answered(negotiation: SubscriptionNegotiation, randomness: random.Random) -> SubscriptionNegotiation:
    """The negotiation after an answer that rejects or postpones some sections."""
    description = answer(negotiation.offer_text)
    media = list(description.media)
    for index, section in enumerate(media):
        chance = randomness.random()
        if chance < 0.05:
            media[index] = replace(section, port=0)
        elif chance < 0.1 and section.is_rtp:
            media[index] = replace(section, direction=Direction.INACTIVE)
    result = read_subscription_answer(negotiation, write_session_description(replace(description, media=tuple(media))))
    outcomes = {each.track.track_id for each in result.accepted} | {each.track.track_id for each in result.refused}
    assert outcomes == {each.track_id for each in (*negotiation.tracks, *negotiation.left_out)}
    return result.negotiation


@pytest.mark.parametrize("seed", range(6))
def test_sections_stay_consistent(seed: int) -> None:
    randomness = random.Random(seed)
    allocate = ssrcs()
    wanted: list[PublishedTrack] = []
    negotiation: SubscriptionNegotiation | None = None
    before: SessionDescription | None = None
    data = False
    number = 0
    for _ in range(40):
        wanted = [each for each in wanted if randomness.random() > 0.15]
        for _ in range(randomness.choice((0, 1, 2, 8, 20))):
            number += 1
            wanted.append(track(number, randomness))
        data = data or randomness.random() < 0.1
        if negotiation is None and not wanted and not data:
            continue
        negotiation = offer_subscription(wanted, LOCAL, allocate, negotiation, data=data)
        check(negotiation, wanted, before)
        before = negotiation.offer
        if randomness.random() < 0.8:
            negotiation = answered(negotiation, randomness)
            # What the answer rejected may be taken over, so it is no longer held to its place.
            rejected = {slot.mid for slot in negotiation.slots if slot.refused}
            before = replace(
                before,
                media=tuple(
                    replace(section, port=0, bundle_only=False) if section.mid in rejected else section
                    for section in before.media
                ),
            )
    assert negotiation is not None
    assert negotiation.version > 10
