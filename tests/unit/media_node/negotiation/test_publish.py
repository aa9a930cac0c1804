"""The first offer of a publisher and its answer."""

import random
from dataclasses import replace

import pytest

from rheon_engine.types import Encoding, HeaderExtension
from rheon_media_node.errors import Reason
from rheon_media_node.negotiation import (
    EVERYTHING,
    InvalidDescriptionError,
    NegotiationError,
    NoCommonCodecError,
    PublisherIdentity,
    TooManySectionsError,
    read_description,
)
from rheon_media_node.sdp import (
    Direction,
    ExtensionMap,
    Fingerprint,
    IceParameters,
    MediaSection,
    RtcpFeedback,
    SessionDescription,
    Setup,
)
from tests.support.session_descriptions import NAMES, captured_offer, damaged
from tests.unit.media_node.negotiation.peer import LOCAL, edit_section, edited, publish

RTP_CLIENTS = ("aiortc", "chrome", "firefox", "pion", "safari", "wrtc")
NACK, PLI, FIR, TRANSPORT_CC = (
    RtcpFeedback("nack"),
    RtcpFeedback("nack", "pli"),
    RtcpFeedback("ccm", "fir"),
    RtcpFeedback("transport-cc"),
)


@pytest.mark.parametrize("name", RTP_CLIENTS)
def test_the_answer_fits_the_offer(name: str) -> None:
    offer = read_description(captured_offer(name))
    negotiation = publish(captured_offer(name))
    answer = read_description(negotiation.answer_text)
    assert answer == negotiation.answer
    assert [(section.kind, section.mid, section.protocol) for section in answer.media] == [
        (section.kind, section.mid, section.protocol) for section in offer.media
    ]
    accepted = [section for section in answer.media if not section.rejected]
    assert answer.bundle == tuple(section.mid for section in accepted)
    for section, offered in zip(answer.media, offer.media, strict=True):
        if offered.kind == "application":
            assert section.rejected
            continue
        assert not section.rejected
        assert [payload.name.lower() for payload in section.payloads] == (
            ["opus"] if section.kind == "audio" else ["vp8", "rtx"]
        )
        for payload in section.payloads:
            counterpart = offered.payload(payload.payload_type)
            assert counterpart is not None
            assert counterpart.is_named(payload.name)
            assert set(payload.feedback) <= set(counterpart.feedback)
        ids = {extension.id: extension.uri for extension in offered.extensions}
        assert all(ids[extension.id] == extension.uri for extension in section.extensions)
        assert section.direction is Direction.RECVONLY
        assert section.simulcast is None
        assert section.rids == ()


@pytest.mark.parametrize("name", RTP_CLIENTS)
def test_the_answer_describes_our_transport(name: str) -> None:
    answer = publish(captured_offer(name)).answer
    assert answer.ice_lite
    accepted = [section for section in answer.media if not section.rejected]
    for section in accepted:
        assert answer.ice_of(section) == IceParameters(LOCAL.ice.ufrag, LOCAL.ice.pwd)
        assert answer.fingerprints_of(section) == (LOCAL.fingerprint,)
        assert answer.setup_of(section) is Setup.PASSIVE
        assert section.rtcp_mux
    first = accepted[0]
    assert first.end_of_candidates
    assert [(candidate.address, candidate.port, candidate.kind) for candidate in first.candidates] == [
        ("192.0.2.10", 40000, "host"),
        ("2001:db8::10", 40000, "host"),
    ]
    assert first.candidates[0].priority > first.candidates[1].priority
    assert (first.port, first.connection) == (40000, "IN IP4 192.0.2.10")


