"""One connection's part in one room: every message, every error, without a socket."""

from collections.abc import Iterator
from typing import Any

import pytest

from rheon_cluster import GatewayId, Joined, Member, NodeId, SessionNumber, UserId
from rheon_gateway import effects
from rheon_gateway.claims import Claims
from rheon_gateway.effects import Effect, Offer, Send, Settle
from rheon_gateway.room_session import RoomRequest, RoomSession
from rheon_signaling import ErrorCode, ProtocolError
from rheon_signaling import client_messages as client
from rheon_signaling import server_messages as server

ADA, BOB = UserId(1), UserId(2)
ROOM = "r"


def member(user: UserId, *, explicit: bool = True, node: str | None = "node", number: int = 10) -> Member:
    return Member(
        room=ROOM,
        user_id=user,
        username=f"user {user}",
        session_number=SessionNumber(number),
        gateway_id=GatewayId("g"),
        connection_id=f"socket of {user}",
        explicit=explicit,
        node_id=NodeId(node) if node else None,
    )


class World:
    """Answers effects the way a scripted outside would, and keeps them."""

    def __init__(self, session: RoomSession, *others: Member) -> None:
        self.session = session
        self.others = others
        self.effects: list[Effect] = []
        self.failing: dict[type, ProtocolError] = {}
        self.shared_offers: Iterator[Offer] = iter(())

    def run(self, message: RoomRequest, *, offer_id: int = 0) -> list[Effect]:
        self.effects = []
        steps = self.session.receive(message, offer_id=offer_id)
        try:
            effect = next(steps)
            while True:
                self.effects.append(effect)
                if type(effect) in self.failing:
                    effect = steps.throw(self.failing[type(effect)])
                else:
                    effect = steps.send(self.outcome(effect))
        except StopIteration:
            return self.effects

    def outcome(self, effect: Effect) -> Any:
        match effect:
            case effects.Join(explicit=explicit):
                own = self.session.member = member(ADA, explicit=explicit)
                return Joined(member=own, replaced=None, others=self.others, version=1)
            case effects.Leave():
                self.session.member = None
                return None
            case effects.ListMembers():
                return (*self.others, *((self.session.member,) if self.session.member else ()))
            case effects.Publish():
                return "the answer"
            case effects.Subscribe(shared=True):
                return next(self.shared_offers)
            case effects.Subscribe(publisher_id=publisher_id) | effects.RestartIce(publisher_id=publisher_id):
                return Offer(f"offer of {publisher_id}", 100 + publisher_id)
            case _:
                return None


def new_session(*, p2p_relay: bool = True, **claims: Any) -> RoomSession:
    return RoomSession(ROOM, Claims(ADA, "ada", **claims), p2p_relay=p2p_relay)


def refused(world: World, message: RoomRequest, *, offer_id: int = 0) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        world.run(message, offer_id=offer_id)
    return caught.value


def joined_world(*others: Member) -> World:
    world = World(new_session(), *others)
    world.run(client.JoinRoom(room_name=ROOM))
    return world


UNAVAILABLE = ProtocolError(ErrorCode.UNAVAILABLE, "SFU not available")


def test_joining_lists_the_other_explicit_members() -> None:
    world = World(new_session(), member(BOB), member(UserId(3), explicit=False))
    assert world.run(client.JoinRoom(room_name=ROOM)) == [
        effects.Join(explicit=True),
        Send(
            server.RoomJoined(room_name=ROOM, user_id=ADA, participants=[server.User(user_id=BOB, username="user 2")])
        ),
        Settle(users=(member(BOB),)),
    ]


def test_joining_twice_is_refused() -> None:
    error = refused(joined_world(), client.JoinRoom(room_name=ROOM))
    assert (error.code, error.message) == (ErrorCode.CONFLICT, "Failed to join room: User already in room")


def test_an_implicit_member_may_join_explicitly() -> None:
    world = World(new_session())
    world.run(client.PublishOffer(room_name=ROOM, offer="o"))
    assert effects.Join(explicit=True) in world.run(client.JoinRoom(room_name=ROOM))


