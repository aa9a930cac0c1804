"""Several publishers over one subscribe connection of a real node."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from rheon.media.v1 import media_pb2 as pb

from tests.integration.media_node.conftest import Gateway, participant
from tests.support.native_peer import NativePeer, SentTrack, tracks

VIEWER = 100


async def stream(publishers: dict[int, tuple[NativePeer, tuple[SentTrack, ...]]], frames: int = 20) -> None:
    """Everybody sends audio and video, the first frame of every ten a key frame."""
    for frame in range(frames):
        for peer, (audio, video) in publishers.values():
            peer.core.send_audio(audio)
            peer.core.send_video(video, key_frame=frame % 10 == 0)
        await asyncio.sleep(0.01)


def publishers_of(offered: pb.SubscribeResponse | pb.SubscriptionOffered) -> list[int]:
    return [section.publisher_id for section in offered.sections]


async def forwards(gateway: Gateway) -> dict[str, int]:
    """Packets sent to the viewer, by its media section."""
    room = await gateway.stub.GetRoom(pb.GetRoomRequest(room="room"), timeout=5)
    (subscription,) = (each for each in room.subscriptions if each.subscriber_id == VIEWER)
    return {forward.mid: forward.packets for forward in subscription.forwards}


async def publish(gateway: Gateway, stack: AsyncExitStack, user: int) -> tuple[NativePeer, tuple[SentTrack, ...]]:
    published = tracks("audio", "video")
    peer = await stack.enter_async_context(NativePeer())
    await gateway.publish(user, peer, published)
    return peer, published


async def test_eight_publishers_reach_one_subscriber_over_one_connection(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        published = {user: await publish(gateway, stack, user) for user in range(1, 9)}
        viewer = await stack.enter_async_context(NativePeer())
        first = await gateway.share(VIEWER, 1)
        assert publishers_of(first) == [1, 1]
        # These come while the first offer is open: all of them go into the next.
        for user in range(2, 9):
            waiting = await gateway.share(VIEWER, user)
            assert (waiting.offer, waiting.offer_id, waiting.connection_id) == ("", 0, first.connection_id)
            assert len(waiting.tracks) == 2
        viewer.connect(first.offer)
        await gateway.take(VIEWER, first, viewer)
        offered = await gateway.offered()
        assert publishers_of(offered) == [user for user in range(1, 9) for _ in range(2)]
        assert len({section.mid for section in offered.sections}) == 16
        await gateway.take(VIEWER, offered, viewer)
        await viewer.connected()
        ready = (await gateway.event("subscription_ready")).subscription_ready
        assert (ready.connection_id, ready.publisher_id) == (first.connection_id, 0)

        await stream(published)
        await viewer.until(lambda: len(viewer.core.received) == 16 and min(viewer.core.received.values()) >= 15)
        counted = await forwards(gateway)
        assert counted.keys() == {section.mid for section in offered.sections}
        assert min(counted.values()) >= 15
        node = await gateway.get_node()
        assert (node.subscribe_transports, node.tables["forwards"]) == (1, 16)
        assert not any(event.WhichOneof("event") == "subscription_offered" for event in gateway.events)


async def test_publishers_come_and_go_while_an_offer_is_open(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        published = {user: await publish(gateway, stack, user) for user in (1, 2)}
        viewer = await stack.enter_async_context(NativePeer())
        first = await gateway.share(VIEWER, 1)
        viewer.connect(first.offer)
        await gateway.take(VIEWER, first, viewer)
        await viewer.connected()

        second = await gateway.share(VIEWER, 2)
        assert publishers_of(second) == [1, 1, 2, 2]
        published[3] = await publish(gateway, stack, 3)
        await gateway.share(VIEWER, 3)
        await gateway.remove(1)
        del published[1]
        published[4] = await publish(gateway, stack, 4)
        await gateway.share(VIEWER, 4)
        await gateway.stub.Unsubscribe(pb.UnsubscribeRequest(participant=participant(VIEWER), publisher_id=3))
        await gateway.take(VIEWER, second, viewer)

        offered = await gateway.offered()
        assert publishers_of(offered) == [2, 2, 4, 4]
        await gateway.take(VIEWER, offered, viewer)
        before = dict(viewer.core.received)
        await stream(published)
        await viewer.until(lambda: len(viewer.core.received.keys() - before.keys()) == 4)
        assert (await forwards(gateway)).keys() == {section.mid for section in offered.sections}

        # The sections of those who left are taken over by who comes next.
        published[5] = await publish(gateway, stack, 5)
        third = await gateway.share(VIEWER, 5)
        assert third.offer.count("m=") == offered.offer.count("m=")
        await gateway.take(VIEWER, third, viewer)
        await stream(published)
        await viewer.until(lambda: len(viewer.core.received.keys() - before.keys()) == 6)


async def test_an_ice_restart_and_the_end_of_the_connection(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        published = {user: await publish(gateway, stack, user) for user in (1, 2)}
        viewer = await stack.enter_async_context(NativePeer())
        first = await gateway.share(VIEWER, 1)
        viewer.connect(first.offer)
        await gateway.take(VIEWER, first, viewer)
        await viewer.connected()
        await gateway.take(VIEWER, await gateway.share(VIEWER, 2), viewer)

        restarted = await gateway.stub.RestartSubscriptionIce(
            pb.RestartSubscriptionIceRequest(participant=participant(VIEWER), connection_id=first.connection_id),
            timeout=5,
        )
        assert [section.publisher_id for section in restarted.sections] == [1, 1, 2, 2]
        viewer.core.ufrag, viewer.core.password = "restarted", "r" * 24
        answer = viewer.core.answer(restarted.offer)
        await gateway.stub.AnswerSubscription(
            pb.AnswerSubscriptionRequest(
                participant=participant(VIEWER),
                connection_id=restarted.connection_id,
                offer_id=restarted.offer_id,
                answer=answer,
            ),
            timeout=5,
        )
        answered = viewer.core.checks_answered
        viewer.connect(restarted.offer)
        viewer.core.check()
        await viewer.until(lambda: viewer.core.checks_answered > answered)
        await stream(published)
        await viewer.until(lambda: len(viewer.core.received) == 4)

        close = pb.UnsubscribeRequest(participant=participant(VIEWER), connection_id=first.connection_id)
        await gateway.stub.Unsubscribe(close, timeout=5)
        await viewer.until(lambda: viewer.core.closed)
        assert (await gateway.get_node()).subscribe_transports == 0


@pytest.mark.parametrize("leaving", ["publishers first", "viewer first"])
async def test_nothing_is_left(gateway: Gateway, leaving: str) -> None:
    async with AsyncExitStack() as stack:
        for user in (1, 2):
            await publish(gateway, stack, user)
        viewer = await stack.enter_async_context(NativePeer())
        first = await gateway.share(VIEWER, 1)
        viewer.connect(first.offer)
        await gateway.take(VIEWER, first, viewer)
        await viewer.connected()
        await gateway.take(VIEWER, await gateway.share(VIEWER, 2), viewer)
        for user in (1, 2, VIEWER) if leaving == "publishers first" else (VIEWER, 1, 2):
            await gateway.remove(user)
        await viewer.until(lambda: viewer.core.closed)
    node = await gateway.get_node()
    assert set(node.tables.values()) == {0}
    assert node.rooms == 0
