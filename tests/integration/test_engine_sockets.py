"""The engine's sockets, descriptors and threads as the system sees them."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rheon_engine.engine import Engine
from rheon_engine.types import DtlsReceived, EventsLost
from tests.support.engine_peer import Peer, close_peers, eventually

DTLS = bytes([22, 254, 253]) + bytes(10)
"""Header of a handshake record (RFC 6347 §4.1)."""


@pytest.fixture(autouse=True)
async def _peers() -> AsyncIterator[None]:
    yield
    close_peers()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def threads() -> list[str]:
    return sorted(path.joinpath("comm").read_text().strip() for path in Path("/proc/self/task").iterdir())


@pytest.mark.parametrize("workers", [1, 3])
async def test_close_gives_back_descriptors_and_threads(workers: int) -> None:
    before = descriptors(), threads()
    for _ in range(3):
        with Engine(bind=["127.0.0.1", "::1"], port=0, workers=workers) as engine:
            await engine.stats()
            assert threads() == sorted([*before[1], *(f"rheon-engine-{n}" for n in range(workers))])
        assert (descriptors(), threads()) == before


async def test_an_idle_engine_sleeps() -> None:
    with Engine(bind="127.0.0.1", port=0, workers=2) as engine:
        await engine.stats()

        def switches() -> int:
            total = 0
            for task in Path("/proc/self/task").iterdir():
                if task.joinpath("comm").read_text().startswith("rheon-engine"):
                    lines = task.joinpath("status").read_text().splitlines()
                    total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
            return total

        before = switches()
        await asyncio.sleep(0.5)
        assert switches() - before < 20


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_dtls_goes_up_and_down_over_either_family(address: str) -> None:
    with Engine(bind=address, port=0) as engine:
        peer, transport = await Peer.join(engine)
        hello = DTLS + b"hello"
        peer.send(hello)
        async for event in engine.events():
            if isinstance(event, DtlsReceived):
                assert event == DtlsReceived(transport.id, hello)
                break
        transport.send_dtls(hello)
        await peer.until(lambda: hello in peer.dtls)
        peer.close()


async def test_replies_on_a_wildcard_socket_come_from_the_address_asked() -> None:
    with Engine(bind="0.0.0.0", port=0, announced=["127.0.0.9"]) as engine:  # noqa: S104
        sources: list[tuple[str, int]] = []

        class Listening(Peer):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                sources.append(addr)
                super().datagram_received(data, addr)

        peer, transport = await Listening.join(engine)
        assert sources == [("127.0.0.9", transport.candidates[0].port)]
        peer.close()


async def test_garbage_is_counted_and_changes_nothing() -> None:
    generator = random.Random(7)
    with Engine(bind="127.0.0.1", port=0) as engine:
        peer, transport = await Peer.join(engine)
        stranger, other = await Peer.open(engine)
        other.close()
        before = (await engine.stats()).workers[0]
        sent = 0
        for first in range(256):
            for length in (1, 2, 11, 12, 20, 100, 1500, 1501, 4097):
                datagram = bytes([first]) + generator.randbytes(length - 1)
                peer.send(datagram)
                stranger.send(datagram)
                sent += 2
            await asyncio.sleep(0)

        async def all_received() -> bool:
            return (await engine.stats()).workers[0].packets_received >= before.packets_received + sent

        await eventually(all_received)
        after = (await engine.stats()).workers[0]
        assert after.tables == {**before.tables, "transports": 1}
        assert after.drops["panic"] == after.drops["escaped-panic"] == 0
        dropped = sum(after.drops.values()) - sum(before.drops.values())
        # Of the known peer, first bytes 20 to 63 with at least a record header are DTLS, which goes up.
        dtls = 44 * 4
        assert dropped == sent - dtls
        answers = len(peer.stun)
        peer.check()
        await peer.until(lambda: len(peer.stun) > answers)
        assert not stranger.stun
        transport.close()
        peer.close()
        stranger.close()


async def test_a_stranger_gets_no_answer_without_the_password() -> None:
    with Engine(bind="127.0.0.1", port=0) as engine:
        peer, _ = await Peer.open(engine)
        peer.check(password="x" * 24)

        async def counted() -> bool:
            return (await engine.stats()).workers[0].drops["stun-integrity"] == 1

        await eventually(counted)
        peer.check()
        await peer.until(lambda: bool(peer.stun))
        assert len(peer.stun) == 1
        peer.close()


async def test_a_flood_of_dtls_nobody_takes_is_bounded_and_reported() -> None:
    with Engine(bind="127.0.0.1", port=0) as engine:
        peer, transport = await Peer.join(engine)
        for n in range(6000):
            peer.send(DTLS + n.to_bytes(4, "big"))
            if n % 50 == 0:
                await asyncio.sleep(0)
        await engine.stats()
        kept, lost = 0, 0
        async with asyncio.timeout(10):
            async for event in engine.events():
                kept += isinstance(event, DtlsReceived)
                if isinstance(event, EventsLost):
                    lost += event.count
                    break
        assert 0 < kept <= 4096
        assert lost > 0
        transport.close()
        peer.close()
