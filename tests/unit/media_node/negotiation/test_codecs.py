"""Every codec in every client's offer: which variant is chosen, what is answered, what a subscriber is offered."""

from dataclasses import replace
from typing import get_args

import pytest

from rheon_engine.types import Codec, HeaderExtension
from rheon_media_node.negotiation import (
    EVERYTHING,
    DataChannels,
    PublishedTrack,
    Refusal,
    SubscriptionAnswer,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.negotiation.codecs import CODECS
from rheon_media_node.sdp import PayloadFormat, RtcpFeedback, write_session_description
from tests.support.session_descriptions import captured_answer, captured_offer
from tests.unit.media_node.negotiation.peer import (
    LOCAL,
    answer,
    edit_section,
    edited,
    preferring,
    publish,
    published,
    ssrcs,
)

NACK, PLI = RtcpFeedback("nack"), RtcpFeedback("nack", "pli")
H264 = "level-asymmetry-allowed=1;packetization-mode={};profile-level-id={}"


def chosen(name: str, payload_type: int, kind: str = "video") -> PublishedTrack:
    """The first track of the kind when the client prefers this payload type."""
    tracks = publish(preferring(captured_offer(name), kind, payload_type), capabilities=EVERYTHING).tracks
    return next(track for track in tracks if track.kind == kind)


def test_every_codec_of_the_engine_has_a_row_and_its_own_numbers() -> None:
    assert {row.name for row in CODECS} == set(get_args(Codec))
    numbers = [
        number
        for row in CODECS
        for number in (row.payload_type, row.rtx_payload_type, row.red_payload_type)
        if number is not None
    ]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        ("aiortc", ["opus", "VP8"]),
        ("chrome", ["opus", "VP8", "VP8"]),
        ("firefox", ["opus", "VP8", "VP8"]),
        ("pion", ["opus", "VP8"]),
        ("safari", ["opus", "H264"]),
        ("wrtc", ["opus", "VP8"]),
        ("ndc", []),
        ("werift", []),
    ],
)
def test_each_client_is_answered_with_what_it_prefers(name: str, codecs: list[str]) -> None:
    assert [track.parameters.codec for track in published(name, EVERYTHING)] == codecs


@pytest.mark.parametrize(
    ("name", "payload_type", "codec", "parameters", "rtx"),
    [
        ("chrome", 0, "PCMU", None, None),
        ("chrome", 8, "PCMA", None, None),
        ("firefox", 8, "PCMA", None, None),
        ("pion", 0, "PCMU", None, None),
        ("aiortc", 8, "PCMA", None, None),
        ("chrome", 98, "VP9", "profile-id=0", 99),
        ("chrome", 100, "VP9", "profile-id=2", 101),
        ("firefox", 121, "VP9", "profile-id=0", 125),
        ("wrtc", 100, "VP9", "profile-id=2", 101),
        ("chrome", 102, "H264", H264.format(1, "42001f"), 103),
        ("chrome", 104, "H264", H264.format(0, "42001f"), 107),
        ("chrome", 108, "H264", H264.format(1, "42e01f"), 109),
        ("chrome", 39, "H264", H264.format(0, "4d001f"), 40),
        ("pion", 123, "H264", H264.format(1, "640032"), 118),
        ("safari", 98, "H264", H264.format(1, "42e01f"), 99),
        ("aiortc", 101, "H264", H264.format(1, "42e01f"), 102),
        ("chrome", 45, "AV1", "level-idx=5;profile=0;tier=0", 46),
        ("firefox", 99, "AV1", "level-idx=5;profile=0;tier=0", 100),
        ("wrtc", 39, "AV1", "level-idx=5;profile=0;tier=0", 40),
        ("safari", 102, "H265", "level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST", 103),
    ],
)
def test_variants(name: str, payload_type: int, codec: Codec, parameters: str | None, rtx: int | None) -> None:
    kind = "audio" if codec.startswith("PCM") else "video"
    track = chosen(name, payload_type, kind)
    assert (track.parameters.codec, track.parameters.payload_type) == (codec, payload_type)
    assert track.format_parameters == parameters
    assert track.parameters.rtx_payload_type == rtx
    assert track.parameters.clock_rate == (90000 if kind == "video" else 8000)
    assert track.parameters.nack is track.parameters.pli is (kind == "video")
    result = subscribed(track)
    assert [accepted.track for accepted in result.accepted] == [track]
    section = result.negotiation.offer.media[0]
    assert (section.payloads[0].name, section.payloads[0].parameters) == (codec, parameters)
    assert len(section.payloads) == (1 if rtx is None else 2)


