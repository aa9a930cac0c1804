"""Peers that are let in and then break the rules: what they send is encrypted with the right keys, or almost."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Callable

import pylibsrtp

from tests.support.native_peer import NativePeer, PeerCore


class HostileCore(PeerCore):
    """A `PeerCore` that lets the test write the packets, and remembers what it sent and got."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__(send)
        self.sequences: dict[int, list[int]] = defaultdict(list)
        """RTP sequence numbers received by SSRC, in the order they came."""

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet as SRTP."""
        assert self._transmit is not None
        return self._transmit.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet as SRTCP."""
        assert self._transmit is not None
        return self._transmit.protect_rtcp(packet)

    def sent(self, ssrc: int) -> int:
        """Packets sent by the functions of `PeerCore` under an SSRC."""
        return self._sequence[ssrc]

    def _on_srtp(self, datagram: bytes, session: pylibsrtp.Session) -> None:
        super()._on_srtp(datagram, session)
        if not 192 <= datagram[1] <= 223:
            ssrc, sequence = int.from_bytes(datagram[8:12], "big"), int.from_bytes(datagram[2:4], "big")
            self.sequences[ssrc].append(sequence)


class HostilePeer(NativePeer):
    """A peer on a socket of its own whose every datagram a test can write."""

    core: HostileCore

    def __init__(self) -> None:
        super().__init__()
        self.core = HostileCore(self._send)
        self.held: list[bytes] | None = None
        """Not None: datagrams for the node are collected here instead of sent."""

    def datagram(self, datagram: bytes) -> None:
        """Send anything to the node."""
        super()._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self.held is not None:
            self.held.append(datagram)
            return
        super()._send(datagram)


class Stranger(asyncio.DatagramProtocol):
    """An address the node knows nothing of. Open it with `Stranger.to`."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def to(cls, address: tuple[str, int]) -> Stranger:
        """A socket that sends to this address."""
        loop = asyncio.get_running_loop()
        stranger = cls()
        stranger._transport, _ = await loop.create_datagram_endpoint(lambda: stranger, remote_addr=address)
        return stranger

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""

    def datagram_received(self, data: bytes, addr: object) -> None:
        """The node said something."""
        self.answers.append(data)

    def datagram(self, datagram: bytes) -> None:
        """Send anything to the node."""
        assert self._transport is not None
        self._transport.sendto(datagram)

    def close(self) -> None:
        """Close the socket."""
        assert self._transport is not None
        self._transport.close()


def garbage() -> list[bytes]:
    """Datagrams of every length to 1600, and of every first byte in several lengths."""
    by_length = [secrets.token_bytes(length) for length in range(1, 1601)]
    by_first = [
        bytes([first]) + secrets.token_bytes(length) for first in range(256) for length in (0, 11, 19, 60, 1100)
    ]
    return [b"", *by_length, *by_first]