def test_chromium_tracks() -> None:
    negotiation = publish(captured_offer("chrome"))
    audio, camera, screen = negotiation.tracks
    assert [track.track_id for track in negotiation.tracks] == ["pub7-1", "pub7-2", "pub7-3"]
    assert negotiation.added == negotiation.tracks
    assert negotiation.removed == ()
    assert (audio.kind, audio.mid, audio.parameters.codec, audio.parameters.payload_type) == ("audio", "0", "opus", 111)
    assert audio.stream_id == "099f1ce0-3c18-457d-9732-abdf4852c113"
    assert audio.label == "e8563263-119c-4471-b6ed-326650ae13af"
    assert audio.subscriber_stream_id == "rheon-7"
    assert audio.format_parameters == "minptime=10;useinbandfec=1"
    assert audio.parameters.transport_cc
    assert not audio.parameters.nack
    assert audio.parameters.extensions == {
        HeaderExtension.AUDIO_LEVEL: 1,
        HeaderExtension.ABS_SEND_TIME: 2,
        HeaderExtension.TRANSPORT_CC: 3,
        HeaderExtension.MID: 4,
    }
    # Declined simulcast: the source is learnt by mid.
    assert camera.parameters.encodings == (Encoding(),)
    assert HeaderExtension.RID not in camera.parameters.extensions
    assert screen.parameters.encodings == (Encoding(ssrc=677729607, rtx_ssrc=3476051340),)
    assert screen.parameters.rtx_payload_type == 97
    assert screen.parameters.nack
    assert screen.parameters.pli
    assert screen.parameters.extensions[HeaderExtension.VIDEO_ORIENTATION] == 13
    assert {track.parameters.cname for track in negotiation.tracks} == {"pub7"}
    assert negotiation.remote.ice == IceParameters("XUnM", "G6gm2WhhFV0smKsNF8yWRwzK")
    assert negotiation.remote.setup is Setup.ACTIVE
    assert negotiation.remote.local_setup is Setup.PASSIVE


def test_rid_is_accepted_where_simulcast_is_offered() -> None:
    answer = publish(captured_offer("chrome")).answer
    with_simulcast, without = ({extension.uri for extension in answer.media[index].extensions} for index in (1, 2))
    assert HeaderExtension.RID in with_simulcast
    assert HeaderExtension.RID not in without


def test_firefox_tracks() -> None:
    negotiation = publish(captured_offer("firefox"))
    audio, camera, screen = negotiation.tracks
    assert audio.format_parameters == "minptime=10;useinbandfec=1;stereo=1"
    # Of three declared layers the first is sent once simulcast is declined.
    assert camera.parameters.encodings == (Encoding(ssrc=3446335409, rtx_ssrc=1009270267),)
    assert screen.mid == "2"
    answer = negotiation.answer.media[1]
    assert answer.extmap_allow_mixed
    assert ExtensionMap(9, HeaderExtension.RID.value, Direction.RECVONLY) in answer.extensions
    # Offered as recvonly: it never comes from this publisher.
    assert HeaderExtension.PLAYOUT_DELAY not in camera.parameters.extensions


def test_aiortc_gets_no_transport_wide_feedback_and_keeps_its_strong_fingerprints() -> None:
    negotiation = publish(captured_offer("aiortc"))
    video = negotiation.tracks[1]
    assert not video.parameters.transport_cc
    assert negotiation.answer.media[1].payloads[0].feedback == (NACK, PLI)
    assert [fingerprint.algorithm for fingerprint in negotiation.remote.fingerprints] == [
        "sha-256",
        "sha-384",
        "sha-512",
    ]


def test_pion_without_mid_extension_is_known_by_its_sources() -> None:
    audio, video = publish(captured_offer("pion")).tracks
    assert audio.parameters.encodings == (Encoding(ssrc=261433900),)
    assert video.parameters.encodings == (Encoding(ssrc=2177002157),)
    assert (video.stream_id, video.label) == ("s", "v")
    assert video.parameters.extensions == {HeaderExtension.TRANSPORT_CC: 1}


def test_a_track_without_a_stream() -> None:
    audio, _ = publish(captured_offer("wrtc")).tracks
    assert audio.stream_id == ""
    assert audio.label == "d8dd3066-8639-4ad4-9407-098901748cab"


def test_safari_is_answered_with_vp8_though_it_prefers_h264() -> None:
    _, video = publish(captured_offer("safari")).tracks
    assert (video.parameters.codec, video.parameters.payload_type, video.parameters.rtx_payload_type) == (
        "VP8",
        104,
        105,
    )


def test_remb_is_never_answered() -> None:
    for name in RTP_CLIENTS:
        assert "goog-remb" not in publish(captured_offer(name)).answer_text


