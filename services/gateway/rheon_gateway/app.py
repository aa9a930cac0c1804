"""A running gateway: its parts put together, started and stopped in order."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from rheon_cluster import Cluster, GatewayId, MemoryCluster
from rheon_gateway.dev_token import DevTokens
from rheon_gateway.health import Health
from rheon_gateway.http import HttpServer
from rheon_gateway.hub import Hub
from rheon_gateway.limits import FIRST_MESSAGE_DEADLINE
from rheon_gateway.metrics import GatewayMetrics, SignalingCounters
from rheon_gateway.node_events import NodeEvents
from rheon_gateway.nodes import NodePool
from rheon_gateway.settings import GatewaySettings
from rheon_gateway.socket import SocketServer
from rheon_gateway.static_files import StaticFiles
from rheon_gateway.tokens import TokenVerifier
from rheon_signaling import CloseCode
from rheon_telemetry import Telemetry, get_logger

_SHUTDOWN: Final = 5.0
"""Seconds for open connections to end by themselves when the gateway stops."""
_FLUSH: Final = 1.0
"""Seconds to tell the media nodes what is no longer needed."""
_BACKLOG: Final = 1024

_log = get_logger("rheon.gateway")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that serves."""

    host: str
    port: int
    hub: Hub
    nodes: NodePool
    counters: SignalingCounters

    @property
    def url(self) -> str:
        """Where the demo page is, and (with ws:) the signaling socket."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@asynccontextmanager
async def running_gateway(settings: GatewaySettings, *, cluster: Cluster | None = None) -> AsyncIterator[Gateway]:
    """Serve until the context is left; then close every connection (1012) and free everything.

    `cluster` defaults to one of the gateway's own. Raises OSError when the port cannot be had.
    """
    gateway_id = GatewayId(settings.node_id)
    cluster = cluster if cluster is not None else MemoryCluster()
    counters = SignalingCounters()
    hub = Hub(gateway_id, cluster, p2p_relay=settings.p2p_relay)
    nodes = NodePool(settings.media_nodes, gateway_id, NodeEvents(hub, cluster))
    hub.nodes = nodes
    tokens = TokenVerifier(settings.jwt_secret.get_secret_value())
    sockets = SocketServer(hub, lambda token: tokens.verify(token, time.time()), counters)
    health = Health(nodes, counters)
    telemetry = Telemetry("rheon-gateway", settings.node_id)
    metrics = GatewayMetrics(telemetry.meter, counters, lambda: hub.rooms)
    dev_tokens = DevTokens(tokens) if settings.dev_mode else None
    http = HttpServer(
        sockets=sockets,
        files=StaticFiles(),
        health=health,
        nodes=nodes,
        metrics=metrics,
        telemetry=telemetry,
        dev_tokens=dev_tokens,
    )
    if settings.secret_is_short:
        _log.warning("JWT_SECRET is shorter than 32 bytes: use a longer one")
    try:
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(hub.run()), tasks.create_task(nodes.run())]
            try:
                async with _listening(http, settings.host, settings.port) as port:
                    gateway = Gateway(settings.host, port, hub, nodes, counters)
                    _log.info("gateway serves", port=port)
                    try:
                        yield gateway
                    finally:
                        health.stopping = True
                        sockets.close_all(CloseCode.RESTART)
                await nodes.flush(_FLUSH)
            finally:
                for task in background:
                    task.cancel()
    except BaseExceptionGroup as group:
        # A port that is taken, or an error of the caller's own, is passed on as it is.
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
    finally:
        telemetry.close()


@asynccontextmanager
async def _listening(http: HttpServer, host: str, port: int) -> AsyncIterator[int]:
    """Listen, and yield the port; on leaving wait for open requests a little, then cut them."""
    # The keep-alive time is also what a connection has to send its first (or next) request's headers in full.
    server = web.Server(http.handle, access_log=None, logger=_silent_logger(), keepalive_timeout=FIRST_MESSAGE_DEADLINE)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _silent_logger() -> logging.Logger:
    # The HTTP library's own lines name client addresses; what matters of them is logged by `HttpServer`.
    logger = logging.Logger("rheon.gateway.aiohttp")
    logger.addHandler(logging.NullHandler())
    return logger
