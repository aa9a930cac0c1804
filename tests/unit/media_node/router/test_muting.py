"""What follows when publishers mute and unmute their tracks."""

from __future__ import annotations

import pytest

from rheon_media_node.errors import PublisherNotFound, StaleSession, WrongState
from rheon_media_node.negotiation import PublishedTrack
from rheon_media_node.router.effects import Effect, Emit, PublisherReady, SetMuted
from rheon_media_node.router.values import GatewayId
from tests.unit.media_node.router.world import World, events, of, participant, track

ADA = participant(1, gateway="ga")


def ready(*tracks: PublishedTrack, muted: tuple[PublishedTrack, ...] = ()) -> Effect:
    return Emit(GatewayId("ga"), PublisherReady(ADA, tracks, frozenset(each.track_id for each in muted)))


def test_a_kind_is_muted_once_and_unmuted_once() -> None:
    world = World()
    transport, (audio, video) = world.live(ADA, track("0", "audio"), track("1"))
    assert world.rooms.set_muted(ADA, None, "video", muted=True) == [
        SetMuted(transport, video.track_id, muted=True),
        ready(audio, video, muted=(video,)),
    ]
    assert world.rooms.set_muted(ADA, None, "video", muted=True) == []
    assert world.rooms.set_muted(ADA, None, "audio", muted=False) == []
    assert world.rooms.set_muted(ADA, None, "video", muted=False) == [
        SetMuted(transport, video.track_id, muted=False),
        ready(audio, video),
    ]


def test_one_track_is_named_by_our_id_or_its_own() -> None:
    world = World()
    first, second = track("0"), track("1")
    transport, _ = world.live(ADA, first, second)
    assert of(SetMuted, world.rooms.set_muted(ADA, second.track_id, None, muted=True)) == [
        SetMuted(transport, second.track_id, muted=True)
    ]
    assert of(SetMuted, world.rooms.set_muted(ADA, first.label, None, muted=True)) == [
        SetMuted(transport, first.track_id, muted=True)
    ]


def test_what_is_muted_before_the_keys_are_there_is_announced_so() -> None:
    world = World()
    transport, _, (audio,) = world.publish(ADA, track("0", "audio"))
    assert events(world.rooms.set_muted(ADA, None, "audio", muted=True)) == []
    assert world.rooms.connected(transport) == [ready(audio, muted=(audio,))]


def test_muting_lasts_as_long_as_the_track() -> None:
    world = World()
    audio, video = track("0", "audio"), track("1")
    world.live(ADA, audio, video)
    world.rooms.set_muted(ADA, None, "audio", muted=True)
    world.rooms.set_muted(ADA, None, "video", muted=True)
    _, effects, _ = world.publish(ADA, audio)
    assert effects[-1] == ready(audio, muted=(audio,))
    _, effects, _ = world.publish(ADA, audio, video)
    assert effects[-1] == ready(audio, video, muted=(audio,))
    other = world.transport()
    world.rooms.publish(ADA, other, (audio,))
    assert world.rooms.connected(other) == [ready(audio)]


def test_who_has_no_such_track_is_refused() -> None:
    world = World()
    with pytest.raises(PublisherNotFound):
        world.rooms.set_muted(ADA, None, "audio", muted=True)
    world.live(ADA, track("0", "audio"))
    with pytest.raises(WrongState):
        world.rooms.set_muted(ADA, "nothing", None, muted=True)
    assert world.rooms.set_muted(ADA, None, "video", muted=True) == []
    with pytest.raises(StaleSession):
        world.rooms.set_muted(participant(1, 0), None, "audio", muted=True)
    with pytest.raises(PublisherNotFound):
        world.rooms.set_muted(participant(1, 2), None, "audio", muted=True)
