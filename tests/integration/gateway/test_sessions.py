"""Who is in a room, over which connection, and what is freed when one ends."""

import asyncio

import aiohttp
import pytest

from rheon_cluster import MemoryCluster
from tests.integration.gateway.client import OFFER, Client, Site, gateway_of, until
from tests.support.fake_media_node import fake_media_node


async def test_the_later_session_takes_the_room_over(site: Site) -> None:
    other = await site.user(9)
    await other.join()
    old = await site.user(1)
    await old.publish()
    assert (await other.expect("new-publisher"))["publisherId"] == 1
    new = await site.user(1)
    await new.publish()
    error = await old.expect("error")
    assert error["code"] == 409
    assert await old.expect("room-left") == {"userId": 1}
    assert await old.closed_with() == 4409
    assert await other.expect("publisher-left") == {"publisherId": 1}
    assert (await other.expect("new-publisher"))["publisherId"] == 1
    assert await new.silent()
    held = site.node.participants["r", 1]
    await asyncio.sleep(0.1)
    assert site.node.participants["r", 1] is held
    assert held.ready


async def test_a_taken_over_connection_stays_while_it_has_another_room(site: Site) -> None:
    old = await site.user(1)
    await old.join("a")
    await old.join("b")
    new = await site.user(1)
    await new.join("a")
    assert (await old.expect("error"))["code"] == 409
    assert await old.expect("room-left") == {"userId": 1}
    assert await old.silent()
    await new.join("b")
    assert await old.closed_with() == 4409


async def test_joining_twice(site: Site) -> None:
    client = await site.user(1)
    await client.join()
    await client.send("join-room", roomName="r")
    assert await client.receive() == {
        "type": "error",
        "message": "Failed to join room: User already in room",
        "code": 409,
        "roomName": "r",
        "requestType": "join-room",
    }


