"""A network in bad shape between browsers and a media node: seeded loss, delay, and clients whose address changes.

The proxy stands before one UDP port of the node, which announces the proxy's port in place of its own. Like a NAT it
keeps one upstream socket per client address, so the node sees every client at an address of the proxy. It runs in a
thread of its own: what the test does meanwhile delays no packet.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

_T = TypeVar("_T")

MAX_CLIENTS = 64
"""Datagrams of further clients are dropped."""
MAX_DATAGRAM = 65_535
BATCH = 64
"""Datagrams taken from one socket before the others have their turn."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What befalls the datagrams of one direction."""

    loss: float = 0.0
    """Probability."""
    delay: float = 0.0
    """Seconds, the same for all."""
    jitter: float = 0.0
    """Seconds: a random share of it is added to the delay, so datagrams may overtake each other."""


@dataclass(slots=True)
class Direction:
    """One direction of all clients: what befalls datagrams and what was counted.

    RTP is counted by SSRC: the header of SRTP is not encrypted (RFC 3711 section 3.1).
    """

    name: str
    impairment: Impairment
    passed: int = 0
    dropped: int = 0
    rtp_passed: Counter[int] = field(default_factory=Counter)
    rtp_dropped: Counter[int] = field(default_factory=Counter)

    def survives(self, datagram: bytes, chance: random.Random) -> bool:
        """Whether this one gets through; counts it."""
        survives = chance.random() >= self.impairment.loss
        ssrc = rtp_ssrc(datagram)
        if survives:
            self.passed += 1
        else:
            self.dropped += 1
        if ssrc is not None:
            (self.rtp_passed if survives else self.rtp_dropped)[ssrc] += 1
        return survives


@dataclass(slots=True)
class _Client:
    address: tuple[str, int]
    upstream: socket.socket
    chances: dict[str, random.Random]
    moves_at_check: bool = False


class UdpProxy:
    """See the module; made by `udp_proxy`."""

    def __init__(self, node_port: int, impairment: Impairment, seed: int) -> None:
        self.up = Direction("up", impairment)
        """From clients to the node."""
        self.down = Direction("down", impairment)
        self.moves = 0
        """Times a client's address, as the node sees it, changed."""
        self._node = ("127.0.0.1", node_port)
        self._seed = seed
        self._clients: dict[tuple[str, int], _Client] = {}
        self._loop = asyncio.new_event_loop()
        self._front = _loopback_socket()
        self.port: int = self._front.getsockname()[1]
        self._loop.add_reader(self._front, self._from_clients)
        self._thread = threading.Thread(target=self._loop.run_forever, name="udp-proxy", daemon=True)
        self._thread.start()

    def impair(self, impairment: Impairment) -> None:
        """From now on this befalls datagrams of both directions."""
        self.up.impairment = self.down.impairment = impairment

    def rebind(self) -> None:
        """Every client gets another address at once, as when a NAT forgets: neither side is told, and what the node
        still sends to the former address is lost."""

        def move() -> None:
            for client in self._clients.values():
                self._move(client)

        self._in_thread(move)

    def rebind_at_check(self) -> None:
        """Every client gets another address with its next ICE check, as when it changes networks: it checks the new
        path before it uses it. What the node still sends to the former address is lost."""

        def mark() -> None:
            for client in self._clients.values():
                client.moves_at_check = True

        self._in_thread(mark)

    def close(self) -> None:
        def end() -> None:
            self._forget(self._front)
            for client in self._clients.values():
                self._forget(client.upstream)
            self._clients.clear()

        self._in_thread(end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_thread(self, action: Callable[[], _T]) -> _T:
        done: Future[_T] = Future()

        def run() -> None:
            try:
                done.set_result(action())
            except Exception as error:  # raised in the caller's thread
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(timeout=10)

    def _from_clients(self) -> None:
        for datagram, address in _receive(self._front):
            client = self._clients.get(address) or self._admit(address)
            if client is None:
                self.up.dropped += 1
                continue
            if client.moves_at_check and is_binding_request(datagram):
                client.moves_at_check = False
                self._move(client)
            self._pass_on(self.up, client, datagram)

    def _admit(self, address: tuple[str, int]) -> _Client | None:
        if len(self._clients) >= MAX_CLIENTS:
            return None
        number = len(self._clients)
        chances = {name: random.Random(f"{self._seed}/{number}/{name}") for name in ("up", "down")}
        client = _Client(address, _loopback_socket(), chances)
        self._clients[address] = client
        self._loop.add_reader(client.upstream, self._from_node, client)
        return client

    def _move(self, client: _Client) -> None:
        # The new one is opened first: the system may not give it the former port.
        former, client.upstream = client.upstream, _loopback_socket()
        self._forget(former)
        self._loop.add_reader(client.upstream, self._from_node, client)
        self.moves += 1

    def _forget(self, closing: socket.socket) -> None:
        self._loop.remove_reader(closing)
        closing.close()

    def _from_node(self, client: _Client) -> None:
        for datagram, source in _receive(client.upstream):
            if source == self._node:
                self._pass_on(self.down, client, datagram)

    def _pass_on(self, direction: Direction, client: _Client, datagram: bytes) -> None:
        chance = client.chances[direction.name]
        if not direction.survives(datagram, chance):
            return
        delay = direction.impairment.delay + chance.random() * direction.impairment.jitter
        if delay:
            self._loop.call_later(delay, self._send, direction, client, datagram)
        else:
            self._send(direction, client, datagram)

    def _send(self, direction: Direction, client: _Client, datagram: bytes) -> None:
        sender, address = (client.upstream, self._node) if direction is self.up else (self._front, client.address)
        try:
            sender.sendto(datagram, address)
        except OSError:
            # Full buffers, a receiver that is gone, or our own end: lost, as on any network.
            direction.dropped += 1


@contextmanager
def udp_proxy(node_port: int, impairment: Impairment | None = None, *, seed: int = 1) -> Iterator[UdpProxy]:
    """A proxy before the node's UDP port of loopback; the node is to announce 127.0.0.1 with the proxy's `port`.

    With the same seed a client (by order of appearance) loses the same datagrams by number.
    """
    proxy = UdpProxy(node_port, impairment or Impairment(), seed)
    try:
        yield proxy
    finally:
        proxy.close()


def is_binding_request(datagram: bytes) -> bool:
    """A STUN binding request (RFC 8489 section 5)."""
    return datagram[:2] == b"\x00\x01" and datagram[4:8] == b"\x21\x12\xa4\x42"


def rtp_ssrc(datagram: bytes) -> int | None:
    """SSRC of an RTP packet; None of anything else, RTCP included (RFC 7983, RFC 5761 section 4)."""
    if len(datagram) < 12 or not 128 <= datagram[0] <= 191 or 192 <= datagram[1] <= 223:
        return None
    return int.from_bytes(datagram[8:12], "big")


def _loopback_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind(("127.0.0.1", 0))
    return opened


def _receive(source: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    for _ in range(BATCH):
        try:
            datagram, address = source.recvfrom(MAX_DATAGRAM)
        except OSError:
            return
        yield datagram, address
