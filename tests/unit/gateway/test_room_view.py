"""What members are told about each other."""

from dataclasses import replace

from rheon_cluster import (
    GatewayId,
    Member,
    MemberChanged,
    MemberGone,
    MutedTrack,
    NodeId,
    RoomSnapshot,
    SessionNumber,
    UserId,
)
from rheon_gateway.room_view import Announcer, RoomView
from rheon_signaling.server_messages import NewPublisher, PublisherLeft, TrackMuted, User, UserJoined, UserLeft

ADA, BOB, EVE = UserId(1), UserId(2), UserId(3)


def member(user: UserId, number: int = 10, *, explicit: bool = False, publishing: bool = False) -> Member:
    return Member(
        room="r",
        user_id=user,
        username=f"user {user}",
        session_number=SessionNumber(number),
        gateway_id=GatewayId("g"),
        connection_id="c",
        explicit=explicit,
        node_id=NodeId("n"),
        publishing=publishing,
    )


def new_publisher(user: UserId) -> NewPublisher:
    return NewPublisher(room_name="r", publisher_id=user, username=f"user {user}")


def muted(user: UserId, track: MutedTrack, *, muted: bool = True) -> TrackMuted:
    return TrackMuted(room_name="r", publisher_id=user, track_id=track.track_id, kind=track.kind, muted=muted)


def left(user: UserId) -> PublisherLeft:
    return PublisherLeft(room_name="r", publisher_id=user)


def view_of(*members: Member, version: int = 1) -> RoomView:
    view = RoomView()
    view.apply(RoomSnapshot(version, members))
    return view


def settled(view: RoomView) -> Announcer:
    announcer = Announcer("r", ADA)
    announcer.joined(view.version)
    announcer.settle()
    return announcer


def test_nothing_is_said_before_the_member_has_its_answer() -> None:
    view = view_of(member(ADA), member(BOB, publishing=True))
    announcer = Announcer("r", ADA)
    announcer.joined(1)
    assert announcer.news(view) == []
    announcer.settle()
    assert announcer.news(view) == [new_publisher(BOB)]
    assert announcer.news(view) == []


def test_a_late_joiner_is_told_every_publisher_once() -> None:
    view = view_of(member(BOB, publishing=True), member(ADA, publishing=True), member(EVE, publishing=True))
    assert settled(view).news(view) == [new_publisher(BOB), new_publisher(EVE)]


def test_a_view_older_than_the_join_says_nothing() -> None:
    view = view_of(version=1)
    announcer = Announcer("r", ADA)
    announcer.joined(3)
    announcer.settle(users=[member(BOB, explicit=True)])
    assert announcer.news(view) == []
    view.apply(MemberChanged(2, member(BOB, explicit=True)))
    assert announcer.news(view, BOB) == []
    view.apply(MemberChanged(3, member(ADA, explicit=True)))
    assert announcer.news(view, ADA) == []
    view.apply(MemberChanged(4, member(BOB, explicit=True, publishing=True)))
    assert announcer.news(view, BOB) == [new_publisher(BOB)]


def test_publishing_and_leaving() -> None:
    view = view_of(member(ADA), member(BOB, explicit=True))
    announcer = settled(view)
    assert announcer.news(view) == []
    view.apply(MemberChanged(2, member(BOB, explicit=True, publishing=True)))
    assert announcer.news(view, BOB) == [new_publisher(BOB)]
    view.apply(MemberGone(3, BOB, SessionNumber(10)))
    assert announcer.news(view, BOB) == [left(BOB), UserLeft(room_name="r", user_id=BOB)]


def test_only_explicit_joins_are_reported_as_users() -> None:
    view = view_of(member(ADA))
    announcer = settled(view)
    view.apply(MemberChanged(2, member(BOB)))
    assert announcer.news(view, BOB) == []
    view.apply(MemberChanged(3, member(BOB, explicit=True)))
    assert announcer.news(view, BOB) == [UserJoined(room_name="r", user=User(user_id=BOB, username="user 2"))]


def test_a_session_that_replaces_another_is_news() -> None:
    view = view_of(member(ADA), member(BOB, 10, explicit=True, publishing=True))
    announcer = settled(view)
    announcer.news(view)
    view.apply(MemberChanged(2, member(BOB, 11, explicit=True)))
    assert announcer.news(view, BOB) == [
        left(BOB),
        UserLeft(room_name="r", user_id=BOB),
        UserJoined(room_name="r", user=User(user_id=BOB, username="user 2")),
    ]
    view.apply(MemberGone(3, BOB, SessionNumber(10)))
    assert announcer.news(view, BOB) == []


