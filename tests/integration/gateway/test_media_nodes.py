"""Media nodes that fail, freeze, come back, or are slow."""

import asyncio
import time

import grpc
import pytest

from rheon_gateway.nodes import link
from tests.integration.gateway.client import OFFER, Site, gateway_of, running_site, until
from tests.support.fake_media_node import fake_media_node

UNAVAILABLE = {"message": "SFU not available", "code": 503, "requestType": "publish-offer"}


async def test_without_a_node_publishing_is_refused_and_relaying_works() -> None:
    async with running_site(nodes=0) as site:
        first, second = await site.user(1), await site.user(2)
        await first.send("publish-offer", roomName="r", offer=OFFER)
        assert await first.expect("error") == UNAVAILABLE
        await first.join()
        await second.join()
        await first.expect("user-joined")
        await first.send("offer", roomName="r", sdp="s")
        await second.expect("offer")


async def test_a_killed_node_is_lost_within_three_seconds(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    killed = time.monotonic()
    await site.node.stop()
    assert await viewer.expect("publisher-left") == {"publisherId": 2}
    assert time.monotonic() - killed < 3.0
    assert await publisher.expect("error") == UNAVAILABLE
    await publisher.send("publish-offer", roomName="r", offer=OFFER)
    assert await publisher.expect("error") == UNAVAILABLE
    await site.node.restart()
    await until(lambda: site.gateway.nodes.serving == 1)
    await publisher.publish()
    assert (await viewer.expect("new-publisher"))["publisherId"] == 2


async def test_a_frozen_node_is_lost_and_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(link, "CHECK_DEADLINE", 0.5)
    async with running_site() as site:
        viewer, publisher = await site.user(1), await site.user(2)
        await viewer.join()
        await publisher.publish()
        await viewer.expect("new-publisher")
        site.node.delays.update(GetNode=30.0, WatchEvents=30.0)
        assert await viewer.expect("publisher-left") == {"publisherId": 2}
        assert await publisher.expect("error") == UNAVAILABLE
        site.node.delays.clear()
        await until(lambda: site.gateway.nodes.serving == 1)
        await until(lambda: ("r", 2) not in site.node.participants)
        await publisher.publish()
        await viewer.expect("new-publisher")


async def test_a_node_restarted_at_once_holds_nothing_any_more(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    await site.node.stop()
    await site.node.restart()
    assert await viewer.expect("publisher-left") == {"publisherId": 2}
    assert await publisher.expect("error") == UNAVAILABLE
    await publisher.publish()
    assert (await viewer.expect("new-publisher"))["publisherId"] == 2


async def test_a_broken_stream_alone_is_not_noticed_by_clients(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    port = int(site.node.address.rpartition(":")[2])
    await site.node.stop()
    await site.node.start(port)
    await until(lambda: site.node.calls.count("WatchEvents") == 2 and site.gateway.nodes.serving == 1)
    assert await viewer.silent()
    assert await publisher.silent()


async def test_what_the_node_holds_for_nobody_is_freed_and_what_it_lost_has_left(site: Site) -> None:
    viewer, publisher = await site.user(1), await site.user(2)
    await viewer.join()
    await publisher.publish()
    await viewer.expect("new-publisher")
    port = int(site.node.address.rpartition(":")[2])
    await site.node.stop()
    held = site.node.participants.pop(("r", 2))
    held.participant.user_id = 77
    site.node.participants["r", 77] = held
    await site.node.start(port)
    assert await viewer.expect("publisher-left") == {"publisherId": 2}
    await until(lambda: ("r", 77) not in site.node.participants)


async def test_rooms_move_to_another_node_when_theirs_is_lost() -> None:
    async with running_site(nodes=2) as site:
        viewer, publisher = await site.user(1), await site.user(2)
        await viewer.join()
        await publisher.publish()
        await viewer.expect("new-publisher")
        lost, other = sorted(site.nodes, key=lambda node: ("r", 2) not in node.participants)
        await lost.stop()
        await viewer.expect("publisher-left")
        await publisher.expect("error")
        await publisher.publish()
        await viewer.expect("new-publisher")
        assert ("r", 2) in other.participants


async def test_a_slow_room_holds_up_neither_other_rooms_nor_other_clients(site: Site) -> None:
    site.node.delays["Publish"] = 0.5
    slow, other = await site.user(1), await site.user(2)
    await slow.send("publish-offer", roomName="slow", offer=OFFER)
    await slow.send("leave-room", roomName="slow")
    await slow.send("join-room", roomName="quick")
    await slow.expect("room-joined")
    await other.join("quick")
    await slow.expect("user-joined")
    assert await slow.silent()
    await slow.expect("publish-answer")
    assert await slow.expect("room-left") == {"userId": 1}


async def test_a_call_that_may_not_have_arrived_is_repeated_under_its_id(site: Site) -> None:
    site.node.failures["Publish"] = [(grpc.StatusCode.UNAVAILABLE, "", "connection reset")]
    client = await site.user(1)
    await client.publish()
    requests = [request for request in site.node.requests if hasattr(request, "offer")]
    assert len(requests) == 2
    assert requests[0].request_id == requests[1].request_id


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ((grpc.StatusCode.INTERNAL, "INTERNAL", "KeyError: 'secret'"), (500, "Internal error")),
        ((grpc.StatusCode.UNKNOWN, "", "Traceback"), (500, "Internal error")),
        ((grpc.StatusCode.UNAVAILABLE, "DRAINING", "draining"), (503, "SFU not available")),
        ((grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY", "17 tracks"), (429, "Too many connections or tracks")),
    ],
)
async def test_a_failed_call_is_reported(
    site: Site, failure: tuple[grpc.StatusCode, str, str], expected: tuple[int, str]
) -> None:
    site.node.failures["Publish"] = [failure]
    client = await site.user(1)
    await client.send("publish-offer", roomName="r", offer=OFFER)
    error = await client.expect("error")
    assert (error["code"], error["message"]) == expected
    assert site.gateway.hub.rooms == 0
    await client.publish()


async def test_a_description_the_node_cannot_read(site: Site) -> None:
    client = await site.user(1)
    await client.send("publish-offer", roomName="r", offer="nonsense")
    error = await client.expect("error")
    assert (error["code"], error["message"]) == (
        400,
        "Invalid session description: line 1: no media section",
    )


async def test_a_call_has_a_deadline(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "COMMAND_DEADLINE", 0.2)
    site.node.delays["Publish"] = 30.0
    client = await site.user(1)
    await client.send("publish-offer", roomName="r", offer=OFFER)
    assert await client.expect("error") == UNAVAILABLE


async def test_a_release_is_repeated_until_it_succeeds(site: Site) -> None:
    site.node.failures["RemoveParticipant"] = [(grpc.StatusCode.UNAVAILABLE, "", "reset")] * 3
    client = await site.user(1)
    await client.publish()
    await client.close()
    await until(lambda: not site.node.participants)


async def test_links_leave_no_tasks() -> None:
    before = len(asyncio.all_tasks())
    async with fake_media_node() as node:
        for _ in range(3):
            async with gateway_of([node]) as site:
                client = await site.user(1)
                await client.publish()
        await until(lambda: not node.participants)
    await until(lambda: len(asyncio.all_tasks()) <= before)
