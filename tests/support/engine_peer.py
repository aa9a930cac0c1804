"""A scripted WebRTC peer over one UDP socket: real ICE checks and SRTP, keys given instead of agreed by DTLS."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from aioice import stun
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    RtpPacket,
)
from pylibsrtp import Policy, Session

from rheon_engine.engine import Engine, Transport
from rheon_engine.types import IceCredentials, SrtpProfile

PROFILES: dict[SrtpProfile, tuple[int, int]] = {
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}

Address = tuple[str, int]
AnyRtcpPacket = RtcpByePacket | RtcpPsfbPacket | RtcpRrPacket | RtcpRtpfbPacket | RtcpSdesPacket | RtcpSrPacket


_open: list[Peer] = []


def close_peers() -> None:
    """Close every peer's socket, of failed tests too."""
    for peer in _open:
        peer.close()
    _open.clear()


async def eventually(holds: Callable[[], Awaitable[bool]], *, within: float = 10) -> None:
    """Wait for a condition nobody signals, such as a counter of the engine."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass
class Peer(asyncio.DatagramProtocol):
    """One peer connection's far end. What arrives is decrypted and parsed by implementations that are not ours."""

    ice: IceCredentials
    send_session: Session
    receive_session: Session
    server: Address
    rtp: list[RtpPacket] = field(default_factory=list)
    rtcp: list[AnyRtcpPacket] = field(default_factory=list)
    dtls: list[bytes] = field(default_factory=list)
    stun: list[stun.Message] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _endpoint: asyncio.DatagramTransport | None = None

    @classmethod
    async def join(
        cls, engine: Engine, *, worker: int | None = None, profile: SrtpProfile = "AEAD_AES_128_GCM"
    ) -> tuple[Peer, Transport]:
        """Make a transport, give both sides keys, and pass a nominating ICE check."""
        peer, transport = await cls.open(engine, worker=worker, profile=profile)
        peer.check()
        await peer.until(lambda: bool(peer.stun))
        assert peer.stun[-1].message_class is stun.Class.RESPONSE
        return peer, transport

    @classmethod
    async def open(
        cls, engine: Engine, *, worker: int | None = None, profile: SrtpProfile = "AEAD_AES_128_GCM"
    ) -> tuple[Peer, Transport]:
        """Like `join`, without the check."""
        ice = IceCredentials(secrets.token_hex(4), secrets.token_hex(12))
        transport = engine.add_transport(ice=ice, worker=worker)
        number, length = PROFILES[profile]
        ours, theirs = os.urandom(length), os.urandom(length)
        transport.set_srtp(profile, ours, theirs)
        loop = asyncio.get_running_loop()
        candidate = transport.candidates[0]
        _, peer = await loop.create_datagram_endpoint(
            lambda: cls(
                ice,
                Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=number)),
                Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=number)),
                (candidate.address, candidate.port),
            ),
            local_addr=(candidate.address, 0),
        )
        return peer, transport

    def check(self, *, nominate: bool = True, password: str | None = None) -> None:
        """Send an ICE connectivity check (RFC 8445 §7.2.5)."""
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self.ice.ufrag}:peer"
        request.attributes["PRIORITY"] = 1845494271
        request.attributes["ICE-CONTROLLING"] = 1
        if nominate:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity((password or self.ice.pwd).encode())
        self.send(bytes(request))

    def send(self, datagram: bytes) -> None:
        """Send anything."""
        assert self._endpoint is not None
        self._endpoint.sendto(datagram, self.server)

    def send_rtp(self, packet: RtpPacket) -> None:
        """Protect and send one RTP packet."""
        self.send(self.send_session.protect(packet.serialize()))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one compound RTCP packet."""
        self.send(self.send_session.protect_rtcp(packet))

    async def until(self, satisfied: Callable[[], bool], *, within: float = 10) -> None:
        """Wait until what arrived satisfies a condition."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(satisfied)

    def of(self, ssrc: int) -> list[RtpPacket]:
        """The RTP packets of one SSRC, in the order they arrived."""
        return [packet for packet in self.rtp if packet.ssrc == ssrc]

    def close(self) -> None:
        """Close the socket."""
        if self._endpoint is not None:
            self._endpoint.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._endpoint = cast("asyncio.DatagramTransport", transport)
        _open.append(self)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data[0] < 4:
            self.stun.append(stun.parse_message(data))
        elif data[0] < 64:
            self.dtls.append(data)
        elif 192 <= data[1] <= 223:
            self.rtcp += RtcpPacket.parse(self.receive_session.unprotect_rtcp(data))
        else:
            self.rtp.append(RtpPacket.parse(self.receive_session.unprotect(data)))
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()


class OpusSource:
    """Numbered Opus packets, 20 ms apart."""

    def __init__(self, ssrc: int, payload_type: int = 111) -> None:
        self._packets = (
            RtpPacket(
                payload_type=payload_type,
                sequence_number=(65530 + n) & 0xFFFF,
                timestamp=(960 * n) & 0xFFFFFFFF,
                ssrc=ssrc,
                payload=b"\xfc" + n.to_bytes(4, "big") * 20,
            )
            for n in itertools.count()
        )

    def packet(self) -> RtpPacket:
        """The next packet."""
        return next(self._packets)


class Vp8Source:
    """Frames of VP8 packets (RFC 7741), the first a key frame, with 15-bit picture ids."""

    def __init__(self, ssrc: int, payload_type: int = 96) -> None:
        self._ssrc = ssrc
        self._payload_type = payload_type
        self._sequence = itertools.count(100)
        self._frames = itertools.count()

    def frame(self, packets: int = 8, size: int = 1100, *, key: bool = False) -> list[RtpPacket]:
        """The packets of the next frame, each with `size` bytes of payload."""
        number = next(self._frames)
        key = key or number == 0
        # Frame header: P bit 0 for a key frame, then the start code and 320x180 (RFC 6386 §9.1).
        header = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x11\x02\x00"
        frame = []
        for index in range(packets):
            # X, S on the first packet; I; 15-bit picture id.
            descriptor = bytes([0x90 if index == 0 else 0x80, 0x80]) + (0x8000 | number & 0x7FFF).to_bytes(2, "big")
            body = (header if index == 0 else b"") + f"{number}/{index};".encode()
            frame.append(
                RtpPacket(
                    payload_type=self._payload_type,
                    marker=int(index == packets - 1),
                    sequence_number=next(self._sequence) & 0xFFFF,
                    timestamp=(3000 * number) & 0xFFFFFFFF,
                    ssrc=self._ssrc,
                    payload=(descriptor + body).ljust(size, b"\xaa"),
                )
            )
        return frame
