"""The gateway's port: WebSocket upgrades on any path, and a handful of plain HTTP resources."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs, web

from rheon_gateway.dev_token import DevTokens
from rheon_gateway.health import Health
from rheon_gateway.metrics import GatewayMetrics
from rheon_gateway.nodes import NodePool
from rheon_gateway.socket import SocketServer
from rheon_gateway.static_files import StaticFiles
from rheon_telemetry import Telemetry, get_logger

_SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "font-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "rheon",
}
_NO_STORE: Final[dict[str, str]] = {hdrs.CACHE_CONTROL: "no-store"}

_log = get_logger("rheon.gateway.http")


class HttpServer:
    """Answers every request that reaches the port."""

    def __init__(
        self,
        *,
        sockets: SocketServer,
        files: StaticFiles,
        health: Health,
        nodes: NodePool,
        metrics: GatewayMetrics,
        telemetry: Telemetry,
        dev_tokens: DevTokens | None,
    ) -> None:
        self._sockets = sockets
        self._files = files
        self._health = health
        self._nodes = nodes
        self._metrics = metrics
        self._telemetry = telemetry
        self._dev_tokens = dev_tokens

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; an upgrade wins on any path."""
        if request.headers.get(hdrs.UPGRADE, "").lower() == "websocket":
            try:
                return await self._sockets.serve(request)
            except web.HTTPException:
                return _text(400, "Not a WebSocket handshake this server understands\n")
            except Exception:
                _log.exception("connection failed")
                raise
        try:
            response = await self._answer(request)
        except Exception:
            _log.exception("request failed", method=request.method)
            response = _text(500, "Internal error\n")
        for name, value in _SECURITY.items():
            response.headers.setdefault(name, value)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/dev/token" and self._dev_tokens is not None:
            return await self._dev_tokens.answer(request)
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return _text(405, "Only GET is served here\n", {hdrs.ALLOW: "GET, HEAD"})
        match request.path:
            case "/health":
                return _json(200, self._health.report())
            case "/ready":
                ready = self._health.ready()
                return _json(200 if ready else 503, {"ready": ready})
            case "/metrics":
                self._metrics.update(await self._nodes.statistics())
                body, content_type = self._telemetry.prometheus()
                return web.Response(body=body, headers=_NO_STORE | {hdrs.CONTENT_TYPE: content_type})
            case path:
                return self._file(path)

    def _file(self, path: str) -> web.StreamResponse:
        found = self._files.find(path)
        if found is None:
            return _text(404, "Not found\n")
        file, content_type = found
        return web.FileResponse(file, headers={hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-cache"})


def _text(status: int, text: str, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.Response(status=status, text=text, headers=dict(_NO_STORE) | dict(headers))


def _json(status: int, content: object) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(content).encode(), content_type="application/json", headers=_NO_STORE
    )
