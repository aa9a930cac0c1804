"""Reading what subscribers answer: willing, picky, wrong and late ones."""

import random
from dataclasses import replace
from typing import Any

import pytest

from rheon_engine.types import ForwardParameters, HeaderExtension
from rheon_media_node.errors import Reason
from rheon_media_node.negotiation import (
    EVERYTHING,
    InvalidDescriptionError,
    NegotiationError,
    Refusal,
    StaleDescriptionError,
    SubscriptionAnswer,
    offer_subscription,
    read_subscription_answer,
)
from rheon_media_node.sdp import (
    Attribute,
    Direction,
    ExtensionMap,
    Fingerprint,
    IceParameters,
    MediaSection,
    Origin,
    PayloadFormat,
    RtcpFeedback,
    SessionDescription,
    Setup,
    write_session_description,
)
from tests.support.session_descriptions import captured_answer, damaged
from tests.unit.media_node.negotiation.peer import (
    CLIENT_FINGERPRINT,
    LOCAL,
    RESTARTED,
    Change,
    answer,
    edit_section,
    published,
    ssrcs,
    without_mids,
)

AUDIO, VIDEO = published("safari")
OFFER = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs())


def read(*changes: Change) -> SubscriptionAnswer:
    description = answer(OFFER.offer_text)
    for change in changes:
        description = change(description)
    return read_subscription_answer(OFFER, write_session_description(description))


def video(**values: Any) -> Change:
    return edit_section(1, lambda section: replace(section, **values))


def refusals(result: SubscriptionAnswer) -> list[tuple[str, Refusal]]:
    return [(refused.track.track_id, refused.reason) for refused in result.refused]


def test_a_willing_subscriber_gets_everything() -> None:
    result = read()
    assert [accepted.track for accepted in result.accepted] == [AUDIO, VIDEO]
    assert result.refused == ()
    audio, picture = (accepted.forward for accepted in result.accepted)
    assert audio == ForwardParameters(
        mid="0",
        ssrc=1000,
        payload_type=111,
        extensions={
            HeaderExtension.MID: 1,
            HeaderExtension.TRANSPORT_CC: 2,
            HeaderExtension.ABS_SEND_TIME: 3,
            HeaderExtension.AUDIO_LEVEL: 4,
        },
    )
    assert (picture.ssrc, picture.payload_type) == (1001, 96)
    assert (picture.rtx_ssrc, picture.rtx_payload_type, picture.nack) == (1002, 97, True)
    assert result.remote is not None
    assert result.remote.ice == IceParameters("clnt", "client-password-of-24-ch")
    assert result.remote.fingerprints == (CLIENT_FINGERPRINT,)
    assert result.remote.setup is Setup.ACTIVE


def test_payload_types_and_extension_ids_of_the_answer_hold() -> None:
    remapped = (
        PayloadFormat(120, "vp8", 90000, feedback=(RtcpFeedback("nack"),)),
        PayloadFormat(124, "RTX", 90000, parameters="apt=120"),
    )
    extensions = (ExtensionMap(9, HeaderExtension.MID.value), ExtensionMap(10, "urn:unknown"))
    result = read(video(formats=("120", "124"), payloads=remapped, extensions=extensions))
    forward = result.accepted[1].forward
    assert (forward.payload_type, forward.rtx_payload_type, forward.nack) == (120, 124, True)
    assert forward.extensions == {HeaderExtension.MID: 9}


def test_what_the_answer_drops_is_not_used() -> None:
    result = read(video(formats=("96",), payloads=(PayloadFormat(96, "VP8", 90000),), extensions=()))
    forward = result.accepted[1].forward
    assert (forward.rtx_ssrc, forward.rtx_payload_type, forward.nack) == (None, None, False)
    assert forward.extensions == {}


def test_an_extension_the_subscriber_would_only_send_is_not_kept() -> None:
    extensions = (ExtensionMap(1, HeaderExtension.MID.value, Direction.SENDONLY),)
    assert read(video(extensions=extensions)).accepted[1].forward.extensions == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (video(port=0), Refusal.REJECTED),
        (video(direction=Direction.INACTIVE), Refusal.INACTIVE),
        (video(direction=Direction.SENDONLY), Refusal.INACTIVE),
        (video(formats=("98",), payloads=(PayloadFormat(98, "H264", 90000),)), Refusal.NO_CODEC),
        (
            lambda description: replace(description, groups=(replace(description.groups[0], mids=("0",)),)),
            Refusal.REJECTED,
        ),
    ],
)
def test_a_track_can_be_refused_alone(change: Change, reason: Refusal) -> None:
    result = read(change)
    assert [accepted.track for accepted in result.accepted] == [AUDIO]
    assert refusals(result) == [("pub7-2", reason)]


