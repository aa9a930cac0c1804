"""Clients that receive everybody over one connection."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.client import Client, Message, Site, running_site, until

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


def offer(number: int, *publishers: int, text: str = "offer") -> Message:
    tracks = [
        {"mid": str(index), "publisherId": publisher, "trackId": f"track-of-{publisher}", "kind": "audio"}
        for index, publisher in enumerate(publishers)
    ]
    return {"connectionId": "shared", "offer": f"{text} {number}", "tracks": tracks}


async def subscribe(viewer: Client, publisher: int) -> None:
    await viewer.send("subscribe-request", roomName="r", publisherId=publisher)


async def answer(viewer: Client, text: str) -> None:
    await viewer.send("subscribe-answer", roomName="r", connectionId="shared", answer=text)


async def test_one_connection_carries_everybody(site: Site) -> None:
    publishers = [await site.user(publisher) for publisher in (2, 3, 4)]
    for publishing in publishers:
        await publishing.publish()
    viewer = await site.user(1, "shared-subscribe")
    await subscribe(viewer, 2)
    assert await viewer.expect("subscribe-offer") == offer(1, 2)
    for publisher in (3, 4):
        assert (await viewer.expect("new-publisher"))["publisherId"] == publisher
        await subscribe(viewer, publisher)
    assert await viewer.silent()
    await viewer.send("subscribe-ice-candidate", roomName="r", connectionId="shared", candidate=None)
    await answer(viewer, "first")
    assert await viewer.expect("subscribe-offer") == offer(2, 2, 3, 4)
    await answer(viewer, "second")

    await viewer.send("unsubscribe", roomName="r", publisherId=3)
    assert await viewer.expect("subscribe-offer") == offer(3, 2, 4)
    await answer(viewer, "third")
    await viewer.send("restart-ice", roomName="r", connectionId="shared")
    assert await viewer.expect("subscribe-offer") == offer(4, 2, 4, text="restart")
    await viewer.send("restart-ice", roomName="r")
    assert await viewer.expect("subscribe-offer") == offer(5, 2, 4, text="restart")
    await answer(viewer, "fourth")
    held = site.node.participants["r", 1]
    await until(lambda: len(held.answers) == 4)
    assert [(number, text) for _, number, text in held.answers] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (5, "fourth"),
    ]

    await viewer.send("unsubscribe", roomName="r")
    await until(lambda: not held.shared)
    assert site.node.requests[-1].connection_id == "shared"
    await answer(viewer, "too late")
    assert (await viewer.expect("error"))["code"] == 409
    await viewer.send("restart-ice", roomName="r", connectionId="shared")
    assert (await viewer.expect("error"))["code"] == 404


async def test_who_does_not_ask_for_it_sees_no_change(site: Site) -> None:
    publisher, viewer = await site.user(2), await site.user(1)
    await publisher.publish()
    await subscribe(viewer, 2)
    assert await viewer.expect("subscribe-offer") == {"publisherId": 2, "offer": "offer 1 of 2"}
    await viewer.send("subscribe-answer", roomName="r", publisherId=2, answer="a")
    await until(lambda: site.node.participants["r", 1].answers == [(2, 1, "a")])
