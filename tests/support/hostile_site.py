"""A gateway process and a media node process with a call between two that must never notice what others do."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import aiohttp
import grpc
import grpc.aio
from rheon.media.v1 import media_pb2 as pb
from rheon.media.v1 import media_pb2_grpc

from tests.integration.gateway.client import SECRET, Client, Message
from tests.support.hostile_peer import HostilePeer, Stranger
from tests.support.native_peer import SentTrack, tracks
from tests.support.processes import Service, running_gateway_process, running_media_node_process

PATIENCE = 20.0
"""Seconds to wait for what must come."""
_QUIET_ROOM = "quiet"
_PACKET_INTERVAL = 0.02
_CHUNK = 64
"""Datagrams of a flood on their way at once: far less than the node's socket holds, so that the kernel loses none."""


@dataclass
class Witness:
    """A call that goes on all the time. Every packet sent has to arrive, in order and numbered without a gap."""

    publisher: HostilePeer
    subscriber: HostilePeer
    tracks: tuple[SentTrack, ...]
    user: int
    _streams: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By the publisher's SSRC: the subscriber's, and how many packets were sent before it began."""

    async def begin(self) -> None:
        """Find which stream is which: each track alone, until it arrives."""
        for track in self.tracks:
            known = set(self.subscriber.core.sequences)
            async with asyncio.timeout(PATIENCE):
                while not (new := set(self.subscriber.core.sequences) - known):
                    self._send(track, key_frame=True)
                    await asyncio.sleep(_PACKET_INTERVAL)
            await asyncio.sleep(10 * _PACKET_INTERVAL)
            (ssrc,) = new
            received = len(self.subscriber.core.sequences[ssrc])
            self._streams[track.ssrc] = ssrc, self.publisher.core.sent(track.ssrc) - received

    async def stream(self) -> None:
        """Send until cancelled."""
        for number in itertools.count():
            for track in self.tracks:
                self._send(track, key_frame=number % 50 == 0)
            await asyncio.sleep(_PACKET_INTERVAL)

    def _send(self, track: SentTrack, *, key_frame: bool) -> None:
        if track.kind == "audio":
            self.publisher.core.send_audio(track)
        else:
            self.publisher.core.send_video(track, key_frame=key_frame, packets=1, size=200)

    async def all_arrived(self) -> None:
        """Everything sent until now has arrived, nothing twice and nothing out of order."""
        for track in self.tracks:
            ssrc, offset = self._streams[track.ssrc]
            wanted = self.publisher.core.sent(track.ssrc) - offset
            received = self.subscriber.core.sequences[ssrc]
            await self.subscriber.until(partial(_at_least, received, wanted), PATIENCE)
            steps = Counter((after - before) & 0xFFFF for before, after in itertools.pairwise(received))
            assert set(steps) == {1}, f"{track.kind}: steps between numbers {steps}"

    @property
    def key_frames_asked(self) -> int:
        """Feedback packets the publisher got from the node."""
        return self.publisher.core.rtcp_types[206]


@dataclass(frozen=True, slots=True)
class Size:
    """What must be the same again after every case."""

    tables: dict[str, int]
    transports: tuple[int, int]
    rooms: tuple[int, int]
    tasks: int
    connections: int


@dataclass
class HostileSite:
    """Both processes, the witnesses, and ways in for those who mean harm."""

    gateway: Service
    node: Service
    stub: media_pb2_grpc.MediaServiceAsyncStub
    http: aiohttp.ClientSession
    witness: Witness | None = None
    _users: Iterable[int] = field(default_factory=lambda: itertools.count(1000))

    def new_user(self) -> int:
        """A user nobody has been."""
        return next(iter(self._users))

    @asynccontextmanager
    async def client(self, user: int | None = None, *, authenticated: bool = True) -> AsyncIterator[Client]:
        """A socket to the gateway."""
        async with self.http.ws_connect(self.gateway.websocket_url, max_msg_size=0) as socket:
            client = Client(socket, user or self.new_user())
            if authenticated:
                await client.authenticate()
            yield client

    @asynccontextmanager
    async def publisher(
        self, room: str, *kinds: str, offer: Callable[[str], str] = str
    ) -> AsyncIterator[tuple[Client, HostilePeer, tuple[SentTrack, ...]]]:
        """A connected publisher; `offer` may change what it offers."""
        published = tracks(*kinds)
        async with self.client() as client, HostilePeer() as peer:
            await client.send("publish-offer", roomName=room, offer=offer(peer.core.offer(published)))
            peer.connect((await client.expect("publish-answer"))["answer"])
            await peer.connected(PATIENCE)
            yield client, peer, published

    @asynccontextmanager
    async def subscriber(self, room: str, publisher: int) -> AsyncIterator[tuple[Client, HostilePeer]]:
        """A connected subscriber."""
        async with self.client() as client, HostilePeer() as peer:
            await client.send("subscribe-request", roomName=room, publisherId=publisher)
            offer = await self.subscribe_offer(client)
            answer = peer.core.answer(offer)
            await client.send("subscribe-answer", roomName=room, publisherId=publisher, answer=answer)
            peer.connect(offer)
            await peer.connected(PATIENCE)
            yield client, peer

    @staticmethod
    async def subscribe_offer(client: Client) -> str:
        """The next offer, whatever is told about others before."""
        while (message := await client.receive())["type"] != "subscribe-offer":
            assert message["type"] == "new-publisher", message
        offer: str = message["offer"]
        return offer

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[Stranger]:
        """A socket the node knows nothing of."""
        host, port = (await self.get_node()).candidates[0].rsplit(":", 1)
        stranger = await Stranger.to((host, int(port)))
        try:
            yield stranger
        finally:
            stranger.close()

    async def flood(self, send: Callable[[bytes], None], datagrams: list[bytes]) -> None:
        """Send datagrams no faster than the node takes them, so that the kernel loses none."""
        for start in range(0, len(datagrams), _CHUNK):
            chunk = datagrams[start : start + _CHUNK]
            before = await self.packets_received()
            for datagram in chunk:
                send(datagram)
            await eventually(partial(self._has_received, before + len(chunk)))

    # What the processes show ----------------------------------------------------------------------------------------

    async def get_node(self) -> pb.GetNodeResponse:
        """The node as it shows itself."""
        return await self.stub.GetNode(pb.GetNodeRequest(), timeout=PATIENCE)

    async def packets_received(self) -> int:
        """Datagrams the node has taken from its sockets."""
        return sum(worker.packets_received for worker in (await self.get_node()).workers)

    async def _has_received(self, count: int) -> bool:
        return await self.packets_received() >= count

    async def drops(self) -> Counter[str]:
        """Datagrams the node dropped, by reason."""
        node = await self.get_node()
        total: Counter[str] = Counter(dict(node.drops_by_reason))
        for worker in node.workers:
            total.update(dict(worker.drops_by_reason))
        return total

    async def errors(self) -> Counter[str]:
        """Errors the gateway sent, by code."""
        return Counter({code: int(count) for code, count in (await self._metrics("rheon_errors_total")).items()})

    async def size(self) -> Size:
        """How much both hold."""
        node = await self.get_node()
        gateway_rooms = (await self._metrics("rheon_rooms"))[""]
        return Size(
            tables=dict(node.tables),
            transports=(node.publish_transports, node.subscribe_transports),
            rooms=(node.rooms, int(gateway_rooms)),
            tasks=node.tasks,
            connections=int((await self._metrics("rheon_connections"))[""]),
        )

    async def _metrics(self, name: str) -> dict[str, float]:
        """One family of the gateway's metrics, by the value of its label."""
        async with self.http.get(f"{self.gateway.url}/metrics") as response:
            lines = (await response.text()).splitlines()
        found = {}
        for line in lines:
            key, _, value = line.rpartition(" ")
            metric, _, labels = key.partition("{")
            if metric == name:
                label = next((part for part in labels.rstrip("}").split(",") if not part.startswith("otel_")), "")
                found[label.partition("=")[2].strip('"')] = float(value)
        return found

    # The verdict ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def unharmed(self, *drops: str, errors: Iterable[int] = ()) -> AsyncIterator[None]:
        """What happens inside is named by these counters, and leaves everything and everybody else as they were."""
        size, dropped, failed = await self._settled_size(), await self.drops(), await self.errors()
        yield
        await self._holds_again(size)
        after = await self.drops()
        moved = after - dropped
        for reason in drops:
            assert moved[reason] > 0, f"{reason} did not move, but {dict(moved)}"
        assert moved["panic"] == 0
        answered = await self.errors() - failed
        for code in errors:
            assert answered[str(code)] > 0, f"no error {code}, but {dict(answered)}"
        for process in (self.gateway, self.node):
            assert process.process.poll() is None, f"{process.name} ended"
            assert "Traceback" not in process.log, process.log[-8000:]
        assert self.witness is not None
        await self.witness.all_arrived()

    async def _settled_size(self) -> Size:
        """The size several looks agree on: tasks of the node's own come and go."""
        looks = [await self.size() for _ in range(3)]
        while any(look != looks[-1] for look in looks[-3:]):
            looks.append(await self.size())
        return replace(looks[-1], tasks=max(look.tasks for look in looks))

    async def _holds_again(self, size: Size) -> None:
        async def holds() -> bool:
            now = await self.size()
            return now.tasks <= size.tasks and replace(now, tasks=size.tasks) == size

        try:
            await eventually(holds)
        except TimeoutError:
            raise AssertionError(f"{await self.size()} is left of {size}") from None


