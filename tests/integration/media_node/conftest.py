"""A media node as in production, on loopback, and a gateway's end of its gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from rheon.media.v1 import media_pb2 as pb
from rheon.media.v1 import media_pb2_grpc

from rheon_media_node.app import MediaNode, running_media_node
from rheon_media_node.settings import MediaNodeSettings
from tests.support.native_peer import NativePeer, SentTrack

GATEWAY = "gateway-1"


def participant(user: int, session: int = 1, room: str = "room") -> pb.Participant:
    """A participant this gateway speaks for."""
    return pb.Participant(room=room, user_id=user, session_number=session, gateway_id=GATEWAY, username=f"user{user}")


class Gateway:
    """What a gateway does to a node."""

    def __init__(self, node: MediaNode, channel: grpc.aio.Channel) -> None:
        self.node = node
        self.channel = channel
        self.stub = media_pb2_grpc.MediaServiceStub(channel)
        self.events: list[pb.WatchEventsResponse] = []
        self._arrived = asyncio.Condition()

    async def watch(self) -> None:
        """Collect events until cancelled."""
        async for event in self.stub.WatchEvents(pb.WatchEventsRequest(gateway_id=GATEWAY)):
            async with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()

    async def event(self, kind: str, seconds: float = 10.0) -> pb.WatchEventsResponse:
        """Take the first event of a kind, waiting for it."""
        async with asyncio.timeout(seconds), self._arrived:
            await self._arrived.wait_for(lambda: any(event.WhichOneof("event") == kind for event in self.events))
            index = next(i for i, event in enumerate(self.events) if event.WhichOneof("event") == kind)
            return self.events.pop(index)

    async def publish(self, user: int, peer: NativePeer, tracks: tuple[SentTrack, ...], session: int = 1) -> None:
        """Publish and wait until others can subscribe."""
        request = pb.PublishRequest(participant=participant(user, session), offer=peer.core.offer(tracks))
        response = await self.stub.Publish(request, timeout=5)
        peer.connect(response.answer)
        await peer.connected()
        await self.event("publisher_ready")

    async def subscribe(self, user: int, publisher: int, peer: NativePeer, session: int = 1) -> pb.SubscribeResponse:
        """Subscribe and wait until media may flow."""
        who = participant(user, session)
        offered = await self.stub.Subscribe(pb.SubscribeRequest(participant=who, publisher_id=publisher), timeout=5)
        answer = peer.core.answer(offered.offer)
        await self.stub.AnswerSubscription(
            pb.AnswerSubscriptionRequest(
                participant=who, publisher_id=publisher, offer_id=offered.offer_id, answer=answer
            ),
            timeout=5,
        )
        peer.connect(offered.offer)
        await peer.connected()
        await self.event("subscription_ready")
        return offered

    async def answer_again(self, user: int, publisher: int, peer: NativePeer) -> None:
        """Answer the changed offer the node makes of its own accord."""
        offered = (await self.event("subscription_offered")).subscription_offered
        await self.stub.AnswerSubscription(
            pb.AnswerSubscriptionRequest(
                participant=participant(user),
                publisher_id=publisher,
                offer_id=offered.offer_id,
                answer=peer.core.answer(offered.offer),
            ),
            timeout=5,
        )

    async def share(self, user: int, publisher: int) -> pb.SubscribeResponse:
        """Ask for a publisher over the user's shared connection."""
        request = pb.SubscribeRequest(participant=participant(user), publisher_id=publisher, shared=True)
        return await self.stub.Subscribe(request, timeout=5)

    async def take(self, user: int, offered: pb.SubscribeResponse | pb.SubscriptionOffered, peer: NativePeer) -> None:
        """Answer an offer of a shared connection."""
        request = pb.AnswerSubscriptionRequest(
            participant=participant(user),
            connection_id=offered.connection_id,
            offer_id=offered.offer_id,
            answer=peer.core.answer(offered.offer),
        )
        await self.stub.AnswerSubscription(request, timeout=5)

    async def offered(self) -> pb.SubscriptionOffered:
        """The next offer the node makes of its own accord."""
        return (await self.event("subscription_offered")).subscription_offered

    async def get_node(self) -> pb.GetNodeResponse:
        """The node as it shows itself."""
        return await self.stub.GetNode(pb.GetNodeRequest(), timeout=5)

    async def remove(self, user: int, session: int = 1) -> None:
        """A user leaves."""
        request = pb.RemoveParticipantRequest(participant=participant(user, session))
        await self.stub.RemoveParticipant(request, timeout=5)


@pytest.fixture
async def node() -> AsyncIterator[MediaNode]:
    settings = MediaNodeSettings(
        grpc_bind="127.0.0.1:0", media_bind=("127.0.0.1",), media_port=0, workers=2, announced_ips=()
    )
    async with running_media_node(settings) as running:
        yield running


@pytest.fixture
async def gateway(node: MediaNode) -> AsyncIterator[Gateway]:
    async with grpc.aio.insecure_channel(node.grpc_address) as channel:
        gateway = Gateway(node, channel)
        watching = asyncio.get_running_loop().create_task(gateway.watch())
        await gateway.event("snapshot")
        yield gateway
        watching.cancel()
        await asyncio.wait([watching])
