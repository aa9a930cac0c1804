"""Layers of a publisher's section: by rid, by SSRC group, too many, and over renegotiations."""

from dataclasses import replace

import pytest

from rheon_engine.types import Encoding, HeaderExtension
from rheon_media_node.negotiation import EVERYTHING, InvalidDescriptionError, PublishNegotiation, read_description
from rheon_media_node.sdp import (
    Direction,
    MediaSection,
    Rid,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
    write_session_description,
)
from tests.support.session_descriptions import captured_offer
from tests.unit.media_node.negotiation.peer import RESTARTED, edit_section, edited, publish

Q, H, F = Rid("q", "recv"), Rid("h", "recv"), Rid("f", "recv")
LAYERS = (Encoding(rid="q"), Encoding(rid="h"), Encoding(rid="f"))


def answered(offer: str, previous: PublishNegotiation | None = None) -> PublishNegotiation:
    return publish(offer, previous, capabilities=EVERYTHING)


def with_simulcast(rids: tuple[str, ...], simulcast: str, name: str = "chrome") -> str:
    """The captured offer with other a=rid lines and another a=simulcast line in its camera's section."""
    offer = captured_offer(name)
    head, rest = offer.split("a=rid:q send\r\n")
    tail = rest.split("a=simulcast:send q;h;f\r\n")[1]
    lines = "".join(f"a=rid:{rid}\r\n" for rid in rids) + f"a=simulcast:{simulcast}\r\n"
    return head + lines + tail


def layers(negotiation: PublishNegotiation) -> tuple[Encoding, ...]:
    return negotiation.tracks[1].parameters.encodings


@pytest.mark.parametrize("name", ["chrome", "firefox", "wrtc"])
def test_three_layers_are_accepted(name: str) -> None:
    negotiation = answered(captured_offer(name))
    camera = negotiation.tracks[1]
    assert camera.parameters.encodings == LAYERS
    assert {HeaderExtension.RID, HeaderExtension.REPAIRED_RID} <= camera.parameters.extensions.keys()
    section = read_description(negotiation.answer_text).media[1]
    assert section.rids == (Q, H, F)
    assert section.simulcast == Simulcast(recv=((SimulcastRid("q"),), (SimulcastRid("h"),), (SimulcastRid("f"),)))
    assert section.direction is Direction.RECVONLY


@pytest.mark.parametrize("name", ["chrome", "firefox"])
def test_sections_without_simulcast_are_as_before(name: str) -> None:
    negotiation = answered(captured_offer(name))
    screen = negotiation.tracks[2]
    assert len(screen.parameters.encodings) == 1
    assert screen.parameters.encodings[0].ssrc is not None
    assert negotiation.answer.media[2].simulcast is None
    assert HeaderExtension.RID not in screen.parameters.extensions


def test_the_order_is_that_of_the_list() -> None:
    negotiation = answered(with_simulcast(("q send", "h send", "f send"), "send f;q;h"))
    assert [encoding.rid for encoding in layers(negotiation)] == ["f", "q", "h"]
    assert "a=simulcast:recv f;q;h\r\n" in negotiation.answer_text


def test_paused_layers_are_layers_and_stay_paused() -> None:
    negotiation = answered(with_simulcast(("q send", "h send", "f send"), "send q;~h;f"))
    assert layers(negotiation) == LAYERS
    assert "a=simulcast:recv q;~h;f\r\n" in negotiation.answer_text
    resumed = answered(captured_offer("chrome"), negotiation)
    assert resumed.unchanged == negotiation.tracks


def test_restrictions_are_kept_as_they_are() -> None:
    rids = ("q send pt=96,45;max-width=320;depend=x", "h send max-fps=15", "f send")
    negotiation = answered(with_simulcast(rids, "send q;h;f"))
    assert layers(negotiation) == LAYERS
    for line in ("a=rid:q recv pt=96;max-width=320;depend=x", "a=rid:h recv max-fps=15", "a=rid:f recv"):
        assert f"{line}\r\n" in negotiation.answer_text


@pytest.mark.parametrize(
    ("rids", "simulcast", "expected"),
    [
        (("q send", "h send", "f send"), "send q,h;f", ["q", "f"]),  # the first alternative
        (("q send pt=45", "h send pt=96", "f send"), "send q,h;f", ["h", "f"]),  # that may carry the codec
        (("q send", "h send"), "send q;h;f", ["q", "h"]),  # f is not described
        (("q send", "h recv"), "send q;h recv h", ["q"]),
        (("q send", "h send"), "send q;q;h", ["q", "h"]),
        (("a-1 send", "b_2 send"), "send a-1;b_2", ["a-1", "b_2"]),
        (("1 send", "2 send"), "send rid=1;2", ["1", "2"]),  # as drafts wrote it
    ],
)
def test_which_streams_become_layers(rids: tuple[str, ...], simulcast: str, expected: list[str]) -> None:
    negotiation = answered(with_simulcast(rids, simulcast))
    assert [encoding.rid for encoding in layers(negotiation)] == expected
    section = negotiation.answer.media[1]
    assert [rid.id for rid in section.rids] == expected