def test_what_was_refused_for_good_is_not_offered_again_on_this_connection() -> None:
    lasting = read(video(formats=("98",), payloads=(PayloadFormat(98, "H264", 90000),)))
    assert offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), lasting.negotiation).tracks == (AUDIO,)
    paused = read(video(direction=Direction.INACTIVE))
    assert offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), paused.negotiation).tracks == (AUDIO, VIDEO)


def test_everything_refused_leaves_nothing_to_connect() -> None:
    result = read(edit_section(0, lambda section: replace(section, port=0)), video(port=0))
    assert result.remote is None
    assert result.accepted == ()
    assert len(result.refused) == 2


def test_sections_are_matched_by_mid() -> None:
    result = read(lambda description: replace(description, media=description.media[::-1]))
    assert [(accepted.track, accepted.forward.ssrc) for accepted in result.accepted] == [(AUDIO, 1000), (VIDEO, 1001)]


def test_a_rejected_section_may_come_without_its_mid() -> None:
    assert refusals(read(video(port=0, mid=None))) == [("pub7-2", Refusal.REJECTED)]


def test_a_single_section_needs_neither_mid_nor_bundle() -> None:
    offer = offer_subscription([AUDIO], LOCAL, ssrcs())
    text = write_session_description(without_mids(answer(offer.offer_text)))
    assert len(read_subscription_answer(offer, text).accepted) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda description: replace(description, media=description.media[:1]), "sections"),
        (lambda description: replace(description, groups=()), "bundle"),
        (without_mids, "bundle"),
        (video(mid="7"), "mids"),
        (video(kind="audio"), "video in the offer"),
        (edit_section(0, lambda section: replace(section, setup=Setup.ACTPASS)), "setup"),
        (edit_section(0, lambda section: replace(section, rtcp_mux=False)), "rtcp-mux"),
        (
            video(
                extensions=(
                    ExtensionMap(1, HeaderExtension.MID.value),
                    ExtensionMap(1, HeaderExtension.TRANSPORT_CC.value),
                )
            ),
            "one id",
        ),
    ],
)
def test_what_is_no_answer_to_the_offer_is_refused(change: Change, says: str) -> None:
    with pytest.raises(InvalidDescriptionError, match=says) as caught:
        read(change)
    assert caught.value.reason is Reason.INVALID_SDP


@pytest.mark.parametrize("field", ["ice_ufrag", "ice_pwd", "setup"])
def test_an_answer_without_its_transport_is_refused(field: str) -> None:
    def strip(section: MediaSection) -> MediaSection:
        nothing: dict[str, Any] = {field: None}
        return replace(section, **nothing)

    with pytest.raises(InvalidDescriptionError):
        read(edit_section(0, strip), edit_section(1, strip))


def test_a_peer_may_be_the_dtls_server() -> None:
    text = write_session_description(answer(OFFER.offer_text, setup=Setup.PASSIVE))
    remote = read_subscription_answer(OFFER, text).remote
    assert remote is not None
    assert (remote.setup, remote.local_setup) == (Setup.PASSIVE, Setup.ACTIVE)


def test_an_offer_sent_back_is_no_answer() -> None:
    with pytest.raises(InvalidDescriptionError):
        read_subscription_answer(OFFER, OFFER.offer_text)


def test_an_answer_to_the_offer_before_is_noticed() -> None:
    first = offer_subscription([AUDIO], LOCAL, ssrcs())
    late = write_session_description(answer(first.offer_text))
    second = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), first)
    with pytest.raises(NegotiationError):
        read_subscription_answer(second, late)


def test_an_answer_from_before_the_ice_restart_is_stale() -> None:
    answered = read().negotiation
    restarted = offer_subscription([AUDIO, VIDEO], RESTARTED, ssrcs(), answered)
    with pytest.raises(StaleDescriptionError) as caught:
        read_subscription_answer(restarted, write_session_description(answer(restarted.offer_text)))
    assert caught.value.reason is Reason.WRONG_STATE
    fresh = read_subscription_answer(restarted, write_session_description(answer(restarted.offer_text, ufrag="new1")))
    assert fresh.remote is not None
    assert fresh.remote.ice.ufrag == "new1"
    assert not fresh.negotiation.ice_restart


