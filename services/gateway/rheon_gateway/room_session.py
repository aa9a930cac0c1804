"""One connection's part in one room: messages in, effects out.

Theory of operation: a session is OUT or a MEMBER. Joining explicitly, publishing and subscribing make it a member;
leaving, being taken over, or failing in the very request that made it one put it OUT again. A request that fails leaves
everything else as it was. Messages of one session are handled strictly one after the other, each to its end; what
arrives from elsewhere (a take-over, a node's offer) may come between two steps.
"""

from collections.abc import Generator
from typing import Any, assert_never

from rheon_cluster import Joined, Member
from rheon_gateway import effects
from rheon_gateway.claims import Claims
from rheon_gateway.effects import Effect, Offer, Send, Settle, Steps
from rheon_signaling import ErrorCode, ProtocolError, errors
from rheon_signaling import client_messages as client
from rheon_signaling import server_messages as server

_HIGHEST_LAYER = 2

ConnectionKey = int | str
"""Names a subscribe connection: the publisher whose own it is, or the id of a shared one."""

RoomRequest = (
    client.JoinRoom
    | client.LeaveRoom
    | client.PublishOffer
    | client.Unpublish
    | client.SubscribeRequest
    | client.SubscribeAnswer
    | client.Unsubscribe
    | client.RestartIce
    | client.SetPreferredLayer
    | client.SetMuted
    | client.RelayOffer
    | client.RelayAnswer
    | client.RelayIceCandidate
)


