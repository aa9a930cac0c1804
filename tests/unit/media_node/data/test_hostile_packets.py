"""What peers may send over an authenticated connection: it ends their own association at most."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from aiortc import RTCDataChannel
from google_crc32c import value as crc32c

from rheon_media_node.data import Drop, limits
from rheon_media_node.data.packets import well_formed
from rheon_media_node.data.sctp import BoundedSctp
from rheon_media_node.negotiation import DataChannels
from tests.support.data_peer import until
from tests.unit.media_node.data.wire import Wire, World

_CHUNK_TYPES = (*range(16), 130, 192, 255)


def packet(tag: int, *chunks: bytes, ports: tuple[int, int] = (5000, 5000)) -> bytes:
    header = struct.pack("!HHL", *ports, tag)
    body = b"".join(chunk + bytes(-len(chunk) % 4) for chunk in chunks)
    return header + struct.pack("<L", crc32c(header + bytes(4) + body)) + body


def chunk(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("!BBH", kind, flags, len(body) + 4) + body


def data(tsn: int, *, stream: int = 0, sequence: int = 0, flags: int = 3, payload: bytes = b"x") -> bytes:
    return chunk(0, struct.pack("!LHHL", tsn % 2**32, stream, sequence, 51) + payload, flags)


class Attacker:
    """A publisher with a channel to a subscriber, and another such pair beside it that must not notice."""

    def __init__(self, world: World, mallory: Wire, chat: RTCDataChannel, bob: Wire) -> None:
        self.world, self.mallory, self.chat, self.bob = world, mallory, chat, bob
        assert mallory.association is not None
        self.association = mallory.association
        self.sctp: BoundedSctp = self.association._sctp

    @property
    def tag(self) -> int:
        return self.sctp._local_verification_tag

    @property
    def next_tsn(self) -> int:
        assert self.sctp._last_received_tsn is not None
        return self.sctp._last_received_tsn + 1

    def send(self, *chunks: bytes) -> None:
        self.association.receive(packet(self.tag, *chunks))

    async def others_go_on(self) -> None:
        before = len(self.bob.peer.messages["chat"])
        self.chat.send("alive")
        await until(lambda: len(self.bob.peer.messages["chat"]) == before + 1)


@pytest.fixture
async def attacker() -> AsyncIterator[Attacker]:
    async with World() as world:
        ada, bob = await world.publisher("ada"), await world.subscriber("ada")
        chat = await ada.peer.opened("chat")
        await until(lambda: "chat" in bob.peer.channels)
        mallory = await world.publisher("mallory")
        await mallory.peer.opened("theirs")
        yield Attacker(world, mallory, chat, bob)


@pytest.mark.parametrize("seed", range(4))
async def test_random_packets(attacker: Attacker, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(3000):
        body = dice.randbytes(dice.randrange(0, 60))
        if dice.random() < 0.5:
            attacker.send(*(chunk(dice.choice(_CHUNK_TYPES), dice.randbytes(dice.randrange(40))) for _ in range(3)))
        else:
            attacker.association.receive(body)
    await asyncio.sleep(0)
    assert attacker.world.hub.drops.total() > 0
    await attacker.others_go_on()


@pytest.mark.parametrize("seed", range(4))
async def test_damaged_copies_of_real_packets(attacker: Attacker, seed: int) -> None:
    dice = random.Random(seed)
    real: list[bytes] = []
    send: Callable[[bytes], None] = attacker.mallory.peer.send

    def tap(each: bytes) -> None:
        real.append(each)
        send(each)

    attacker.mallory.peer.reroute(tap)
    for number in range(20):
        attacker.mallory.peer.open(f"more {number}")
    await asyncio.sleep(0.05)
    assert real
    for _ in range(3000):
        damaged = bytearray(dice.choice(real))
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(12, len(damaged))] = dice.randrange(256)
        damaged[8:12] = struct.pack("<L", crc32c(bytes(damaged[:8]) + bytes(4) + bytes(damaged[12:])))
        attacker.association.receive(bytes(damaged))
    await attacker.others_go_on()


async def test_a_wrong_checksum_is_ignored(attacker: Attacker) -> None:
    good = packet(attacker.tag, chunk(6, b""))
    attacker.association.receive(good[:8] + bytes(4) + good[12:])
    assert not attacker.association.over
    attacker.association.receive(good)
    assert attacker.association.over


async def test_a_parameter_without_length_is_refused(attacker: Attacker) -> None:
    for kind in (4, 5, 6, 9, 130):
        attacker.send(chunk(kind, bytes(8)))
    assert attacker.world.hub.drops[Drop.MALFORMED] == 5
    await attacker.others_go_on()


async def test_huge_gaps_hold_nothing(attacker: Attacker) -> None:
    start = attacker.next_tsn
    for ahead in (limits.MAX_TSN_GAP + 1, 2**20, 2**31 - 5):
        attacker.send(data(start + ahead))
    assert attacker.world.hub.drops[Drop.TSN_GAP] == 3
    for ahead in range(1, 2 * limits.MAX_MISORDERED, 2):
        attacker.send(data(start + ahead, flags=0))
    for ahead in range(2 * limits.MAX_MISORDERED, 4 * limits.MAX_MISORDERED):
        attacker.send(data(start + ahead, flags=0))
    assert len(attacker.sctp._sack_misordered) == limits.MAX_MISORDERED
    assert attacker.mallory.longest <= 1200
    await attacker.others_go_on()


async def test_a_forward_over_a_huge_gap_is_ignored(attacker: Attacker) -> None:
    attacker.send(chunk(192, struct.pack("!L", (attacker.next_tsn + 2**20) % 2**32)))
    assert attacker.world.hub.drops[Drop.TSN_GAP] == 1
    streams = b"".join(struct.pack("!HH", stream, 1) for stream in range(1000))
    attacker.send(chunk(192, struct.pack("!L", attacker.next_tsn % 2**32) + streams))
    assert len(attacker.sctp._inbound_streams) <= limits.MAX_INBOUND_STREAMS
    await attacker.others_go_on()


async def test_data_on_every_stream_is_bounded(attacker: Attacker) -> None:
    for stream in range(1000):
        attacker.send(data(attacker.next_tsn, stream=stream))
    assert len(attacker.sctp._inbound_streams) == limits.MAX_INBOUND_STREAMS
    assert attacker.world.hub.drops[Drop.STREAMS] == 1000 - limits.MAX_INBOUND_STREAMS
    await attacker.others_go_on()


async def test_fragments_without_end_end_the_association(attacker: Attacker) -> None:
    for _ in range(limits.MAX_HELD_CHUNKS + 1):
        attacker.send(data(attacker.next_tsn, flags=0))
    assert attacker.association.over
    assert attacker.world.hub.drops[Drop.REASSEMBLY] == 1
    await attacker.others_go_on()


@pytest.mark.parametrize(
    "sack",
    [
        struct.pack("!LLHH", 0, 0, 1, 0) + struct.pack("!HH", 1, 65535),
        struct.pack("!LLHH", 1, 0, 0, 0),
        struct.pack("!LLHH", 0, 0, 1, 0) + struct.pack("!HH", 5, 2),
        struct.pack("!LLHH", 0, 0, 200, 0) + struct.pack("!HH", 1, 65535) * 200,
    ],
    ids=["acknowledges-what-was-never-sent", "ahead", "backwards", "repeated"],
)
async def test_false_acknowledgements_are_ignored(attacker: Attacker, sack: bytes) -> None:
    offset = struct.unpack_from("!L", sack)[0]
    cumulative = (attacker.sctp._local_tsn - 1 + offset) % 2**32
    attacker.send(chunk(3, struct.pack("!L", cumulative) + sack[4:]))
    assert attacker.world.hub.drops == {Drop.UNEXPECTED: 1}
    await attacker.others_go_on()


async def test_an_init_flood_changes_nothing(attacker: Attacker) -> None:
    before = attacker.sctp._last_received_tsn
    for number in range(1000):
        body = struct.pack("!LLHHL", number + 1, 100000, 10, 10, number)
        attacker.association.receive(packet(0, chunk(1, body)))
    assert attacker.world.hub.drops == {Drop.UNEXPECTED: 1000}
    assert attacker.sctp._last_received_tsn == before
    await attacker.others_go_on()


async def test_an_init_flood_before_the_association_is_bounded() -> None:
    async with World() as world:
        wire = Wire()
        world.wires.append(wire)
        sent: list[bytes] = []
        wire.send = sent.append  # type: ignore[method-assign, assignment]
        remote = world.hub.publish("m", wire, DataChannels("0", 5000, 65536), server=True)
        wire.association = remote
        for number in range(1000):
            body = struct.pack("!LLHHL", number + 1, 100000, 10, 10, number)
            remote.receive(packet(0, chunk(1, body)))
        assert len(sent) == 1 + limits.MAX_INITS


async def test_an_error_inside_ends_that_association_only(attacker: Attacker) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a fault of the implementation")

    attacker.sctp._get_inbound_stream = fail  # type: ignore[method-assign, assignment]
    attacker.send(data(attacker.next_tsn))
    assert attacker.association.over
    assert attacker.world.hub.drops == {Drop.FAULT: 1}
    attacker.send(data(1))
    assert attacker.world.hub.drops[Drop.NO_ASSOCIATION] == 1
    await attacker.others_go_on()


async def test_an_error_in_a_timer_ends_that_association_only(attacker: Attacker) -> None:
    def fail() -> None:
        raise AssertionError("a fault of the implementation")

    assert attacker.sctp._loop is not None
    attacker.sctp._loop.call_later(0, fail)
    await until(lambda: attacker.association.over)
    assert attacker.world.hub.drops == {Drop.FAULT: 1}
    await attacker.others_go_on()


async def test_strange_announcements_are_dropped(attacker: Attacker) -> None:
    def announce(stream: int, body: bytes) -> None:
        payload = struct.pack("!LHHL", attacker.next_tsn % 2**32, stream, 0, 50) + body
        attacker.send(chunk(0, payload, 7))

    announce(20, bytes([3, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0]) + b"short")
    announce(21, bytes([3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]) + b"\xff\xfe")
    announce(22, bytes([2]))
    announce(0, bytes([3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]) + b"x")
    assert attacker.world.hub.drops == {Drop.MALFORMED: 4}
    assert not attacker.association.over
    await attacker.others_go_on()


async def test_text_that_is_no_text_is_dropped(attacker: Attacker) -> None:
    (stream,) = attacker.sctp._data_channels
    attacker.send(data(attacker.next_tsn, stream=stream, payload=b"\xff\xfe", flags=7))
    assert attacker.world.hub.drops == {Drop.MALFORMED: 1}
    await attacker.others_go_on()


def test_a_packet_that_asks_for_many_answers_is_refused() -> None:
    assert well_formed(packet(1, *[chunk(4, b"")] * limits.MAX_CONTROL_CHUNKS))
    assert not well_formed(packet(1, *[chunk(4, b"")] * (limits.MAX_CONTROL_CHUNKS + 1)))
    assert not well_formed(packet(1, chunk(4, struct.pack("!HH", 1, 1200) + bytes(1196))))
