"""A media node without media: the real contract served over real gRPC, with the state a node would keep.

It answers offers with made-up descriptions and reports a publisher ready when told to (or at once). What it holds can
be looked at, and calls can be made slow or made to fail.
"""
# ruff: noqa: N802 - methods are named by the contract

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import uuid4

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from rheon.media.v1 import media_pb2, media_pb2_grpc

Pair = tuple[str, int]
"""Room and user."""


@dataclass
class FakeParticipant:
    """What the node holds for one session."""

    participant: media_pb2.Participant
    offers: list[str] = field(default_factory=list)
    ready: bool = False
    muted: tuple[media_pb2.Track, ...] = ()
    subscriptions: dict[int, int] = field(default_factory=dict)
    """Publisher to the id of the latest offer."""
    shared: tuple[int, ...] = ()
    """Publishers of the shared connection, which is always named `shared`."""
    shared_offer: int = 0
    """Id of its open offer; 0 when it has its answer."""
    shared_stale: bool = False
    answers: list[tuple[int, int, str]] = field(default_factory=list)


class FakeMediaNode(media_pb2_grpc.MediaServiceServicer):
    """One node. `ready_at_once` makes every publisher ready as soon as it has its answer."""

    def __init__(self, node_id: str = "node-1", *, ready_at_once: bool = True) -> None:
        self.node_id = node_id
        self.boot_id = uuid4().hex
        self.ready_at_once = ready_at_once
        self.participants: dict[Pair, FakeParticipant] = {}
        self.removed: list[tuple[str, int, int]] = []
        self.calls: list[str] = []
        self.requests: list[Any] = []
        self.delays: dict[str, float] = {}
        """Seconds a call of this name takes."""
        self.failures: dict[str, list[tuple[grpc.StatusCode, str, str]]] = {}
        """Code, reason and text of the next failures of a call."""
        self.address = ""
        self._streams: dict[str, asyncio.Queue[media_pb2.WatchEventsResponse]] = {}
        self._offer_ids = itertools.count(1)
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Serve on a loopback port."""
        self._server = grpc.aio.server(
            options=[
                ("grpc.http2.min_ping_interval_without_data_ms", 1000),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.so_reuseport", 0),
            ]
        )
        media_pb2_grpc.add_MediaServiceServicer_to_server(self, self._server)
        bound = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"127.0.0.1:{bound}"
        await self._server.start()

    async def stop(self) -> None:
        """Break every call and stream at once, as a killed process would."""
        if self._server is not None:
            await self._server.stop(None)
            await self._server.wait_for_termination()
            self._server = None

    async def restart(self) -> None:
        """Come back at the same address as a new process that holds nothing."""
        port = int(self.address.rpartition(":")[2])
        self.participants.clear()
        self.boot_id = uuid4().hex
        await self.start(port)

    def make_ready(self, room: str, user_id: int) -> None:
        """The publisher's keys are installed."""
        held = self.participants[room, user_id]
        held.ready = True
        ready = media_pb2.PublisherReady(participant=held.participant, tracks=held.muted)
        self.emit(media_pb2.WatchEventsResponse(publisher_ready=ready))

    def fail_publisher(self, room: str, user_id: int) -> None:
        """The publish transport fails."""
        held = self.participants[room, user_id]
        held.ready = False
        self.emit(
            media_pb2.WatchEventsResponse(
                publisher_closed=media_pb2.PublisherClosed(
                    participant=held.participant, reason=media_pb2.CLOSE_REASON_ICE_FAILED
                )
            )
        )

    def offer_again(self, room: str, subscriber: int, publisher: int) -> int:
        """The publisher's tracks changed: offer the subscription anew. Returns the offer's id."""
        held = self.participants[room, subscriber]
        offer_id = held.subscriptions[publisher] = next(self._offer_ids)
        self.emit(
            media_pb2.WatchEventsResponse(
                subscription_offered=media_pb2.SubscriptionOffered(
                    participant=held.participant,
                    publisher_id=publisher,
                    offer=f"offer {offer_id} of {publisher}",
                    offer_id=offer_id,
                )
            )
        )
        return offer_id

    def offer_shared(self, room: str, subscriber: int) -> None:
        """Offer the shared connection anew."""
        held = self.participants[room, subscriber]
        held.shared_offer = next(self._offer_ids)
        self.emit(
            media_pb2.WatchEventsResponse(
                subscription_offered=media_pb2.SubscriptionOffered(
                    participant=held.participant,
                    offer=f"offer {held.shared_offer}",
                    offer_id=held.shared_offer,
                    connection_id="shared",
                    sections=sections(held.shared),
                )
            )
        )

    def emit(self, event: media_pb2.WatchEventsResponse) -> None:
        """Send an event to the gateway of the participant it names."""
        gateway = getattr(event, event.WhichOneof("event") or "").participant.gateway_id
        if gateway in self._streams:
            self._streams[gateway].put_nowait(event)

    async def Publish(self, request: Any, context: Any) -> media_pb2.PublishResponse:
        """See the contract."""
        await self._enter("Publish", request, context)
        if "m=" not in request.offer:
            await fail(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SDP", "line 1: no media section")
        held = await self._hold(request.participant, context)
        held.offers.append(request.offer)
        key = request.participant.room, request.participant.user_id
        if self.ready_at_once and not held.ready:
            self.make_ready(*key)
        return media_pb2.PublishResponse(answer=f"answer to {len(held.offers)}")

    async def Unpublish(self, request: Any, context: Any) -> media_pb2.UnpublishResponse:
        """See the contract."""
        await self._enter("Unpublish", request, context)
        held = await self._hold(request.participant, context)
        held.ready = False
        held.offers.clear()
        self._end_subscriptions(request.participant.room, request.participant.user_id)
        return media_pb2.UnpublishResponse()

    async def Subscribe(self, request: Any, context: Any) -> media_pb2.SubscribeResponse:
        """See the contract."""
        await self._enter("Subscribe", request, context)
        publisher = self.participants.get((request.participant.room, request.publisher_id))
        if publisher is None or not publisher.ready:
            await fail(context, grpc.StatusCode.NOT_FOUND, "PUBLISHER_NOT_FOUND", "no such publisher")
        held = await self._hold(request.participant, context)
        if request.shared:
            held.shared = (*held.shared, request.publisher_id)
            if held.shared_offer:
                held.shared_stale = True
                return media_pb2.SubscribeResponse(connection_id="shared")
            held.shared_offer = next(self._offer_ids)
            return media_pb2.SubscribeResponse(
                offer=f"offer {held.shared_offer}",
                offer_id=held.shared_offer,
                connection_id="shared",
                sections=sections(held.shared),
            )
        offer_id = held.subscriptions[request.publisher_id] = next(self._offer_ids)
        return media_pb2.SubscribeResponse(
            offer=f"offer {offer_id} of {request.publisher_id}", offer_id=offer_id, connection_id=f"c{offer_id}"
        )

    async def AnswerSubscription(self, request: Any, context: Any) -> media_pb2.AnswerSubscriptionResponse:
        """See the contract."""
        await self._enter("AnswerSubscription", request, context)
        held = await self._hold(request.participant, context)
        if request.connection_id == "shared" and request.offer_id == held.shared_offer:
            held.answers.append((0, request.offer_id, request.answer))
            held.shared_offer = 0
            if held.shared_stale:
                held.shared_stale = False
                self.offer_shared(request.participant.room, request.participant.user_id)
            return media_pb2.AnswerSubscriptionResponse()
        if held.subscriptions.get(request.publisher_id) != request.offer_id:
            await fail(context, grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE", "stale offer")
        held.answers.append((request.publisher_id, request.offer_id, request.answer))
        return media_pb2.AnswerSubscriptionResponse()

    async def RestartSubscriptionIce(self, request: Any, context: Any) -> media_pb2.RestartSubscriptionIceResponse:
        """See the contract."""
        await self._enter("RestartSubscriptionIce", request, context)
        held = await self._hold(request.participant, context)
        if request.connection_id == "shared" and held.shared:
            held.shared_offer = next(self._offer_ids)
            return media_pb2.RestartSubscriptionIceResponse(
                offer=f"restart {held.shared_offer}",
                offer_id=held.shared_offer,
                connection_id="shared",
                sections=sections(held.shared),
            )
        if request.publisher_id not in held.subscriptions:
            await fail(context, grpc.StatusCode.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", "no such subscription")
        offer_id = held.subscriptions[request.publisher_id] = next(self._offer_ids)
        return media_pb2.RestartSubscriptionIceResponse(offer=f"restart {offer_id}", offer_id=offer_id)

    async def Unsubscribe(self, request: Any, context: Any) -> media_pb2.UnsubscribeResponse:
        """See the contract."""
        await self._enter("Unsubscribe", request, context)
        held = await self._hold(request.participant, context)
        held.subscriptions.pop(request.publisher_id, None)
        if request.connection_id == "shared":
            held.shared, held.shared_offer = (), 0
        elif request.publisher_id in held.shared:
            held.shared = tuple(each for each in held.shared if each != request.publisher_id)
            held.shared_stale = bool(held.shared_offer)
            if not held.shared_offer:
                self.offer_shared(request.participant.room, request.participant.user_id)
        return media_pb2.UnsubscribeResponse()

    async def SetPreferredLayer(self, request: Any, context: Any) -> media_pb2.SetPreferredLayerResponse:
        """See the contract."""
        await self._enter("SetPreferredLayer", request, context)
        return media_pb2.SetPreferredLayerResponse()

    async def SetMuted(self, request: Any, context: Any) -> media_pb2.SetMutedResponse:
        """See the contract. Every publisher has one track of each kind, named by its kind's number."""
        await self._enter("SetMuted", request, context)
        held = await self._hold(request.participant, context)
        if not held.offers:
            await fail(context, grpc.StatusCode.NOT_FOUND, "PUBLISHER_NOT_FOUND", "publishes nothing")
        track = media_pb2.Track(track_id=f"track-{request.kind}", kind=request.kind, muted=True)
        others = tuple(each for each in held.muted if each != track)
        held.muted = (*others, track) if request.muted else others
        if held.ready:
            self.make_ready(request.participant.room, request.participant.user_id)
        return media_pb2.SetMutedResponse()

    async def RemoveParticipant(self, request: Any, context: Any) -> media_pb2.RemoveParticipantResponse:
        """See the contract."""
        await self._enter("RemoveParticipant", request, context)
        participant = request.participant
        held = self.participants.get((participant.room, participant.user_id))
        if held is not None and held.participant.session_number > participant.session_number:
            await fail(context, grpc.StatusCode.FAILED_PRECONDITION, "STALE_SESSION", "superseded")
        self.participants.pop((participant.room, participant.user_id), None)
        self._end_subscriptions(participant.room, participant.user_id)
        self.removed.append((participant.room, participant.user_id, participant.session_number))
        return media_pb2.RemoveParticipantResponse()

    async def GetNode(self, request: Any, context: Any) -> media_pb2.GetNodeResponse:
        """See the contract."""
        await self._enter("GetNode", request, context)
        return media_pb2.GetNodeResponse(
            node_id=self.node_id,
            publish_transports=sum(bool(held.offers) for held in self.participants.values()),
            subscribe_transports=sum(len(held.subscriptions) for held in self.participants.values()),
            workers=[
                media_pb2.WorkerState(
                    packets_received=10,
                    bytes_received=1000,
                    packets_sent=20,
                    bytes_sent=2000,
                    drops_by_reason={"srtp": 3},
                )
            ],
            transports_by_state={"connected": 2},
        )

    async def ListRooms(self, request: Any, context: Any) -> media_pb2.ListRoomsResponse:
        """See the contract."""
        rooms = sorted({room for room, _ in self.participants})
        return media_pb2.ListRoomsResponse(rooms=[media_pb2.RoomSummary(room=room) for room in rooms])

    async def GetRoom(self, request: Any, context: Any) -> media_pb2.GetRoomResponse:
        """See the contract."""
        return media_pb2.GetRoomResponse(room=request.room)

    async def WatchEvents(self, request: Any, context: Any) -> AsyncIterator[media_pb2.WatchEventsResponse]:
        """See the contract."""
        await self._enter("WatchEvents", request, context)
        queue: asyncio.Queue[media_pb2.WatchEventsResponse] = asyncio.Queue()
        self._streams[request.gateway_id] = queue
        yield media_pb2.WatchEventsResponse(
            snapshot=media_pb2.NodeSnapshot(
                node_id=self.node_id,
                boot_id=self.boot_id,
                participants=[
                    media_pb2.SnapshotParticipant(
                        participant=held.participant,
                        publishing=held.ready,
                        subscribed_to=list(held.subscriptions),
                        tracks=held.muted,
                    )
                    for held in self.participants.values()
                    if held.participant.gateway_id == request.gateway_id
                ],
            )
        )
        while True:
            yield await queue.get()

    def _end_subscriptions(self, room: str, publisher: int) -> None:
        """The publisher is gone: those who were subscribed are not any more."""
        for (where, _), held in self.participants.items():
            if where == room and held.subscriptions.pop(publisher, None) is not None:
                closed = media_pb2.SubscriptionClosed(
                    participant=held.participant, publisher_id=publisher, reason=media_pb2.CLOSE_REASON_PUBLISHER_LEFT
                )
                self.emit(media_pb2.WatchEventsResponse(subscription_closed=closed))

    async def _enter(self, name: str, request: Any, context: Any) -> None:
        self.calls.append(name)
        self.requests.append(request)
        if name in self.delays:
            await asyncio.sleep(self.delays[name])
        if self.failures.get(name):
            await fail(context, *self.failures[name].pop(0))

    async def _hold(self, participant: media_pb2.Participant, context: Any) -> FakeParticipant:
        key = participant.room, participant.user_id
        held = self.participants.get(key)
        if held is not None and held.participant.session_number > participant.session_number:
            await fail(context, grpc.StatusCode.FAILED_PRECONDITION, "STALE_SESSION", "superseded")
        if held is None or held.participant.session_number < participant.session_number:
            held = self.participants[key] = FakeParticipant(participant)
        return held


def sections(publishers: tuple[int, ...]) -> list[media_pb2.Section]:
    """One audio section for every publisher."""
    return [
        media_pb2.Section(
            mid=str(index),
            publisher_id=publisher,
            track=media_pb2.Track(track_id=f"track-of-{publisher}", kind=media_pb2.KIND_AUDIO),
        )
        for index, publisher in enumerate(publishers)
    ]


async def fail(context: Any, code: grpc.StatusCode, reason: str, text: str) -> NoReturn:
    """End a call with a status as nodes write it; without a reason, as the transport would."""
    if not reason:
        await context.abort(code, text)
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="rheon"))
    status = status_pb2.Status(code=code.value[0], message=text, details=[detail])
    await context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort raises")


@asynccontextmanager
async def fake_media_node(node_id: str = "node-1", *, ready_at_once: bool = True) -> AsyncIterator[FakeMediaNode]:
    """A serving fake node."""
    node = FakeMediaNode(node_id, ready_at_once=ready_at_once)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()
