"""The DTLS endpoint against aiortc's transport, in both roles."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from rheon_media_node.dtls import Connected, DtlsEndpoint, DtlsIdentity, Fingerprint, PeerClosed, Role


class MemoryIce:
    """As much of an ICE transport as aiortc's DTLS uses, over queues."""

    def __init__(self, role: Literal["controlling", "controlled"]) -> None:
        self.role = role
        self.state = "completed"
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.arrived.get()

    async def _send(self, data: bytes) -> None:
        self.sent.put_nowait(data)


@pytest.mark.parametrize("role", list(Role))
async def test_handshake_keys_and_close(role: Role) -> None:
    # aiortc takes the DTLS role from the ICE role: controlling is the server.
    ice = MemoryIce("controlled" if role is Role.SERVER else "controlling")
    certificate = RTCCertificate.generateCertificate()
    theirs = RTCDtlsTransport(ice, [certificate])  # type: ignore[arg-type]
    announced = [Fingerprint(each.algorithm, each.value) for each in certificate.getFingerprints()]
    identity = DtlsIdentity()
    ours = DtlsEndpoint(identity, role, announced)
    loop = asyncio.get_running_loop()

    connected, ended = asyncio.Event(), asyncio.Event()

    async def shuttle() -> None:
        ours.start(loop.time())
        while not ours.ended:
            if ours.connected:
                connected.set()
            for datagram in ours.take_datagrams():
                ice.arrived.put_nowait(datagram)
            ours.receive(await ice.sent.get(), loop.time())
        ended.set()

    fingerprint = RTCDtlsFingerprint(identity.fingerprint.algorithm, identity.fingerprint.value)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(shuttle())
        await theirs.start(RTCDtlsParameters(fingerprints=[fingerprint]))
        await connected.wait()
        await theirs.stop()
        await ended.wait()

    opened, closed = ours.take_events()
    assert isinstance(opened, Connected)
    assert closed == PeerClosed()
    assert opened.keys.profile in ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM")
    assert theirs._tx_srtp is not None