def test_leaving() -> None:
    world = joined_world(member(BOB))
    assert world.run(client.LeaveRoom(room_name=ROOM)) == [
        effects.ListMembers(),
        effects.Leave(),
        Send(server.RoomLeft(room_name=ROOM, user_id=ADA)),
    ]


def test_leaving_a_room_that_does_not_exist() -> None:
    error = refused(World(new_session()), client.LeaveRoom(room_name=ROOM))
    assert (error.code, error.message) == (ErrorCode.NOT_FOUND, "Failed to leave room: Room not found")


def test_leaving_a_room_of_others() -> None:
    error = refused(World(new_session(), member(BOB)), client.LeaveRoom(room_name=ROOM))
    assert (error.code, error.message) == (ErrorCode.FORBIDDEN, "Failed to leave room: User not in room")


def test_publishing_joins_and_answers_before_anything_is_announced() -> None:
    world = World(new_session())
    assert world.run(client.PublishOffer(room_name=ROOM, offer="o")) == [
        effects.Join(explicit=False),
        effects.Publish("o"),
        Send(server.PublishAnswer(room_name=ROOM, answer="the answer")),
        Settle(),
    ]


def test_publishing_again_renegotiates() -> None:
    world = World(new_session())
    world.run(client.PublishOffer(room_name=ROOM, offer="o"))
    assert world.run(client.PublishOffer(room_name=ROOM, offer="o2"))[0] == effects.Publish("o2")


def test_a_failed_first_publish_makes_no_member() -> None:
    world = World(new_session())
    world.failing[effects.Publish] = UNAVAILABLE
    assert refused(world, client.PublishOffer(room_name=ROOM, offer="o")).message == "SFU not available"
    assert world.effects[-1] == effects.Leave()
    assert world.session.member is None


def test_a_failed_renegotiation_leaves_the_member_in() -> None:
    world = joined_world()
    world.failing[effects.Publish] = UNAVAILABLE
    refused(world, client.PublishOffer(room_name=ROOM, offer="o"))
    assert world.session.member is not None


def test_unpublishing() -> None:
    assert joined_world().run(client.Unpublish(room_name=ROOM)) == [effects.Unpublish()]


def test_subscribing_joins_and_offers() -> None:
    world = World(new_session(), member(BOB))
    assert world.run(client.SubscribeRequest(room_name=ROOM, publisher_id=BOB)) == [
        effects.ListMembers(),
        effects.Join(explicit=False),
        effects.Subscribe(BOB),
        Send(server.SubscribeOffer(room_name=ROOM, publisher_id=BOB, offer="offer of 2")),
        Settle(publisher=member(BOB)),
    ]
    assert world.session.latest_offer(BOB) == 102


def test_subscribing_where_nobody_is() -> None:
    error = refused(World(new_session()), client.SubscribeRequest(room_name=ROOM, publisher_id=BOB))
    assert (error.code, error.message) == (ErrorCode.NOT_FOUND, "SFU subscribe request error: Room not found: r")


@pytest.mark.parametrize("other", [member(UserId(3)), member(BOB, node=None)])
def test_subscribing_to_somebody_who_does_not_publish(other: Member) -> None:
    error = refused(World(new_session(), other), client.SubscribeRequest(room_name=ROOM, publisher_id=BOB))
    assert (error.code, error.message) == (
        ErrorCode.NOT_FOUND,
        "SFU subscribe request error: Publisher 2 not found in room r",
    )


def test_an_answer_names_the_offer_that_had_been_sent() -> None:
    world = joined_world(member(BOB))
    world.run(client.SubscribeRequest(room_name=ROOM, publisher_id=BOB))
    answer = client.SubscribeAnswer(room_name=ROOM, publisher_id=BOB, answer="a")
    assert world.run(answer, offer_id=102) == [effects.Answer(BOB, 102, "a")]


