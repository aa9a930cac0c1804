"""Media through a real node: gRPC, ICE, DTLS, SRTP, the packet engine."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import grpc
import pytest
from rheon.media.v1 import media_pb2 as pb

from tests.integration.media_node.conftest import Gateway, participant
from tests.support.native_peer import NativePeer, PeerCore, SentTrack, tracks

FRAMES = 50
"""Video frames sent per test; each is three packets. One audio packet goes with each frame."""


async def stream(peer: NativePeer, published: tuple[SentTrack, ...], frames: int = FRAMES) -> None:
    """Send audio and video, the first frame of every ten a key frame."""
    audio, video = published
    for frame in range(frames):
        peer.core.send_audio(audio)
        peer.core.send_video(video, key_frame=frame % 10 == 0)
        await asyncio.sleep(0.01)


def enough(peer: PeerCore) -> bool:
    """Nine tenths of a whole stream have arrived."""
    return sum(peer.received.values()) >= FRAMES * 4 * 0.9


async def test_packets_reach_the_subscriber(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        await stream(ada, published)
        await bob.until(lambda: len(bob.core.received) == 2 and enough(bob.core))

        room = await gateway.stub.GetRoom(pb.GetRoomRequest(room="room"), timeout=5)
        (publisher,), (subscription,) = room.publishers, room.subscriptions
        assert publisher.transport.state == pb.TRANSPORT_STATE_CONNECTED
        assert publisher.transport.srtp_profile == "AEAD_AES_128_GCM"
        assert {track.track.codec: track.layers[0].packets for track in publisher.tracks} == {
            "opus": FRAMES,
            "VP8": FRAMES * 3,
        }
        by_ssrc = {forward.ssrc: forward.packets for forward in subscription.forwards}
        assert by_ssrc == dict(bob.core.received)


async def test_a_subscriber_on_each_worker_gets_the_track(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob, NativePeer() as eve:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        await gateway.subscribe(3, 1, eve)
        room = await gateway.stub.GetRoom(pb.GetRoomRequest(room="room"), timeout=5)
        assert {subscription.transport.worker for subscription in room.subscriptions} == {0, 1}
        await stream(ada, published)
        await bob.until(lambda: enough(bob.core))
        await eve.until(lambda: enough(eve.core))


async def test_leaving_frees_everything(gateway: Gateway) -> None:
    async def call() -> None:
        published = tracks("audio", "video")
        async with NativePeer() as ada, NativePeer() as bob:
            await gateway.publish(1, ada, published)
            await gateway.subscribe(2, 1, bob)
            await stream(ada, published, frames=3)
            await gateway.remove(1)
            await bob.until(lambda: bob.core.closed)
            await gateway.event("subscription_closed")
            await gateway.remove(2)

    await call()
    before = await gateway.get_node()
    for _ in range(5):
        await call()
    after = await gateway.get_node()
    assert after.tables == before.tables
    assert set(after.tables.values()) == {0}
    assert after.tasks == before.tasks
    assert (after.rooms, after.publish_transports, after.subscribe_transports) == (0, 0, 0)


async def test_a_peer_that_closes_is_noticed_at_once(gateway: Gateway) -> None:
    async with NativePeer() as ada:
        await gateway.publish(1, ada, tracks("audio", "video"))
        ada.core.close()
        closed = (await gateway.event("publisher_closed")).publisher_closed
    assert closed.reason == pb.CLOSE_REASON_PEER_CLOSED
    assert (await gateway.get_node()).tables["transports"] == 0


async def test_a_stale_session_is_refused(gateway: Gateway) -> None:
    async with NativePeer() as ada, NativePeer() as again:
        await gateway.publish(1, ada, tracks("audio"), session=5)
        await gateway.publish(1, again, tracks("audio"), session=6)
        assert (await gateway.event("publisher_closed")).publisher_closed.reason == pb.CLOSE_REASON_REPLACED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await gateway.stub.Unpublish(pb.UnpublishRequest(participant=participant(1, 5)))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_track_added_later_reaches_the_subscriber(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        await gateway.publish(1, ada, published[:1])
        await gateway.subscribe(2, 1, bob)
        request = pb.PublishRequest(participant=participant(1), offer=ada.core.offer(published))
        response = await gateway.stub.Publish(request, timeout=5)
        assert [track.codec for track in response.tracks] == ["opus", "VP8"]
        await gateway.answer_again(2, 1, bob)
        await stream(ada, published)
        await bob.until(lambda: len(bob.core.received) == 2)


async def test_a_publisher_that_reconnects_keeps_its_subscribers(gateway: Gateway) -> None:
    first, second = tracks("audio", "video"), tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as again, NativePeer() as bob:
        await gateway.publish(1, ada, first)
        await gateway.subscribe(2, 1, bob)
        await stream(ada, first, frames=5)
        await bob.until(lambda: len(bob.core.received) == 2)
        await gateway.publish(1, again, second)
        await ada.until(lambda: ada.core.closed)
        await gateway.answer_again(2, 1, bob)
        await stream(again, second)
        await bob.until(lambda: len(bob.core.received) == 4)
        assert (await gateway.get_node()).tables["transports"] == 2


async def test_many_subscribers_come_at_once(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with AsyncExitStack() as stack:
        ada, *viewers = [await stack.enter_async_context(NativePeer()) for _ in range(31)]
        await gateway.publish(1, ada, published)
        await asyncio.gather(*(gateway.subscribe(2 + index, 1, viewer) for index, viewer in enumerate(viewers)))
        await stream(ada, published)
        for viewer in viewers:
            await viewer.until(partial(enough, viewer.core))
        node = await gateway.get_node()
        assert node.tables["forwards"] == 2 * len(viewers)
        assert dict(node.transports_by_state) == {"new": 0, "connecting": 0, "connected": 31}


async def test_preferred_layers_are_taken_and_media_goes_on(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        for spatial, temporal in ((2, 2), (0, 2)):
            await gateway.stub.SetPreferredLayer(
                pb.SetPreferredLayerRequest(
                    participant=participant(2), publisher_id=1, spatial=spatial, temporal=temporal
                ),
                timeout=5,
            )
        await stream(ada, published)
        await bob.until(lambda: enough(bob.core))


async def test_a_muted_track_stops_and_goes_on_at_a_key_frame(gateway: Gateway) -> None:
    published = tracks("audio", "video")

    async def mute(*, muted: bool) -> None:
        request = pb.SetMutedRequest(participant=participant(1), kind=pb.KIND_VIDEO, muted=muted)
        await gateway.stub.SetMuted(request, timeout=5)
        ready = (await gateway.event("publisher_ready")).publisher_ready
        assert {track.codec: track.muted for track in ready.tracks} == {"opus": False, "VP8": muted}

    async with NativePeer() as ada, NativePeer() as bob, NativePeer() as eve:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        await stream(ada, published)
        await bob.until(lambda: enough(bob.core))
        room = await gateway.stub.GetRoom(pb.GetRoomRequest(room="room"), timeout=5)
        audio, video = (forward.ssrc for forward in room.subscriptions[0].forwards)

        await mute(muted=True)
        await gateway.subscribe(3, 1, eve)
        # Audio sent after the mute shows that the node has taken it.
        ada.core.send_audio(published[0])
        before = bob.core.received[audio]
        await bob.until(lambda: bob.core.received[audio] > before)
        heard, seen = bob.core.received[audio], bob.core.received[video]
        await stream(ada, published)
        await bob.until(lambda: bob.core.received[audio] >= heard + FRAMES * 0.9)
        assert bob.core.received[video] == seen
        assert len(eve.core.received) == 1

        for _ in range(200):  # more than the node keeps: no key frame is left to begin with
            ada.core.send_video(published[1], key_frame=False)
            await asyncio.sleep(0.002)
        requests = ada.core.rtcp_types[206]
        await mute(muted=False)
        ada.core.send_video(published[1], key_frame=False)
        await ada.until(lambda: ada.core.rtcp_types[206] > requests)
        ada.core.send_audio(published[0])
        heard = bob.core.received[audio]
        await bob.until(lambda: bob.core.received[audio] > heard)
        assert bob.core.received[video] == seen
        await stream(ada, published)
        await bob.until(lambda: bob.core.received[video] >= seen + FRAMES * 3 * 0.9)
        await eve.until(lambda: len(eve.core.received) == 2)


async def test_restarting_a_subscription_keeps_media_flowing(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        restarted = await gateway.stub.RestartSubscriptionIce(
            pb.RestartSubscriptionIceRequest(participant=participant(2), publisher_id=1), timeout=5
        )
        bob.core.ufrag, bob.core.password = "restarted", "r" * 24
        await gateway.stub.AnswerSubscription(
            pb.AnswerSubscriptionRequest(
                participant=participant(2),
                publisher_id=1,
                offer_id=restarted.offer_id,
                answer=bob.core.answer(restarted.offer),
            ),
            timeout=5,
        )
        answered = bob.core.checks_answered
        bob.connect(restarted.offer)
        bob.core.check()
        await bob.until(lambda: bob.core.checks_answered > answered)
        await stream(ada, published)
        await bob.until(lambda: enough(bob.core))


async def test_an_ice_restart_keeps_media_flowing(gateway: Gateway) -> None:
    published = tracks("audio", "video")
    async with NativePeer() as ada, NativePeer() as bob:
        await gateway.publish(1, ada, published)
        await gateway.subscribe(2, 1, bob)
        ada.core.ufrag, ada.core.password = "restarted", "r" * 24
        request = pb.PublishRequest(participant=participant(1), offer=ada.core.offer(published))
        ada.connect((await gateway.stub.Publish(request, timeout=5)).answer)
        answered = ada.core.checks_answered
        ada.core.check()
        await ada.until(lambda: ada.core.checks_answered > answered)
        await stream(ada, published)
        await bob.until(lambda: enough(bob.core))


async def test_a_silent_client_is_noticed_within_35_seconds(gateway: Gateway) -> None:
    async with NativePeer() as ada:
        await gateway.publish(1, ada, tracks("audio"))
        ada.silent = True
        closed = (await gateway.event("publisher_closed", seconds=35)).publisher_closed
    assert closed.reason == pb.CLOSE_REASON_ICE_FAILED
    assert (await gateway.get_node()).tables["transports"] == 0
