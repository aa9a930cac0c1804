"""What follows when publishers have data channels."""

from __future__ import annotations

import pytest

from rheon_media_node.errors import PublisherNotFound
from rheon_media_node.router.effects import Offer, PublisherReady
from rheon_media_node.router.values import ConnectionId, OfferId, UserId
from tests.unit.media_node.router.world import World, events, of, participant, track

ADA, BOB = participant(1), participant(2)


def test_subscribers_are_offered_data_channels_when_their_publisher_gets_some() -> None:
    world = World()
    publishing, _ = world.live(ADA, track("0"))
    transport, first = world.watching(BOB, 1)
    assert not first.data
    effects, _ = world.rooms.publish(ADA, publishing, [track("0")], data=True)
    (offer,) = of(Offer, effects)
    assert (offer.transport, offer.data) == (transport, True)
    world.rooms.answer(BOB, offer.connection, OfferId(offer.offer), {})
    assert of(Offer, world.rooms.publish(ADA, publishing, [track("0")], data=True)[0]) == []
    assert of(Offer, world.rooms.publish(ADA, publishing, [track("0")], data=False)[0]) == []


def test_a_publisher_of_nothing_but_data_can_be_subscribed_to() -> None:
    world = World()
    transport = world.transport()
    world.rooms.publish(ADA, transport, [], data=True)
    assert events(world.rooms.connected(transport)) == [("g", PublisherReady(ADA, ()))]
    assert world.rooms.publishes_data(ADA.room, ADA.user)
    assert world.rooms.subscribe(BOB, UserId(1), ConnectionId("c"), world.transport())[1].data


def test_a_publisher_without_tracks_and_data_cannot() -> None:
    world = World()
    world.rooms.publish(ADA, world.transport(), [])
    assert not world.rooms.publishes_data(ADA.room, ADA.user)
    with pytest.raises(PublisherNotFound):
        world.rooms.subscribe(BOB, UserId(1), ConnectionId("c"), world.transport())
