"""The gRPC server: MediaService, health and reflection on one listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from rheon.media.v1 import media_pb2, media_pb2_grpc

from rheon_media_node.grpc_api.service import MediaService

MAX_REQUEST = 256 * 1024
"""Bytes; the largest request carries a description of at most 64 KiB."""

MAX_REPLY = 16 * 1024 * 1024
"""Bytes; the largest reply describes a room of thousands of forwards."""

MAX_STREAMS = 1024
"""Calls under way on one connection."""

SHUTDOWN_GRACE = 2.0
"""Seconds calls have to finish when the server stops."""

SERVICE_NAME = media_pb2.DESCRIPTOR.services_by_name["MediaService"].full_name

_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", MAX_REQUEST),
    ("grpc.max_send_message_length", MAX_REPLY),
    ("grpc.max_concurrent_streams", MAX_STREAMS),
    # Gateways ping every 2 s to notice a frozen node; the default would end such a connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Pings of our own end the event stream of a gateway that vanished.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Two nodes must not share a port unnoticed.
    ("grpc.so_reuseport", 0),
]


class ListenError(Exception):
    """The gRPC listener could not be opened; the message says where and what to check."""


@asynccontextmanager
async def running_server(service: MediaService, bind: str) -> AsyncIterator[str]:
    """Serve on `host:port` (port 0: any free one); gives the actual address.

    Raises ListenError. When leaving, health turns to NOT_SERVING, and calls get `SHUTDOWN_GRACE` to finish.
    """
    server = grpc.aio.server(options=_OPTIONS)
    media_pb2_grpc.add_MediaServiceServicer_to_server(service, server)
    health_service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    await health_service.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    host = bind.rpartition(":")[0]
    try:
        port = server.add_insecure_port(bind)
    except RuntimeError as error:
        raise ListenError(f"cannot listen on {bind} for gRPC: is another process using the port?") from error
    await server.start()
    try:
        yield f"{host}:{port}"
    finally:
        await health_service.enter_graceful_shutdown()
        await server.stop(SHUTDOWN_GRACE)
