"""Data channels on both legs: every client's way to ask for them, and answers of every kind."""

from dataclasses import replace
from typing import Any

import pytest

from rheon_media_node.negotiation import (
    EVERYTHING,
    DataChannels,
    InvalidDescriptionError,
    NoCommonCodecError,
    NothingToOfferError,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.negotiation.slots import MAX_SLOTS
from rheon_media_node.sdp import Attribute, Setup, write_session_description
from tests.support.session_descriptions import captured_answer, captured_offer
from tests.unit.media_node.negotiation.peer import (
    LOCAL,
    RESTARTED,
    Change,
    answer,
    edit_section,
    edited,
    publish,
    published,
    ssrcs,
)

AUDIO, VIDEO = published("safari")
OLD_STYLE = {
    "protocol": "DTLS/SCTP",
    "formats": ("5005",),
    "sctp_port": None,
    "attributes": (Attribute("sctpmap", "5005 webrtc-datachannel 256"),),
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("aiortc", DataChannels("2", 5000, 262144)),
        ("chrome", DataChannels("3", 5000, 262144)),
        ("firefox", DataChannels("3", 5000, 1073741823)),
        ("ndc", DataChannels("0", 5000, 262144)),
        ("pion", DataChannels("2", 5000, 65536)),
        ("safari", None),
        ("werift", DataChannels("0", 5000, 65536)),
        ("wrtc", DataChannels("2", 5000, 262144)),
    ],
)
def test_each_client_is_granted_data_channels(name: str, data: DataChannels | None) -> None:
    negotiation = publish(captured_offer(name), capabilities=EVERYTHING)
    assert negotiation.data == data
    if data is None:
        return
    answer = read_description(negotiation.answer_text)
    section = next(section for section in answer.media if section.kind == "application")
    assert (section.protocol, section.formats) == ("UDP/DTLS/SCTP", ("webrtc-datachannel",))
    assert (section.sctp_port, section.max_message_size, section.port) == (5000, 65536, 40000)
    assert (section.mid, section.setup, section.ice_ufrag) == (data.mid, Setup.PASSIVE, "ours")
    assert section.mid in answer.bundle
    assert bool(section.candidates) is (len(answer.media) == 1)
    again = publish(captured_offer(name), negotiation, capabilities=EVERYTHING)
    assert again.data == data


def data_offer(**values: Any) -> str:
    return edited(captured_offer("ndc"), edit_section(0, lambda section: replace(section, **values)))


@pytest.mark.parametrize(
    ("values", "data"),
    [
        ({"sctp_port": None}, DataChannels("0", 5000, 262144)),
        ({"sctp_port": 6000, "max_message_size": 0}, DataChannels("0", 6000, 0)),
        ({"max_message_size": None}, DataChannels("0", 5000, 65536)),
        ({"protocol": "TCP/DTLS/SCTP"}, DataChannels("0", 5000, 262144)),
        (OLD_STYLE, DataChannels("0", 5005, 262144)),
        ({"protocol": "DTLS/SCTP"}, DataChannels("0", 5000, 262144)),
    ],
)
def test_ways_to_ask(values: dict[str, Any], data: DataChannels) -> None:
    assert publish(data_offer(**values), capabilities=EVERYTHING).data == data


@pytest.mark.parametrize(
    "values",
    [
        {"sctp_port": 0},
        {"port": 0},
        {"protocol": "UDP/BFCP"},
        {"formats": ("t38",)},
        {"protocol": "UDP/TLS/RTP/SAVPF", "formats": ("96",)},
        OLD_STYLE | {"attributes": ()},
        OLD_STYLE | {"attributes": (Attribute("sctpmap", "5005 t38 1"),)},
        OLD_STYLE | {"attributes": (Attribute("sctpmap", "7 webrtc-datachannel 1"),)},
        OLD_STYLE | {"formats": ("99999",), "attributes": (Attribute("sctpmap", "99999 webrtc-datachannel 1"),)},
        OLD_STYLE | {"formats": ("x",), "attributes": (Attribute("sctpmap", "x webrtc-datachannel"),)},
        OLD_STYLE | {"attributes": (Attribute("sctpmap"),)},
    ],
)
def test_what_is_not_about_data_channels_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(NoCommonCodecError):
        publish(data_offer(**values), capabilities=EVERYTHING)


def test_the_old_form_is_answered_in_kind() -> None:
    section = publish(data_offer(**OLD_STYLE), capabilities=EVERYTHING).answer.media[0]
    assert (section.protocol, section.formats, section.sctp_port) == ("DTLS/SCTP", ("5000",), None)
    assert section.attributes == (Attribute("sctpmap", "5000 webrtc-datachannel 1024"),)


def test_a_transport_has_one_association() -> None:
    def twice(description: Any) -> Any:
        (section,) = description.media
        group = replace(description.groups[0], mids=("0", "1"))
        return replace(description, groups=(group,), media=(section, replace(section, mid="1")))

    negotiation = publish(edited(captured_offer("ndc"), twice), capabilities=EVERYTHING)
    assert [section.rejected for section in negotiation.answer.media] == [False, True]
    assert negotiation.answer.bundle == ("0",)


def test_data_outside_the_bundle_is_refused() -> None:
    offer = captured_offer("chrome").replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2")
    negotiation = publish(offer, capabilities=EVERYTHING)
    assert negotiation.data is None
    assert negotiation.answer.media[3].rejected


def test_a_publisher_may_begin_with_data_and_end_it() -> None:
    first = publish(captured_offer("chrome"), capabilities=EVERYTHING)
    ended = edited(captured_offer("chrome"), edit_section(3, lambda section: replace(section, port=0)))
    without = publish(ended.replace("BUNDLE 0 1 2 3", "BUNDLE 0 1 2"), first, capabilities=EVERYTHING)
    assert without.data is None
    assert without.unchanged == first.tracks


