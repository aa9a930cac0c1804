"""One connection that carries several publishers."""

from __future__ import annotations

import pytest

from rheon_media_node.errors import SubscriptionNotFound, TooMany, WrongState
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
from rheon_media_node.router.values import CloseReason, Layers, UserId
from tests.unit.media_node.router.world import World, events, forward, of, participant, track

ADA = participant(1, gateway="ga")
BOB = participant(2, gateway="gb")
EVE = participant(3, gateway="ga")


def two_publishers() -> World:
    world = World()
    world.live(ADA, track("a"))
    world.live(EVE, track("e"))
    return world


def test_a_second_publisher_comes_over_the_same_connection() -> None:
    world = two_publishers()
    transport, first = world.watching(BOB, 1, shared=True)
    assert (first.publisher, first.sources) == (None, {"a-1-1": 1})
    effects, offer = world.add(BOB, 3)
    assert effects == []
    assert offer is not None
    assert (offer.connection, offer.transport) == (first.connection, transport)
    assert [each.track_id for each in offer.tracks] == ["a-1-1", "e-1-1"]
    assert offer.sources == {"a-1-1": 1, "e-1-1": 3}
    (added,) = world.answer(BOB, offer)
    source = world.rooms.publisher(EVE)
    assert source is not None
    assert added == AddForward(transport, source.transport, "e-1-1", forward("e"), None)
    assert world.connection(BOB, 1) == world.connection(BOB, 3)


def test_it_is_ready_once() -> None:
    world = two_publishers()
    transport, _, first = world.subscribe(BOB, 1, shared=True)
    world.answer(BOB, first)
    ready = SubscriptionReady(BOB, None, first.connection)
    assert events(world.rooms.connected(transport)) == [("gb", ready)]
    _, offer = world.add(BOB, 3)
    assert offer is not None
    assert events(world.answer(BOB, offer)) == []


def test_what_changes_while_an_offer_is_open_goes_into_the_next() -> None:
    world = two_publishers()
    other = participant(4)
    world.live(other, track("o"))
    _, _, first = world.subscribe(BOB, 1, shared=True)
    for publisher in (3, 4):
        assert world.add(BOB, publisher) == ([], None)
    assert of(Offer, world.rooms.unpublish(other)) == []
    (offer,) = of(Offer, world.answer(BOB, first))
    assert [each.track_id for each in offer.tracks] == ["a-1-1", "e-1-1"]
    assert world.answer(BOB, offer) == []


def test_asking_again_for_a_publisher_offers_it_again() -> None:
    world = two_publishers()
    _, first = world.watching(BOB, 1, shared=True)
    effects, offer = world.add(BOB, 1)
    assert effects == []
    assert offer is not None
    assert offer.tracks == first.tracks
    assert world.add(BOB, 1) == ([], None)


def test_a_publisher_that_leaves_takes_its_tracks_and_leaves_the_connection() -> None:
    world = two_publishers()
    transport, _ = world.watching(BOB, 1, shared=True)
    source = world.rooms.publisher(ADA)
    assert source is not None
    effects = world.rooms.unpublish(ADA)
    assert events(effects) == []
    assert of(CloseTransport, effects) == [CloseTransport(source.transport)]
    assert of(RemoveForward, effects) == [RemoveForward(transport, "a-1-1")]
    (empty,) = of(Offer, effects)
    assert empty.tracks == ()
    world.answer(BOB, empty)
    effects, offer = world.add(BOB, 3)
    assert offer is not None
    assert len(of(AddForward, world.answer(BOB, offer))) == 1
    with pytest.raises(SubscriptionNotFound):
        world.connection(BOB, 1)


def test_unsubscribing_takes_one_publisher_off() -> None:
    world = two_publishers()
    transport, _ = world.watching(BOB, 1, shared=True)
    _, offer = world.add(BOB, 3)
    assert offer is not None
    world.answer(BOB, offer)
    effects = world.rooms.unsubscribe(BOB, UserId(1))
    assert of(RemoveForward, effects) == [RemoveForward(transport, "a-1-1")]
    (left,) = of(Offer, effects)
    assert [each.track_id for each in left.tracks] == ["e-1-1"]
    assert world.rooms.unsubscribe(BOB, UserId(1)) == []