@pytest.mark.parametrize("name", ["ndc", "werift"])
def test_an_offer_of_data_channels_only_has_no_codec(name: str) -> None:
    with pytest.raises(NoCommonCodecError) as caught:
        publish(captured_offer(name))
    assert caught.value.reason is Reason.NO_COMMON_CODEC


def test_unknown_codecs_are_refused_section_by_section() -> None:
    offer = captured_offer("safari").replace("VP8/90000", "VP99/90000")
    negotiation = publish(offer)
    assert [section.rejected for section in negotiation.answer.media] == [False, True]
    assert negotiation.answer.bundle == ("0",)
    with pytest.raises(NoCommonCodecError):
        publish(offer.replace("opus/48000/2", "opus/16000/2"))


def test_the_bundle_s_first_accepted_section_gets_the_candidates() -> None:
    offer = captured_offer("safari").replace("opus/48000/2", "opus/16000/2")
    answer = publish(offer).answer
    assert [section.rejected for section in answer.media] == [True, False]
    assert answer.media[1].candidates


@pytest.mark.parametrize(
    ("direction", "answered", "sends"),
    [
        (Direction.SENDRECV, Direction.RECVONLY, True),
        (Direction.SENDONLY, Direction.RECVONLY, True),
        (Direction.RECVONLY, Direction.INACTIVE, False),
        (Direction.INACTIVE, Direction.INACTIVE, False),
    ],
)
def test_directions(direction: Direction, answered: Direction, *, sends: bool) -> None:
    offer = edited(captured_offer("safari"), edit_section(1, lambda section: replace(section, direction=direction)))
    negotiation = publish(offer)
    assert negotiation.answer.media[1].direction is answered
    assert [track.kind for track in negotiation.tracks] == (["audio", "video"] if sends else ["audio"])


def test_sections_outside_the_bundle_are_refused() -> None:
    answer = publish(captured_offer("safari").replace("BUNDLE 0 1", "BUNDLE 0")).answer
    assert [section.rejected for section in answer.media] == [False, True]


def test_the_bundle_may_list_sections_in_another_order() -> None:
    answer = publish(captured_offer("safari").replace("BUNDLE 0 1", "BUNDLE 1 0")).answer
    assert answer.bundle == ("1", "0")
    assert [bool(section.candidates) for section in answer.media] == [False, True]


def test_a_bundle_may_name_sections_that_are_not_there() -> None:
    answer = publish(captured_offer("safari").replace("BUNDLE 0 1", "BUNDLE x 1 1 0")).answer
    assert answer.bundle == ("1", "0")


