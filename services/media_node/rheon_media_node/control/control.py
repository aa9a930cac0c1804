"""The node's control: commands in, decisions by the router, effects on engine, transports and event streams.

Everything here runs in one asyncio loop and never waits between looking and acting, so that a command is atomic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from rheon_engine.errors import EngineBusy, EngineError
from rheon_engine.types import Kind
from rheon_media_node.control.credentials import new_connection_id, new_publisher_name, new_ssrc
from rheon_media_node.control.events import EventStream, Section, Streams, SubscriptionOffered
from rheon_media_node.control.gateways import MAX_GATEWAYS, Gateways
from rheon_media_node.control.ports import Clock, EnginePort
from rheon_media_node.control.transport import MediaTransport, TransportState
from rheon_media_node.control.transports import Transports
from rheon_media_node.data import DataHub
from rheon_media_node.dtls import DtlsIdentity, Role
from rheon_media_node.errors import (
    InternalError,
    Overloaded,
    SubscriptionNotFound,
    TooMany,
)
from rheon_media_node.negotiation import (
    NegotiationError,
    OfferKind,
    PublishedTrack,
    PublisherIdentity,
    SubscriptionNegotiation,
    answer_publish,
    classify_offer,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.router.effects import (
    AddForward,
    AddTrack,
    CloseTransport,
    Effect,
    Emit,
    Offer,
    RemoveForward,
    RemoveTrack,
    SetLayers,
    SetMuted,
)
from rheon_media_node.router.rooms import Rooms
from rheon_media_node.router.values import (
    CloseReason,
    ConnectionId,
    GatewayId,
    Layers,
    OfferId,
    Participant,
    RoomName,
    TrackId,
    TransportId,
    UserId,
)
from rheon_telemetry import get_logger

_log = get_logger(__name__)

NO_OFFER = OfferId(0)


@dataclass(frozen=True, slots=True)
class Published:
    """The answer to a publisher."""

    answer: str
    tracks: tuple[PublishedTrack, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """A subscribe connection, and its offer if one is due."""

    connection: ConnectionId
    tracks: tuple[PublishedTrack, ...]
    """Those of the publisher that was asked for, or all the connection brings."""
    offer: str = ""
    """Empty: an offer is open, and the next one has the publisher."""
    offer_id: OfferId = NO_OFFER
    sections: tuple[Section, ...] = ()


class MediaControl:
    """Carries out the commands of gateways. Commands raise NodeError and nothing else."""

    def __init__(self, engine: EnginePort, identity: DtlsIdentity, clock: Clock) -> None:
        self.rooms = Rooms()
        self.data = DataHub()
        self.transports = Transports(engine, identity, clock, self, self.data)
        self.streams = Streams()
        self._engine = engine
        self._gateways = Gateways(clock, self._gateway_lost)
        self._pending: deque[Effect] = deque()
        self._executing = False

    async def run(self) -> None:
        """Serve the engine's events until the engine is closed."""
        async for event in self._engine.events():
            try:
                self.transports.handle(event)
            except Exception:
                # A fault of ours in one connection must not end all others.
                _log.exception("an engine event could not be handled", kind=type(event).__name__)

    def close(self) -> None:
        """Close every transport and stream."""
        self._gateways.close()
        self.streams.close()
        self.transports.close_all()

    # Commands -------------------------------------------------------------------------------------------------------

    def publish(self, participant: Participant, offer_text: str) -> Published:
        """Answer a publisher's offer: its first, a renegotiation, or that of a connection in place of the former."""
        self._heard_from(participant.gateway)
        with _translated():
            offer = read_description(offer_text)
            current = self._publishing(participant)
            kind = classify_offer(offer, None if current is None else current.publishing)
            fresh = current is None or kind in (OfferKind.INITIAL, OfferKind.NEW_CONNECTION)
            self.rooms.check_publish(participant, new_transport=fresh)
            transport = self.transports.open() if current is None or fresh else current
            if transport.publisher is None:
                transport.publisher = PublisherIdentity(new_publisher_name(), f"user{participant.user}")
            try:
                if kind is OfferKind.ICE_RESTART:
                    transport.restart_ice()
                negotiation = answer_publish(
                    offer, transport.local, transport.publisher, None if fresh else transport.publishing
                )
                effects, tracks = self.rooms.publish(
                    participant, transport.id, negotiation.tracks, data=negotiation.data is not None
                )
            except BaseException:
                if fresh:
                    self.transports.close(transport.id)
                raise
        transport.publishing = negotiation
        transport.data = negotiation.data
        self._execute(effects)
        self._align_data(transport)
        self.transports.set_remote(transport, negotiation.remote)
        self._must_be_open(transport)
        return Published(negotiation.answer_text, tracks)

    def unpublish(self, participant: Participant) -> None:
        """End what the participant publishes."""
        self._execute(self.rooms.unpublish(participant))

    def subscribe(self, participant: Participant, publisher: UserId, *, shared: bool = False) -> Offered:
        """Offer a publisher's tracks: on a fresh connection, or on the participant's shared one if there is one."""
        self._heard_from(participant.gateway)
        running = self.rooms.shared_connection(participant) if shared else None
        if running is not None:
            return self._subscribe_over(running.connection, participant, publisher)
        tracks = self.rooms.check_subscribe(participant, publisher)
        with _translated():
            transport = self.transports.open()
            try:
                data = self.rooms.publishes_data(participant.room, publisher)
                transport.subscription = offer_subscription(tracks, transport.local, new_ssrc, data=data)
                effects, offer = self.rooms.subscribe(
                    participant, publisher, new_connection_id(), transport.id, shared=shared
                )
            except BaseException:
                self.transports.close(transport.id)
                raise
        self._execute(effects)
        return _offered(offer, transport.subscription)

    def _subscribe_over(self, connection: ConnectionId, participant: Participant, publisher: UserId) -> Offered:
        tracks = self.rooms.check_subscribe(participant, publisher, new_transport=False)
        transport = self._subscribing(participant, connection)
        effects, offer = self.rooms.add_publisher(participant, publisher, connection)
        self._execute(effects)
        if offer is None:
            return Offered(connection, tracks)
        with _translated():
            made = self._make_offer(transport, offer)
        return replace(_offered(offer, made), tracks=tracks)

    def answer_subscription(
        self, participant: Participant, connection: ConnectionId, offer: OfferId, answer_text: str
    ) -> tuple[PublishedTrack, ...]:
        """Take a subscriber's answer; the tracks it refused."""
        self.rooms.subscription(participant, connection, offer)
        transport = self._subscribing(participant, connection)
        if transport.subscription is None:
            raise SubscriptionNotFound("the subscription has just ended")
        with _translated():
            answer = read_subscription_answer(transport.subscription, answer_text)
        accepted = {each.track.track_id: each.forward for each in answer.accepted}
        effects = self.rooms.answer(participant, connection, offer, accepted)
        transport.subscription = answer.negotiation
        transport.data = answer.data
        self._execute(effects)
        self._align_data(transport)
        if answer.remote is not None:
            self.transports.set_remote(transport, answer.remote)
        self._must_be_open(transport)
        return tuple(each.track for each in answer.refused)

    def restart_subscription_ice(self, participant: Participant, connection: ConnectionId) -> Offered:
        """Offer an existing connection with new ICE credentials."""
        transport = self._subscribing(participant, connection)
        with _translated():
            transport.restart_ice()
            offer = self.rooms.offer_again(participant, connection)
            return _offered(offer, self._make_offer(transport, offer))

    def unsubscribe(self, participant: Participant, publisher: UserId) -> None:
        """Send a participant a publisher no longer."""
        self._execute(self.rooms.unsubscribe(participant, publisher))

    def disconnect(self, participant: Participant, connection: ConnectionId) -> None:
        """End a subscribe connection."""
        self._execute(self.rooms.disconnect(participant, connection))

    def set_layers(self, participant: Participant, publisher: UserId, track: TrackId | None, layers: Layers) -> None:
        """Bound the layers of one video track of a subscription, or of all."""
        self._execute(self.rooms.set_layers(participant, publisher, track, layers))

    def set_muted(self, participant: Participant, track: TrackId | None, kind: Kind | None, *, muted: bool) -> None:
        """Stop or resume the forwarding of a track the participant publishes, else of all of a kind."""
        self._execute(self.rooms.set_muted(participant, track, kind, muted=muted))

    def remove_participant(self, participant: Participant) -> None:
        """End everything the participant has in the room."""
        self._execute(self.rooms.remove_participant(participant))

    # Gateways -------------------------------------------------------------------------------------------------------

    def watch(self, gateway: GatewayId) -> EventStream:
        """Begin a gateway's stream. What the node holds for it now comes first, then every change, nothing between."""
        if gateway not in self.streams and len(self.streams) >= MAX_GATEWAYS:
            raise TooMany("too many event streams")
        self._gateways.streaming(gateway)
        return self.streams.open(gateway)

    def unwatch(self, gateway: GatewayId, stream: EventStream) -> None:
        """A stream has ended; without another its participants are kept for a while."""
        if self.streams.discard(gateway, stream):
            self._gateways.away(gateway)

    def _heard_from(self, gateway: GatewayId) -> None:
        if gateway not in self.streams:
            self._gateways.command_from(gateway)

    def _gateway_lost(self, gateway: GatewayId) -> None:
        effects = self.rooms.remove_gateway(gateway)
        if effects:
            _log.warning("freed the participants of a gateway without a stream", gateway=gateway)
        self._execute(effects)

    # Transports -----------------------------------------------------------------------------------------------------

    def transport_ready(self, transport: TransportId) -> None:
        """SRTP keys were installed."""
        self._execute(self.rooms.connected(transport))
        connected = self.transports.get(transport)
        if connected is not None:
            self._align_data(connected)

    def transport_ended(self, transport: TransportId, reason: CloseReason) -> None:
        """A transport failed or was closed by its peer."""
        _log.info("transport ended", transport=transport, reason=reason.value)
        self._execute(self.rooms.failed(transport, reason))

    def _publishing(self, participant: Participant) -> MediaTransport | None:
        publisher = self.rooms.publisher(participant)
        return None if publisher is None else self.transports.get(publisher.transport)

    def _subscribing(self, participant: Participant, connection: ConnectionId) -> MediaTransport:
        transport = self.transports.get(self.rooms.subscription(participant, connection).transport)
        if transport is None:
            raise SubscriptionNotFound("the subscription has just ended")
        return transport

    def _align_data(self, transport: MediaTransport) -> None:
        """Begin or end data channels as they were negotiated; nothing flows before the keys are there."""
        wanted = transport.data if transport.state is TransportState.CONNECTED else None
        if wanted is None:
            if transport.association is not None:
                self.data.end(transport.association)
                transport.association = None
            return
        owner = self.rooms.owner(transport.id)
        if owner is None or transport.endpoint is None:
            return
        server = transport.endpoint.role is Role.SERVER
        if owner.connection is None:
            if transport.association is None:
                publisher = (owner.room, owner.user)
                transport.association = self.data.publish(publisher, transport, wanted, server=server)
            return
        subscription = self.rooms.subscription_on(transport.id)
        if subscription is None:
            return
        followed = [(owner.room, publisher) for publisher in subscription.publishers]
        if transport.association is None:
            label_of = _label_with_publisher if subscription.shared else None
            transport.association = self.data.subscribe(followed, transport, wanted, server=server, label_of=label_of)
        else:
            self.data.follow(transport.association, followed)

    def _must_be_open(self, transport: MediaTransport) -> None:
        if self.transports.get(transport.id) is None:
            raise Overloaded("the engine could not take the connection")

    # Effects --------------------------------------------------------------------------------------------------------

    def _execute(self, effects: Iterable[Effect]) -> None:
        """Carry out effects in order. What they bring about (a failing transport) is appended, not nested."""
        self._pending.extend(effects)
        if self._executing:
            return
        self._executing = True
        try:
            while self._pending:
                self._carry_out(self._pending.popleft())
        finally:
            self._executing = False

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case CloseTransport(transport_id):
                self.transports.close(transport_id)
            case Emit(gateway, event):
                self.streams.put(gateway, event)
            case _:
                transport = self.transports.get(effect.transport)
                if transport is None:
                    return  # it ended meanwhile, and the router is told by its own effects
                try:
                    self._on_transport(transport, effect)
                except (EngineError, NegotiationError) as error:
                    _log.error("an order failed", order=type(effect).__name__, error=str(error))
                    self.transports.fail(transport)

    def _on_transport(
        self,
        transport: MediaTransport,
        effect: AddTrack | RemoveTrack | AddForward | RemoveForward | SetLayers | SetMuted | Offer,
    ) -> None:
        match effect:
            case AddTrack(_, track):
                transport.tracks[track.track_id] = transport.engine.add_track(track.parameters)
            case RemoveTrack(_, track_id):
                gone = transport.tracks.pop(track_id, None)
                if gone is not None:
                    gone.remove()
            case AddForward(_, source_id, track_id, parameters, layers):
                source = self.transports.get(source_id)
                if source is None or track_id not in source.tracks:
                    return  # the publisher's transport ended meanwhile
                forward = transport.engine.add_forward(source.tracks[track_id], parameters)
                transport.forwards[track_id] = forward
                if layers is not None:
                    forward.set_layers(spatial=layers.spatial, temporal=layers.temporal)
            case RemoveForward(_, track_id):
                removed = transport.forwards.pop(track_id, None)
                if removed is not None:
                    removed.remove()
            case SetLayers(_, track_id, layers):
                running = transport.forwards.get(track_id)
                if running is not None:
                    running.set_layers(spatial=layers.spatial, temporal=layers.temporal)
            case SetMuted(_, track_id, muted):
                published = transport.tracks.get(track_id)
                if published is not None:
                    published.set_muted(muted)
            case Offer():
                made = _offered(effect, self._make_offer(transport, effect))
                offered = SubscriptionOffered(
                    effect.participant,
                    effect.publisher,
                    effect.connection,
                    made.offer,
                    effect.offer,
                    effect.tracks,
                    made.sections,
                )
                self.streams.put(effect.participant.gateway, offered)

    def _make_offer(self, transport: MediaTransport, offer: Offer) -> SubscriptionNegotiation:
        made = offer_subscription(offer.tracks, transport.local, new_ssrc, transport.subscription, data=offer.data)
        transport.subscription = made
        self._align_data(transport)  # other publishers may be carried now
        return made


def _label_with_publisher(publisher: Hashable, label: str) -> str:
    """On a shared connection a data channel's label begins with the user id of its publisher."""
    _, user = cast("tuple[RoomName, UserId]", publisher)
    return f"{user}/{label}"


def _offered(offer: Offer, negotiation: SubscriptionNegotiation) -> Offered:
    sections = tuple(
        Section(mid, offer.sources[track.track_id], track) for mid, track in negotiation.tracks_by_mid.items()
    )
    return Offered(offer.connection, offer.tracks, negotiation.offer_text, offer.offer, sections)


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the engine as the node's own; those of negotiation are."""
    try:
        yield
    except EngineBusy as error:
        raise Overloaded("the engine is busy") from error
    except EngineError as error:
        _log.error("the engine refused a command", error=str(error))
        raise InternalError("the engine refused the command") from error
