"""MediaService over a real gRPC connection and an engine with behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rheon.media.v1 import media_pb2 as pb
from rheon.media.v1 import media_pb2_grpc

from rheon_media_node.control.control import MediaControl
from rheon_media_node.control.events import MAX_QUEUED_EVENTS
from rheon_media_node.grpc_api.server import MAX_REQUEST, SERVICE_NAME, ListenError, running_server
from rheon_media_node.grpc_api.service import MediaService, NodeIdentity
from rheon_media_node.router.effects import PublisherReady
from rheon_media_node.router.values import GatewayId
from tests.support.native_peer import tracks
from tests.unit.media_node.control.node import IDENTITY, Peer
from tests.unit.media_node.control.node import participant as value
from tests.unit.media_node.fake_engine import FakeEngine

AV = tracks("audio", "video")


def participant(user: int, session: int = 1, gateway: str = "g", room: str = "r") -> pb.Participant:
    return pb.Participant(room=room, user_id=user, session_number=session, gateway_id=gateway, username=f"user{user}")


class Served:
    def __init__(self, control: MediaControl, engine: FakeEngine, channel: grpc.aio.Channel) -> None:
        self.control = control
        self.engine = engine
        self.channel = channel
        self.stub = media_pb2_grpc.MediaServiceStub(channel)

    async def publish(self, user: int, request_id: str = "", **who: Any) -> pb.PublishResponse:
        offer = Peer().offer(AV)
        request = pb.PublishRequest(participant=participant(user, **who), request_id=request_id, offer=offer)
        return await self.stub.Publish(request, timeout=5)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    loop = asyncio.get_running_loop()
    engine = FakeEngine()
    control = MediaControl(engine, IDENTITY, loop)
    service = MediaService(control, engine, NodeIdentity("n1", "boot", "1.2.3", loop.time()), loop)
    async with running_server(service, "127.0.0.1:0") as address, grpc.aio.insecure_channel(address) as channel:
        yield Served(control, engine, channel)
        control.close()


async def failure(call: Any) -> tuple[grpc.StatusCode, str, bool]:
    """The status code of a failing call, the reason in its details, and whether they say when to retry."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
    info, retry = ErrorInfo(), RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "rheon"
    return caught.value.code(), info.reason, any(detail.Unpack(retry) for detail in status.details[1:])


async def event(stream: Any) -> pb.WatchEventsResponse:
    """The next event of a stream."""
    read = await stream.read()
    assert isinstance(read, pb.WatchEventsResponse)
    return read


async def test_publish_subscribe_inspect_and_leave(served: Served) -> None:
    stub = served.stub
    published = await served.publish(1)
    assert [(track.kind, track.codec, track.mid) for track in published.tracks] == [
        (pb.KIND_AUDIO, "opus", "0"),
        (pb.KIND_VIDEO, "VP8", "1"),
    ]
    offered = await stub.Subscribe(pb.SubscribeRequest(participant=participant(2), publisher_id=1))
    assert offered.tracks == published.tracks
    answered = await stub.AnswerSubscription(
        pb.AnswerSubscriptionRequest(
            participant=participant(2),
            publisher_id=1,
            offer_id=offered.offer_id,
            answer=Peer().answer(offered.offer, "1"),
        )
    )
    assert list(answered.refused_tracks) == [published.tracks[1]]
    assert list((await stub.ListRooms(pb.ListRoomsRequest())).rooms) == [
        pb.RoomSummary(room="r", participants=2, publishers=1, subscriptions=1)
    ]
    room = await stub.GetRoom(pb.GetRoomRequest(room="r"))
    (publisher,), (subscription,) = room.publishers, room.subscriptions
    assert publisher.transport.state == pb.TRANSPORT_STATE_NEW
    assert publisher.transport.packets_received == 10
    assert [layer.ssrc for track in publisher.tracks for layer in track.layers] == [99, 99]
    assert (subscription.subscriber_id, subscription.publisher_id) == (2, 1)
    node = await stub.GetNode(pb.GetNodeRequest())
    assert (node.node_id, node.version, node.rooms) == ("n1", "1.2.3", 1)
    assert (node.publish_transports, node.subscribe_transports) == (1, 1)
    assert node.tables["transports"] == 2
    assert dict(node.transports_by_state) == {"new": 2, "connecting": 0, "connected": 0}
    assert node.workers[0].drops_by_reason["unknown-tuple"] == 7
    assert list(node.candidates) == ["127.0.0.1:40000"]
    assert node.tasks > 0
    for user in (1, 2):
        await stub.RemoveParticipant(pb.RemoveParticipantRequest(participant=participant(user)))
    assert served.engine.transports == {}
    assert not (await stub.ListRooms(pb.ListRoomsRequest())).rooms


async def test_a_repeated_request_gets_the_first_result(served: Served) -> None:
    first = await served.publish(1, "a")
    assert await served.publish(1, "a") == first
    assert len(served.engine.transports) == 1
    assert await served.publish(1, "b") != first
    assert len(served.engine.transports) == 1


