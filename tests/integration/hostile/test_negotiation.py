"""Peers that vanish in the middle, answer what was not asked, and log in twice."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.gateway.client import Client
from tests.support.hostile_peer import HostilePeer
from tests.support.hostile_site import PATIENCE, HostileSite, error_of, eventually
from tests.support.native_peer import tracks

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOM = "negotiation"
QUIET = "quiet"


async def before_ice(client: Client, peer: HostilePeer) -> None:
    """Publish, and send nothing."""
    await client.send("publish-offer", roomName=ROOM, offer=peer.core.offer(tracks("audio", "video")))
    peer.held = []
    peer.core.set_remote((await client.expect("publish-answer"))["answer"])


async def before_dtls(client: Client, peer: HostilePeer) -> None:
    """Publish, pass a check, and send nothing more."""
    await before_ice(client, peer)
    assert peer.held is not None
    peer.core.check()
    peer.datagram(peer.held.pop())
    await peer.until(lambda: peer.core.checks_answered > 0)


async def in_the_middle_of_dtls(client: Client, peer: HostilePeer) -> None:
    """Publish, pass a check, say hello twice (the second time with the cookie, if one was asked for)."""
    await before_dtls(client, peer)
    assert peer.held
    hello = peer.held.pop(0)
    peer.datagram(hello)
    await peer.until(lambda: bool(peer.held))


VANISHING = (before_ice, before_dtls, in_the_middle_of_dtls)


async def test_publishers_that_vanish_with_their_socket(site: HostileSite) -> None:
    async with site.unharmed():
        for vanish in VANISHING:
            for abruptly in (True, False):
                async with site.client() as client, HostilePeer() as peer:
                    await vanish(client, peer)
                    if abruptly:
                        client.socket._response.close()


async def test_publishers_that_vanish_and_leave_their_socket_open(site: HostileSite) -> None:
    """The node waits half a minute for a check and a quarter for keys, for all of them at the same time."""
    async with site.unharmed("ice-deadline", "dtls-deadline"):
        held = (await site.get_node()).publish_transports

        async def all_freed() -> bool:
            return (await site.get_node()).publish_transports == held

        async def wait(number: int) -> None:
            async with site.client() as client, HostilePeer() as peer:
                await VANISHING[number](client, peer)
                gone.release()
                while not freed.is_set():
                    assert await client.silent()
                    await asyncio.sleep(0.25)

        gone, freed = asyncio.Semaphore(0), asyncio.Event()
        async with asyncio.TaskGroup() as vanished:
            for number in range(3):
                vanished.create_task(wait(number))
            for _ in range(3):
                await gone.acquire()
            assert (await site.get_node()).publish_transports == held + 3
            await eventually(all_freed, 30 + PATIENCE)
            freed.set()


async def test_answers_to_nothing(site: HostileSite) -> None:
    assert site.witness is not None
    async with site.unharmed(errors=[409]), site.client() as client, HostilePeer() as peer:
        await client.send("subscribe-request", roomName=QUIET, publisherId=site.witness.user)
        answer = peer.core.answer(await site.subscribe_offer(client))
        for publisher in (site.witness.user + 1, client.user_id, 0, -1, 2**63 - 1):
            await client.send("subscribe-answer", roomName=QUIET, publisherId=publisher, answer=answer)
            assert (await error_of(client, "subscribe-answer"))["code"] == 409
        await client.send("unsubscribe", roomName=QUIET, publisherId=site.witness.user)
        await client.send("subscribe-answer", roomName=QUIET, publisherId=site.witness.user, answer=answer)
        # 409 or 404, as the answer overtakes the end of the subscription or not.
        assert (await error_of(client, "subscribe-answer"))["code"] in (404, 409)
        await client.send("subscribe-answer", roomName=ROOM, publisherId=site.witness.user, answer=answer)
        assert (await error_of(client, "subscribe-answer"))["code"] in (403, 404, 409)


async def test_stale_and_second_answers(site: HostileSite) -> None:
    """An answer that came too late, and one too many: the connection that was agreed on goes on."""
    assert site.witness is not None
    pair = {"roomName": QUIET, "publisherId": site.witness.user}
    async with site.unharmed(errors=[409]), site.subscriber(QUIET, site.witness.user) as (client, peer):
        await peer.until(lambda: len(peer.core.sequences) == 2)
        await client.send("restart-ice", **pair)
        offered = await site.subscribe_offer(client)
        stale = peer.core.answer(offered)
        await client.send("subscribe-answer", **pair, answer=stale)
        assert (await error_of(client, "subscribe-answer"))["code"] == 409
        peer.core.ufrag, peer.core.password = "afterwards", "p" * 24
        fresh = peer.core.answer(offered)
        for _ in range(3):
            await client.send("subscribe-answer", **pair, answer=fresh)
        for _ in range(2):
            assert (await error_of(client, "subscribe-answer"))["code"] == 409
        peer.connect(offered)
        received = sum(peer.core.received.values())
        await peer.until(lambda: sum(peer.core.received.values()) > received + 20)


async def test_a_second_login(site: HostileSite) -> None:
    async with (
        site.unharmed(errors=[409]),
        site.publisher(ROOM, "audio", "video") as (old, peer, _),
        site.client(old.user_id) as new,
        HostilePeer() as again,
    ):
        await new.send("publish-offer", roomName=ROOM, offer=again.core.offer(tracks("audio")))
        again.connect((await new.expect("publish-answer"))["answer"])
        await again.connected(PATIENCE)
        assert (await old.expect("error"))["code"] == 409
        assert await old.expect("room-left") == {"userId": old.user_id}
        assert await old.closed_with() == 4409
        await peer.until(lambda: peer.core.closed)
        assert await new.silent()


async def test_logins_that_chase_each_other(site: HostileSite) -> None:
    """Ten sessions of one user publish at the same time: the last one has it, the others are told, nothing is left."""
    user = site.new_user()

    async def publish() -> str:
        async with site.client(user) as client, HostilePeer() as peer:
            await client.send("publish-offer", roomName=ROOM, offer=peer.core.offer(tracks("audio")))
            message = await client.receive()
            await asyncio.sleep(0.05)
            return str(message["type"])

    async with site.unharmed(errors=[409]):
        told = await asyncio.gather(*(publish() for _ in range(10)))
        assert set(told) <= {"publish-answer", "error"}
