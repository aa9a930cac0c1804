"""A WebRTC peer for tests, made of values: descriptions, ICE checks, DTLS client and SRTP, with or without a socket.

`PeerCore` speaks to a transport of the node through two functions (a datagram out, a datagram in); `NativePeer` puts a
UDP socket around it.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import pylibsrtp
from aioice import stun

from rheon_media_node.dtls import Connected, DtlsEndpoint, DtlsIdentity, Failed, Fingerprint, PeerClosed, Role
from rheon_media_node.sdp import MediaSection, SessionDescription, parse_session_description
from tests.support.data_peer import DataPeer

_SRTP_PROFILES = {
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}
_MID_EXTENSION = 1
_DATA_MID = "data"
CHECK_INTERVAL = 0.05
"""Seconds between checks until one succeeds."""
CONSENT_INTERVAL = 2.0


@dataclass(frozen=True, slots=True)
class SentTrack:
    """A track this peer publishes."""

    mid: str
    kind: str
    ssrc: int

    @property
    def payload_type(self) -> int:
        return 111 if self.kind == "audio" else 96


def tracks(*kinds: str) -> tuple[SentTrack, ...]:
    """Tracks in sections "0", "1" … with random SSRCs."""
    return tuple(SentTrack(str(index), kind, secrets.randbits(31) + 1) for index, kind in enumerate(kinds))


@dataclass(slots=True)
class Remote:
    """What the node's description says."""

    ufrag: str
    password: str
    candidates: list[tuple[str, int]]
    fingerprints: list[Fingerprint]

    @classmethod
    def read(cls, text: str) -> Remote:
        description = parse_session_description(text)
        section = next(section for section in description.media if not section.rejected)
        ice = description.ice_of(section)
        assert ice is not None
        return cls(
            ufrag=ice.ufrag,
            password=ice.pwd,
            candidates=[(candidate.address, candidate.port) for candidate in section.candidates],
            fingerprints=[Fingerprint(each.algorithm, each.value) for each in description.fingerprints_of(section)],
        )


