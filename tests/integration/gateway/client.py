"""A signaling client over a real WebSocket, and a gateway with fake media nodes to connect to."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import SecretStr

from rheon_cluster import Cluster
from rheon_gateway.app import Gateway, running_gateway
from rheon_gateway.settings import GatewaySettings
from rheon_gateway.tokens import TokenVerifier
from tests.support.fake_media_node import FakeMediaNode, fake_media_node

SECRET = "a secret of thirty-two bytes, at least"
OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
CANDIDATE = "candidate:1 1 udp 2113937151 192.0.2.1 5000 typ host generation 0"
PATIENCE = 10.0
"""Seconds to wait for what must come."""

Message = dict[str, Any]


def token(user_id: int, username: str | None = None, *, lifetime: float = 600.0) -> str:
    return TokenVerifier(SECRET).mint(user_id, username or f"user {user_id}", now=time.time(), lifetime=lifetime)


class Client:
    """One socket. Messages received are consumed in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, user_id: int) -> None:
        self.socket = socket
        self.user_id = user_id

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, **fields})

    async def receive(self) -> Message:
        message: Message = await self.socket.receive_json(timeout=PATIENCE)
        return message

    async def expect(self, kind: str) -> Message:
        """The next message, which must be of this type; without its type and room."""
        message = await self.receive()
        assert message.get("type") == kind, message
        return {name: value for name, value in message.items() if name not in ("type", "roomName")}

    async def silent(self) -> bool:
        """Whether nothing has been sent to this client: everything before a ping's answer would come first."""
        await self.send("ping", id="silence")
        return await self.receive() == {"type": "pong", "id": "silence"}

    async def closed_with(self) -> int | None:
        """Skip what still comes and return the close code."""
        while True:
            message = await self.socket.receive(timeout=PATIENCE)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                return self.socket.close_code

    async def authenticate(self, *features: str) -> None:
        asked = {"features": [*features, "unheard-of"]} if features else {}
        await self.send("auth", token=token(self.user_id), **asked)
        granted = {"features": list(features)} if features else {}
        user = {"userId": self.user_id, "username": f"user {self.user_id}"}
        assert await self.expect("authenticated") == {**user, **granted}

    async def join(self, room: str = "r") -> list[Message]:
        await self.send("join-room", roomName=room)
        joined = await self.expect("room-joined")
        assert joined["userId"] == self.user_id
        participants: list[Message] = joined["participants"]
        return participants

    async def publish(self, room: str = "r", offer: str = OFFER) -> None:
        await self.send("publish-offer", roomName=room, offer=offer)
        await self.expect("publish-answer")

    async def close(self) -> None:
        await self.socket.close()


@dataclass
class Site:
    """A gateway, its fake nodes, and a way in."""

    gateway: Gateway
    nodes: list[FakeMediaNode]
    http: aiohttp.ClientSession

    @property
    def node(self) -> FakeMediaNode:
        return self.nodes[0]

    async def socket(self, path: str = "/") -> aiohttp.ClientWebSocketResponse:
        return await self.http.ws_connect(self.gateway.url + path, max_msg_size=0, autoping=True)

    async def client(self, user_id: int, path: str = "/") -> Client:
        return Client(await self.socket(path), user_id)

    async def user(self, user_id: int, *features: str) -> Client:
        """An authenticated client."""
        client = await self.client(user_id)
        await client.authenticate(*features)
        return client


@asynccontextmanager
async def running_site(nodes: int = 1, *, cluster: Cluster | None = None, **settings: Any) -> AsyncIterator[Site]:
    """A gateway with fake nodes it is connected to."""
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(fake_media_node(f"node-{number}")) for number in range(nodes)]
        site = await stack.enter_async_context(gateway_of(fakes, cluster=cluster, **settings))
        yield site


@asynccontextmanager
async def gateway_of(
    nodes: list[FakeMediaNode], *, cluster: Cluster | None = None, **settings: Any
) -> AsyncIterator[Site]:
    """A gateway for nodes that run already."""
    configured = GatewaySettings(
        host="127.0.0.1",
        port=0,
        jwt_secret=SecretStr(SECRET),
        media_nodes=tuple(node.address for node in nodes),
        **settings,
    )
    async with running_gateway(configured, cluster=cluster) as gateway, aiohttp.ClientSession() as http:
        await until(lambda: gateway.nodes.serving == len(nodes))
        yield Site(gateway, nodes, http)


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition to hold."""
    async with asyncio.timeout(PATIENCE):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)