@pytest.mark.parametrize(
    ("rids", "simulcast"),
    [
        (tuple(f"{rid} send" for rid in "abcd"), "send a;b;c;d"),
        ((), "send q;h;f"),
        (("q recv",), "send q"),
        (("q" * 17 + " send",), "send " + "q" * 17),
        (("q.1 send",), "send q.1"),
        (("q send",), "recv q"),
    ],
)
def test_what_is_no_simulcast_of_ours_is_one_layer(rids: tuple[str, ...], simulcast: str) -> None:
    negotiation = answered(with_simulcast(rids, simulcast))
    assert layers(negotiation) == (Encoding(),)
    section = negotiation.answer.media[1]
    assert (section.rids, section.simulcast) == ((), None)
    assert HeaderExtension.RID not in negotiation.tracks[1].parameters.extensions
    # Chromium lists declined rids again, and cannot apply that offer without the extension.
    assert HeaderExtension.RID.value in {extension.uri for extension in section.extensions}


def test_rids_that_no_packet_could_carry_are_declined() -> None:
    offer = captured_offer("chrome").replace("a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n", "")
    assert layers(answered(offer)) == (Encoding(),)
    firefox = captured_offer("firefox").replace("9/sendonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", "9 urn:x")
    assert layers(answered(firefox)) == (Encoding(ssrc=3446335409, rtx_ssrc=1009270267),)


def test_a_silent_section_keeps_its_layers() -> None:
    first = answered(captured_offer("chrome"))
    silent = answered(captured_offer("chrome").replace("a=sendonly", "a=inactive"), first)
    assert [track.mid for track in silent.tracks] == ["0", "2"]
    section = silent.answer.media[1]
    assert section.direction is Direction.INACTIVE
    assert section.rids == (Q, H, F)
    back = answered(captured_offer("chrome"), silent)
    assert [(track.track_id, track.parameters.encodings) for track in back.added] == [("pub7-4", LAYERS)]


@pytest.mark.parametrize("name", ["chrome", "firefox", "wrtc"])
def test_an_ice_restart_leaves_layers_and_data_alone(name: str) -> None:
    first = answered(captured_offer(name))
    ice = first.remote.ice
    offer = captured_offer(name).replace(ice.ufrag, "anew").replace(ice.pwd, "p" * 24)
    again = publish(offer, first, RESTARTED, capabilities=EVERYTHING)
    assert again.ice_restarted
    assert again.unchanged == first.tracks
    assert again.data == first.data is not None
    assert [section.ice_ufrag for section in again.answer.media] == ["anew"] * len(again.answer.media)
    assert again.answer.media[1].simulcast == first.answer.media[1].simulcast


def test_other_layers_are_another_track() -> None:
    first = answered(captured_offer("chrome"))
    fewer = answered(with_simulcast(("q send", "h send"), "send q;h"), first)
    assert fewer.removed == (first.tracks[1],)
    assert [len(track.parameters.encodings) for track in fewer.added] == [2]


def test_a_source_learnt_by_mid_does_not_become_layers() -> None:
    first = answered(with_simulcast((), "recv q"))
    assert layers(first) == (Encoding(),)
    again = answered(captured_offer("chrome"), first)
    assert again.removed == (first.tracks[1],)
    assert [track.parameters.encodings for track in again.added] == [LAYERS]


# Layers by source, as munged offers have them


def grouped(*ssrcs: int, sim: tuple[int, ...] | None = None, repaired: bool = True) -> str:
    """Safari's offer with these sources in its video section, each repaired by the next number."""

    def change(section: MediaSection) -> MediaSection:
        pairs = tuple(SsrcGroup("FID", (ssrc, ssrc + 1)) for ssrc in ssrcs) if repaired else ()
        return replace(
            section,
            ssrc_groups=(SsrcGroup("SIM", ssrcs if sim is None else sim), *pairs),
            ssrc_attributes=tuple(
                SsrcAttribute(number, "cname", "x") for ssrc in ssrcs for number in (ssrc, ssrc + 1)[: 1 + repaired]
            ),
        )

    return edited(captured_offer("safari"), edit_section(1, change))


def test_layers_of_an_ssrc_group() -> None:
    negotiation = answered(grouped(10, 20, 30))
    assert layers(negotiation) == (
        Encoding(ssrc=10, rtx_ssrc=11),
        Encoding(ssrc=20, rtx_ssrc=21),
        Encoding(ssrc=30, rtx_ssrc=31),
    )
    assert negotiation.answer.media[1].simulcast is None
    assert answered(grouped(10, 20, 30), negotiation).unchanged == negotiation.tracks


@pytest.mark.parametrize(
    ("ssrcs", "sim", "expected"),
    [
        ((10, 20, 30), (30, 10, 20), (30, 10, 20)),
        ((10, 20, 30, 40), None, (10, 20, 30)),
        ((10, 20), (10, 20, 99), (10, 20)),  # 99 is not declared
        ((10, 20), (10, 10, 0), (10,)),
        ((10, 20), (98, 99), (10,)),
    ],
)
def test_what_an_ssrc_group_makes_of_its_sources(
    ssrcs: tuple[int, ...], sim: tuple[int, ...] | None, expected: tuple[int, ...]
) -> None:
    encodings = layers(answered(grouped(*ssrcs, sim=sim, repaired=False)))
    assert tuple(encoding.ssrc for encoding in encodings) == expected


def test_one_source_is_in_one_section() -> None:
    description = read_description(grouped(10, 20, 30))
    audio = replace(description.media[0], ssrc_attributes=(SsrcAttribute(20, "cname", "x"),))
    text = write_session_description(replace(description, media=(audio, description.media[1])))
    with pytest.raises(InvalidDescriptionError, match="SSRC 20"):
        answered(text)
    assert layers(answered(grouped(10, 11))) == (Encoding(ssrc=10, rtx_ssrc=11),)


def test_rids_are_the_layers_where_sources_are_declared_too() -> None:
    assert layers(answered(captured_offer("firefox"))) == LAYERS
