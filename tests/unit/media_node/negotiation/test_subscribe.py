"""Offers to a subscriber, the first and the later ones."""

import itertools
from dataclasses import replace

import pytest

from rheon_engine.types import HeaderExtension
from rheon_media_node.negotiation import (
    NothingToOfferError,
    PublishedTrack,
    Refusal,
    SubscriptionNegotiation,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.negotiation.slots import MAX_SLOTS
from rheon_media_node.sdp import (
    Direction,
    Msid,
    RtcpFeedback,
    Setup,
    SsrcGroup,
    write_session_description,
)
from tests.unit.media_node.negotiation.peer import LOCAL, RESTARTED, answer, edit_section, published, ssrcs

AUDIO, VIDEO = published("safari")


def another(track: PublishedTrack, name: str) -> PublishedTrack:
    return replace(track, track_id=name)


def offer(*tracks: PublishedTrack, previous: SubscriptionNegotiation | None = None) -> SubscriptionNegotiation:
    start = 1000 * (previous.version + 1) if previous else 1000
    return offer_subscription(tracks, LOCAL, ssrcs(start), previous)


def test_the_first_offer() -> None:
    negotiation = offer(AUDIO, VIDEO)
    description = read_description(negotiation.offer_text)
    assert description == negotiation.offer
    assert description.ice_lite
    assert description.bundle == ("0", "1")
    audio, video = description.media
    for section in (audio, video):
        assert section.direction is Direction.SENDONLY
        assert section.setup is Setup.ACTPASS
        assert section.rtcp_mux
        assert section.fingerprints == (LOCAL.fingerprint,)
        assert section.ice_ufrag == "ours"
    assert audio.msids == (Msid("rheon-7", "pub7-1"),)
    assert video.msids == (Msid("rheon-7", "pub7-2"),)
    assert len(audio.candidates) == 2
    assert audio.end_of_candidates
    assert video.candidates == ()
    assert [(payload.payload_type, payload.name) for payload in audio.payloads] == [(111, "opus")]
    assert audio.payloads[0].parameters == "minptime=10;useinbandfec=1"
    assert [(payload.payload_type, payload.name, payload.parameters) for payload in video.payloads] == [
        (96, "VP8", None),
        (97, "rtx", "apt=96"),
    ]
    assert RtcpFeedback("nack", "pli") in video.payloads[0].feedback
    assert video.ssrc_groups == (SsrcGroup("FID", (1001, 1002)),)
    assert {
        (source.ssrc, source.name, source.value) for section in (audio, video) for source in section.ssrc_attributes
    } == {
        (1000, "cname", "pub7"),
        (1001, "cname", "pub7"),
        (1002, "cname", "pub7"),
    }
    assert negotiation.tracks == (AUDIO, VIDEO)


def test_one_id_per_extension_over_the_bundle_and_only_what_the_publisher_sends() -> None:
    description = offer(*published("chrome"), another(published("pion")[1], "pion")).offer
    ids: dict[int, set[str]] = {}
    uris: dict[str, set[int]] = {}
    for section in description.media:
        for extension in section.extensions:
            ids.setdefault(extension.id, set()).add(extension.uri)
            uris.setdefault(extension.uri, set()).add(extension.id)
    assert all(len(meanings) == 1 for meanings in ids.values())
    assert all(len(numbers) == 1 for numbers in uris.values())
    own = {HeaderExtension.MID, HeaderExtension.TRANSPORT_CC, HeaderExtension.ABS_SEND_TIME}
    assert {extension.uri for extension in description.media[3].extensions} == own
    assert {extension.uri for extension in description.media[1].extensions} == own | {
        HeaderExtension.VIDEO_ORIENTATION,
        HeaderExtension.PLAYOUT_DELAY,
        HeaderExtension.COLOR_SPACE,
    }
    assert {extension.uri for extension in description.media[0].extensions} == own | {HeaderExtension.AUDIO_LEVEL}


def test_the_same_tracks_again_make_the_same_sections() -> None:
    first = offer(AUDIO, VIDEO)
    again = offer(VIDEO, AUDIO, previous=first)
    assert again.offer.media == first.offer.media
    assert (first.offer.origin.session_version, again.offer.origin.session_version) == ("1", "2")
    assert first.offer.origin.session_id == again.offer.origin.session_id
    assert not again.ice_restart


def test_a_removed_track_leaves_an_inactive_section_with_its_mid() -> None:
    first = offer(AUDIO, VIDEO)
    without = offer(VIDEO, previous=first)
    assert [section.mid for section in without.offer.media] == ["0", "1"]
    assert [section.direction for section in without.offer.media] == [Direction.INACTIVE, Direction.SENDONLY]
    assert without.offer.media[0].msids == ()
    assert without.offer.media[0].ssrc_attributes == ()
    assert without.offer.media[0].candidates
    assert without.offer.bundle == ("0", "1")
    assert without.tracks == (VIDEO,)


def test_a_slot_is_reused_for_its_kind_under_its_mid_with_fresh_sources() -> None:
    first = offer(AUDIO, VIDEO)
    without = offer(AUDIO, previous=first)
    screen, voice = another(VIDEO, "pub7-9"), another(AUDIO, "pub7-10")
    more = offer(AUDIO, screen, voice, previous=without)
    assert [(section.kind, section.mid) for section in more.offer.media] == [
        ("audio", "0"),
        ("video", "1"),
        ("audio", "2"),
    ]
    assert [slot.track for slot in more.media_slots] == [AUDIO, screen, voice]
    assert more.offer.media[1].msids == (Msid("rheon-7", "pub7-9"),)
    assert more.media_slots[1].ssrc not in (first.media_slots[1].ssrc, first.media_slots[1].rtx_ssrc)


def test_a_slot_is_not_reused_in_the_offer_that_empties_it() -> None:
    first = offer(VIDEO)
    replaced = offer(another(VIDEO, "pub7-9"), previous=first)
    assert [section.direction for section in replaced.offer.media] == [Direction.INACTIVE, Direction.SENDONLY]
    assert [section.mid for section in replaced.offer.media] == ["0", "1"]


def test_all_tracks_gone_leaves_the_connection_standing() -> None:
    silent = offer(previous=offer(AUDIO, VIDEO))
    assert [section.direction for section in silent.offer.media] == [Direction.INACTIVE, Direction.INACTIVE]
    assert silent.tracks == ()


def test_a_first_offer_needs_a_track() -> None:
    with pytest.raises(NothingToOfferError):
        offer()


def test_ice_restart_stays_pending_until_it_is_answered() -> None:
    first = offer(AUDIO)
    restarted = offer_subscription([AUDIO], RESTARTED, ssrcs(), first)
    assert restarted.ice_restart
    assert restarted.offer.media[0].ice_ufrag == "anew"
    more = offer_subscription([AUDIO, VIDEO], RESTARTED, ssrcs(2000), restarted)
    assert more.ice_restart
    answered = read_subscription_answer(more, text_of(more)).negotiation
    assert not offer_subscription([AUDIO], RESTARTED, ssrcs(), answered).ice_restart


def text_of(negotiation: SubscriptionNegotiation) -> str:
    return write_session_description(answer(negotiation.offer_text))


def test_a_rejected_section_stays_rejected_and_is_taken_over_under_a_new_mid() -> None:
    first = offer(AUDIO, VIDEO)
    reject = edit_section(1, lambda section: replace(section, port=0))
    answered = read_subscription_answer(first, write_session_description(reject(answer(first.offer_text))))
    again = offer(AUDIO, VIDEO, previous=answered.negotiation)
    assert again.offer.media[1].rejected
    assert again.offer.bundle == ("0",)
    assert again.tracks == (AUDIO,)
    voice = another(AUDIO, "pub7-9")
    taken = offer(AUDIO, VIDEO, voice, previous=again)
    assert [(section.kind, section.mid, section.rejected) for section in taken.offer.media] == [
        ("audio", "0", False),
        ("audio", "2", False),
    ]


def test_sources_are_never_zero_nor_shared() -> None:
    numbers = iter([0, 5, 5, 2**32 + 5, 6, 7])
    negotiation = offer_subscription([AUDIO, VIDEO], LOCAL, lambda: next(numbers))
    assert [(slot.ssrc, slot.rtx_ssrc) for slot in negotiation.media_slots] == [(5, None), (6, 7)]
    with pytest.raises(RuntimeError):
        offer_subscription([AUDIO, VIDEO], LOCAL, lambda: 5)


def test_sections_are_bounded_and_freed_ones_are_used_first() -> None:
    negotiation: SubscriptionNegotiation | None = None
    counter = itertools.count()
    for _ in range(40):
        tracks = [another(track, f"t{next(counter)}") for track in (AUDIO, VIDEO)]
        negotiation = offer(*tracks, previous=negotiation)
    assert negotiation is not None
    assert len(negotiation.slots) == 4
    many = [another(AUDIO, f"m{index}") for index in range(MAX_SLOTS + 1)]
    full = offer(*many)
    assert len(full.slots) == MAX_SLOTS
    assert full.left_out == (many[-1],)
    result = read_subscription_answer(full, text_of(full))
    assert [(refused.track, refused.reason) for refused in result.refused] == [(many[-1], Refusal.NO_ROOM)]
    assert len(result.accepted) == MAX_SLOTS
    # A place that becomes free is taken by the one that waited, as soon as its section was inactive.
    waiting = offer(*many[1:], previous=result.negotiation)
    assert waiting.left_out == (many[-1],)
    assert offer(*many[1:], previous=waiting).left_out == ()


def test_tracks_of_several_publishers_share_a_connection() -> None:
    theirs = replace(
        AUDIO,
        track_id="pub8-1",
        subscriber_stream_id="rheon-8",
        parameters=replace(AUDIO.parameters, cname="pub8"),
    )
    description = offer(AUDIO, theirs).offer
    assert [section.msids[0].stream_id for section in description.media] == ["rheon-7", "rheon-8"]
    assert [section.ssrc_attributes[0].value for section in description.media] == ["pub7", "pub8"]
