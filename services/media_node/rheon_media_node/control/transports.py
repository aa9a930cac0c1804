"""The node's transports: made, driven by engine events and timers, and closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from rheon_engine.types import (
    ConsentLost,
    DtlsReceived,
    Event,
    EventsLost,
    IceConnected,
    TrackStarted,
    TransportFailed,
)
from rheon_media_node.control.credentials import new_ice, new_session_id
from rheon_media_node.control.ports import Clock, EnginePort
from rheon_media_node.control.transport import (
    FIRST_CHECK_DEADLINE,
    Ended,
    MediaTransport,
    Outcome,
    Ready,
)
from rheon_media_node.data import DataHub, Drop
from rheon_media_node.dtls import DtlsIdentity
from rheon_media_node.negotiation import LocalTransport, RemoteTransport
from rheon_media_node.router.values import CloseReason, TransportId
from rheon_media_node.sdp import Fingerprint
from rheon_telemetry import get_logger

_log = get_logger(__name__)


class Owner(Protocol):
    """Who is told how transports fare."""

    def transport_ready(self, transport: TransportId) -> None:
        """SRTP keys were installed."""

    def transport_ended(self, transport: TransportId, reason: CloseReason) -> None:
        """It failed or its peer closed it; it is closed already."""


class Transports:
    """Every transport of the node by its number."""

    def __init__(self, engine: EnginePort, identity: DtlsIdentity, clock: Clock, owner: Owner, data: DataHub) -> None:
        self._engine = engine
        self._identity = identity
        self._fingerprint = Fingerprint(identity.fingerprint.algorithm, identity.fingerprint.value)
        self._clock = clock
        self._owner = owner
        self._data = data
        self._transports: dict[TransportId, MediaTransport] = {}
        self.drops: Counter[str] = Counter()
        """What was not taken from peers above the packet engine, by reason."""

    def __iter__(self) -> Iterator[MediaTransport]:
        return iter(self._transports.values())

    def __len__(self) -> int:
        return len(self._transports)

    def get(self, transport: TransportId) -> MediaTransport | None:
        """A transport that is open."""
        return self._transports.get(transport)

    def open(self) -> MediaTransport:
        """A new transport on the least loaded worker. Raises EngineError."""
        ice = new_ice()
        made = self._engine.add_transport(ice=ice)
        local = LocalTransport(ice, made.candidates, self._fingerprint, new_session_id())
        transport = MediaTransport(
            made,
            local,
            self._identity,
            self._clock.time() + FIRST_CHECK_DEADLINE,
            drops=self.drops,
        )
        self._transports[transport.id] = transport
        self._arm(transport)
        return transport

    def close(self, transport: TransportId) -> None:
        """Close one, if it is open."""
        found = self._transports.pop(transport, None)
        if found is not None:
            if found.association is not None:
                self._data.end(found.association)
            found.close()

    def close_all(self) -> None:
        """Close every one."""
        for transport in list(self._transports):
            self.close(transport)

    def set_remote(self, transport: MediaTransport, remote: RemoteTransport) -> None:
        """The peer's description of this transport is known."""
        self._settle(transport, transport.set_remote(remote, self._clock.time()))

    def handle(self, event: Event) -> None:
        """Take one event of the engine."""
        now = self._clock.time()
        match event:
            case IceConnected(identity):
                if (transport := self.get(TransportId(identity))) is not None:
                    self._settle(transport, transport.ice_connected(now))
            case DtlsReceived(identity, datagram):
                if (transport := self.get(TransportId(identity))) is not None:
                    self._settle(transport, transport.dtls_received(datagram, now))
                    self._deliver_data(transport)
            case ConsentLost(identity):
                if (transport := self.get(TransportId(identity))) is not None:
                    self._settle(transport, Ended(CloseReason.ICE_FAILED))
            case TransportFailed(identity, reason):
                _log.error("engine closed a transport", transport=identity, reason=reason)
                if (transport := self.get(TransportId(identity))) is not None:
                    self._settle(transport, Ended(CloseReason.INTERNAL))
            case EventsLost(count):
                _log.warning("engine events lost", count=count)
            case TrackStarted():
                return

    def fail(self, transport: MediaTransport) -> None:
        """Give up one that cannot be served any more."""
        self._settle(transport, Ended(CloseReason.INTERNAL))

    def _deliver_data(self, transport: MediaTransport) -> None:
        for packet in transport.endpoint.take_application_data() if transport.endpoint is not None else ():
            if transport.association is not None:
                transport.association.receive(packet)
            else:
                self._data.drops[Drop.NO_ASSOCIATION] += 1

    def _settle(self, transport: MediaTransport, outcome: Outcome) -> None:
        match outcome:
            case Ended(reason):
                self.close(transport.id)
                self._owner.transport_ended(transport.id, reason)
            case Ready():
                self._arm(transport)
                self._owner.transport_ready(transport.id)
            case None:
                self._arm(transport)

    def _arm(self, transport: MediaTransport) -> None:
        if transport.timer is not None:
            transport.timer.cancel()
            transport.timer = None
        at = transport.next_timeout()
        if at is not None:
            transport.timer = self._clock.call_at(at, self._on_timer, transport)

    def _on_timer(self, transport: MediaTransport) -> None:
        transport.timer = None
        if transport.id in self._transports:
            self._settle(transport, transport.timeout(self._clock.time()))