async def test_failures_carry_typed_details(served: Served) -> None:
    stub = served.stub
    await served.publish(1, session=5)
    stale = stub.Unpublish(pb.UnpublishRequest(participant=participant(1, 4)))
    assert await failure(stale) == (grpc.StatusCode.FAILED_PRECONDITION, "STALE_SESSION", False)
    malformed = stub.Publish(pb.PublishRequest(participant=participant(1, 5), offer="v=0\r\n"))
    assert await failure(malformed) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SDP", False)
    unknown = stub.GetRoom(pb.GetRoomRequest(room="elsewhere"))
    assert await failure(unknown) == (grpc.StatusCode.NOT_FOUND, "ROOM_NOT_FOUND", False)
    nobody = stub.Subscribe(pb.SubscribeRequest(participant=participant(2), publisher_id=9))
    assert await failure(nobody) == (grpc.StatusCode.NOT_FOUND, "PUBLISHER_NOT_FOUND", False)
    none = stub.AnswerSubscription(pb.AnswerSubscriptionRequest(participant=participant(2), publisher_id=1))
    assert await failure(none) == (grpc.StatusCode.NOT_FOUND, "SUBSCRIPTION_NOT_FOUND", False)
    layer = stub.SetPreferredLayer(pb.SetPreferredLayerRequest(participant=participant(2), spatial=3))
    assert await failure(layer) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", False)
    served.engine.busy = 1
    assert await failure(served.publish(7)) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED", True)


@pytest.mark.parametrize(
    "who",
    [
        participant(1, room=""),
        participant(1, room="a\nb"),
        participant(1, room="r" * 129),
        participant(1, 0),
        participant(1, gateway=""),
    ],
)
async def test_malformed_participants_are_refused(served: Served, who: pb.Participant) -> None:
    call = served.stub.Unpublish(pb.UnpublishRequest(participant=who))
    assert await failure(call) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", False)


async def test_a_faulty_node_tells_nothing_of_its_inside(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(served.control, "unpublish", broken)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.Unpublish(pb.UnpublishRequest(participant=participant(1)))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(caught.value.details())


async def test_events_begin_with_a_snapshot_and_go_to_the_owner_only(served: Served) -> None:
    await served.publish(1, gateway="a")
    mine = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="a"))
    other = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="b"))
    snapshot = (await event(mine)).snapshot
    assert (snapshot.node_id, snapshot.boot_id) == ("n1", "boot")
    (held,) = snapshot.participants
    assert held.participant == participant(1, gateway="a")
    assert not held.publishing
    assert not (await event(other)).snapshot.participants
    (transport,) = served.control.transports
    served.control.transport_ready(transport.id)
    ready = (await event(mine)).publisher_ready
    assert ready.participant == participant(1, gateway="a")
    assert len(ready.tracks) == 2
    await served.publish(1, session=2, gateway="b")
    closed = (await event(mine)).publisher_closed
    assert closed.reason == pb.CLOSE_REASON_REPLACED
    assert closed.participant.session_number == 1


async def test_a_later_stream_ends_the_earlier_one(served: Served) -> None:
    first = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="a"))
    await first.read()
    second = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="a"))
    await second.read()
    assert (await failure(first.read()))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_STATE")
    assert GatewayId("a") in served.control.streams


async def test_a_gateway_that_reads_too_slowly_begins_again(served: Served) -> None:
    stream = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="g"))
    await stream.read()
    for _ in range(MAX_QUEUED_EVENTS + 1):
        served.control.streams.put(GatewayId("g"), PublisherReady(value(1), ()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.gather(*(stream.read() for _ in range(MAX_QUEUED_EVENTS + 1)))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    again = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="g"))
    assert (await event(again)).HasField("snapshot")


async def test_a_cancelled_stream_is_forgotten(served: Served) -> None:
    stream = served.stub.WatchEvents(pb.WatchEventsRequest(gateway_id="g"))
    await stream.read()
    stream.cancel()
    async with asyncio.timeout(5):
        while GatewayId("g") in served.control.streams:
            await served.stub.ListRooms(pb.ListRoomsRequest())


async def test_health_and_reflection(served: Served) -> None:
    health = health_pb2_grpc.HealthStub(served.channel)
    for service in ("", SERVICE_NAME):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    watching = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE_NAME))
    assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
    watching.cancel()
    reflection = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    asking = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    listed = {service.name for service in (await asking.read()).list_services_response.service}
    assert listed == {SERVICE_NAME, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    asking.cancel()


async def test_an_oversized_request_is_refused(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await served.stub.Publish(pb.PublishRequest(participant=participant(1), offer="x" * MAX_REQUEST))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_port_in_use_is_a_typed_error(served: Served) -> None:
    service = MediaService(served.control, served.engine, NodeIdentity("n", "b", "v", 0.0), asyncio.get_running_loop())
    async with running_server(service, "127.0.0.1:0") as address:
        with pytest.raises(ListenError, match="another process"):
            async with running_server(service, address):
                pass