@asynccontextmanager
async def running_hostile_site() -> AsyncIterator[HostileSite]:
    """Both processes with the call of the witnesses under way."""
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(running_media_node_process())
        gateway = await stack.enter_async_context(running_gateway_process(node.grpc_address, JWT_SECRET=SECRET))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(node.grpc_address))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        site = HostileSite(gateway, node, media_pb2_grpc.MediaServiceStub(channel), http)
        client, ada, published = await stack.enter_async_context(site.publisher(_QUIET_ROOM, "audio", "video"))
        viewer, bob = await stack.enter_async_context(site.subscriber(_QUIET_ROOM, client.user_id))
        site.witness = Witness(ada, bob, published, client.user_id)
        await site.witness.begin()
        going_on = [
            asyncio.get_running_loop().create_task(task)
            for task in (site.witness.stream(), _listen(client), _listen(viewer))
        ]
        yield site
        for task in going_on:
            task.cancel()
        await asyncio.wait(going_on)


async def _listen(client: Client) -> None:
    """Read what comes, which answers pings, too."""
    async for _ in client.socket:
        pass


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = PATIENCE) -> None:
    """Wait for what nobody signals, such as a counter of the node."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _at_least(received: list[int], wanted: int) -> bool:
    return len(received) >= wanted


async def error_of(client: Client, kind: str) -> Message:
    """The next message, which must be an error about a message of this type."""
    error = await client.expect("error")
    assert error.get("requestType") == kind, error
    return error
