"""What a gateway knows about a room, and what each of its members there has been told. Pure.

Members are never told about events but about differences: a member is compared with the room as it is now, and told
what it does not know yet. So nothing is announced twice, and a gap in the room's events loses no announcement.
"""

from collections.abc import Iterable
from typing import assert_never

from rheon_cluster import Member, MemberChanged, MemberGone, MutedTrack, RoomSnapshot, RoomUpdate, SessionNumber, UserId
from rheon_signaling.server_messages import (
    NewPublisher,
    PublisherLeft,
    ServerMessage,
    TrackMuted,
    User,
    UserJoined,
    UserLeft,
)


class RoomView:
    """A room's members at one version."""

    def __init__(self) -> None:
        self.version = 0
        self.members: dict[UserId, Member] = {}

    def apply(self, update: RoomUpdate) -> bool:
        """Take over an update; False when it was older than the view."""
        if update.version <= self.version and not isinstance(update, RoomSnapshot):
            return False
        self.version = update.version
        match update:
            case RoomSnapshot(members=members):
                self.members = {member.user_id: member for member in members}
            case MemberChanged(member=member):
                self.members[member.user_id] = member
            case MemberGone(user_id=user_id, session_number=session_number):
                known = self.members.get(user_id)
                if known is not None and known.session_number == session_number:
                    del self.members[user_id]
            case _:
                assert_never(update)
        return True


class Announcer:
    """What one member has been told about the others.

    A session that replaced another of the same user is news: the old one is reported gone, then the new one.
    """

    def __init__(self, room: str, user_id: UserId) -> None:
        self._room = room
        self._user_id = user_id
        self._version = 0
        self._settled = False
        self._current = False
        self._assume_users = False
        self._expected: dict[UserId, SessionNumber] = {}
        self._users: dict[UserId, SessionNumber] = {}
        self._publishers: dict[UserId, SessionNumber] = {}
        self._muted: dict[UserId, tuple[MutedTrack, ...]] = {}

    def joined(self, version: int) -> None:
        """The member joined at this version of the room: older views say nothing to it."""
        self._version = version
        self._current = False

    def settle(self, *, users: Iterable[Member] | None = None, publisher: Member | None = None) -> None:
        """The member has its own answer and may be told about others. It knows `users` and `publisher` already.

        A member that did not ask for the list of users is told about later changes of it only.
        """
        if users is not None:
            self._users = {user.user_id: user.session_number for user in users}
        elif not self._settled:
            self._assume_users = True
        if publisher is not None and publisher.user_id not in (self._user_id, *self._publishers):
            # One that was publishing when asked for may have ended since; another shows as a publisher only later.
            known = self._publishers if publisher.publishing else self._expected
            known[publisher.user_id] = publisher.session_number
        self._settled = True
        self._current = False

    def closed(self, publisher_id: UserId) -> list[ServerMessage]:
        """A subscription ended. A publisher that never showed as one is told to be gone: nothing else would tell it."""
        if self._expected.pop(publisher_id, None) is None:
            return []
        return [PublisherLeft(room_name=self._room, publisher_id=publisher_id)]

    def news(self, view: RoomView, changed: UserId | None = None) -> list[ServerMessage]:
        """What the member does not know yet, in the order to be sent; it counts as told.

        `changed` names the only user that changed since the last call, which spares a comparison with everybody.
        """
        if not self._settled or view.version < self._version:
            return []
        if self._assume_users:
            # What the member need not be told, now that the view is as new as its join.
            self._users = {member.user_id: member.session_number for member in view.members.values() if member.explicit}
            self._assume_users = False
        users: Iterable[UserId]
        if changed is not None and self._current:
            users = (changed,)
        else:
            users = dict.fromkeys((*self._users, *self._publishers, *self._expected, *view.members))
        self._current = True
        messages: list[ServerMessage] = []
        for user_id in users:
            if user_id != self._user_id:
                messages.extend(self._news_of(user_id, view.members.get(user_id)))
        return messages

    def _news_of(self, user_id: UserId, member: Member | None) -> list[ServerMessage]:
        joined = member.session_number if member is not None and member.explicit else None
        published = member.session_number if member is not None and member.publishing else None
        messages: list[ServerMessage] = []
        if user_id in self._expected and (
            member is None or published or member.session_number != self._expected[user_id]
        ):
            self._publishers[user_id] = self._expected.pop(user_id)
        if user_id in self._publishers and self._publishers[user_id] != published:
            del self._publishers[user_id]
            self._muted.pop(user_id, None)
            messages.append(PublisherLeft(room_name=self._room, publisher_id=user_id))
        if user_id in self._users and self._users[user_id] != joined:
            del self._users[user_id]
            messages.append(UserLeft(room_name=self._room, user_id=user_id))
        if member is None:
            return messages
        if joined is not None and user_id not in self._users:
            self._users[user_id] = joined
            messages.append(UserJoined(room_name=self._room, user=User(user_id=user_id, username=member.username)))
        if published is not None and user_id not in self._publishers:
            self._publishers[user_id] = published
            messages.append(NewPublisher(room_name=self._room, publisher_id=user_id, username=member.username))
        if user_id in self._publishers:
            messages.extend(self._muting(user_id, member.muted))
        return messages

    def _muting(self, user_id: UserId, muted: tuple[MutedTrack, ...]) -> list[ServerMessage]:
        told = self._muted.get(user_id, ())
        if muted:
            self._muted[user_id] = muted
        else:
            self._muted.pop(user_id, None)
        changes = [(track, False) for track in told if track not in muted]
        changes += [(track, True) for track in muted if track not in told]
        return [
            TrackMuted(
                room_name=self._room,
                publisher_id=user_id,
                track_id=track.track_id,
                kind=track.kind,
                muted=is_muted,
            )
            for track, is_muted in changes
        ]
