"""As much of WebDriver BiDi (W3C) as it takes to open a page in Firefox and run scripts in it, without a driver."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

_CONNECT_SECONDS = 60.0
_COMMAND_SECONDS = 45.0


class BidiError(Exception):
    """The browser refused a command, or a script threw."""


class BidiSession:
    """One tab of a browser. Commands are sent one at a time."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._context = ""
        self._busy = asyncio.Lock()

    async def begin(self) -> None:
        await self._command("session.new", capabilities={})
        tree = await self._command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def open(self, url: str) -> None:
        await self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, function: str, argument: object = None) -> Any:
        """What the (async) function returns for the argument, both as JSON."""
        expression = f"(async () => JSON.stringify((await ({function})({json.dumps(argument)})) ?? null))()"
        answer = await self._command(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        if answer["type"] != "success":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    async def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        async with self._busy, asyncio.timeout(_COMMAND_SECONDS):
            number = next(self._ids)
            await self._connection.send_json({"id": number, "method": method, "params": parameters})
            while True:
                message = await self._connection.receive_json()
                if message.get("id") == number:  # anything else is an event
                    break
        if message["type"] != "success":
            raise BidiError(f"{method}: {message.get('error')}: {message.get('message')}")
        result: dict[str, Any] = message["result"]
        return result


@asynccontextmanager
async def bidi_session(port: int, make_socket: Callable[[], socket.socket]) -> AsyncIterator[BidiSession]:
    """A session with the browser that listens on this port of loopback, as soon as it does."""
    connector = aiohttp.TCPConnector(socket_factory=lambda _: make_socket())
    async with aiohttp.ClientSession(connector=connector) as http, await _connect(http, port) as connection:
        session = BidiSession(connection)
        await session.begin()
        yield session


async def _connect(http: aiohttp.ClientSession, port: int) -> aiohttp.ClientWebSocketResponse:
    async with asyncio.timeout(_CONNECT_SECONDS):
        while True:
            try:
                return await http.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