def remove(*attributes: str) -> str:
    return "\r\n".join(
        line
        for line in captured_offer("safari").split("\r\n")
        if not any(line.startswith(f"a={name}") for name in attributes)
    )


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        (remove("ice-ufrag"), "ice-ufrag"),
        (remove("ice-pwd"), "ice-pwd"),
        (remove("fingerprint"), "fingerprint"),
        (remove("rtcp-mux"), "rtcp-mux"),
        (remove("group"), "BUNDLE"),
        (remove("mid"), "BUNDLE"),
        (captured_offer("safari").replace("setup:actpass", "setup:holdconn"), "holdconn"),
        (captured_offer("safari").replace("extmap:13 ", "extmap:1 "), "two meanings"),
        (captured_offer("safari").replace("m=video", "m video"), "line"),
        (captured_offer("safari").replace("3019422871", "2874310145"), "SSRC"),
        ("", "empty"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(offer: str, says: str) -> None:
    with pytest.raises(InvalidDescriptionError, match=says) as caught:
        publish(offer)
    assert caught.value.reason is Reason.INVALID_SDP


def test_a_weak_fingerprint_is_none() -> None:
    weak = Fingerprint("sha-1", ":".join(["AA"] * 20))
    offer = edited(remove("fingerprint"), lambda description: replace(description, fingerprints=(weak,)))
    with pytest.raises(InvalidDescriptionError, match="sha-256"):
        publish(offer)


def test_the_transport_may_stand_at_session_level_or_in_a_later_section() -> None:
    def bare(section: MediaSection) -> MediaSection:
        return replace(section, ice_ufrag=None, ice_pwd=None, fingerprints=(), setup=None)

    expected = publish(captured_offer("safari")).remote
    assert publish(edited(captured_offer("safari"), edit_section(0, bare))).remote == expected

    def lift(description: SessionDescription) -> SessionDescription:
        first = description.media[0]
        return replace(
            description,
            media=tuple(bare(section) for section in description.media),
            ice_ufrag=first.ice_ufrag,
            ice_pwd=first.ice_pwd,
            fingerprints=first.fingerprints,
            setup=first.setup,
        )

    assert publish(edited(captured_offer("safari"), lift)).remote == expected


def test_a_peer_that_insists_on_being_the_dtls_server_gets_a_client() -> None:
    negotiation = publish(captured_offer("safari").replace("setup:actpass", "setup:passive"))
    assert negotiation.remote.setup is Setup.PASSIVE
    assert negotiation.answer.media[0].setup is Setup.ACTIVE


def test_ids_of_the_two_byte_form_pass_and_reserved_ones_do_not() -> None:
    offer = captured_offer("safari").replace("extmap:4 ", "extmap:15 ").replace("extmap:3 ", "extmap:200 ")
    audio, _ = publish(offer).tracks
    assert HeaderExtension.MID not in audio.parameters.extensions
    assert audio.parameters.extensions[HeaderExtension.TRANSPORT_CC] == 200


def test_transport_wide_feedback_needs_its_extension() -> None:
    offer = remove("extmap:3")
    negotiation = publish(offer)
    assert not negotiation.tracks[1].parameters.transport_cc
    assert negotiation.answer.media[1].payloads[0].feedback == (NACK, PLI, FIR)


def test_discontinuous_transmission_is_agreed_when_the_publisher_wants_it() -> None:
    offer = captured_offer("safari").replace("useinbandfec=1", "useinbandfec=1;usedtx=1")
    negotiation = publish(offer)
    assert negotiation.tracks[0].format_parameters == "minptime=10;useinbandfec=1;usedtx=1"
    assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n" in negotiation.answer_text


def test_legacy_source_attributes_name_the_track() -> None:
    audio, _ = publish(remove("msid:")).tracks
    assert audio.label == "7d1f2c90-1b7e-4d0f-8a63-52c4e9b0a1f7"


def test_no_more_tracks_than_the_engine_takes() -> None:
    def multiply(description: SessionDescription) -> SessionDescription:
        audio = replace(description.media[0], ssrc_attributes=())
        mids = tuple(str(index) for index in range(33))
        return replace(
            description,
            media=tuple(replace(audio, mid=mid) for mid in mids),
            groups=(replace(description.groups[0], mids=mids),),
        )

    with pytest.raises(TooManySectionsError):
        publish(edited(captured_offer("safari"), multiply))


@pytest.mark.parametrize("name", ["", "two words", "x" * 49, "line\r\nbreak"])
def test_identities_are_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="token"):
        PublisherIdentity(name, "stream")


@pytest.mark.parametrize("name", NAMES)
def test_an_offer_without_any_one_of_its_lines_is_answered_or_refused(name: str) -> None:
    lines = captured_offer(name).split("\r\n")
    for index in range(len(lines)):
        try:
            publish("\r\n".join(lines[:index] + lines[index + 1 :]), capabilities=EVERYTHING)
        except NegotiationError as error:
            assert str(error)  # noqa: PT017  any other exception fails the test


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_offer_is_answered_or_refused(name: str) -> None:
    randomness = random.Random(name)
    first = publish(captured_offer(name), capabilities=EVERYTHING)
    for _ in range(150):
        offer = damaged(captured_offer(name), randomness)
        for previous in (None, first):
            try:
                negotiation = publish(offer, previous, capabilities=EVERYTHING)
            except NegotiationError:
                continue
            for track in negotiation.tracks:
                assert 1 <= len(track.parameters.encodings) <= 3
            again = read_description(negotiation.answer_text)
            assert [section.rejected for section in again.media] == [
                section.rejected for section in negotiation.answer.media
            ]