def test_a_publisher_that_comes_again_is_sent_only_with_its_new_answer() -> None:
    world = two_publishers()
    world.watching(BOB, 1, shared=True)
    (without,) = of(Offer, world.rooms.unsubscribe(BOB, UserId(1)))
    assert world.add(BOB, 1) == ([], None)
    effects = world.answer(BOB, without)
    assert of(AddForward, effects) == []
    (offer,) = of(Offer, effects)
    assert len(of(AddForward, world.answer(BOB, offer))) == 1


def test_an_answer_to_what_has_left_meanwhile_forwards_nothing_of_it() -> None:
    world = two_publishers()
    transport, _, first = world.subscribe(BOB, 1, shared=True)
    world.rooms.connected(transport)
    world.rooms.unsubscribe(BOB, UserId(1))
    effects = world.answer(BOB, first)
    assert of(AddForward, effects) == []
    assert of(Offer, effects)[0].tracks == ()


def test_closing_the_connection_ends_all_it_carries() -> None:
    world = two_publishers()
    transport, first = world.watching(BOB, 1, shared=True)
    world.add(BOB, 3)
    assert world.rooms.disconnect(BOB, first.connection) == [CloseTransport(transport)]
    assert world.rooms.disconnect(BOB, first.connection) == []
    assert world.rooms.shared_connection(BOB) is None
    with pytest.raises(SubscriptionNotFound):
        world.answer(BOB, first)


def test_a_failed_connection_is_reported_once() -> None:
    world = two_publishers()
    transport, first = world.watching(BOB, 1, shared=True)
    world.add(BOB, 3)
    effects = world.rooms.failed(transport, CloseReason.ICE_FAILED)
    closed = SubscriptionClosed(BOB, None, first.connection, CloseReason.ICE_FAILED)
    assert events(effects) == [("gb", closed)]


def test_a_publisher_moves_between_its_own_and_the_shared_connection() -> None:
    world = two_publishers()
    own, _ = world.watching(BOB, 1)
    world.watching(BOB, 3, shared=True)
    effects, offer = world.add(BOB, 1)
    assert effects == [CloseTransport(own)]
    assert offer is not None
    world.answer(BOB, offer)
    _, effects, _ = world.subscribe(BOB, 1)
    (left,) = of(Offer, effects)
    assert [each.track_id for each in left.tracks] == ["e-1-1"]


def test_layers_belong_to_their_publisher() -> None:
    world = two_publishers()
    transport, _ = world.watching(BOB, 1, shared=True)
    low, high = Layers(0, 0), Layers(2, 2)
    assert world.rooms.set_layers(BOB, UserId(1), None, low) == [SetLayers(transport, "a-1-1", low)]
    _, offer = world.add(BOB, 3)
    assert offer is not None
    assert [effect.layers for effect in of(AddForward, world.answer(BOB, offer))] == [None]
    world.rooms.set_layers(BOB, UserId(3), "e-1-1", high)
    assert world.rooms.set_layers(BOB, UserId(1), None, high) == [SetLayers(transport, "a-1-1", high)]
    with pytest.raises(WrongState):
        world.rooms.set_layers(BOB, UserId(1), "e-1-1", low)


def test_further_publishers_need_no_further_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    world = two_publishers()
    world.watching(BOB, 1, shared=True)
    monkeypatch.setattr(limits, "MAX_TRANSPORTS", 3)
    world.add(BOB, 3)
    monkeypatch.setattr(limits, "MAX_SUBSCRIPTIONS_PER_PARTICIPANT", 2)
    world.live(BOB, track("b"))
    with pytest.raises(TooMany):
        world.subscribe(EVE, 1, shared=True)