def test_an_answer_to_nothing() -> None:
    answer = client.SubscribeAnswer(room_name=ROOM, publisher_id=BOB, answer="a")
    assert refused(joined_world(member(BOB)), answer).code is ErrorCode.CONFLICT


def test_ice_restart_of_one_and_of_all_subscriptions() -> None:
    world = joined_world(member(BOB), member(UserId(3)))
    for publisher in (BOB, UserId(3)):
        world.run(client.SubscribeRequest(room_name=ROOM, publisher_id=publisher))
    assert world.run(client.RestartIce(room_name=ROOM, publisher_id=BOB)) == [
        effects.RestartIce(BOB),
        Send(server.SubscribeOffer(room_name=ROOM, publisher_id=BOB, offer="offer of 2")),
    ]
    restarted = [
        effect for effect in world.run(client.RestartIce(room_name=ROOM)) if isinstance(effect, effects.RestartIce)
    ]
    assert restarted == [effects.RestartIce(2), effects.RestartIce(3)]


def test_unsubscribing_from_one_and_from_all() -> None:
    world = joined_world(member(BOB), member(UserId(3)))
    for publisher in (BOB, UserId(3)):
        world.run(client.SubscribeRequest(room_name=ROOM, publisher_id=publisher))
    assert world.run(client.Unsubscribe(room_name=ROOM, publisher_id=BOB)) == [effects.Unsubscribe(2)]
    assert world.run(client.Unsubscribe(room_name=ROOM)) == [effects.Unsubscribe(3)]
    assert world.session.latest_offer(3) == 0


def test_layers_default_to_the_highest() -> None:
    muting = client.SetMuted(room_name=ROOM, kind="audio", muted=True)
    assert joined_world().run(muting) == [effects.SetMuted(None, "audio", muted=True)]
    message = client.SetPreferredLayer(room_name=ROOM, publisher_id=BOB, spatial=0)
    assert joined_world().run(message) == [effects.SetLayer(2, "", 0, 2)]


@pytest.mark.parametrize("target", [None, 2])
@pytest.mark.parametrize(
    ("message", "relayed"),
    [
        (client.RelayOffer(room_name=ROOM, sdp="s"), server.RelayedOffer(room_name=ROOM, from_user_id=1, sdp="s")),
        (client.RelayAnswer(room_name=ROOM, sdp="s"), server.RelayedAnswer(room_name=ROOM, from_user_id=1, sdp="s")),
        (
            client.RelayIceCandidate(room_name=ROOM, candidate="c", sdp_mid=None),
            server.RelayedIceCandidate(room_name=ROOM, from_user_id=1, candidate="c", sdp_mid=None),
        ),
    ],
)
def test_relaying_names_the_sender_of_the_session(
    message: Any, relayed: server.ServerMessage, target: int | None
) -> None:
    message = type(message)(**{**{f: getattr(message, f) for f in message.__struct_fields__}, "target_user_id": target})
    assert joined_world().run(message) == [effects.Relay(target, relayed)]


def test_relaying_can_be_switched_off() -> None:
    error = refused(World(new_session(p2p_relay=False)), client.RelayOffer(room_name=ROOM, sdp="s"))
    assert error.code is ErrorCode.FORBIDDEN


@pytest.mark.parametrize(
    "message",
    [
        client.RelayOffer(room_name=ROOM, sdp="s"),
        client.Unpublish(room_name=ROOM),
        client.Unsubscribe(room_name=ROOM),
        client.RestartIce(room_name=ROOM),
        client.SubscribeAnswer(room_name=ROOM, publisher_id=2, answer="a"),
        client.SetPreferredLayer(room_name=ROOM, publisher_id=2, spatial=0),
        client.SetMuted(room_name=ROOM, kind="audio", muted=True),
    ],
)
def test_only_members_may(message: RoomRequest) -> None:
    error = refused(World(new_session(), member(BOB)), message, offer_id=1)
    assert (error.code, error.message) == (ErrorCode.FORBIDDEN, "You are not in this room")


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"rooms": frozenset({"other"})}, client.JoinRoom(room_name=ROOM)),
        ({"rooms": frozenset({"other"})}, client.PublishOffer(room_name=ROOM, offer="o")),
        ({"rooms": frozenset({"other"})}, client.SubscribeRequest(room_name=ROOM, publisher_id=2)),
        ({"can_publish": False}, client.PublishOffer(room_name=ROOM, offer="o")),
        ({"can_subscribe": False}, client.SubscribeRequest(room_name=ROOM, publisher_id=2)),
    ],
)
def test_tokens_narrow_what_is_allowed(claims: dict[str, Any], message: RoomRequest) -> None:
    assert refused(World(new_session(**claims), member(BOB)), message).code is ErrorCode.FORBIDDEN