@dataclass
class PeerCore:
    """One peer connection of a client, sans I/O. `send` takes datagrams for the node."""

    send: Callable[[bytes], None]
    identity: DtlsIdentity = field(default_factory=DtlsIdentity)
    ufrag: str = field(default_factory=lambda: secrets.token_hex(4))
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    session_id: int = field(default_factory=lambda: secrets.randbits(60))
    version: int = 0
    remote: Remote | None = None
    checks_answered: int = 0
    connected: bool = False
    closed: bool = False
    failure: Failed | None = None
    received: Counter[int] = field(default_factory=Counter)
    """RTP packets by SSRC."""
    received_bytes: Counter[int] = field(default_factory=Counter)
    last_packets: dict[int, bytes] = field(default_factory=dict)
    rtcp_types: Counter[int] = field(default_factory=Counter)
    endpoint: DtlsEndpoint | None = None
    data: DataPeer | None = None
    """Data channels: set it, and offers and answers take part in them."""
    _transmit: pylibsrtp.Session | None = None
    _receive: pylibsrtp.Session | None = None
    _sequence: Counter[int] = field(default_factory=Counter)
    _timestamp: Counter[int] = field(default_factory=Counter)
    _picture_id: int = 0

    # Descriptions ---------------------------------------------------------------------------------------------------

    def offer(self, published: tuple[SentTrack, ...]) -> str:
        """An offer to publish these tracks, as Chromium writes them in what matters."""
        self.version += 1
        mids = [track.mid for track in published]
        lines = self._session([*mids, _DATA_MID] if self.data is not None else mids)
        for track in published:
            lines += self._section(track.kind, track.mid, "sendonly")
            lines += [f"a=msid:camera {track.kind}{track.mid}"]
            lines += [f"a=ssrc:{track.ssrc} cname:peer", f"a=ssrc:{track.ssrc} msid:camera {track.kind}{track.mid}"]
        if self.data is not None:
            lines += self._data_section(_DATA_MID, "actpass")
        return "\r\n".join(lines) + "\r\n"

    def answer(self, offer: str, *refuse: str) -> str:
        """An answer that takes every track but those of the sections named."""
        self.version += 1
        description = parse_session_description(offer)
        taken = [
            section
            for section in description.media
            if section.mid not in refuse and (section.is_rtp or self.data is not None)
        ]
        lines = self._session([str(section.mid) for section in taken])
        for section in description.media:
            if section in taken and section.kind == "application":
                lines += self._data_section(str(section.mid), "active")
            elif section in taken:
                lines += self._answered(description, section)
            else:
                lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
                lines += [f"a=mid:{section.mid}", "a=inactive"]
        return "\r\n".join(lines) + "\r\n"

    def _session(self, mids: list[str]) -> list[str]:
        return [
            "v=0",
            f"o=- {self.session_id} {self.version} IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            f"a=group:BUNDLE {' '.join(mids)}",
            "a=msid-semantic: WMS *",
        ]

    def _transport_lines(self, setup: str) -> list[str]:
        fingerprint = self.identity.fingerprint
        return [
            "c=IN IP4 0.0.0.0",
            "a=rtcp-mux",
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}",
            f"a=setup:{setup}",
        ]

    def _section(self, kind: str, mid: str, direction: str) -> list[str]:
        if kind == "audio":
            codec = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
            header = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
        else:
            codec = ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli"]
            header = "m=video 9 UDP/TLS/RTP/SAVPF 96"
        return [
            header,
            *self._transport_lines("actpass"),
            f"a=mid:{mid}",
            f"a={direction}",
            f"a=extmap:{_MID_EXTENSION} urn:ietf:params:rtp-hdrext:sdes:mid",
            *codec,
        ]

    def _data_section(self, mid: str, setup: str) -> list[str]:
        transport = [line for line in self._transport_lines(setup) if line != "a=rtcp-mux"]
        header = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
        return [header, *transport, f"a=mid:{mid}", "a=sctp-port:5000", "a=max-message-size:65536"]

    def send_data(self, packet: bytes) -> None:
        """Send an SCTP packet, if there is a connection."""
        if self.endpoint is not None:
            self.endpoint.send(packet)
            self.settle()

    def _answered(self, description: SessionDescription, section: MediaSection) -> list[str]:
        lines = [f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(section.formats)}", *self._transport_lines("active")]
        direction = "recvonly" if description.direction_of(section).sends else "inactive"
        lines += [f"a=mid:{section.mid}", f"a={direction}"]
        lines += [f"a=extmap:{each.id} {each.uri}" for each in description.extensions_of(section)]
        for payload in section.payloads:
            channels = f"/{payload.channels}" if payload.channels else ""
            lines.append(f"a=rtpmap:{payload.payload_type} {payload.name}/{payload.clock_rate}{channels}")
            if payload.parameters:
                lines.append(f"a=fmtp:{payload.payload_type} {payload.parameters}")
            lines += [
                f"a=rtcp-fb:{payload.payload_type} {each.kind}{' ' + each.parameter if each.parameter else ''}"
                for each in payload.feedback
            ]
        return lines

    # ICE ------------------------------------------------------------------------------------------------------------

    def set_remote(self, description: str) -> None:
        """The node's description is known."""
        self.remote = Remote.read(description)

    def check(self) -> None:
        """Send a nominating check."""
        assert self.remote is not None
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self.remote.ufrag}:{self.ufrag}"
        request.attributes["PRIORITY"] = 0x7E0000FF
        request.attributes["ICE-CONTROLLING"] = 1
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self.remote.password.encode())
        self.send(bytes(request))

    # Datagrams ------------------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a datagram from the node."""
        first = datagram[0]
        if first < 4:
            self._on_stun(datagram, now)
        elif 20 <= first <= 63:
            if self.endpoint is not None:
                self.endpoint.receive(datagram, now)
                self.settle()
        elif self._receive is not None:
            self._on_srtp(datagram, self._receive)

    def timeout(self, now: float) -> None:
        """Let DTLS repeat what was lost."""
        if self.endpoint is not None:
            self.endpoint.timeout(now)
            self.settle()

    def start_dtls(self, now: float) -> None:
        """Begin the handshake, as client."""
        if self.endpoint is None:
            assert self.remote is not None
            self.endpoint = DtlsEndpoint(self.identity, Role.CLIENT, self.remote.fingerprints)
            self.endpoint.start(now)
            self.settle()

    def close(self) -> None:
        """Say close_notify."""
        if self.endpoint is not None:
            self.endpoint.close()
            self.settle()

    def settle(self) -> None:
        """Send what DTLS has to say and take its events."""
        assert self.endpoint is not None
        for datagram in self.endpoint.take_datagrams():
            self.send(datagram)
        for packet in self.endpoint.take_application_data():
            if self.data is not None:
                self.data.take(packet)
        for event in self.endpoint.take_events():
            match event:
                case Connected(keys):
                    profile = _SRTP_PROFILES[keys.profile]
                    self._transmit = pylibsrtp.Session(
                        pylibsrtp.Policy(keys.send, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, profile)
                    )
                    self._receive = pylibsrtp.Session(
                        pylibsrtp.Policy(keys.receive, pylibsrtp.Policy.SSRC_ANY_INBOUND, 0, profile)
                    )
                    self.connected = True
                case PeerClosed():
                    self.closed = True
                case Failed():
                    self.failure = event

    def _on_stun(self, datagram: bytes, now: float) -> None:
        assert self.remote is not None
        response = stun.parse_message(datagram)
        authentic = response.check_message_integrity(self.remote.password.encode())
        if response.message_class is stun.Class.RESPONSE and authentic:
            self.checks_answered += 1
            self.start_dtls(now)

    def _on_srtp(self, datagram: bytes, session: pylibsrtp.Session) -> None:
        if 192 <= datagram[1] <= 223:
            self.rtcp_types[session.unprotect_rtcp(datagram)[1]] += 1
            return
        packet = session.unprotect(datagram)
        ssrc = int.from_bytes(packet[8:12], "big")
        self.received[ssrc] += 1
        self.received_bytes[ssrc] += len(packet)
        self.last_packets[ssrc] = packet

    # Media ----------------------------------------------------------------------------------------------------------

    def send_audio(self, track: SentTrack, size: int = 100) -> None:
        """An Opus-shaped packet: 20 ms."""
        self._timestamp[track.ssrc] += 960
        self._send_rtp(track, bytes([0x78]) + secrets.token_bytes(size), marker=False)

    def send_video(self, track: SentTrack, *, key_frame: bool, packets: int = 3, size: int = 900) -> None:
        """A VP8-shaped frame: 1/30 s."""
        self._timestamp[track.ssrc] += 3000
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        for index in range(packets):
            start = 0x10 if index == 0 else 0
            descriptor = bytes([0x80 | start, 0x80]) + (0x8000 | self._picture_id).to_bytes(2, "big")
            # The first bit of a VP8 frame is 0 in key frames (RFC 6386 section 9.1), which then name their size.
            header = (
                (b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00" if key_frame else b"\x11\x02\x00") if index == 0 else b""
            )
            payload = descriptor + header + secrets.token_bytes(size)
            self._send_rtp(track, payload, marker=index == packets - 1)

    def _send_rtp(self, track: SentTrack, payload: bytes, *, marker: bool) -> None:
        assert self._transmit is not None
        sequence = self._sequence[track.ssrc] = (self._sequence[track.ssrc] + 1) & 0xFFFF
        mid = track.mid.encode()
        extension = bytes([_MID_EXTENSION << 4 | len(mid) - 1]) + mid
        extension += bytes(-len(extension) % 4)
        packet = (
            bytes([0x90, track.payload_type | (0x80 if marker else 0)])
            + struct.pack(">HII", sequence, self._timestamp[track.ssrc] & 0xFFFFFFFF, track.ssrc)
            + struct.pack(">HH", 0xBEDE, len(extension) // 4)
            + extension
            + payload
        )
        self.send(self._transmit.protect(packet))


class NativePeer(asyncio.DatagramProtocol):
    """A `PeerCore` on a UDP socket of its own. Use as an asynchronous context manager."""

    def __init__(self) -> None:
        self.core = PeerCore(self._send)
        self._transport: asyncio.DatagramTransport | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.silent = False
        """True: nothing is sent any more, as if the network had gone."""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
        if self._transport is not None:
            self._transport.close()

    def connect(self, description: str) -> None:
        """Begin ICE and DTLS with what the node's description says; repeated: ICE restart."""
        self.core.set_remote(description)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def connected(self, seconds: float = 10.0) -> None:
        """Wait until SRTP keys are there."""
        await self.until(lambda: self.core.connected, seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait until a condition on what arrives holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A datagram from the node."""
        self.core.receive(data, asyncio.get_running_loop().time())
        self._changed.set()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        next_check = loop.time()
        while True:
            now = loop.time()
            if now >= next_check:
                self.core.check()
                next_check = now + (CONSENT_INTERVAL if self.core.connected else CHECK_INTERVAL)
            self.core.timeout(now)
            self._changed.set()
            await asyncio.sleep(CHECK_INTERVAL)

    def _send(self, datagram: bytes) -> None:
        if self._transport is None or self.silent:
            return
        assert self.core.remote is not None
        loopback = [address for address in self.core.remote.candidates if address[0] == "127.0.0.1"]
        self._transport.sendto(datagram, (loopback or self.core.remote.candidates)[0])
