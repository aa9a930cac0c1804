"""The media node as a whole: engine, control and gRPC server, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

from rheon_engine.engine import Engine
from rheon_engine.errors import EngineError
from rheon_media_node.control.control import MediaControl
from rheon_media_node.dtls import DtlsIdentity
from rheon_media_node.errors import StartError
from rheon_media_node.grpc_api.server import ListenError, running_server
from rheon_media_node.grpc_api.service import MediaService, NodeIdentity
from rheon_media_node.machine import announced_addresses
from rheon_media_node.settings import MediaNodeSettings
from rheon_telemetry import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MediaNode:
    """A running node."""

    node_id: str
    grpc_address: str
    """`host:port` of its gRPC server."""


@asynccontextmanager
async def running_media_node(settings: MediaNodeSettings) -> AsyncIterator[MediaNode]:
    """Run a media node. Leaving closes every connection, and leaves no task, thread or socket.

    Raises StartError when a port or address cannot be used.
    """
    loop = asyncio.get_running_loop()
    try:
        engine = Engine(
            workers=settings.workers,
            bind=settings.media_bind,
            port=settings.media_port,
            announced=announced_addresses(settings.media_bind, settings.announced_ips),
        )
    except EngineError as error:
        raise StartError(str(error)) from error
    control = MediaControl(engine, DtlsIdentity(), loop)
    events = loop.create_task(control.run(), name="engine events")
    identity = NodeIdentity(settings.node_id, uuid4().hex, _version(), loop.time())
    try:
        service = MediaService(control, engine, identity, loop)
        async with running_server(service, settings.grpc_bind) as address:
            _log.info("media node is serving", node_id=settings.node_id, grpc=address, workers=engine.workers)
            try:
                yield MediaNode(settings.node_id, address)
            finally:
                # Streams end first: the server would otherwise wait for them.
                control.close()
    except ListenError as error:
        raise StartError(str(error)) from error
    finally:
        control.close()
        engine.close()
        await events


def _version() -> str:
    try:
        return version("rheon-media-node")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
