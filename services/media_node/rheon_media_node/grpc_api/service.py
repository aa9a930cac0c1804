# ruff: noqa: N802, ARG002 - names and parameters are the contract's
"""MediaService over the control."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from rheon.media.v1 import media_pb2 as pb
from rheon.media.v1 import media_pb2_grpc

from rheon_engine.errors import EngineError
from rheon_engine.types import EngineStats
from rheon_media_node.control.control import MediaControl
from rheon_media_node.control.events import EventStream, StreamClosed, StreamOverflowed, StreamReplaced
from rheon_media_node.control.ports import Clock, EnginePort
from rheon_media_node.control.requests import RequestKey, Results
from rheon_media_node.errors import InternalError, InvalidArgument, NodeError, Overloaded, TooMany, WrongState
from rheon_media_node.grpc_api import inspection
from rheon_media_node.grpc_api.convert import (
    event_message,
    read_gateway,
    read_kind,
    read_participant,
    read_request_id,
    read_room,
    section_messages,
    track_messages,
)
from rheon_media_node.grpc_api.failures import abort
from rheon_media_node.router.values import ConnectionId, Layers, OfferId, Participant, UserId
from rheon_telemetry import get_logger

_log = get_logger(__name__)

STATS_DEADLINE = 2.0
"""Seconds the engine's workers have for a snapshot of their counters."""

HIGHEST_LAYER = 2

Context = grpc.aio.ServicerContext[Any, Any]
Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What the node says it is."""

    node_id: str
    boot_id: str
    """Differs after every start."""
    version: str
    started: float
    """The clock's time at the start."""


def _typed_failures(
    method: Callable[[Any, Q, Context], Awaitable[R]],
) -> Callable[[Any, Q, Context], Awaitable[R]]:
    """Turn the node's errors into statuses; what is no such error is ours: it is logged and not shown."""

    @functools.wraps(method)
    async def call(self: Any, request: Q, context: Context) -> R:
        try:
            return await method(self, request, context)
        except NodeError as error:
            return await abort(context, error)
        except EngineError:
            return await abort(context, Overloaded("the engine is busy"))
        except Exception:
            _log.exception("a command failed unexpectedly", method=method.__name__)
            return await abort(context, InternalError("internal error"))

    return call


