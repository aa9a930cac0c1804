"""What every cluster backend promises. A new backend is added to `backends`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from rheon_cluster import (
    Cluster,
    Deliver,
    GatewayId,
    Joined,
    JoinRequest,
    MemberChanged,
    MemberGone,
    MemoryCluster,
    MutedTrack,
    NodeId,
    NodeRecord,
    NodeState,
    NoNodeAvailableError,
    RoomSnapshot,
    RoomUpdate,
    SessionNumber,
    StaleSessionError,
    TakenOver,
    UserAlreadyInRoomError,
    UserId,
)

ADA, BOB = UserId(1), UserId(2)
HERE, THERE = GatewayId("here"), GatewayId("there")


@asynccontextmanager
async def memory() -> AsyncIterator[Cluster]:
    yield MemoryCluster()


backends: list[Callable[[], AbstractAsyncContextManager[Cluster]]] = [memory]


@pytest.fixture(params=backends, ids=lambda backend: backend.__name__)
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    async with request.param() as backend:
        yield backend


async def join(
    cluster: Cluster, user: UserId, room: str = "r", *, connection: str | None = None, explicit: bool = True
) -> Joined:
    return await cluster.join(
        JoinRequest(
            room=room,
            user_id=user,
            username=f"user {user}",
            gateway_id=HERE,
            connection_id=connection or f"socket of {user}",
            explicit=explicit,
        )
    )


async def serve(cluster: Cluster, *nodes: str) -> None:
    for node in nodes:
        await cluster.put_node(NodeRecord(NodeId(node), f"{node}:1"))


async def test_a_join_makes_a_member(cluster: Cluster) -> None:
    joined = await join(cluster, ADA)
    assert joined.replaced is None
    assert joined.others == ()
    assert await cluster.members("r") == (joined.member,)
    later = await join(cluster, BOB)
    assert later.others == (joined.member,)
    assert later.version > joined.version


async def test_a_room_nobody_is_in_has_no_members(cluster: Cluster) -> None:
    assert await cluster.members("nowhere") == ()


async def test_session_numbers_only_grow(cluster: Cluster) -> None:
    numbers = []
    for attempt in range(5):
        joined = await join(cluster, ADA, connection=f"socket {attempt}")
        numbers.append(joined.member.session_number)
        if attempt % 2:
            await cluster.leave("r", ADA, joined.member.session_number)
    assert numbers == sorted(set(numbers))


async def test_a_later_session_replaces_the_earlier(cluster: Cluster) -> None:
    old = await join(cluster, ADA, connection="old")
    new = await join(cluster, ADA, connection="new")
    assert new.replaced == old.member
    assert await cluster.members("r") == (new.member,)
    assert not await cluster.leave("r", ADA, old.member.session_number)
    assert await cluster.members("r") == (new.member,)


async def test_joining_twice_over_one_connection_is_refused(cluster: Cluster) -> None:
    await join(cluster, ADA)
    with pytest.raises(UserAlreadyInRoomError):
        await join(cluster, ADA)


async def test_an_implicit_member_can_become_explicit(cluster: Cluster) -> None:
    implicit = await join(cluster, ADA, explicit=False)
    explicit = await join(cluster, ADA, explicit=True)
    assert explicit.replaced is None
    assert explicit.member.session_number == implicit.member.session_number
    assert (await cluster.members("r"))[0].explicit


async def test_leaving_ends_the_room_with_its_last_member(cluster: Cluster) -> None:
    joined = await join(cluster, ADA)
    assert await cluster.leave("r", ADA, joined.member.session_number)
    assert not await cluster.leave("r", ADA, joined.member.session_number)
    assert await cluster.members("r") == ()


async def test_members_of_one_room_meet_on_one_node(cluster: Cluster) -> None:
    await serve(cluster, "a", "b", "c")
    placed = set()
    for user in range(10):
        joined = await join(cluster, UserId(user))
        placed.add((await cluster.place("r", UserId(user), joined.member.session_number)).node_id)
    assert len(placed) == 1
    assert {member.node_id for member in await cluster.members("r")} == placed


async def test_rooms_spread_over_nodes(cluster: Cluster) -> None:
    await serve(cluster, "a", "b")
    counts = {"a": 0, "b": 0}
    for number in range(20):
        joined = await join(cluster, ADA, f"room {number}")
        node = await cluster.place(f"room {number}", ADA, joined.member.session_number)
        counts[node.node_id] += 1
    assert counts == {"a": 10, "b": 10}


async def test_only_serving_nodes_take_new_rooms(cluster: Cluster) -> None:
    joined = await join(cluster, ADA)
    with pytest.raises(NoNodeAvailableError):
        await cluster.place("r", ADA, joined.member.session_number)
    await cluster.put_node(NodeRecord(NodeId("a"), "a:1", NodeState.DRAINING))
    with pytest.raises(NoNodeAvailableError):
        await cluster.place("r", ADA, joined.member.session_number)
    await serve(cluster, "a")
    assert (await cluster.place("r", ADA, joined.member.session_number)).node_id == "a"


async def test_a_lost_node_takes_its_placements_along(cluster: Cluster) -> None:
    await serve(cluster, "a")
    joined = await join(cluster, ADA)
    number = joined.member.session_number
    await cluster.place("r", ADA, number)
    await cluster.set_publishing("r", ADA, number, True, (MutedTrack("t", "audio"),))
    (member,) = await cluster.members("r")
    assert (member.publishing, member.muted) == (True, (MutedTrack("t", "audio"),))
    await serve(cluster, "b")
    await cluster.remove_node(NodeId("a"))
    assert [node.node_id for node in await cluster.nodes()] == ["b"]
    (member,) = await cluster.members("r")
    assert (member.node_id, member.publishing, member.muted) == (None, False, ())
    assert (await cluster.place("r", ADA, number)).node_id == "b"


async def test_writes_of_a_superseded_session_are_refused(cluster: Cluster) -> None:
    await serve(cluster, "a")
    old = (await join(cluster, ADA, connection="old")).member.session_number
    await join(cluster, ADA, connection="new")
    with pytest.raises(StaleSessionError):
        await cluster.place("r", ADA, old)
    with pytest.raises(StaleSessionError):
        await cluster.set_publishing("r", ADA, old, True)
    with pytest.raises(StaleSessionError):
        await cluster.set_publishing("elsewhere", ADA, old, True)


async def test_a_watch_begins_with_a_snapshot_and_follows_in_order(cluster: Cluster) -> None:
    await serve(cluster, "a")
    joined = await join(cluster, ADA)
    number = joined.member.session_number
    async with cluster.watch("r") as watch:
        updates = aiter(watch)
        assert await next_update(updates) == RoomSnapshot(joined.version, (joined.member,))
        other = await join(cluster, BOB)
        await cluster.place("r", ADA, number)
        await cluster.set_publishing("r", ADA, number, True)
        await cluster.set_publishing("r", ADA, number, True)
        await cluster.leave("r", BOB, other.member.session_number)
        first, placed, publishing, gone = [await next_update(updates) for _ in range(4)]
    assert first == MemberChanged(other.version, other.member)
    assert isinstance(placed, MemberChanged)
    assert placed.member.node_id == "a"
    assert isinstance(publishing, MemberChanged)
    assert publishing.member.publishing
    assert isinstance(gone, MemberGone)
    assert (gone.user_id, gone.session_number) == (BOB, other.member.session_number)
    versions = [update.version for update in (first, placed, publishing, gone)]
    assert versions == sorted(set(versions))


async def test_a_reader_that_falls_far_behind_is_given_a_snapshot(cluster: Cluster) -> None:
    async with cluster.watch("r") as watch:
        updates = aiter(watch)
        await next_update(updates)
        for user in range(3000):
            joined = await join(cluster, UserId(user))
        seen: set[UserId] = set()
        snapshots = 0
        while True:
            update = await next_update(updates)
            match update:
                case RoomSnapshot(members=members):
                    snapshots += 1
                    seen = {member.user_id for member in members}
                case MemberChanged(member=member):
                    seen.add(member.user_id)
                case _:
                    pytest.fail("nobody left")
            if update.version == joined.version:
                break
    assert snapshots
    assert len(seen) == 3000


async def test_messages_reach_the_inbox_of_another_gateway_in_order(cluster: Cluster) -> None:
    messages = [Deliver("r", ADA, SessionNumber(1), b"%d" % number) for number in range(100)]
    async with cluster.inbox(THERE) as inbox:
        for message in messages:
            await cluster.send(THERE, message)
        await cluster.send(HERE, TakenOver("r", ADA, SessionNumber(1)))
        assert [await asyncio.wait_for(anext(inbox), 5) for _ in messages] == messages


async def next_update(updates: AsyncIterator[RoomUpdate]) -> RoomUpdate:
    return await asyncio.wait_for(anext(updates), 5)
