"""What follows when participants subscribe, answer, and their publishers change meanwhile."""

from __future__ import annotations

import pytest

from rheon_media_node.errors import PublisherNotFound, RoomNotFound, SubscriptionNotFound, TooMany, WrongState
from rheon_media_node.router import limits
from rheon_media_node.router.effects import (
    AddForward,
    CloseTransport,
    Offer,
    RemoveForward,
    SetLayers,
    SubscriptionClosed,
    SubscriptionReady,
)
from rheon_media_node.router.sessions import SessionFence
from rheon_media_node.router.values import CloseReason, ConnectionId, Layers, OfferId, UserId
from tests.unit.media_node.router.world import World, events, forward, of, participant, track

ADA = participant(1, gateway="ga")
BOB = participant(2, gateway="gb")


def test_media_flows_when_the_answer_is_in_and_keys_are_installed() -> None:
    world = World()
    source, (audio, video) = world.live(ADA, track("0", "audio"), track("1"))
    transport, effects, offer = world.subscribe(BOB, 1)
    assert effects == []
    assert offer.tracks == (audio, video)
    assert world.answer(BOB, offer) == []
    ready = world.rooms.connected(transport)
    assert of(AddForward, ready) == [
        AddForward(transport, source, audio.track_id, forward("0"), None),
        AddForward(transport, source, video.track_id, forward("1"), None),
    ]
    assert events(ready) == [("gb", SubscriptionReady(BOB, UserId(1), offer.connection))]


def test_keys_before_the_answer() -> None:
    """Browsers begin DTLS when they made the answer, which may overtake it."""
    world = World()
    world.live(ADA, track("0"))
    transport, _, offer = world.subscribe(BOB, 1)
    assert world.rooms.connected(transport) == []
    effects = world.answer(BOB, offer)
    assert len(of(AddForward, effects)) == 1
    assert events(effects) == [("gb", SubscriptionReady(BOB, UserId(1), offer.connection))]


def test_a_refused_track_is_not_forwarded() -> None:
    world = World()
    _, (audio, video) = world.live(ADA, track("0", "audio"), track("1"))
    transport, _, offer = world.subscribe(BOB, 1)
    world.answer(BOB, offer, video.track_id)
    assert [effect.track for effect in of(AddForward, world.rooms.connected(transport))] == [audio.track_id]


def test_subscribing_again_makes_a_fresh_transport() -> None:
    world = World()
    world.live(ADA, track("0"))
    old, first = world.watching(BOB, 1)
    new, effects, offer = world.subscribe(BOB, 1)
    assert effects == [CloseTransport(old)]
    assert new != old
    with pytest.raises(SubscriptionNotFound):
        world.answer(BOB, first)
    with pytest.raises(WrongState):
        world.rooms.subscription(BOB, world.connection(BOB, 1), first.offer)
    world.answer(BOB, offer)
    assert world.rooms.failed(old, CloseReason.ICE_FAILED) == []


def test_offers_are_answered_once_and_stale_ones_refused() -> None:
    world = World()
    world.live(ADA, track("0"))
    _, _, offer = world.subscribe(BOB, 1)
    with pytest.raises(WrongState):
        world.rooms.subscription(BOB, offer.connection, OfferId(offer.offer + 1))
    world.rooms.answer(BOB, offer.connection, OfferId(0), {})
    with pytest.raises(WrongState):
        world.answer(BOB, offer)


def test_changes_during_an_open_offer_wait_for_its_answer() -> None:
    world = World()
    _, (first,) = world.live(ADA, track("0"))
    transport, _, offer = world.subscribe(BOB, 1)
    world.rooms.connected(transport)
    _, effects, tracks = world.publish(ADA, track("0"), track("1"))
    assert of(Offer, effects) == []
    answered = world.answer(BOB, offer)
    assert [effect.track for effect in of(AddForward, answered)] == [first.track_id]
    (again,) = of(Offer, answered)
    assert again.tracks == tracks
    assert [effect.track for effect in of(AddForward, world.answer(BOB, again))] == [tracks[1].track_id]


def test_a_track_that_went_while_its_offer_was_open_is_not_forwarded() -> None:
    world = World()
    _, (kept, gone) = world.live(ADA, track("0", "audio"), track("1"))
    transport, _, offer = world.subscribe(BOB, 1)
    world.rooms.connected(transport)
    world.publish(ADA, track("0", "audio"))
    effects = world.answer(BOB, offer)
    assert [effect.track for effect in of(AddForward, effects)] == [kept.track_id]
    assert gone.track_id not in {each.track_id for each in of(Offer, effects)[0].tracks}