def test_a_node_without_data_channels_refuses_them() -> None:
    assert publish(captured_offer("chrome")).data is None
    with pytest.raises(NoCommonCodecError):
        publish(captured_offer("ndc"))


# To subscribers

FIRST = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(), data=True)


def change_data(**values: Any) -> Change:
    return edit_section(2, lambda section: replace(section, **values))


def text(offer_text: str, change: Change = lambda description: description) -> str:
    return write_session_description(change(answer(offer_text)))


def test_data_channels_are_offered_when_asked_for() -> None:
    assert [section.kind for section in FIRST.offer.media] == ["audio", "video", "application"]
    section = read_description(FIRST.offer_text).media[2]
    assert (section.protocol, section.formats) == ("UDP/DTLS/SCTP", ("webrtc-datachannel",))
    assert (section.sctp_port, section.max_message_size) == (5000, 65536)
    assert FIRST.offer.bundle == ("0", "1", "2")
    assert FIRST.offers_data
    assert FIRST.tracks == (AUDIO, VIDEO)
    assert not offer_subscription([AUDIO], LOCAL, ssrcs()).offers_data
    alone = offer_subscription([], LOCAL, ssrcs(), data=True)
    assert alone.offer.media[0].candidates
    with pytest.raises(NothingToOfferError):
        offer_subscription([], LOCAL, ssrcs())


def test_a_subscriber_says_its_port_and_message_size() -> None:
    result = read_subscription_answer(FIRST, text(FIRST.offer_text, change_data(sctp_port=6000, max_message_size=1000)))
    assert result.data == DataChannels("2", 6000, 1000)
    assert len(result.accepted) == 2
    old = read_subscription_answer(FIRST, text(FIRST.offer_text, change_data(**OLD_STYLE)))
    assert old.data == DataChannels("2", 5005, 65536)


def test_the_section_keeps_its_place() -> None:
    answered = read_subscription_answer(FIRST, text(FIRST.offer_text)).negotiation
    screen = replace(VIDEO, track_id="pub7-9")
    for data in (True, False):
        more = offer_subscription([AUDIO, VIDEO, screen], LOCAL, ssrcs(5000), answered, data=data)
        assert [(section.kind, section.mid) for section in more.offer.media] == [
            ("audio", "0"),
            ("video", "1"),
            ("application", "2"),
            ("video", "3"),
        ]
        assert more.offers_data
    restarted = offer_subscription([], RESTARTED, ssrcs(5000), answered)
    assert restarted.offer.media[2].ice_ufrag == "anew"
    result = read_subscription_answer(restarted, write_session_description(answer(restarted.offer_text, ufrag="new1")))
    assert result.data == DataChannels("2", 5000, 65536)


def test_node_datachannel_s_answer() -> None:
    offer = offer_subscription([], LOCAL, ssrcs(), data=True)
    result = read_subscription_answer(offer, captured_answer("ndc_data"))
    assert result.data == DataChannels("0", 5000, 262144)
    assert result.remote is not None
    assert result.remote.setup is Setup.ACTIVE


def test_data_may_be_asked_for_later() -> None:
    answered = offer_subscription([AUDIO], LOCAL, ssrcs())
    answered = read_subscription_answer(answered, text(answered.offer_text)).negotiation
    later = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(5000), answered, data=True)
    assert [section.kind for section in later.offer.media] == ["audio", "video", "application"]


@pytest.mark.parametrize("values", [{"port": 0}, {"sctp_port": 0}, {"protocol": "UDP/BFCP"}])
def test_refused_data_is_not_offered_again_and_the_tracks_stand(values: dict[str, Any]) -> None:
    result = read_subscription_answer(FIRST, text(FIRST.offer_text, change_data(**values)))
    assert result.data is None
    assert len(result.accepted) == 2
    again = offer_subscription([AUDIO, VIDEO], LOCAL, ssrcs(5000), result.negotiation, data=True)
    assert again.offer.media[2].rejected
    assert again.offer.bundle == ("0", "1")
    assert not again.offers_data
    screen = replace(VIDEO, track_id="pub7-9")
    taken = offer_subscription([AUDIO, VIDEO, screen], LOCAL, ssrcs(6000), again, data=True)
    assert [(section.kind, section.mid) for section in taken.offer.media] == [
        ("audio", "0"),
        ("video", "1"),
        ("video", "3"),
    ]


def test_data_alone_connects() -> None:
    reject = edit_section(0, lambda section: replace(section, port=0))
    result = read_subscription_answer(
        FIRST, text(FIRST.offer_text, lambda description: edit_section(1, reject_video)(reject(description)))
    )
    assert result.remote is not None
    assert result.data is not None
    assert result.accepted == ()


def reject_video(section: Any) -> Any:
    return replace(section, port=0)


def test_data_in_a_track_s_place_is_no_answer() -> None:
    with pytest.raises(InvalidDescriptionError, match="application in the offer"):
        read_subscription_answer(FIRST, text(FIRST.offer_text, change_data(kind="audio")))


def test_a_full_connection_keeps_a_place_for_data() -> None:
    many = [replace(AUDIO, track_id=f"m{index}") for index in range(MAX_SLOTS)]
    with_data = offer_subscription(many, LOCAL, ssrcs(), data=True)
    assert with_data.offer.media[-1].kind == "application"
    assert with_data.left_out == (many[-1],)
    full = offer_subscription(many, LOCAL, ssrcs())
    assert not offer_subscription(many, LOCAL, ssrcs(9000), full, data=True).offers_data
