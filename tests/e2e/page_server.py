"""Serves the test pages and the unchanged clients to real browsers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

HERE = Path(__file__).parent


@asynccontextmanager
async def serving_pages(listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Address of the test pages (/pages), the unchanged clients (/clients) and the client library (/rheon).

    Listens on a free port of loopback, or on the bound socket given.
    """
    app = web.Application()
    app.router.add_static("/pages", HERE / "pages")
    app.router.add_static("/clients", HERE.parent / "fixtures" / "clients")
    app.router.add_static("/rheon", HERE.parents[1] / "libs" / "client-js" / "src")
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await (web.SockSite(runner, listener) if listener else web.TCPSite(runner, "127.0.0.1", 0)).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