def test_being_taken_over() -> None:
    world = joined_world()
    error, left = (send.message for send in world.session.taken_over())
    assert isinstance(error, server.Error)
    assert (error.code, error.room_name) == (409, ROOM)
    assert left == server.RoomLeft(room_name=ROOM, user_id=ADA)
    assert world.session.member is None


def test_a_changed_subscription_is_offered_to_members_only() -> None:
    session = new_session()
    assert session.offered(BOB, Offer("o", 5)) == []
    session.member = member(ADA)
    assert session.offered(BOB, Offer("o", 5)) == [
        Send(server.SubscribeOffer(room_name=ROOM, publisher_id=BOB, offer="o"))
    ]
    assert session.latest_offer(BOB) == 5


def test_a_lost_node_is_reported_to_its_publishers() -> None:
    world = joined_world(member(BOB))
    world.run(client.SubscribeRequest(room_name=ROOM, publisher_id=BOB))
    assert world.session.node_lost(publishing=False) == []
    assert world.session.latest_offer(BOB) == 0
    (send,) = world.session.node_lost(publishing=True)
    assert isinstance(send.message, server.Error)
    assert (send.message.code, send.message.message) == (503, "SFU not available")


TRACK = server.SubscribedTrack(mid="0", publisher_id=BOB, track_id="t", kind="audio")


def shared_world(*offers: Offer) -> World:
    world = World(RoomSession(ROOM, Claims(ADA, "ada"), p2p_relay=True, shared_subscribe=True), member(BOB))
    world.session.member = member(ADA)
    world.shared_offers = iter(offers)
    return world


def shared_offer(text: str) -> Send:
    return Send(server.SubscribeOffer(room_name=ROOM, connection_id="c", offer=text, tracks=[TRACK]))


def test_a_shared_connection_is_named_by_its_id() -> None:
    world = shared_world(Offer("o", 7, "c", (TRACK,)), Offer("", 0, "c"))
    subscribe = client.SubscribeRequest(room_name=ROOM, publisher_id=BOB)
    assert world.run(subscribe)[1:3] == [effects.Subscribe(BOB, shared=True), shared_offer("o")]
    # The second offer comes by itself.
    assert [type(effect) for effect in world.run(subscribe)[1:]] == [effects.Subscribe, Settle]
    assert world.session.latest_offer("c") == 7
    answer = client.SubscribeAnswer(room_name=ROOM, connection_id="c", answer="a")
    assert world.run(answer, offer_id=7) == [effects.Answer(0, 7, "a", "c")]
    assert world.session.offered(0, Offer("o2", 9, "c", (TRACK,))) == [shared_offer("o2")]
    # Overtaken on its way.
    assert world.session.offered(0, Offer("o1", 8, "c", (TRACK,))) == []
    assert world.run(client.Unsubscribe(room_name=ROOM)) == [effects.Unsubscribe(connection_id="c")]
    assert world.session.latest_offer("c") == 0


def test_a_closed_shared_connection_takes_no_more_answers() -> None:
    world = shared_world()
    world.session.offered(0, Offer("o", 7, "c", (TRACK,)))
    world.session.subscription_closed(0, "c")
    assert world.session.latest_offer("c") == 0
