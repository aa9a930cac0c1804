"""A whole call: WebSocket clients, gateway, gRPC, media node, packet engine."""

import asyncio

import aiohttp
import grpc
import pytest
from pydantic import SecretStr
from rheon.media.v1 import media_pb2, media_pb2_grpc

from rheon_gateway.app import running_gateway
from rheon_gateway.settings import GatewaySettings
from rheon_media_node.app import running_media_node
from rheon_media_node.settings import MediaNodeSettings
from tests.integration.gateway.client import SECRET, Client, Site, until
from tests.support.native_peer import NativePeer, tracks

pytestmark = pytest.mark.timeout(60)


async def test_a_call() -> None:
    node_settings = MediaNodeSettings(
        grpc_bind="127.0.0.1:0", media_bind=("127.0.0.1",), announced_ips=("127.0.0.1",), media_port=0, workers=1
    )
    async with running_media_node(node_settings) as node:
        gateway_settings = GatewaySettings(
            host="127.0.0.1", port=0, jwt_secret=SecretStr(SECRET), media_nodes=(node.grpc_address,)
        )
        async with (
            running_gateway(gateway_settings) as gateway,
            aiohttp.ClientSession() as http,
            grpc.aio.insecure_channel(node.grpc_address) as channel,
        ):
            await until(lambda: gateway.nodes.serving == 1)
            await _call(Site(gateway, [], http), media_pb2_grpc.MediaServiceStub(channel))


async def _call(site: Site, stub: "media_pb2_grpc.MediaServiceAsyncStub") -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        viewer, publisher = await site.user(2), await site.user(1)
        await viewer.join()
        await publisher.send("publish-offer", roomName="r", offer=ada.core.offer(published))
        await publisher.send("publish-ice-candidate", roomName="r", candidate=None)
        answer = await publisher.expect("publish-answer")
        assert "a=end-of-candidates" in answer["answer"]
        assert await viewer.silent()
        ada.connect(answer["answer"])
        await ada.connected()
        assert await viewer.expect("new-publisher") == {"publisherId": 1, "username": "user 1"}
        await _subscribe(viewer, bob)
        for frame in range(30):
            ada.core.send_audio(published[0])
            ada.core.send_video(published[1], key_frame=frame % 10 == 0)
            await asyncio.sleep(0.01)
        await bob.until(lambda: sum(bob.core.received.values()) >= 100)
        async with site.http.get(site.gateway.url + "/metrics") as response:
            text = await response.text()
        assert 'state="connected"} 2.0' in text
        sent = [line for line in text.splitlines() if line.startswith('rheon_packets_total{direction="out"')]
        assert float(sent[0].rpartition(" ")[2]) >= 100
        await viewer.send("restart-ice", roomName="r", publisherId=1)
        assert "a=ice-ufrag" in (await viewer.expect("subscribe-offer"))["offer"]
        await publisher.close()
        assert await viewer.expect("publisher-left") == {"publisherId": 1}
        await viewer.close()
    await until(lambda: _is_empty(stub))


async def _subscribe(viewer: Client, peer: NativePeer) -> None:
    await viewer.send("subscribe-request", roomName="r", publisherId=1)
    offer = (await viewer.expect("subscribe-offer"))["offer"]
    await viewer.send("subscribe-answer", roomName="r", publisherId=1, answer=peer.core.answer(offer))
    peer.connect(offer)
    await peer.connected()


async def _is_empty(stub: "media_pb2_grpc.MediaServiceAsyncStub") -> bool:
    node = await stub.GetNode(media_pb2.GetNodeRequest(), timeout=5)
    return not node.rooms and not any(node.tables.values())