async def test_unpublish_and_leave(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    await publisher.send("unpublish", roomName="r")
    assert await viewer.expect("publisher-left") == {"publisherId": 2}
    await publisher.publish()
    await viewer.expect("new-publisher")
    await publisher.send("leave-room", roomName="r")
    await publisher.expect("room-left")
    assert await viewer.expect("publisher-left") == {"publisherId": 2}
    await until(lambda: ("r", 2) not in site.node.participants)


async def test_who_leaves_and_joins_in_one_breath_is_told_of_the_publishers_again(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await publisher.publish()
    await viewer.join()
    await viewer.expect("new-publisher")
    await viewer.send("leave-room", roomName="r")
    await viewer.send("join-room", roomName="r")
    await viewer.expect("room-left")
    await viewer.expect("room-joined")
    assert await viewer.expect("new-publisher") == {"publisherId": 2, "username": "user 2"}
    assert await viewer.silent()


async def test_renegotiation_is_not_announced_again(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    await publisher.send("publish-offer", roomName="r", offer={"type": "offer", "sdp": OFFER})
    assert await publisher.expect("publish-answer") == {"answer": "answer to 2"}
    assert await viewer.silent()


async def test_a_publisher_is_announced_when_it_can_be_subscribed() -> None:
    async with fake_media_node(ready_at_once=False) as node, gateway_of([node]) as site:
        viewer, publisher = await site.user(1), await site.user(2)
        await viewer.join()
        await publisher.publish()
        assert await viewer.silent()
        node.make_ready("r", 2)
        assert await viewer.expect("new-publisher") == {"publisherId": 2, "username": "user 2"}
        node.make_ready("r", 2)
        assert await viewer.silent()
        node.fail_publisher("r", 2)
        assert await viewer.expect("publisher-left") == {"publisherId": 2}


async def test_a_viewer_is_a_member_and_is_told_about_the_others(site: Site) -> None:
    first, second = await site.user(1), await site.user(2)
    await first.publish()
    await second.publish()
    await first.expect("new-publisher")
    await second.expect("new-publisher")
    viewer = await site.user(3)
    await viewer.send("subscribe-request", roomName="r", publisherId="1")
    await viewer.expect("subscribe-offer")
    assert await viewer.expect("new-publisher") == {"publisherId": 2, "username": "user 2"}
    assert await viewer.silent()
    await first.close()
    assert await viewer.expect("publisher-left") == {"publisherId": 1}


async def test_who_only_authenticated_is_told_nothing(site: Site) -> None:
    idle, publisher = await site.user(1), await site.user(2)
    await publisher.publish()
    await publisher.close()
    await until(lambda: site.gateway.hub.rooms == 0)
    assert await idle.silent()


async def test_subscriptions(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await publisher.publish()
    await viewer.send("subscribe-request", roomName="r", publisherId=2)
    await viewer.expect("subscribe-offer")
    held = site.node.participants["r", 1]
    await viewer.send("subscribe-answer", roomName="r", publisherId=2, answer="a")
    await viewer.send("restart-ice", roomName="r", publisherId=2)
    assert (await viewer.expect("subscribe-offer"))["offer"].startswith("restart")
    offer_id = site.node.offer_again("r", 1, 2)
    assert (await viewer.expect("subscribe-offer"))["offer"] == f"offer {offer_id} of 2"
    await viewer.send("subscribe-answer", roomName="r", publisherId=2, answer="b")
    await viewer.send("set-preferred-layer", roomName="r", publisherId=2, spatial=1, temporal=0)
    await viewer.send("unsubscribe", roomName="r", publisherId=2)
    assert await viewer.silent()
    await until(lambda: not held.subscriptions)
    assert [answer for _, _, answer in held.answers] == ["a", "b"]
    await viewer.send("subscribe-answer", roomName="r", publisherId=2, answer="c")
    assert (await viewer.expect("error"))["code"] == 409


async def test_muting(site: Site) -> None:
    publisher, viewer = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.join()
    await viewer.expect("user-joined")
    await publisher.send("set-muted", roomName="r", kind="audio", muted=True)
    assert (await publisher.expect("error"))["code"] == 404
    await publisher.publish()
    assert await viewer.expect("new-publisher") == {"publisherId": 1, "username": "user 1"}
    for muted in (True, True, False, True):
        await publisher.send("set-muted", roomName="r", kind="audio", muted=muted)
    track = {"publisherId": 1, "trackId": "track-1", "kind": "audio"}
    for muted in (True, False, True):
        assert await viewer.expect("track-muted") == {**track, "muted": muted}
    late = await site.user(3)
    await late.join()
    await late.expect("new-publisher")
    assert await late.expect("track-muted") == {**track, "muted": True}
    assert await late.silent()
    assert await publisher.expect("user-joined") == {"user": {"userId": 3, "username": "user 3"}}
    assert await publisher.silent()


async def test_subscribing_to_nobody(site: Site) -> None:
    client = await site.user(1)
    await client.send("subscribe-request", roomName="r", publisherId=2)
    assert await client.receive() == {
        "type": "error",
        "message": "SFU subscribe request error: Room not found: r",
        "code": 404,
        "roomName": "r",
        "publisherId": 2,
        "requestType": "subscribe-request",
    }
    await client.join()
    await client.send("subscribe-request", roomName="r", publisherId=2)
    assert (await client.expect("error"))["message"] == "SFU subscribe request error: Publisher 2 not found in room r"


async def test_a_closed_socket_frees_everything(site: Site) -> None:
    tasks = len(asyncio.all_tasks())
    clients: list[Client] = []
    for user in range(10):
        client = await site.user(user)
        await client.publish("a")
        await client.send("join-room", roomName="b")
        clients.append(client)
    await until(lambda: site.gateway.hub.members == 20)
    for client in clients:
        await client.close()
    await until(lambda: site.gateway.counters.connections == 0)
    assert site.gateway.hub.rooms == 0
    await until(lambda: not site.node.participants)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_a_socket_cut_off_is_like_one_closed(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    publisher.socket._response.close()
    assert await viewer.expect("publisher-left") == {"publisherId": 2}


async def test_a_socket_closed_in_the_middle_of_publishing_leaves_nothing(site: Site) -> None:
    site.node.delays["Publish"] = 0.3
    client = await site.user(1)
    await client.send("publish-offer", roomName="r", offer=OFFER)
    await until(lambda: "Publish" in site.node.calls)
    await client.close()
    await until(lambda: site.gateway.counters.connections == 0)
    await until(lambda: not site.node.participants and site.node.calls.count("RemoveParticipant") == 2)
    assert site.gateway.hub.rooms == 0


async def test_stopping_closes_connections_with_restart() -> None:
    async with aiohttp.ClientSession() as http, fake_media_node() as node:
        async with gateway_of([node]) as site:
            client = Client(await http.ws_connect(site.gateway.url), 1)
            await client.authenticate()
            await client.publish()
            closing = asyncio.create_task(client.closed_with())
        assert await closing == 1012
        assert not node.participants


@pytest.mark.parametrize("explicit", [True, False])
async def test_two_gateways_of_one_cluster(explicit: bool) -> None:
    cluster = MemoryCluster()
    async with (
        fake_media_node() as node,
        gateway_of([node], cluster=cluster, node_id="one") as one,
        gateway_of([node], cluster=cluster, node_id="two") as two,
    ):
        here, there = await one.user(1), await two.user(2)
        await here.join()
        if explicit:
            assert await there.join() == [{"userId": 1, "username": "user 1"}]
            await here.expect("user-joined")
        await there.publish()
        assert await here.expect("new-publisher") == {"publisherId": 2, "username": "user 2"}
        await there.send("offer", roomName="r", sdp="s", targetUserId=1)
        assert await here.expect("offer") == {"fromUserId": 2, "sdp": "s"}
        moved = await one.user(2)
        await moved.join()
        assert (await there.expect("error"))["code"] == 409
        await there.expect("room-left")
        assert await there.closed_with() == 4409
        assert await here.expect("publisher-left") == {"publisherId": 2}
        if explicit:
            await here.expect("user-left")
        assert (await here.expect("user-joined"))["user"]["userId"] == 2
        await until(lambda: ("r", 2) not in node.participants)