def test_a_removed_track_ends_its_forward_at_once() -> None:
    world = World()
    _, (_, gone) = world.live(ADA, track("0", "audio"), track("1"))
    transport, _ = world.watching(BOB, 1)
    _, effects, _ = world.publish(ADA, track("0", "audio"))
    assert of(RemoveForward, effects) == [RemoveForward(transport, gone.track_id)]
    assert len(of(Offer, effects)) == 1


def test_a_publisher_leaves_while_its_subscriber_negotiates() -> None:
    world = World()
    world.live(ADA, track("0"))
    world.live(BOB, track("0"))
    transport, _, offer = world.subscribe(BOB, 1)
    effects = world.rooms.remove_participant(ADA)
    assert CloseTransport(transport) in effects
    assert events(effects) == [("gb", SubscriptionClosed(BOB, UserId(1), offer.connection, CloseReason.PUBLISHER_LEFT))]
    with pytest.raises(SubscriptionNotFound):
        world.answer(BOB, offer)
    assert world.rooms.connected(transport) == []


def test_a_failed_subscription_is_reported_and_leaves_the_publisher_alone() -> None:
    world = World()
    world.live(ADA, track("0"))
    transport, offer = world.watching(BOB, 1)
    effects = world.rooms.failed(transport, CloseReason.DTLS_FAILED)
    assert effects[0] == CloseTransport(transport)
    assert events(effects) == [("gb", SubscriptionClosed(BOB, UserId(1), offer.connection, CloseReason.DTLS_FAILED))]
    assert world.rooms.publisher(ADA) is not None


def test_an_ice_restart_voids_the_open_offer() -> None:
    world = World()
    world.live(ADA, track("0"))
    transport, _, offer = world.subscribe(BOB, 1)
    again = world.rooms.offer_again(BOB, offer.connection)
    assert again.transport == transport
    with pytest.raises(WrongState):
        world.answer(BOB, offer)
    world.answer(BOB, again)
    effects = world.rooms.connected(transport)
    assert events(effects) == [("gb", SubscriptionReady(BOB, UserId(1), offer.connection))]
    assert events(world.answer(BOB, world.rooms.offer_again(BOB, offer.connection))) == []


def test_layers_bound_running_and_later_forwards() -> None:
    world = World()
    _, (_, video) = world.live(ADA, track("0", "audio"), track("1"))
    transport, _ = world.watching(BOB, 1)
    low = Layers(0, 1)
    assert world.rooms.set_layers(BOB, UserId(1), None, low) == [SetLayers(transport, video.track_id, low)]
    _, effects, _ = world.publish(ADA, track("0", "audio"), track("1"), track("2"))
    added = of(AddForward, world.answer(BOB, of(Offer, effects)[0]))
    assert [effect.layers for effect in added] == [low]
    with pytest.raises(WrongState):
        world.rooms.set_layers(BOB, UserId(1), world.live(ADA, track("0", "audio"))[1][0].track_id, low)


def test_what_cannot_be_subscribed() -> None:
    world = World()
    with pytest.raises(RoomNotFound):
        world.subscribe(BOB, 1)
    world.live(BOB, track("0"))
    with pytest.raises(PublisherNotFound):
        world.subscribe(BOB, 1)
    with pytest.raises(WrongState):
        world.subscribe(BOB, 2)
    world.publish(ADA)
    with pytest.raises(PublisherNotFound):
        world.subscribe(BOB, 1)
    with pytest.raises(SubscriptionNotFound):
        world.connection(BOB, 1)
    with pytest.raises(SubscriptionNotFound):
        world.rooms.offer_again(BOB, ConnectionId("c"))


def test_subscription_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for user in (1, 3):
        world.live(participant(user), track("0"))
    world.watching(BOB, 1)
    monkeypatch.setattr(limits, "MAX_SUBSCRIPTIONS_PER_PARTICIPANT", 1)
    with pytest.raises(TooMany):
        world.subscribe(BOB, 3)
    world.subscribe(BOB, 1)
    monkeypatch.setattr(limits, "MAX_TRANSPORTS", 3)
    with pytest.raises(TooMany):
        world.subscribe(participant(4), 1)


def test_unsubscribing_twice_is_no_error() -> None:
    world = World()
    world.live(ADA, track("0"))
    transport, _ = world.watching(BOB, 1)
    assert world.rooms.unsubscribe(BOB, UserId(1)) == [CloseTransport(transport)]
    assert world.rooms.unsubscribe(BOB, UserId(1)) == []


def test_the_session_fence_forgets_the_longest_unused_beyond_its_bound() -> None:
    fence = SessionFence(limit=2)
    fence.admit(participant(1, 5))
    fence.admit(participant(2, 5))
    fence.admit(participant(1, 6))
    fence.admit(participant(3, 5))
    fence.check(participant(2, 1))
    with pytest.raises(Exception, match="newer session"):
        fence.check(participant(1, 5))
