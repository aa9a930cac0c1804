"""What follows when participants publish, renegotiate, leave and are replaced."""

from __future__ import annotations

import pytest

from rheon_media_node.errors import RoomNotFound, StaleSession, TooMany
from rheon_media_node.router import limits
from rheon_media_node.router.effects import (
    AddTrack,
    CloseTransport,
    Offer,
    PublisherClosed,
    PublisherReady,
    RemoveTrack,
    SubscriptionClosed,
)
from rheon_media_node.router.values import CloseReason, GatewayId, RoomName, UserId
from tests.unit.media_node.router.world import World, events, of, participant, track

ADA = participant(1, gateway="ga")
BOB = participant(2, gateway="gb")


def test_publishing_adds_tracks_and_announces_only_once_keys_are_installed() -> None:
    world = World()
    transport, effects, tracks = world.publish(ADA, track("0", "audio"), track("1"))
    assert of(AddTrack, effects) == [AddTrack(transport, each) for each in tracks]
    assert events(effects) == []
    assert events(world.rooms.connected(transport)) == [("ga", PublisherReady(ADA, tracks))]
    assert world.rooms.connected(transport) == []


def test_renegotiating_keeps_tracks_that_did_not_change() -> None:
    world = World()
    transport, (audio, video) = world.live(ADA, track("0", "audio"), track("1"))
    same, effects, tracks = world.publish(ADA, track("0", "audio"), track("1", ssrc=2), track("2"))
    assert same == transport
    assert tracks[0] == audio
    assert of(RemoveTrack, effects) == [RemoveTrack(transport, video.track_id)]
    assert [effect.track.mid for effect in of(AddTrack, effects)] == ["1", "2"]
    assert events(effects) == [("ga", PublisherReady(ADA, tracks))]


def test_an_unchanged_renegotiation_changes_nothing() -> None:
    world = World()
    world.live(ADA, track("0"))
    world.watching(BOB, 1)
    assert world.publish(ADA, track("0"))[1] == []


def test_track_changes_are_offered_to_subscribers() -> None:
    world = World()
    world.live(ADA, track("0"))
    transport, first = world.watching(BOB, 1)
    _, effects, tracks = world.publish(ADA, track("0"), track("1"))
    (offer,) = of(Offer, effects)
    assert (offer.transport, offer.participant, offer.tracks) == (transport, BOB, tracks)
    assert offer.offer > first.offer


def test_a_new_transport_of_the_same_session_keeps_the_subscribers() -> None:
    world = World()
    old, (former,) = world.live(ADA, track("0"))
    world.watching(BOB, 1)
    new = world.transport()
    effects, tracks = world.rooms.publish(ADA, new, [track("0", version=2)])
    assert effects[0] == CloseTransport(old)
    assert tracks[0].track_id != former.track_id
    assert [offer.tracks for offer in of(Offer, effects)] == [tracks]
    assert events(effects) == []
    assert world.rooms.failed(old, CloseReason.ICE_FAILED) == []
    assert events(world.rooms.connected(new)) == [("ga", PublisherReady(ADA, tracks))]


def test_a_publisher_that_leaves_ends_its_subscriptions_and_the_room() -> None:
    world = World()
    transport, _ = world.live(ADA, track("0"))
    watching, offer = world.watching(BOB, 1)
    effects = world.rooms.unpublish(ADA)
    assert of(CloseTransport, effects) == [CloseTransport(transport), CloseTransport(watching)]
    assert events(effects) == [("gb", SubscriptionClosed(BOB, UserId(1), offer.connection, CloseReason.PUBLISHER_LEFT))]
    assert world.rooms.names() == []
    assert world.rooms.owner(transport) is None
    assert world.rooms.unpublish(ADA) == []


def test_a_failed_publish_transport_is_reported_to_its_own_gateway() -> None:
    world = World()
    transport, _ = world.live(ADA, track("0"))
    effects = world.rooms.failed(transport, CloseReason.ICE_FAILED)
    assert effects == [CloseTransport(transport), *effects[1:]]
    assert events(effects) == [("ga", PublisherClosed(ADA, CloseReason.ICE_FAILED))]
    with pytest.raises(RoomNotFound):
        world.rooms.room(RoomName("r"))


def test_an_older_session_is_refused_and_a_newer_one_replaces() -> None:
    world = World()
    old, _ = world.live(ADA, track("0"))
    _, offer = world.watching(BOB, 1)
    newer = participant(1, 2, gateway="gc")
    transport, effects, _ = world.publish(newer, track("0"))
    assert transport != old
    assert CloseTransport(old) in effects
    assert events(effects) == [
        ("ga", PublisherClosed(ADA, CloseReason.REPLACED)),
        ("gb", SubscriptionClosed(BOB, UserId(1), offer.connection, CloseReason.PUBLISHER_LEFT)),
    ]
    with pytest.raises(StaleSession):
        world.rooms.unpublish(ADA)
    with pytest.raises(StaleSession):
        world.rooms.remove_participant(ADA)
    with pytest.raises(StaleSession):
        world.publish(ADA, track("0"))
    assert world.rooms.publisher(newer) is not None


def test_an_older_session_is_refused_after_the_newer_one_left() -> None:
    world = World()
    newer = participant(1, 2)
    world.live(newer, track("0"))
    world.rooms.remove_participant(newer)
    with pytest.raises(StaleSession):
        world.publish(ADA, track("0"))


def test_another_gateway_takes_over_the_same_session() -> None:
    world = World()
    transport, _ = world.live(ADA, track("0"))
    moved = participant(1, gateway="gz")
    world.publish(moved, track("0"))
    assert events(world.rooms.failed(transport, CloseReason.PEER_CLOSED)) == [
        ("gz", PublisherClosed(moved, CloseReason.PEER_CLOSED))
    ]


def test_a_lost_gateway_takes_its_participants_along() -> None:
    world = World()
    world.live(ADA, track("0"))
    world.live(BOB, track("0"))
    _, offer = world.watching(BOB, 1)
    world.watching(ADA, 2)
    effects = world.rooms.remove_gateway(GatewayId("ga"))
    assert len(of(CloseTransport, effects)) == 3
    assert events(effects) == [("gb", SubscriptionClosed(BOB, UserId(1), offer.connection, CloseReason.PUBLISHER_LEFT))]
    assert list(world.rooms.room(RoomName("r")).members) == [2]
    world.rooms.remove_gateway(GatewayId("gb"))
    assert world.rooms.names() == []


def test_one_gateway_for_all_leaves_nothing() -> None:
    world = World()
    for user in (1, 2, 3):
        world.live(participant(user), track("0"))
    for user in (1, 2, 3):
        for other in {1, 2, 3} - {user}:
            world.watching(participant(user), other)
    world.watching(participant(4), 1)
    world.rooms.remove_gateway(GatewayId("g"))
    assert world.rooms.names() == []


def test_track_and_room_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with pytest.raises(TooMany):
        world.publish(ADA, *(track(str(mid)) for mid in range(limits.MAX_TRACKS_PER_PUBLISHER + 1)))
    assert world.rooms.names() == []
    monkeypatch.setattr(limits, "MAX_PARTICIPANTS_PER_ROOM", 1)
    world.live(ADA, track("0"))
    with pytest.raises(TooMany):
        world.publish(BOB, track("0"))
    monkeypatch.setattr(limits, "MAX_ROOMS", 1)
    with pytest.raises(TooMany):
        world.publish(participant(9, room="other"), track("0"))
