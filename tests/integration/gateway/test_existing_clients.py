"""The message sequences of the two kinds of existing client, which must work unchanged."""

from tests.integration.gateway.client import CANDIDATE, OFFER, Client, Site, token, until


async def start_sfu_client(site: Site, user_id: int, room: str = "r") -> Client:
    """Everything is sent at once: nothing is awaited, nothing is joined."""
    client = await site.client(user_id)
    await client.send("auth", token=token(user_id))
    await client.send("publish-offer", roomName=room, offer=OFFER)
    for _ in range(3):
        await client.send("publish-ice-candidate", roomName=room, candidate=CANDIDATE)
    return client


async def view(client: Client, publisher: int) -> None:
    await client.send("subscribe-request", roomName="r", publisherId=publisher)
    offer = await client.expect("subscribe-offer")
    assert offer["publisherId"] == publisher
    assert offer["offer"].endswith(f"of {publisher}")
    await client.send("subscribe-answer", roomName="r", publisherId=publisher, answer=f"answer of {client.user_id}")
    await client.send("subscribe-ice-candidate", roomName="r", publisherId=publisher, candidate=CANDIDATE)


async def test_sfu_clients_see_each_other(site: Site) -> None:
    first = await start_sfu_client(site, 1)
    assert await first.expect("authenticated") == {"userId": 1, "username": "user 1"}
    assert await first.expect("publish-answer") == {"answer": "answer to 1"}
    second = await start_sfu_client(site, 2)
    await second.expect("authenticated")
    await second.expect("publish-answer")
    assert await second.expect("new-publisher") == {"publisherId": 1, "username": "user 1"}
    assert await first.expect("new-publisher") == {"publisherId": 2, "username": "user 2"}
    third = await start_sfu_client(site, 3)
    await third.expect("authenticated")
    await third.expect("publish-answer")
    replayed = [(await third.expect("new-publisher"))["publisherId"] for _ in range(2)]
    assert sorted(replayed) == [1, 2]
    for client in (first, second):
        assert (await client.expect("new-publisher"))["publisherId"] == 3
    for client in (first, second, third):
        for publisher in {1, 2, 3} - {client.user_id}:
            await view(client, publisher)
    for client in (first, second, third):
        assert await client.silent()
    held = site.node.participants
    await until(lambda: all(len(held["r", user].answers) == 2 for user in (1, 2, 3)))
    await first.close()
    for client in (second, third):
        assert await client.expect("publisher-left") == {"publisherId": 1}
    await until(lambda: ("r", 1) not in held)


async def test_mesh_clients_signal_peer_to_peer(site: Site) -> None:
    first, second = await site.user(1), await site.user(2)
    assert await first.join() == []
    assert await second.join() == [{"userId": 1, "username": "user 1"}]
    assert await first.expect("user-joined") == {"user": {"userId": 2, "username": "user 2"}}
    await second.send("offer", roomName="r", sdp="offer of 2", targetUserId=1)
    assert await first.expect("offer") == {"fromUserId": 2, "sdp": "offer of 2"}
    await first.send("answer", roomName="r", sdp="answer of 1", targetUserId=2)
    assert await second.expect("answer") == {"fromUserId": 1, "sdp": "answer of 1"}
    await first.send("ice-candidate", roomName="r", candidate=CANDIDATE, sdpMid="0", sdpMLineIndex=None, targetUserId=2)
    assert await second.expect("ice-candidate") == {
        "fromUserId": 1,
        "candidate": CANDIDATE,
        "sdpMid": "0",
        "sdpMLineIndex": None,
    }
    await second.send("leave-room", roomName="r")
    assert await second.expect("room-left") == {"userId": 2}
    assert await first.expect("user-left") == {"userId": 2}


async def test_a_mesh_client_that_reconnects_only_authenticates(site: Site) -> None:
    first, second = await site.user(1), await site.user(2)
    await first.join()
    await second.join()
    await first.expect("user-joined")
    await second.close()
    assert await first.expect("user-left") == {"userId": 2}
    again = await site.user(2)
    assert await again.silent()
    assert await first.silent()


async def test_relay_without_a_target_reaches_all_others(site: Site) -> None:
    clients = [await site.user(user) for user in (1, 2, 3)]
    for client in clients:
        await client.join()
    for client, others in zip(clients, (2, 1, 0), strict=True):
        for _ in range(others):
            await client.expect("user-joined")
    await clients[0].send("offer", roomName="r", sdp={"type": "offer", "sdp": "s"}, fromUserId=99, targetUserId=None)
    for client in clients[1:]:
        assert await client.expect("offer") == {"fromUserId": 1, "sdp": {"type": "offer", "sdp": "s"}}
    assert await clients[0].silent()
    await clients[0].send("offer", roomName="r", sdp="s", targetUserId=9)
    assert (await clients[0].expect("error"))["code"] == 404
