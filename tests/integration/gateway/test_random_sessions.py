"""Seeded random sessions: whatever clients do, announcements stay consistent and nothing is left behind."""

import asyncio
import json
import random
from collections import defaultdict

import aiohttp
import pytest

from tests.integration.gateway.client import CANDIDATE, OFFER, Client, Site, until

ROOMS = ("a", "b")
USERS = range(1, 7)
ROUNDS = 60


class Witness:
    """A client that checks what it is told: who publishes and who is there, by room."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.publishers: defaultdict[str, set[int]] = defaultdict(set)
        self.users: defaultdict[str, set[int]] = defaultdict(set)
        self.codes: list[int] = []

    async def listen(self) -> None:
        while (message := await self.client.socket.receive()).type is aiohttp.WSMsgType.TEXT:
            self.note(json.loads(message.data))

    def note(self, message: dict[str, object]) -> None:
        room = str(message.get("roomName", ""))
        publishers, users = self.publishers[room], self.users[room]
        match message:
            case {"type": "new-publisher", "publisherId": int(user)}:
                assert user not in publishers
                assert user != self.client.user_id
                publishers.add(user)
            case {"type": "subscribe-offer", "publisherId": int(user)} if user != self.client.user_id:
                # Who subscribes without waiting for the announcement gets none.
                publishers.add(user)
            case {"type": "publisher-left", "publisherId": int(user)}:
                publishers.remove(user)
            case {"type": "room-joined", "participants": list(participants)}:
                users |= {user["userId"] for user in participants}
            case {"type": "user-joined", "user": {"userId": int(user)}}:
                assert user not in users
                users.add(user)
            case {"type": "user-left", "userId": int(user)}:
                users.discard(user)
            case {"type": "room-left"}:
                publishers.clear()
                users.clear()
            case {"type": "error", "code": int(code)}:
                self.codes.append(code)


async def act(chance: random.Random, client: Client) -> None:
    room = chance.choice(ROOMS)
    other = chance.choice(USERS)
    match chance.randrange(9):
        case 0 | 1:
            await client.send("publish-offer", roomName=room, offer=OFFER)
            await client.send("publish-ice-candidate", roomName=room, candidate=CANDIDATE)
        case 2:
            await client.send("join-room", roomName=room)
        case 3:
            await client.send("leave-room", roomName=room)
        case 4:
            await client.send("unpublish", roomName=room)
        case 5 | 6:
            await client.send("subscribe-request", roomName=room, publisherId=other)
            await client.send("subscribe-answer", roomName=room, publisherId=other, answer="a")
        case 7:
            await client.send("offer", roomName=room, sdp="s", targetUserId=other)
        case _:
            await client.send("restart-ice", roomName=room)


@pytest.mark.parametrize("seed", range(24))
async def test_random_sessions(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    listening: list[asyncio.Task[None]] = []
    witnesses: defaultdict[int, list[Witness]] = defaultdict(list)
    """Every connection of a user, the last being the one it acts through."""

    async def connect(user: int) -> None:
        witness = Witness(await site.user(user))
        witnesses[user].append(witness)
        listening.append(asyncio.create_task(witness.listen()))

    for user in USERS:
        await connect(user)
    for _ in range(ROUNDS):
        user = chance.choice(USERS)
        witness = witnesses[user][-1]
        if chance.random() < 0.1:
            if chance.random() < 0.5:
                await witness.client.close()
            await connect(user)
        elif not witness.client.socket.closed:
            await act(chance, witness.client)
        if chance.random() < 0.3:
            await asyncio.sleep(0.005)

    async def settled() -> bool:
        return all([await is_told(room) for room in ROOMS])

    async def is_told(room: str) -> bool:
        members = await site.gateway.hub.cluster.members(room)
        publishing = {member.user_id for member in members if member.publishing}
        explicit = {member.user_id for member in members if member.explicit}
        return all(
            any(
                witness.publishers[room] == publishing - {member.user_id}
                and (not member.explicit or witness.users[room] == explicit - {member.user_id})
                for witness in witnesses[member.user_id]
            )
            for member in members
        )

    await until(settled)
    for task in listening:
        if task.done():
            task.result()
    every = [witness for connections in witnesses.values() for witness in connections]
    assert all(code != 500 for witness in every for code in witness.codes)
    for witness in every:
        await witness.client.close()
    await asyncio.gather(*listening)
    await until(lambda: site.gateway.counters.connections == 0)
    await until(lambda: not site.node.participants)
    assert site.gateway.hub.rooms == 0