class RoomSession:
    """State of one (connection, room) pair."""

    def __init__(self, room: str, claims: Claims, *, p2p_relay: bool, shared_subscribe: bool = False) -> None:
        self.room = room
        self.claims = claims
        self.member: Member | None = None
        """The live membership; set by the join, replaced when the record changes, None when OUT."""
        self._p2p_relay = p2p_relay
        self.shared_subscribe = shared_subscribe
        """All subscriptions share one connection."""
        self._offers: dict[ConnectionKey, int] = {}

    def latest_offer(self, connection: ConnectionKey) -> int:
        """The id of the last offer sent for a connection, 0 when there was none.

        An answer names no offer, so the one it answers is taken to be the last that had been sent when the answer
        arrived: read this on arrival, not when the answer's turn comes.
        """
        return self._offers.get(connection, 0)

    def receive(self, message: RoomRequest, *, offer_id: int = 0) -> Steps:
        """Handle one message. Raises ProtocolError, which the caller reports to the client."""
        match message:
            case client.JoinRoom():
                return self._join()
            case client.LeaveRoom():
                return self._leave()
            case client.PublishOffer():
                return self._publish(message)
            case client.Unpublish():
                return self._unpublish()
            case client.SubscribeRequest():
                return self._subscribe(message)
            case client.SubscribeAnswer():
                return self._answer(message, offer_id)
            case client.Unsubscribe():
                return self._unsubscribe(message)
            case client.RestartIce():
                return self._restart_ice(message)
            case client.SetPreferredLayer():
                return self._set_layer(message)
            case client.SetMuted():
                return self._set_muted(message)
            case client.RelayOffer() | client.RelayAnswer() | client.RelayIceCandidate():
                return self._relay(message)
            case _:
                assert_never(message)

    def offered(self, publisher_id: int, offer: Offer) -> list[Send]:
        """The node offers a connection again because what it carries changed."""
        if self.member is None:
            return []
        return self._send_offer(publisher_id, offer)

    def subscription_closed(self, publisher_id: int, connection_id: str = "") -> None:
        """The node closed a connection: answers to its offers are stale."""
        self._offers.pop(self._key(publisher_id, connection_id), None)

    def taken_over(self) -> list[Send]:
        """A later session of the same user took this room over."""
        self._forget()
        return [
            Send(
                server.Error(
                    message="Session replaced: this user joined the room from another connection",
                    code=ErrorCode.CONFLICT,
                    room_name=self.room,
                )
            ),
            Send(server.RoomLeft(room_name=self.room, user_id=self.claims.user_id)),
        ]

    def node_lost(self, *, publishing: bool) -> list[Send]:
        """The media node is gone; a publisher is told, so that it may publish again."""
        self._offers.clear()
        if not publishing:
            return []
        return [
            Send(
                server.Error(
                    message=errors.SFU_UNAVAILABLE,
                    code=ErrorCode.UNAVAILABLE,
                    room_name=self.room,
                    request_type="publish-offer",
                )
            )
        ]

    def _join(self) -> Steps:
        self.claims.require_room(self.room)
        if self.member is not None and self.member.explicit:
            raise ProtocolError(ErrorCode.CONFLICT, errors.ALREADY_IN_ROOM)
        joined: Joined = yield effects.Join(explicit=True)
        others = tuple(other for other in joined.others if other.explicit)
        yield Send(
            server.RoomJoined(
                room_name=self.room,
                user_id=self.claims.user_id,
                participants=[server.User(user_id=other.user_id, username=other.username) for other in others],
            )
        )
        yield Settle(users=others)

    def _leave(self) -> Steps:
        members: tuple[Member, ...] = yield effects.ListMembers()
        if not members:
            raise ProtocolError(ErrorCode.NOT_FOUND, errors.LEAVE_ROOM_NOT_FOUND)
        if self.member is None:
            raise ProtocolError(ErrorCode.FORBIDDEN, errors.LEAVE_NOT_IN_ROOM)
        yield effects.Leave()
        self._forget()
        yield Send(server.RoomLeft(room_name=self.room, user_id=self.claims.user_id))

    def _publish(self, message: client.PublishOffer) -> Steps:
        self.claims.require_room(self.room)
        self.claims.require_publish()
        answer: str = yield from self._as_member(effects.Publish(message.offer))
        yield Send(server.PublishAnswer(room_name=self.room, answer=answer))
        yield Settle()

    def _unpublish(self) -> Steps:
        self._require_member()
        yield effects.Unpublish()

    def _subscribe(self, message: client.SubscribeRequest) -> Steps:
        self.claims.require_room(self.room)
        self.claims.require_subscribe()
        publisher_id = message.publisher_id
        members: tuple[Member, ...] = yield effects.ListMembers()
        if not members:
            raise ProtocolError(ErrorCode.NOT_FOUND, errors.subscribe_room_not_found(self.room))
        publisher = next((each for each in members if each.user_id == publisher_id and each.node_id is not None), None)
        if publisher is None:
            raise ProtocolError(ErrorCode.NOT_FOUND, errors.publisher_not_found(publisher_id, self.room))
        offer: Offer = yield from self._as_member(effects.Subscribe(publisher_id, self.shared_subscribe))
        yield from self._send_offer(publisher_id, offer)
        yield Settle(publisher=publisher)

    def _answer(self, message: client.SubscribeAnswer, offer_id: int) -> Steps:
        self._require_member()
        if not offer_id:
            whose = "publisher" if message.connection_id is None else "connection"
            raise ProtocolError(ErrorCode.CONFLICT, f"No subscription offer is open for this {whose}")
        yield effects.Answer(message.publisher_id or 0, offer_id, message.answer, message.connection_id or "")

    def _unsubscribe(self, message: client.Unsubscribe) -> Steps:
        self._require_member()
        if message.publisher_id is not None:
            self._offers.pop(message.publisher_id, None)
            yield effects.Unsubscribe(message.publisher_id)
            return
        for key in list(self._offers):
            self._offers.pop(key, None)
            yield effects.Unsubscribe(connection_id=key) if isinstance(key, str) else effects.Unsubscribe(key)

    def _restart_ice(self, message: client.RestartIce) -> Steps:
        self._require_member()
        named = message.connection_id if message.connection_id is not None else message.publisher_id
        for key in list(self._offers) if named is None else [named]:
            known = key in self._offers
            restart = effects.RestartIce(connection_id=key) if isinstance(key, str) else effects.RestartIce(key)
            offer: Offer = yield restart
            if not known or key in self._offers:
                # Otherwise the connection ended meanwhile, and the client knows that.
                yield from self._send_offer(restart.publisher_id, offer)

    def _set_layer(self, message: client.SetPreferredLayer) -> Steps:
        self._require_member()
        temporal = _HIGHEST_LAYER if message.temporal is None else message.temporal
        yield effects.SetLayer(message.publisher_id, message.track_id or "", message.spatial, temporal)

    def _set_muted(self, message: client.SetMuted) -> Steps:
        self._require_member()
        yield effects.SetMuted(message.track_id, message.kind, message.muted)

    def _relay(self, message: client.RelayOffer | client.RelayAnswer | client.RelayIceCandidate) -> Steps:
        if not self._p2p_relay:
            raise ProtocolError(ErrorCode.FORBIDDEN, "Peer-to-peer relay is switched off")
        self._require_member()
        room, sender = self.room, self.claims.user_id
        relayed: server.ServerMessage
        match message:
            case client.RelayOffer(sdp=sdp):
                relayed = server.RelayedOffer(room_name=room, from_user_id=sender, sdp=sdp)
            case client.RelayAnswer(sdp=sdp):
                relayed = server.RelayedAnswer(room_name=room, from_user_id=sender, sdp=sdp)
            case client.RelayIceCandidate():
                relayed = server.RelayedIceCandidate(
                    room_name=room,
                    from_user_id=sender,
                    candidate=message.candidate,
                    sdp_mid=message.sdp_mid,
                    sdp_m_line_index=message.sdp_m_line_index,
                )
            case _:
                assert_never(message)
        yield effects.Relay(message.target_user_id, relayed)

    def _as_member(self, command: effects.Publish | effects.Subscribe) -> Generator[Effect, Any, Any]:
        """Run a command that makes its sender a member; a membership made for a command that fails ends with it."""
        if self.member is not None:
            return (yield command)
        yield effects.Join(explicit=False)
        try:
            return (yield command)
        except ProtocolError:
            yield effects.Leave()
            self._forget()
            raise

    def _key(self, publisher_id: int, connection_id: str) -> ConnectionKey:
        return connection_id if self.shared_subscribe else publisher_id

    def _send_offer(self, publisher_id: int, offer: Offer) -> list[Send]:
        """What the client is told, unless it knows a later offer of the connection or this one is still to come."""
        key = self._key(publisher_id, offer.connection_id)
        if not offer.offer or offer.offer_id < self._offers.get(key, 0):
            return []
        self._offers[key] = offer.offer_id
        if not self.shared_subscribe:
            return [Send(server.SubscribeOffer(room_name=self.room, publisher_id=publisher_id, offer=offer.offer))]
        return [
            Send(
                server.SubscribeOffer(
                    room_name=self.room,
                    connection_id=offer.connection_id,
                    offer=offer.offer,
                    tracks=list(offer.tracks),
                )
            )
        ]

    def _require_member(self) -> None:
        if self.member is None:
            raise ProtocolError(ErrorCode.FORBIDDEN, errors.NOT_IN_ROOM)

    def _forget(self) -> None:
        self.member = None
        self._offers.clear()