def subscribed(*tracks: PublishedTrack, parameters: str | None = None) -> SubscriptionAnswer:
    """What becomes of an offer of the tracks whose answer describes the first one's codec with these parameters."""
    negotiation = offer_subscription(tracks, LOCAL, ssrcs())
    description = answer(negotiation.offer_text)
    if parameters is not None:
        primary, *others = description.media[0].payloads
        payloads = (replace(primary, parameters=parameters or None), *others)
        description = edit_section(0, lambda section: replace(section, payloads=payloads))(description)
    return read_subscription_answer(negotiation, write_session_description(description))


@pytest.mark.parametrize(
    ("encoding", "parameters", "known"),
    [
        ("VP9/90000", "profile-id=1", False),
        ("VP9/90000", "profile-id=-0", False),
        ("VP9/90000", None, True),
        ("H264/90000", None, True),  # baseline, level 1, single NAL units
        ("H264/90000", "packetization-mode=2", False),
        ("H264/90000", "packetization-mode=1;profile-level-id=4d801f", True),
        ("H264/90000", "packetization-mode=1;profile-level-id=58c01f", True),
        ("H264/90000", "packetization-mode=1;profile-level-id=58001f", False),  # extended
        ("H264/90000", "packetization-mode=1;profile-level-id=4d201f", False),
        ("H264/90000", "packetization-mode=1;profile-level-id=F4001F", False),  # 4:4:4
        ("H264/90000", "packetization-mode=1;profile-level-id=64001F", True),
        ("H264/90000", "packetization-mode=1;profile-level-id=640c1f", False),  # constrained high
        ("H264/90000", "packetization-mode=1;profile-level-id=64011f", False),
        ("H264/90000", "packetization-mode=1;profile-level-id=42e01", False),
        ("H264/90000", "packetization-mode=1;profile-level-id=+2e01f", False),
        ("H264/90000", "packetization-mode=1;profile-level-id=4_e01f", False),
        ("AV1/90000", "profile=1;level-idx=19;tier=1", True),
        ("AV1/90000", "profile=3", False),
        ("AV1/90000", "profile=0;level-idx=32", False),
        ("AV1/90000", "profile=0;tier=\u0661", False),
        ("H265/90000", "profile-id=2", True),
        ("H265/90000", "profile-id=3", False),
        ("H265/90000", "profile-id=1;tx-mode=MRST", False),
        ("H265/90000", "profile-id=1;level-id=256", False),
        ("VP8/8000", None, False),
    ],
)
def test_which_variants_are_taken(encoding: str, parameters: str | None, *, known: bool) -> None:
    name, _, rate = encoding.partition("/")
    payload = PayloadFormat(96, name, int(rate), parameters=parameters)
    offer = edited(
        captured_offer("safari"),
        edit_section(1, lambda section: replace(section, formats=("96",), payloads=(payload,))),
    )
    negotiation = publish(offer, capabilities=EVERYTHING)
    assert negotiation.answer.media[1].rejected is not known
    assert len(negotiation.tracks) == (2 if known else 1)


def test_safari_is_taken_at_the_h264_every_browser_decodes() -> None:
    """Its first choice, constrained high, is a format of its own that hardly anybody else lists."""
    track = published("safari", EVERYTHING)[1]
    assert (track.parameters.payload_type, track.format_parameters) == (98, H264.format(1, "42e01f"))


def test_format_parameters_are_written_anew() -> None:
    hostile = "sprop-parameter-sets=Z0LAHtk=,aM4=;packetization-mode=1;profile-level-id=42E01F;x-evil=1;usedtx=2"
    offer = captured_offer("safari").replace(H264.format(1, "42e01f"), hostile)
    track = publish(offer, capabilities=EVERYTHING).tracks[1]
    assert track.format_parameters == "level-asymmetry-allowed=0;packetization-mode=1;profile-level-id=42e01f"
    stereo = captured_offer("safari").replace("useinbandfec=1", "useinbandfec=1;stereo=7;usedtx=1")
    assert publish(stereo).tracks[0].format_parameters == "minptime=10;useinbandfec=1;usedtx=1"


@pytest.mark.parametrize(
    ("parameters", "taken"),
    [
        ("", True),  # unsaid: as offered
        ("packetization-mode=1", True),
        (H264.format(1, "42e034"), True),  # another level
        (H264.format(1, "4d801f"), True),  # constrained baseline under another name
        (H264.format(0, "42e01f"), False),
        (H264.format(1, "42001f"), False),
        (H264.format(1, "64001f"), False),
        ("profile-level-id=nonsense", False),
    ],
)
def test_a_subscriber_answers_the_variant_it_was_offered(parameters: str, *, taken: bool) -> None:
    result = subscribed(chosen("chrome", 108), parameters=parameters)
    assert len(result.accepted) == int(taken)
    assert [refused.reason for refused in result.refused] == ([] if taken else [Refusal.NO_CODEC])


def test_a_refusal_names_track_and_codec() -> None:
    audio, *_ = published("chrome")
    result = subscribed(chosen("chrome", 108), audio, parameters=H264.format(1, "64001f"))
    assert [accepted.track for accepted in result.accepted] == [audio]
    assert result.refused[0].explanation == (
        "track pub7-2, video in H264 (level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f): "
        "the subscriber does not take the codec"
    )