def test_an_answer_of_another_connection_is_stale() -> None:
    again = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), read().negotiation)
    other = Fingerprint("sha-256", ":".join(["EE"] * 32))
    description = answer(again.offer_text)
    for index in (0, 1):
        description = edit_section(index, lambda section: replace(section, fingerprints=(other,)))(description)
    with pytest.raises(StaleDescriptionError):
        read_subscription_answer(again, write_session_description(description))


def test_the_dtls_role_stays() -> None:
    again = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), read().negotiation)
    text = write_session_description(answer(again.offer_text, setup=Setup.PASSIVE))
    with pytest.raises(InvalidDescriptionError, match="role"):
        read_subscription_answer(again, text)


def test_accepted_forwards_of_a_renegotiation_keep_their_sources() -> None:
    again = offer_subscription([VIDEO], LOCAL, ssrcs(5000), read().negotiation)
    result = read_subscription_answer(again, write_session_description(answer(again.offer_text)))
    assert [(accepted.forward.mid, accepted.forward.ssrc) for accepted in result.accepted] == [("1", 1001)]


def shape(origin: Origin, semantic: str | None, *, mixed: bool) -> Change:
    def apply(description: SessionDescription) -> SessionDescription:
        attributes = () if semantic is None else (Attribute("msid-semantic", semantic),)
        return replace(description, origin=origin, attributes=attributes, extmap_allow_mixed=mixed)

    return apply


CHROMIUM = Origin("-", "8266367139247952089", "2", address="127.0.0.1")
FIREFOX = Origin("mozilla...THIS_IS_SDPARTA-99.0", "112378298467806337", "0")
ANONYMOUS = Origin("-", "1", "1")


@pytest.mark.parametrize(
    ("change", "padding"),
    [
        (shape(CHROMIUM, " WMS", mixed=True), True),
        (shape(CHROMIUM, " WMS 099f1ce0", mixed=True), True),
        (shape(FIREFOX, "WMS *", mixed=True), True),
        (shape(CHROMIUM, " WMS", mixed=False), False),
        (shape(CHROMIUM, "WMS *", mixed=True), False),
        (shape(CHROMIUM, None, mixed=True), False),
        (shape(ANONYMOUS, " WMS", mixed=True), False),
        (shape(ANONYMOUS, None, mixed=False), False),
    ],
)
def test_padding_is_for_browsers_known_to_take_it(change: Change, *, padding: bool) -> None:
    assert {accepted.forward.padding for accepted in read(change).accepted} == {padding}


def test_an_answer_without_any_one_of_its_lines_is_read_or_refused() -> None:
    lines = write_session_description(answer(OFFER.offer_text)).split("\r\n")
    for index in range(len(lines)):
        try:
            read_subscription_answer(OFFER, "\r\n".join(lines[:index] + lines[index + 1 :]))
        except NegotiationError as error:
            assert str(error)  # noqa: PT017  any other exception fails the test


@pytest.mark.parametrize("name", ["chrome", "safari"])
def test_a_damaged_answer_is_read_or_refused(name: str) -> None:
    randomness = random.Random(7)
    tracks = published(name, EVERYTHING)
    offer = offer_subscription(tracks, LOCAL, ssrcs(), data=True)
    text = write_session_description(answer(offer.offer_text))
    for _ in range(500):
        try:
            result = read_subscription_answer(offer, damaged(text, randomness))
        except NegotiationError:
            continue
        assert len(result.accepted) + len(result.refused) == len(tracks)
        offer_subscription(tracks, LOCAL, ssrcs(9000), result.negotiation, data=True)


@pytest.mark.parametrize(
    ("name", "padding", "retransmission"),
    [("chrome", True, 97), ("wrtc", True, 97), ("aiortc", False, 97), ("werift", False, None)],
)
def test_captured_answers(name: str, *, padding: bool, retransmission: int | None) -> None:
    offer = offer_subscription(published("chrome")[:2], LOCAL, ssrcs())
    result = read_subscription_answer(offer, captured_answer(name))
    assert result.refused == ()
    audio, picture = (accepted.forward for accepted in result.accepted)
    assert (audio.mid, audio.ssrc, audio.payload_type) == ("0", 1000, 111)
    assert (picture.mid, picture.ssrc, picture.payload_type, picture.nack) == ("1", 1001, 96, True)
    assert picture.rtx_payload_type == retransmission
    assert (audio.padding, picture.padding) == (padding, padding)
    assert result.remote is not None
    assert result.remote.setup is Setup.ACTIVE