def test_a_gap_loses_no_announcement() -> None:
    view = view_of(member(ADA), member(BOB, publishing=True))
    announcer = settled(view)
    announcer.news(view)
    view.apply(RoomSnapshot(50, (member(ADA), member(EVE, publishing=True))))
    assert announcer.news(view) == [left(BOB), new_publisher(EVE)]


def test_a_publisher_one_has_just_subscribed_to_is_not_announced() -> None:
    view = view_of(member(ADA), member(BOB, publishing=True), member(EVE, publishing=True))
    announcer = Announcer("r", ADA)
    announcer.joined(1)
    announcer.settle(publisher=member(BOB))
    assert announcer.news(view) == [new_publisher(EVE)]


def test_a_publisher_subscribed_to_before_the_room_shows_it_is_not_announced() -> None:
    view = view_of(member(ADA), member(BOB), member(EVE))
    announcer = Announcer("r", ADA)
    announcer.joined(1)
    announcer.settle(publisher=member(BOB))
    announcer.settle(publisher=member(EVE))
    assert announcer.news(view) == []
    view.apply(MemberChanged(2, member(BOB, publishing=True)))
    assert announcer.news(view, BOB) == []
    view.apply(MemberGone(3, EVE, SessionNumber(10)))
    assert announcer.news(view, EVE) == [left(EVE)]
    view.apply(MemberChanged(4, member(BOB)))
    assert announcer.news(view, BOB) == [left(BOB)]


def test_nobody_is_told_about_itself() -> None:
    view = view_of(member(ADA))
    announcer = settled(view)
    view.apply(MemberChanged(2, replace(member(ADA, explicit=True), publishing=True)))
    assert announcer.news(view, ADA) == []
    assert announcer.news(view) == []


def test_old_updates_change_nothing() -> None:
    view = view_of(member(ADA), version=5)
    assert not view.apply(MemberChanged(5, member(BOB)))
    assert BOB not in view.members


MIC, CAMERA = MutedTrack("t-0", "audio"), MutedTrack("t-1", "video")


def test_changes_of_muting_are_told_once() -> None:
    view = view_of(member(BOB, publishing=True))
    announcer = settled(view)
    announcer.news(view)
    view.apply(MemberChanged(2, replace(member(BOB, publishing=True), muted=(MIC, CAMERA))))
    assert announcer.news(view, BOB) == [muted(BOB, MIC), muted(BOB, CAMERA)]
    assert announcer.news(view) == []
    view.apply(MemberChanged(3, replace(member(BOB, publishing=True), muted=(CAMERA,))))
    assert announcer.news(view, BOB) == [muted(BOB, MIC, muted=False)]


def test_a_late_joiner_is_told_what_is_muted_after_who_publishes() -> None:
    view = view_of(replace(member(BOB, publishing=True), muted=(MIC,)), replace(member(EVE), muted=(MIC,)))
    assert settled(view).news(view) == [new_publisher(BOB), muted(BOB, MIC)]


def test_muting_is_forgotten_with_the_publisher() -> None:
    view = view_of(replace(member(BOB, publishing=True), muted=(MIC,)))
    announcer = settled(view)
    announcer.news(view)
    view.apply(MemberChanged(2, member(BOB)))
    assert announcer.news(view, BOB) == [left(BOB)]
    view.apply(MemberChanged(3, member(BOB, publishing=True)))
    assert announcer.news(view, BOB) == [new_publisher(BOB)]


def test_who_subscribed_before_an_announcement_is_told_what_is_muted() -> None:
    publisher = replace(member(BOB, publishing=True), muted=(MIC,))
    view = view_of(publisher)
    announcer = Announcer("r", ADA)
    announcer.joined(1)
    announcer.settle(publisher=publisher)
    assert announcer.news(view) == [muted(BOB, MIC)]


def test_a_publisher_that_ended_while_it_was_subscribed_to_is_told_gone() -> None:
    announcer = settled(view_of(member(ADA)))
    announcer.news(view_of(member(ADA)))
    announcer.settle(publisher=member(BOB, publishing=True))
    assert announcer.news(view_of(member(ADA), member(BOB), version=2)) == [left(BOB)]
    assert announcer.news(view_of(member(ADA), member(BOB), version=2)) == []


def test_a_publisher_that_never_showed_is_told_gone_with_its_subscription() -> None:
    announcer = settled(view_of(member(ADA), member(BOB)))
    announcer.settle(publisher=member(BOB))
    assert announcer.news(view_of(member(ADA), member(BOB), version=2)) == []
    assert announcer.closed(BOB) == [left(BOB)]
    assert announcer.closed(BOB) == []