@pytest.mark.parametrize(("payload_type", "passed"), [(96, False), (102, False), (45, True), (98, True)])
def test_the_dependency_descriptor_goes_with_scalable_codecs(payload_type: int, *, passed: bool) -> None:
    track = chosen("chrome", payload_type)
    assert (HeaderExtension.DEPENDENCY_DESCRIPTOR in track.parameters.extensions) is passed
    assert track.parameters.extensions[HeaderExtension.VIDEO_LAYERS_ALLOCATION] == 9
    forward = subscribed(track).accepted[0].forward
    assert (HeaderExtension.DEPENDENCY_DESCRIPTOR in forward.extensions) is passed
    # It speaks of layers a subscriber does not get.
    assert HeaderExtension.VIDEO_LAYERS_ALLOCATION not in forward.extensions


@pytest.mark.parametrize(
    ("name", "payload_types", "accepted"),
    [
        (
            "wrtc_codecs",
            (96, 98, 45),
            {"opus": (111, None, 63), "VP8": (96, 97, None), "VP9": (98, 99, None), "AV1": (45, 46, None)},
        ),
        ("werift_codecs", (96, 98, 108, 45), {"opus": (111, None, None), "VP8": (96, None, None)}),
    ],
)
def test_captured_answers(
    name: str, payload_types: tuple[int, ...], accepted: dict[str, tuple[int, int | None, int | None]]
) -> None:
    tracks = [published("chrome", EVERYTHING)[0], *(chosen("chrome", number) for number in payload_types)]
    named = [replace(track, track_id=f"t{number}") for number, track in enumerate(tracks)]
    offer = offer_subscription(named, LOCAL, ssrcs(), data=True)
    result = read_subscription_answer(offer, captured_answer(name))
    assert {
        each.track.parameters.codec: (
            each.forward.payload_type,
            each.forward.rtx_payload_type,
            each.forward.red_payload_type,
        )
        for each in result.accepted
    } == accepted
    assert {refused.reason for refused in result.refused} <= {Refusal.REJECTED}
    assert result.data == DataChannels(str(len(tracks)), 5000, 65536)


# Redundant audio


@pytest.mark.parametrize(
    ("name", "red"), [("chrome", 63), ("safari", 63), ("wrtc", 63), ("firefox", None), ("pion", None)]
)
def test_redundancy_is_kept_beside_opus(name: str, red: int | None) -> None:
    track = published(name, EVERYTHING)[0]
    assert (track.parameters.codec, track.parameters.red_payload_type) == ("opus", red)
    result = subscribed(track)
    assert [payload.name for payload in result.negotiation.offer.media[0].payloads] == (
        ["opus"] if red is None else ["opus", "red"]
    )
    assert result.accepted[0].forward.red_payload_type == red


def test_redundancy_keeps_its_place_in_the_offer() -> None:
    offer = preferring(captured_offer("chrome"), "audio", 63)
    negotiation = publish(offer, capabilities=EVERYTHING)
    assert negotiation.tracks[0].parameters.payload_type == 111
    assert negotiation.answer.media[0].formats == ("63", "111")
    assert "a=fmtp:63 111/111\r\n" in negotiation.answer_text


@pytest.mark.parametrize("blocks", ["111/111/111", "0/111", "", "111/9", "63/63"])
def test_redundancy_of_something_else_is_none(blocks: str) -> None:
    line = f"a=fmtp:63 {blocks}\r\n" if blocks else ""
    offer = captured_offer("chrome").replace("a=fmtp:63 111/111\r\n", line)
    red = publish(offer, capabilities=EVERYTHING).tracks[0].parameters.red_payload_type
    assert red == (63 if blocks == "111/111/111" else None)


def test_a_subscriber_gets_redundancy_only_when_it_answers_it() -> None:
    track = published("chrome", EVERYTHING)[0]
    negotiation = offer_subscription([track], LOCAL, ssrcs())
    without = edit_section(0, lambda section: replace(section, formats=("111",), payloads=section.payloads[:1]))
    text = write_session_description(without(answer(negotiation.offer_text)))
    assert read_subscription_answer(negotiation, text).accepted[0].forward.red_payload_type is None


def test_other_codecs_have_no_redundancy() -> None:
    assert chosen("chrome", 0, "audio").parameters.red_payload_type is None


def test_what_a_publisher_may_not_send_is_not_in_its_answer() -> None:
    for name in ("chrome", "firefox", "safari", "pion", "aiortc", "wrtc"):
        description = read_description(publish(captured_offer(name), capabilities=EVERYTHING).answer_text)
        for section in description.media:
            names = [payload.name.lower() for payload in section.payloads]
            assert len([each for each in names if each not in ("rtx", "red")]) == (1 if section.is_rtp else 0)
