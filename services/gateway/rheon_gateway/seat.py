"""One connection's place in one room: its session, its socket, and what it has been told."""

from rheon_cluster import UserId
from rheon_gateway.ports import Connection
from rheon_gateway.room_session import RoomSession
from rheon_gateway.room_view import Announcer, RoomView
from rheon_signaling.server_messages import PublisherLeft, ServerMessage


class Seat:
    """A room session with its surroundings."""

    def __init__(self, session: RoomSession, connection: Connection) -> None:
        self.session = session
        self.connection = connection
        self.announcer = Announcer(session.room, session.claims.user_id)

    @property
    def taken(self) -> bool:
        """Whether the session is a member."""
        return self.session.member is not None

    def vacate(self) -> None:
        """The session is no member any more: should it become one again, it is told everything anew."""
        self.announcer = Announcer(self.session.room, self.session.claims.user_id)

    def send(self, *messages: ServerMessage) -> None:
        """Queue messages to the client."""
        for message in messages:
            self.connection.tell(message)

    def tell(self, view: RoomView, changed: UserId | None = None) -> None:
        """Send what the member does not know yet."""
        for message in self.announcer.news(view, changed):
            if isinstance(message, PublisherLeft):
                # The node may say so later; an offer of it that is under way must not follow this message.
                self.session.subscription_closed(message.publisher_id)
            self.send(message)
