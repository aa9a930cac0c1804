"""Gateway and media node as separate processes carry the same call, and the node shows what it does."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from playwright.async_api import Browser

from tests.e2e.node_client import get_room
from tests.e2e.sfu_page import sfu_page
from tests.e2e.test_sfu_client import assert_call
from tests.support.processes import running_gateway_process, running_media_node_process

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

MEDIA_SERVICE = "rheon.media.v1.MediaService"
ROOM = "apart"


def reflect(address: str) -> tuple[set[str], set[str]]:
    """Names of the node's services, and of the methods of its media service."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        descriptor = database.FindFileContainingSymbol(MEDIA_SERVICE)
    methods = {method.name for service in descriptor.service for method in service.method}
    return services, methods


async def health(address: str, service: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
    return int(answer.status)


async def test_a_call_over_two_processes(browser: Browser, pages_url: str) -> None:
    async with (
        running_media_node_process() as node,
        running_gateway_process(node.grpc_address) as gateway,
        sfu_page(browser, pages_url, gateway, 41, ROOM, views=False) as publisher,
        sfu_page(browser, pages_url, gateway, 42, ROOM) as first,
        sfu_page(browser, pages_url, gateway, 43, ROOM) as second,
    ):
        await assert_call(publisher, first, second)

        services, methods = await asyncio.to_thread(reflect, node.grpc_address)
        assert {MEDIA_SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} <= services
        assert {"Publish", "Subscribe", "GetRoom", "GetNode", "WatchEvents"} <= methods
        for service in ("", MEDIA_SERVICE):
            assert await health(node.grpc_address, service) == health_pb2.HealthCheckResponse.SERVING

        before = await get_room(node.grpc_address, ROOM)
        await asyncio.sleep(1)
        after = await get_room(node.grpc_address, ROOM)
        assert {each.user_id for each in after.publishers} == {41, 42, 43}
        for each in after.publishers:
            assert sorted(track.track.codec for track in each.tracks) == ["VP8", "opus"]
            assert each.transport.srtp_profile
        pairs = {(each.subscriber_id, each.publisher_id): each for each in after.subscriptions}
        assert {(42, 41), (42, 43), (43, 41), (43, 42)} <= pairs.keys()
        earlier = {(each.subscriber_id, each.publisher_id): each for each in before.subscriptions}
        for pair in ((42, 41), (43, 41)):
            assert len(pairs[pair].forwards) == 2
            moved = [
                now.packets - then.packets
                for then, now in zip(earlier[pair].forwards, pairs[pair].forwards, strict=True)
            ]
            assert all(packets > 0 for packets in moved), moved
            assert pairs[pair].transport.packets_sent > earlier[pair].transport.packets_sent
        assert "too_many_pings" not in gateway.log
