"""Renegotiation: later offers of a publisher on the same transport."""

from dataclasses import replace

import pytest

from rheon_engine.types import Encoding
from rheon_media_node.negotiation import (
    InvalidDescriptionError,
    OfferKind,
    StaleDescriptionError,
    classify_offer,
    read_description,
)
from rheon_media_node.sdp import Direction, MediaSection, Msid, SessionDescription, SsrcAttribute
from tests.support.session_descriptions import captured_offer
from tests.unit.media_node.negotiation.peer import RESTARTED, edit_section, edited, publish

OFFER = captured_offer("safari")
FIRST = publish(OFFER)


def second_camera(description: SessionDescription) -> SessionDescription:
    video = description.media[1]
    added = replace(
        video,
        mid="2",
        msids=(Msid("-", "second"),),
        ssrc_groups=(),
        ssrc_attributes=(SsrcAttribute(77, "cname", "x"),),
    )
    return replace(
        description,
        media=(*description.media, added),
        groups=(replace(description.groups[0], mids=("0", "1", "2")),),
    )


def stop_section(index: int) -> str:
    return edited(OFFER, edit_section(index, lambda section: replace(section, direction=Direction.INACTIVE)))


def test_the_same_offer_again_changes_nothing() -> None:
    again = publish(OFFER, FIRST)
    assert again.tracks == again.unchanged == FIRST.tracks
    assert again.added == again.removed == ()
    assert not again.ice_restarted
    assert again.answer.origin.session_id == FIRST.answer.origin.session_id
    assert (FIRST.answer.origin.session_version, again.answer.origin.session_version) == ("1", "2")


def test_an_added_track_leaves_the_others_alone() -> None:
    more = publish(edited(OFFER, second_camera), FIRST)
    assert more.unchanged == FIRST.tracks
    assert [(track.track_id, track.label) for track in more.added] == [("pub7-3", "second")]
    assert more.tracks == (*FIRST.tracks, *more.added)


def test_a_track_whose_section_falls_silent_is_removed_and_its_id_never_used_again() -> None:
    without = publish(stop_section(1), FIRST)
    assert without.removed == (FIRST.tracks[1],)
    assert without.tracks == (FIRST.tracks[0],)
    assert without.answer.media[1].direction is Direction.INACTIVE
    back = publish(OFFER, without)
    assert [track.track_id for track in back.added] == ["pub7-3"]


def test_another_track_in_the_same_section_is_another_track() -> None:
    offer = OFFER.replace("c2a9e4d6-83f5-4b1e-9f0a-6d7c3e5b8a21", "other")
    negotiation = publish(offer, FIRST)
    assert negotiation.removed == (FIRST.tracks[1],)
    assert [track.label for track in negotiation.added] == ["other"]


def test_a_track_moved_to_another_stream_is_the_same() -> None:
    negotiation = publish(OFFER.replace("a=msid:3f1c7a52-6a0e-4a55-9d5c-0b8f3b1c2d44", "a=msid:elsewhere"), FIRST)
    assert negotiation.added == negotiation.removed == ()
    assert {track.stream_id for track in negotiation.tracks} == {"elsewhere"}
    assert negotiation.unchanged == negotiation.tracks


def test_another_codec_is_another_track() -> None:
    negotiation = publish(OFFER.replace("a=rtpmap:104 VP8", "a=rtpmap:104 X").replace("106 VP9", "106 VP8"), FIRST)
    assert negotiation.removed == (FIRST.tracks[1],)
    assert negotiation.added[0].parameters.payload_type == 106


def test_a_source_declared_later_belongs_to_the_track_already_learnt() -> None:
    def undeclared(section: MediaSection) -> MediaSection:
        return replace(section, ssrc_groups=(), ssrc_attributes=())

    first = publish(edited(OFFER, edit_section(1, undeclared)))
    assert first.tracks[1].parameters.encodings == (Encoding(),)
    again = publish(OFFER, first)
    assert again.unchanged == first.tracks
    assert again.tracks[1].parameters.encodings == (Encoding(),)


def test_an_ended_section_is_refused_in_its_place_and_can_be_taken_over() -> None:
    ended = edited(OFFER, edit_section(1, lambda section: replace(section, port=0)))
    without = publish(ended.replace("BUNDLE 0 1", "BUNDLE 0"), FIRST)
    assert without.removed == (FIRST.tracks[1],)
    assert without.answer.media[1].rejected
    reused = publish(OFFER.replace("a=mid:1", "a=mid:9").replace("BUNDLE 0 1", "BUNDLE 0 9"), without)
    assert [(track.mid, track.track_id) for track in reused.added] == [("9", "pub7-3")]


def test_ending_every_section_removes_every_track() -> None:
    ended = edited(
        OFFER,
        lambda description: replace(
            description, groups=(), media=tuple(replace(section, port=0) for section in description.media)
        ),
    )
    negotiation = publish(ended, FIRST)
    assert negotiation.removed == FIRST.tracks
    assert negotiation.remote == FIRST.remote
    assert negotiation.answer.bundle == ()
    assert all(section.rejected for section in negotiation.answer.media)


def test_sections_may_not_vanish_or_change_place() -> None:
    with pytest.raises(InvalidDescriptionError, match="fewer"):
        publish(edited(OFFER, lambda description: replace(description, media=description.media[:1])), FIRST)
    with pytest.raises(InvalidDescriptionError, match="section 0"):
        publish(edited(OFFER, lambda description: replace(description, media=description.media[::-1])), FIRST)


def test_ice_restart() -> None:
    offer = OFFER.replace("ice-ufrag:1234", "ice-ufrag:5678").replace("n1kYq7VJ0bD2sWm5xRz8TfGh", "n" * 24)
    assert classify_offer(read_description(offer), FIRST) is OfferKind.ICE_RESTART
    negotiation = publish(offer, FIRST, RESTARTED)
    assert negotiation.ice_restarted
    assert negotiation.remote.ice.ufrag == "5678"
    assert negotiation.remote.fingerprints == FIRST.remote.fingerprints
    assert negotiation.answer.media[0].ice_ufrag == "anew"
    assert negotiation.tracks == FIRST.tracks


def test_a_new_certificate_is_a_new_connection() -> None:
    offer = read_description(OFFER.replace("A3:5C:0D", "00:00:00"))
    assert classify_offer(offer, None) is OfferKind.INITIAL
    assert classify_offer(offer, FIRST) is OfferKind.NEW_CONNECTION
    with pytest.raises(StaleDescriptionError):
        publish(OFFER.replace("A3:5C:0D", "00:00:00"), FIRST)


def test_a_new_session_with_the_same_certificate_is_a_new_connection() -> None:
    offer = OFFER.replace("4962303333179871723", "1").replace("ice-ufrag:1234", "ice-ufrag:5678")
    assert classify_offer(read_description(offer), FIRST) is OfferKind.NEW_CONNECTION


def test_the_dtls_role_stays() -> None:
    with pytest.raises(InvalidDescriptionError, match="role"):
        publish(OFFER.replace("setup:actpass", "setup:passive"), FIRST)
    assert publish(OFFER.replace("setup:actpass", "setup:active"), FIRST).remote == FIRST.remote


@pytest.mark.parametrize("name", ["aiortc", "chrome", "firefox", "pion", "wrtc"])
def test_every_client_may_repeat_its_offer(name: str) -> None:
    first = publish(captured_offer(name))
    assert publish(captured_offer(name), first).unchanged == first.tracks