class MediaService(media_pb2_grpc.MediaServiceServicer):
    """Every RPC: reads the request, calls the control, writes the reply."""

    def __init__(self, control: MediaControl, engine: EnginePort, identity: NodeIdentity, clock: Clock) -> None:
        self._control = control
        self._engine = engine
        self._identity = identity
        self._clock = clock
        self._results = Results()

    @_typed_failures
    async def Publish(self, request: pb.PublishRequest, context: Context) -> pb.PublishResponse:
        def command(participant: Participant) -> pb.PublishResponse:
            published = self._control.publish(participant, request.offer)
            return pb.PublishResponse(answer=published.answer, tracks=track_messages(published.tracks))

        return self._once(request, command)

    @_typed_failures
    async def Unpublish(self, request: pb.UnpublishRequest, context: Context) -> pb.UnpublishResponse:
        def command(participant: Participant) -> pb.UnpublishResponse:
            self._control.unpublish(participant)
            return pb.UnpublishResponse()

        return self._once(request, command)

    @_typed_failures
    async def Subscribe(self, request: pb.SubscribeRequest, context: Context) -> pb.SubscribeResponse:
        def command(participant: Participant) -> pb.SubscribeResponse:
            offered = self._control.subscribe(participant, UserId(request.publisher_id), shared=request.shared)
            return pb.SubscribeResponse(
                offer=offered.offer,
                offer_id=offered.offer_id,
                tracks=track_messages(offered.tracks),
                connection_id=offered.connection,
                sections=section_messages(offered.sections),
            )

        return self._once(request, command)

    @_typed_failures
    async def AnswerSubscription(
        self, request: pb.AnswerSubscriptionRequest, context: Context
    ) -> pb.AnswerSubscriptionResponse:
        def command(participant: Participant) -> pb.AnswerSubscriptionResponse:
            refused = self._control.answer_subscription(
                participant, self._connection(participant, request), OfferId(request.offer_id), request.answer
            )
            return pb.AnswerSubscriptionResponse(refused_tracks=track_messages(refused))

        return self._once(request, command)

    @_typed_failures
    async def RestartSubscriptionIce(
        self, request: pb.RestartSubscriptionIceRequest, context: Context
    ) -> pb.RestartSubscriptionIceResponse:
        def command(participant: Participant) -> pb.RestartSubscriptionIceResponse:
            connection = self._connection(participant, request)
            offered = self._control.restart_subscription_ice(participant, connection)
            return pb.RestartSubscriptionIceResponse(
                offer=offered.offer,
                offer_id=offered.offer_id,
                connection_id=offered.connection,
                sections=section_messages(offered.sections),
            )

        return self._once(request, command)

    @_typed_failures
    async def Unsubscribe(self, request: pb.UnsubscribeRequest, context: Context) -> pb.UnsubscribeResponse:
        def command(participant: Participant) -> pb.UnsubscribeResponse:
            if request.connection_id:
                self._control.disconnect(participant, ConnectionId(request.connection_id))
            else:
                self._control.unsubscribe(participant, UserId(request.publisher_id))
            return pb.UnsubscribeResponse()

        return self._once(request, command)

    @_typed_failures
    async def SetPreferredLayer(
        self, request: pb.SetPreferredLayerRequest, context: Context
    ) -> pb.SetPreferredLayerResponse:
        def command(participant: Participant) -> pb.SetPreferredLayerResponse:
            if max(request.spatial, request.temporal) > HIGHEST_LAYER:
                raise InvalidArgument(f"layers are 0 to {HIGHEST_LAYER}")
            self._control.set_layers(
                participant,
                UserId(request.publisher_id),
                request.track_id or None,
                Layers(request.spatial, request.temporal),
            )
            return pb.SetPreferredLayerResponse()

        return self._once(request, command)

    @_typed_failures
    async def SetMuted(self, request: pb.SetMutedRequest, context: Context) -> pb.SetMutedResponse:
        def command(participant: Participant) -> pb.SetMutedResponse:
            track = request.track_id or None
            kind = read_kind(request.kind) if track is None else None
            self._control.set_muted(participant, track, kind, muted=request.muted)
            return pb.SetMutedResponse()

        return self._once(request, command)

    @_typed_failures
    async def RemoveParticipant(
        self, request: pb.RemoveParticipantRequest, context: Context
    ) -> pb.RemoveParticipantResponse:
        def command(participant: Participant) -> pb.RemoveParticipantResponse:
            self._control.remove_participant(participant)
            return pb.RemoveParticipantResponse()

        return self._once(request, command)

    @_typed_failures
    async def ListRooms(self, request: pb.ListRoomsRequest, context: Context) -> pb.ListRoomsResponse:
        return pb.ListRoomsResponse(rooms=inspection.list_rooms(self._control))

    @_typed_failures
    async def GetRoom(self, request: pb.GetRoomRequest, context: Context) -> pb.GetRoomResponse:
        room = read_room(request.room)
        self._control.rooms.room(room)
        return inspection.describe_room(self._control, room, await self._stats())

    @_typed_failures
    async def GetNode(self, request: pb.GetNodeRequest, context: Context) -> pb.GetNodeResponse:
        stats = await self._stats()
        return inspection.describe_node(
            self._control,
            stats,
            node_id=self._identity.node_id,
            version=self._identity.version,
            candidates=[
                f"{candidate.address}:{candidate.port}"
                for worker in range(self._engine.workers)
                for candidate in self._engine.candidates(worker)
            ],
            uptime=self._clock.time() - self._identity.started,
        )

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Context
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        try:
            gateway = read_gateway(request.gateway_id)
            stream = self._control.watch(gateway)
        except NodeError as error:
            await abort(context, error)
        try:
            # Nothing is awaited between opening the stream and reading the snapshot: no event is missed or doubled.
            identity = self._identity
            yield pb.WatchEventsResponse(
                snapshot=inspection.snapshot(self._control, gateway, identity.node_id, identity.boot_id)
            )
            async for event in _events(stream, context):
                yield event
        finally:
            self._control.unwatch(gateway, stream)

    def _once(self, request: Any, command: Callable[[Participant], R]) -> R:
        participant = read_participant(request.participant)
        key = RequestKey(type(request).__name__, participant, read_request_id(request.request_id))
        return self._results.once(key, self._clock.time(), lambda: command(participant))

    def _connection(
        self, participant: Participant, request: pb.AnswerSubscriptionRequest | pb.RestartSubscriptionIceRequest
    ) -> ConnectionId:
        """The connection a request names, or that carries the publisher it names."""
        if request.connection_id:
            return ConnectionId(request.connection_id)
        return self._control.rooms.connection(participant, UserId(request.publisher_id))

    async def _stats(self) -> EngineStats:
        try:
            async with asyncio.timeout(STATS_DEADLINE):
                return await self._engine.stats()
        except TimeoutError:
            raise Overloaded("a worker did not answer in time") from None


async def _events(stream: EventStream, context: Context) -> AsyncIterator[pb.WatchEventsResponse]:
    while True:
        try:
            event = await stream.next()
        except StreamOverflowed:
            await abort(context, TooMany("events came faster than they were read: begin again with a snapshot"))
        except StreamReplaced:
            await abort(context, WrongState("the gateway opened a later stream"))
        except StreamClosed:
            return
        yield event_message(event)
