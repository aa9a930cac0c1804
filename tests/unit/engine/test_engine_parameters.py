"""What callers may give the engine, and what it says of the rest."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from rheon_engine.engine import Engine
from rheon_engine.errors import EngineClosed, EngineStartError, InvalidParameters
from rheon_engine.types import (
    Encoding,
    ForwardParameters,
    HeaderExtension,
    IceCredentials,
    SrtpProfile,
    TrackParameters,
)

ICE = IceCredentials("ours", "p" * 22)
TRACK = TrackParameters(
    kind="video", mid="0", codec="VP8", payload_type=96, clock_rate=90000, encodings=(Encoding(ssrc=1),), cname="c"
)
FORWARD = ForwardParameters(mid="0", ssrc=2, payload_type=97)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    with Engine(bind="127.0.0.1", port=0) as engine:
        yield engine


@pytest.mark.parametrize(
    "arguments",
    [
        {"workers": 0},
        {"workers": 129},
        {"workers": -1},
        {"port": 65536},
        {"port": -1},
        {"bind": []},
        {"bind": "localhost"},
        {"bind": ["127.0.0.1"], "announced": ["::1"]},
        {"announced": ["nowhere"]},
        {"segmentation": "sometimes"},
    ],
)
async def test_an_engine_that_cannot_be_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameters):
        Engine(**{"bind": "127.0.0.1", "port": 0, **arguments})


async def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(EngineStartError, match="cannot open media sockets"):
        Engine(bind="192.0.2.1", port=0)


async def test_a_busy_port_takes_the_next_free_block() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        with Engine(bind="127.0.0.1", port=port, workers=2) as engine:
            first, second = engine.candidates(0)[0].port, engine.candidates(1)[0].port
        assert first > port
        assert second == first + 1


@pytest.mark.parametrize(
    "ice",
    [IceCredentials("abc", "p" * 22), IceCredentials("a-bc", "p" * 22), IceCredentials("abcd", "p" * 21)],
)
async def test_credentials_have_the_form_of_rfc_8839(engine: Engine, ice: IceCredentials) -> None:
    with pytest.raises(InvalidParameters, match="ICE"):
        engine.add_transport(ice=ice)
    with pytest.raises(InvalidParameters, match="ICE"):
        engine.add_transport(ice=ICE).set_ice(ice)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "text"},
        {"codec": "opus"},
        {"codec": "H263"},
        {"codec": "PCMU"},
        {"red_payload_type": 128},
        {"mid": ""},
        {"mid": "m" * 17},
        {"payload_type": 128},
        {"payload_type": -1},
        {"rtx_payload_type": 200},
        {"clock_rate": 0},
        {"clock_rate": 1 << 40},
        {"encodings": ()},
        {"encodings": (Encoding(),) * 9},
        {"encodings": (Encoding(ssrc=1 << 32),)},
        {"encodings": (Encoding(rid="r" * 17),)},
        {"cname": ""},
        {"cname": "c" * 256},
        {"extensions": {HeaderExtension.MID: 0}},
        {"extensions": {HeaderExtension.MID: 256}},
        {"extensions": {"urn:unknown": 1}},
    ],
)
async def test_impossible_tracks_are_refused(engine: Engine, change: dict[str, Any]) -> None:
    transport = engine.add_transport(ice=ICE)
    with pytest.raises(InvalidParameters):
        transport.add_track(replace(TRACK, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"ssrc": -1},
        {"payload_type": 128},
        {"mid": ""},
        {"rtx_ssrc": 1},
        {"rtx_payload_type": 1},
        {"extensions": {HeaderExtension.TRANSPORT_CC: 256}},
    ],
)
async def test_impossible_forwards_are_refused(engine: Engine, change: dict[str, Any]) -> None:
    transport = engine.add_transport(ice=ICE)
    track = transport.add_track(TRACK)
    with pytest.raises(InvalidParameters):
        transport.add_forward(track, replace(FORWARD, **change))


@pytest.mark.parametrize(
    ("profile", "length"), [("AEAD_AES_128_GCM", 28), ("AEAD_AES_256_GCM", 44), ("AES128_CM_SHA1_80", 30)]
)
async def test_srtp_keys_have_the_length_of_their_profile(engine: Engine, profile: SrtpProfile, length: int) -> None:
    transport = engine.add_transport(ice=ICE)
    transport.set_srtp(profile, bytes(length), bytes(length))
    with pytest.raises(InvalidParameters, match=f"{length} bytes"):
        transport.set_srtp(profile, bytes(length), bytes(length - 1))
    with pytest.raises(InvalidParameters, match="not known"):
        transport.set_srtp(cast("SrtpProfile", "NULL"), b"", b"")


async def test_dtls_datagrams_and_layers_have_bounds(engine: Engine) -> None:
    transport = engine.add_transport(ice=ICE)
    for datagram in (b"", bytes(4097)):
        with pytest.raises(InvalidParameters, match="DTLS"):
            transport.send_dtls(datagram)
    forward = transport.add_forward(transport.add_track(TRACK), FORWARD)
    for spatial, temporal in ((-1, 0), (0, 8)):
        with pytest.raises(InvalidParameters):
            forward.set_layers(spatial=spatial, temporal=temporal)


async def test_transports_go_to_the_least_loaded_worker() -> None:
    with Engine(bind="127.0.0.1", port=0, workers=3) as engine:
        transports = [engine.add_transport(ice=IceCredentials(f"ufr{n}", "p" * 22)) for n in range(6)]
        assert [transport.worker for transport in transports] == [0, 1, 2, 0, 1, 2]
        assert {transport.candidates for transport in transports} == {engine.candidates(n) for n in range(3)}
        transports[1].close()
        assert engine.add_transport(ice=ICE).worker == 1
        with pytest.raises(InvalidParameters):
            engine.add_transport(ice=ICE, worker=3)


async def test_a_closed_engine_says_so() -> None:
    engine = Engine(bind="127.0.0.1", port=0)
    transport = engine.add_transport(ice=ICE)
    track = transport.add_track(TRACK)
    events = asyncio.create_task(anext(engine.events(), None))
    await asyncio.sleep(0)
    engine.close()
    engine.close()
    assert await events is None
    with pytest.raises(EngineClosed):
        engine.add_transport(ice=ICE)
    with pytest.raises(EngineClosed):
        transport.add_forward(track, FORWARD)
    with pytest.raises(EngineClosed):
        await engine.stats()
    track.remove()
    transport.close()


@pytest.mark.parametrize(
    ("kind", "codec"),
    [
        ("audio", "opus"),
        ("audio", "PCMU"),
        ("audio", "PCMA"),
        ("video", "VP8"),
        ("video", "VP9"),
        ("video", "H264"),
        ("video", "H265"),
        ("video", "AV1"),
    ],
)
async def test_every_codec_and_extension_is_taken_and_a_track_can_be_muted(
    engine: Engine, kind: Any, codec: Any
) -> None:
    transport = engine.add_transport(ice=ICE)
    extensions = {extension: number for number, extension in enumerate(HeaderExtension, 1)}
    track = transport.add_track(replace(TRACK, kind=kind, codec=codec, extensions=extensions, red_payload_type=63))
    track.set_muted(True)
    track.set_muted(False)
    assert (await engine.stats()).workers[0].tables["tracks"] == 1
