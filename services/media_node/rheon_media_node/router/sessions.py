"""Session fencing: what the highest session number of every (room, user) is, also after the participant left."""

from __future__ import annotations

from collections import OrderedDict

from rheon_media_node.errors import StaleSession
from rheon_media_node.router.limits import MAX_REMEMBERED_SESSIONS
from rheon_media_node.router.values import Participant, RoomName, UserId


class SessionFence:
    """Refuses sessions older than the newest one seen.

    Bounded: beyond the limit the longest unused number is forgotten, so that a command of that old session would be
    taken again. It then meets an empty room and at worst makes a transport that times out.
    """

    def __init__(self, limit: int = MAX_REMEMBERED_SESSIONS) -> None:
        self._limit = limit
        self._newest: OrderedDict[tuple[RoomName, UserId], int] = OrderedDict()

    def check(self, participant: Participant) -> None:
        """Raise StaleSession if a newer session is known."""
        if participant.session < self._newest.get((participant.room, participant.user), 0):
            raise StaleSession("a newer session of this participant is known")

    def admit(self, participant: Participant) -> None:
        """Check, and remember this session as the newest."""
        self.check(participant)
        key = (participant.room, participant.user)
        self._newest[key] = participant.session
        self._newest.move_to_end(key)
        if len(self._newest) > self._limit:
            self._newest.popitem(last=False)
