"""What is switched on, the engine takes; what is off, no answer agrees to."""

from dataclasses import replace

import pytest

from rheon_engine.engine import Engine
from rheon_engine.types import Encoding, ForwardParameters, IceCredentials, TrackParameters
from rheon_media_node.negotiation import EVERYTHING, SUPPORTED, Capabilities, NoCommonCodecError, read_description
from rheon_media_node.negotiation.codecs import CODECS, CodecRow
from tests.support.session_descriptions import captured_offer
from tests.unit.media_node.negotiation.peer import publish

NOTHING = Capabilities(frozenset(), frozenset(), red=False, simulcast=False, data_channels=False)


async def test_the_engine_takes_all_that_is_switched_on() -> None:
    with Engine(bind="127.0.0.1", port=0) as engine:
        transport = engine.add_transport(ice=IceCredentials("ours", "p" * 22))
        extensions = {extension: number for number, extension in enumerate(sorted(SUPPORTED.extensions), start=1)}
        rids = ("q", "h", "f") if SUPPORTED.simulcast else ("q",)
        for number, row in enumerate(row for row in CODECS if row.name in SUPPORTED.codecs):
            track = transport.add_track(
                TrackParameters(
                    kind=row.kind,
                    mid=str(number),
                    codec=row.name,
                    payload_type=row.payload_type,
                    clock_rate=row.clock_rate,
                    encodings=tuple(Encoding(rid=rid) for rid in rids),
                    cname="c",
                    rtx_payload_type=row.rtx_payload_type,
                    red_payload_type=row.red_payload_type if SUPPORTED.red else None,
                    extensions=extensions,
                )
            )
            transport.add_forward(
                track, ForwardParameters(str(number), 100 + number, row.payload_type, extensions=extensions)
            )


@pytest.mark.parametrize("name", ["chrome", "firefox", "safari", "wrtc"])
@pytest.mark.parametrize("row", CODECS, ids=lambda row: row.name)
def test_codecs_that_are_off_are_passed_over(name: str, row: CodecRow) -> None:
    without = replace(EVERYTHING, codecs=frozenset(codec.name for codec in CODECS if codec is not row))
    negotiation = publish(captured_offer(name), capabilities=without)
    assert {track.parameters.codec for track in negotiation.tracks} <= without.codecs
    assert [track.kind for track in negotiation.tracks[:2]] == ["audio", "video"]


@pytest.mark.parametrize("name", ["chrome", "firefox", "wrtc"])
def test_features_that_are_off_are_not_agreed_to(name: str) -> None:
    basic = replace(EVERYTHING, red=False, simulcast=False, data_channels=False, extensions=frozenset())
    negotiation = publish(captured_offer(name), capabilities=basic)
    assert negotiation.data is None
    for track in negotiation.tracks:
        assert len(track.parameters.encodings) == 1
        assert track.parameters.red_payload_type is None
        assert track.parameters.extensions == {}
        assert not track.parameters.transport_cc
    for section in read_description(negotiation.answer_text).media:
        assert (section.rids, section.simulcast, section.extensions) == ((), None, ())
        assert section.rejected is (section.kind == "application")


@pytest.mark.parametrize("name", ["chrome", "firefox", "ndc"])
def test_a_node_that_can_do_nothing_refuses(name: str) -> None:
    with pytest.raises(NoCommonCodecError):
        publish(captured_offer(name), capabilities=NOTHING)
