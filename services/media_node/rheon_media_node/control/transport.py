"""One peer connection as the control sees it: engine transport, DTLS endpoint, negotiation, and its deadlines.

NEW ──first ICE check──► CONNECTING ──SRTP keys installed──► CONNECTED
 └── 30 s ──► ICE failed       └── 15 s, wrong certificate … ──► DTLS failed
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum

from rheon_engine.errors import EngineError
from rheon_engine.types import SrtpProfile
from rheon_media_node import dtls
from rheon_media_node.control.credentials import new_ice
from rheon_media_node.control.ports import ForwardPort, Timer, TrackPort, TransportPort
from rheon_media_node.data import Association
from rheon_media_node.dtls import DtlsEndpoint, DtlsIdentity, Role
from rheon_media_node.negotiation import (
    DataChannels,
    LocalTransport,
    PublisherIdentity,
    PublishNegotiation,
    RemoteTransport,
    SubscriptionNegotiation,
)
from rheon_media_node.router.values import CloseReason, TrackId, TransportId
from rheon_media_node.sdp import Setup

FIRST_CHECK_DEADLINE = 30.0
"""Seconds from making a transport to its first authenticated ICE check."""

DTLS_DEADLINE = 15.0
"""Seconds from the first check to installed SRTP keys."""


class TransportState(StrEnum):
    """How far a transport has come."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ended:
    """The transport ended by itself."""

    reason: CloseReason


class Ready:
    """SRTP keys were installed just now."""


Outcome = Ended | Ready | None


@dataclass(slots=True, eq=False)
class MediaTransport:
    """Owns one engine transport. Methods take `now` in seconds and tell the outcome; they never raise."""

    engine: TransportPort
    local: LocalTransport
    identity: DtlsIdentity
    deadline: float | None
    """When it fails unless it has come further; None once connected."""
    publisher: PublisherIdentity | None = None
    publishing: PublishNegotiation | None = None
    subscription: SubscriptionNegotiation | None = None
    state: TransportState = TransportState.NEW
    srtp_profile: SrtpProfile | None = None
    remote: RemoteTransport | None = None
    endpoint: DtlsEndpoint | None = None
    tracks: dict[TrackId, TrackPort] = field(default_factory=dict)
    forwards: dict[TrackId, ForwardPort] = field(default_factory=dict)
    data: DataChannels | None = None
    """The peer's side of data channels, if they were agreed to."""
    association: Association | None = None
    """Of the data channels, once there are keys."""
    timer: Timer | None = None
    """Held for the control, which runs it."""
    drops: Counter[str] = field(default_factory=Counter)
    """What was not taken from the peer, by reason; shared by the transports of a node."""

    @property
    def id(self) -> TransportId:
        """The engine's number of it."""
        return TransportId(self.engine.id)

    def restart_ice(self) -> None:
        """New credentials on our side. Raises EngineError, and then nothing has changed."""
        ice = new_ice()
        self.engine.set_ice(ice)
        self.local = replace(self.local, ice=ice)

    def set_remote(self, remote: RemoteTransport, now: float) -> Outcome:
        """The peer's description is known: its certificate can be judged, and a passive peer be called."""
        self.remote = remote
        if self.endpoint is not None:
            self.endpoint.set_remote_fingerprints(_fingerprints(remote))
            return self._after_dtls()
        return self._call_passive_peer(now)

    def ice_connected(self, now: float) -> Outcome:
        """The first authenticated check arrived."""
        if self.state is not TransportState.NEW:
            return None
        self.state = TransportState.CONNECTING
        self.deadline = now + DTLS_DEADLINE
        return self._call_passive_peer(now)

    def dtls_received(self, datagram: bytes, now: float) -> Outcome:
        """A DTLS datagram arrived from an address that passed a check."""
        if self.state is TransportState.CLOSED:
            return None
        outcome = self.ice_connected(now)  # its event may have been dropped
        if outcome is not None:
            return outcome
        if self.endpoint is None:
            self.endpoint = self._new_endpoint(Role.SERVER)
        dropped = self.endpoint.dropped
        self.endpoint.receive(datagram, now)
        if self.endpoint.dropped > dropped:
            self.drops["dtls-malformed"] += 1
        return self._after_dtls()

    def send(self, packet: bytes) -> None:
        """Send application data over DTLS, as a lossy network does."""
        if self.endpoint is not None:
            self.endpoint.send(packet)
            self._send_dtls()

    def next_timeout(self) -> float | None:
        """When `timeout` wants to be called."""
        times = [self.deadline, self.endpoint.next_timeout() if self.endpoint is not None else None]
        return min((at for at in times if at is not None), default=None)

    def timeout(self, now: float) -> Outcome:
        """Do what is due."""
        if self.deadline is not None and now >= self.deadline:
            if self.state is TransportState.NEW:
                self.drops["ice-deadline"] += 1
                return Ended(CloseReason.ICE_FAILED)
            self.drops["dtls-deadline"] += 1
            return Ended(CloseReason.DTLS_FAILED)
        if self.endpoint is None:
            return None
        self.endpoint.timeout(now)
        return self._after_dtls()

    def close(self) -> None:
        """Say goodbye and free the engine's side. Idempotent."""
        if self.state is TransportState.CLOSED:
            return
        self.state = TransportState.CLOSED
        self.deadline = None
        if self.endpoint is not None:
            self.endpoint.close()
            self._send_dtls()
            self.endpoint = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.engine.close()
        self.tracks.clear()
        self.forwards.clear()

    def _call_passive_peer(self, now: float) -> Outcome:
        passive = self.remote is not None and self.remote.setup is Setup.PASSIVE
        if not passive or self.state is not TransportState.CONNECTING or self.endpoint is not None:
            return None
        self.endpoint = self._new_endpoint(Role.CLIENT)
        self.endpoint.start(now)
        return self._after_dtls()

    def _new_endpoint(self, role: Role) -> DtlsEndpoint:
        remote = self.remote
        return DtlsEndpoint(self.identity, role, None if remote is None else _fingerprints(remote))

    def _after_dtls(self) -> Outcome:
        self._send_dtls()
        outcome: Outcome = None
        for event in self.endpoint.take_events() if self.endpoint is not None else ():
            match event:
                case dtls.Connected(keys):
                    try:
                        self.engine.set_srtp(keys.profile, keys.send, keys.receive)
                    except EngineError:
                        return Ended(CloseReason.INTERNAL)
                    self.srtp_profile = keys.profile
                    self.state = TransportState.CONNECTED
                    self.deadline = None
                    outcome = Ready()
                case dtls.PeerClosed():
                    outcome = Ended(CloseReason.PEER_CLOSED)
                case dtls.Failed(reason):
                    self.drops[f"dtls-{reason}"] += 1
                    outcome = Ended(CloseReason.DTLS_FAILED)
        return outcome

    def _send_dtls(self) -> None:
        if self.endpoint is None:
            return
        for datagram in self.endpoint.take_datagrams():
            try:
                self.engine.send_dtls(datagram)
            except EngineError:
                return  # like a lost datagram: the flight is sent again


def _fingerprints(remote: RemoteTransport) -> tuple[dtls.Fingerprint, ...]:
    return tuple(dtls.Fingerprint(each.algorithm, each.value) for each in remote.fingerprints)
