"""A media node process's outside: health, reflection, identity, start and stop."""

from __future__ import annotations

import asyncio
import os

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from rheon_media_node.app import MediaNode, running_media_node
from rheon_media_node.errors import StartError
from rheon_media_node.settings import MediaNodeSettings
from tests.integration.media_node.conftest import Gateway


async def test_health_and_reflection(gateway: Gateway) -> None:
    health = health_pb2_grpc.HealthStub(gateway.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(service="rheon.media.v1.MediaService"), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflection = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
    asking = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    listed = {service.name for service in (await asking.read()).list_services_response.service}
    asking.cancel()
    assert {"rheon.media.v1.MediaService", "grpc.health.v1.Health"} <= listed


async def test_the_node_shows_its_workers(gateway: Gateway, node: MediaNode) -> None:
    shown = await gateway.get_node()
    assert shown.node_id == node.node_id
    assert len(shown.workers) == len(shown.candidates) == 2
    assert [f"127.0.0.1:{worker.port}" for worker in shown.workers] == list(shown.candidates)
    assert shown.tables["transports"] == 0


async def test_stopping_leaves_nothing(node: MediaNode) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def cycle() -> None:
        async with running_media_node(MediaNodeSettings(grpc_bind="127.0.0.1:0", media_port=0, workers=1)):
            pass

    await cycle()
    tasks, before = len(asyncio.all_tasks()), descriptors()
    for _ in range(5):
        await cycle()
    assert len(asyncio.all_tasks()) == tasks
    assert descriptors() <= before


async def test_a_busy_grpc_port_is_a_start_error(node: MediaNode) -> None:
    settings = MediaNodeSettings(grpc_bind=node.grpc_address, media_port=0, workers=1)
    with pytest.raises(StartError, match="another process"):
        async with running_media_node(settings):
            pass
