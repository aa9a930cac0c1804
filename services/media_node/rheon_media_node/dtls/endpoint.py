"""A DTLS 1.2 endpoint without I/O: datagrams and `now` in, datagrams and events out.

Theory of operation
-------------------
OpenSSL runs over memory BIOs. Every datagram is written to the one, the handshake (later: the record reader) is driven
until it wants more, and whatever appeared in the other is a *flight*, cut on record boundaries into datagrams.

OpenSSL waits a full second before it repeats a lost flight. So the last flight is kept and sent again, byte for byte,
after 150 ms and then at doubling intervals. The peer's replay window (RFC 6347 §4.1.2.6) drops the records it already
has and takes the others. It would also drop a repeated *final* flight's cause, so a server that is done keeps its last
flight and repeats it whenever the peer shows, by sending handshake records, that it is still waiting for it.

    WAITING ──handshake done──► (held until the peer's fingerprint is known) ──► CONNECTED ──► CLOSED
       └──────── deadline, alert, wrong fingerprint, no SRTP profile ────────► FAILED

An error before the peer's certificate was seen proves nothing about the peer (anybody's garbage can cause it): the
OpenSSL object is replaced and the handshake starts over, a bounded number of times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import StrEnum

from OpenSSL import SSL

from rheon_media_node.dtls import records, srtp_keys
from rheon_media_node.dtls.events import Connected, DtlsEvent, Failed, FailureReason, PeerClosed
from rheon_media_node.dtls.fingerprint import Fingerprint, matches
from rheon_media_node.dtls.identity import DtlsIdentity

HANDSHAKE_DEADLINE = 15.0
"""Seconds from `start` to Connected."""

FIRST_RETRANSMISSION = 0.15
"""Seconds before a flight is repeated: above the round-trip time of most paths, far below OpenSSL's 1 s."""

LONGEST_RETRANSMISSION = 2.4
"""Seconds; where the doubling stops."""

MAX_RESTARTS = 8
MAX_FINAL_REPEATS = 8
MAX_DATAGRAM_IN = 4096
"""Bytes; longer datagrams are dropped. No browser sends a flight in one datagram above its MTU."""

MAX_APPLICATION_DATA = 64
"""Received records waiting to be taken; further ones are dropped, as the network might have lost them."""

MAX_OUTGOING = 64
"""Datagrams waiting to be taken; the oldest go first, as the network might have lost them too."""

_MAX_RECORDS_PER_DATAGRAM = 64
_BIO_CHUNK = 16384


class Role(StrEnum):
    """Who sends the ClientHello (RFC 5763 §5: `active` is the client)."""

    CLIENT = "client"
    SERVER = "server"


class _State(StrEnum):
    NEW = "new"
    HANDSHAKE = "handshake"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class DtlsEndpoint:
    """One side of one DTLS association.

    `remote_fingerprints` may come later (`set_remote_fingerprints`): the handshake proceeds, but keys are released
    only after the certificate was compared with them.
    """

    def __init__(
        self, identity: DtlsIdentity, role: Role, remote_fingerprints: Iterable[Fingerprint] | None = None
    ) -> None:
        self.dropped = 0
        """Datagrams ignored because they were no DTLS, too long, came after the end, or broke a handshake that then
        started over."""
        self._identity = identity
        self._role = role
        self._fingerprints = None if remote_fingerprints is None else tuple(remote_fingerprints)
        self._connection = self._new_connection()
        self._state = _State.NEW
        self._handshake_done = False
        self._restarts = 0
        self._deadline: float | None = None
        self._flight: list[bytes] = []
        self._flight_step = b""
        self._interval = FIRST_RETRANSMISSION
        self._retransmit_at: float | None = None
        self._final_repeats = 0
        self._outgoing: deque[bytes] = deque(maxlen=MAX_OUTGOING)
        self._events: deque[DtlsEvent] = deque()
        self._application_data: list[bytes] = []

    @property
    def role(self) -> Role:
        """Which side this is."""
        return self._role

    @property
    def connected(self) -> bool:
        """Whether keys were released and the association is open."""
        return self._state is _State.CONNECTED

    @property
    def ended(self) -> bool:
        """Whether the endpoint is closed or failed; it then ignores everything."""
        return self._state in (_State.CLOSED, _State.FAILED)

    def start(self, now: float) -> None:
        """Begin: the deadline runs from here, and a client sends its ClientHello. Repeating it does nothing."""
        if self._state is not _State.NEW:
            return
        self._state = _State.HANDSHAKE
        self._deadline = now + HANDSHAKE_DEADLINE
        if self._role is Role.CLIENT:
            self._advance(now)

    def set_remote_fingerprints(self, fingerprints: Iterable[Fingerprint]) -> None:
        """Tell what the peer's description announced; only the first set counts."""
        if self._fingerprints is None:
            self._fingerprints = tuple(fingerprints)
            if self._state is _State.HANDSHAKE and self._handshake_done:
                self._release_keys()

    def receive(self, datagram: bytes, now: float) -> None:
        """Take one datagram from the peer. Never raises on its content."""
        self.start(now)
        if self.ended or len(datagram) > MAX_DATAGRAM_IN or not records.is_dtls(datagram):
            self.dropped += 1
            return
        was_done = self._handshake_done
        self._connection.bio_write(datagram)
        self._advance(now)
        if was_done and not self.ended:
            self._repeat_final_flight(datagram)

    def timeout(self, now: float) -> None:
        """Do what is due. Call when `next_timeout` is reached; earlier calls do nothing."""
        if self._state is _State.HANDSHAKE and self._deadline is not None and now >= self._deadline:
            self._fail(FailureReason.DEADLINE)
            return
        if self._retransmit_at is not None and now >= self._retransmit_at:
            self._outgoing.extend(self._flight)
            self._interval = min(self._interval * 2, LONGEST_RETRANSMISSION)
            self._retransmit_at = now + self._interval

    def next_timeout(self) -> float | None:
        """When `timeout` wants to be called; None when nothing is pending."""
        if self._state is not _State.HANDSHAKE:
            return None
        pending = [at for at in (self._deadline, self._retransmit_at) if at is not None]
        return min(pending, default=None)

    def close(self) -> None:
        """End the association: an open one says close_notify, in `take_datagrams`. No event follows."""
        if self.ended:
            return
        if self._handshake_done:
            self._shutdown()
        else:
            self._outgoing.clear()
        self._end(_State.CLOSED)

    def take_datagrams(self) -> list[bytes]:
        """Datagrams to send now, in order, each at most `records.MAX_DATAGRAM` bytes."""
        taken = list(self._outgoing)
        self._outgoing.clear()
        return taken

    def send(self, data: bytes) -> None:
        """Send application data as one record; dropped unless connected. Its order among datagrams is kept."""
        if self._state is not _State.CONNECTED:
            self.dropped += 1
            return
        try:
            self._connection.send(data)
        except SSL.Error:
            self.dropped += 1
            return
        self._outgoing.extend(records.into_datagrams(self._read_bio()))

    def take_application_data(self) -> list[bytes]:
        """What the peer sent since the last call, a record each, in order of arrival."""
        taken, self._application_data = self._application_data, []
        return taken

    def take_events(self) -> list[DtlsEvent]:
        """What happened since the last call, in order."""
        taken = list(self._events)
        self._events.clear()
        return taken

    # Driving OpenSSL ------------------------------------------------------------------------------------------------

    def _new_connection(self) -> SSL.Connection:
        connection = SSL.Connection(self._identity.context)
        if self._role is Role.SERVER:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
        connection.set_ciphertext_mtu(records.MAX_DATAGRAM)
        return connection

    def _advance(self, now: float) -> None:
        try:
            if not self._handshake_done:
                self._connection.do_handshake()
                self._handshake_done = True
        except SSL.WantReadError:
            self._collect(now)
            return
        except SSL.Error:
            self._handshake_error(now)
            return
        self._read_records()
        self._collect(now)
        if self._state is _State.HANDSHAKE:
            self._release_keys()

    def _read_records(self) -> None:
        for _ in range(_MAX_RECORDS_PER_DATAGRAM):
            try:
                data = self._connection.recv(_BIO_CHUNK)
            except SSL.WantReadError:
                return
            except SSL.Error:  # close_notify (ZeroReturnError) or a fatal alert
                self._peer_closed()
                return
            # Nothing counts before the certificate was judged.
            if self._state is _State.CONNECTED and len(self._application_data) < MAX_APPLICATION_DATA:
                self._application_data.append(data)
            else:
                self.dropped += 1

    def _handshake_error(self, now: float) -> None:
        if self._connection.get_peer_certificate() is not None or self._restarts >= MAX_RESTARTS:
            self._collect(now)  # the alert tells the peer why
            self._fail(FailureReason.HANDSHAKE)
            return
        self._restarts += 1
        self.dropped += 1
        self._connection = self._new_connection()
        self._flight.clear()
        self._flight_step = b""
        self._retransmit_at = None
        if self._role is Role.CLIENT:
            self._advance(now)

    def _release_keys(self) -> None:
        if self._fingerprints is None:
            return
        if not self._peer_is_announced(self._fingerprints):
            self._shutdown()
            self._fail(FailureReason.FINGERPRINT)
            return
        keys = srtp_keys.export(self._connection, server=self._role is Role.SERVER)
        if keys is None:
            self._shutdown()
            self._fail(FailureReason.NO_SRTP_PROFILE)
            return
        self._state = _State.CONNECTED
        self._deadline = None
        self._retransmit_at = None
        self._events.append(Connected(keys))

    def _peer_is_announced(self, fingerprints: tuple[Fingerprint, ...]) -> bool:
        certificate = self._connection.get_peer_certificate()
        return certificate is not None and matches(certificate, fingerprints)

    # Flights --------------------------------------------------------------------------------------------------------

    def _collect(self, now: float) -> None:
        """Take what OpenSSL wrote; it is the current flight until another one replaces it."""
        written = self._read_bio()
        if not written:
            return
        datagrams = records.into_datagrams(written)
        self._outgoing.extend(datagrams)
        if written[0] == records.ALERT:
            return
        step = self._connection.get_state_string()
        if step != self._flight_step:  # otherwise OpenSSL repeated a flight by itself: the intervals go on growing
            self._flight_step = step
            self._interval = FIRST_RETRANSMISSION
        self._flight = datagrams[:MAX_OUTGOING]
        self._retransmit_at = None if self._handshake_done else now + self._interval

    def _read_bio(self) -> bytes:
        chunks: list[bytes] = []
        while True:
            try:
                chunks.append(self._connection.bio_read(_BIO_CHUNK))
            except SSL.WantReadError:
                return b"".join(chunks)

    def _repeat_final_flight(self, datagram: bytes) -> None:
        waiting = self._role is Role.SERVER and datagram[0] in (records.HANDSHAKE, records.CHANGE_CIPHER_SPEC)
        if waiting and not self._outgoing and self._final_repeats < MAX_FINAL_REPEATS:
            self._final_repeats += 1
            self._outgoing.extend(self._flight)

    # Ends -----------------------------------------------------------------------------------------------------------

    def _peer_closed(self) -> None:
        if self._state is _State.CONNECTED:
            self._events.append(PeerClosed())
            self._shutdown()
            self._end(_State.CLOSED)
        else:
            self._fail(FailureReason.HANDSHAKE)

    def _fail(self, reason: FailureReason) -> None:
        self._end(_State.FAILED)
        self._events.append(Failed(reason))

    def _shutdown(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            return  # nothing can be said to the peer any more
        self._outgoing.extend(records.into_datagrams(self._read_bio()))

    def _end(self, state: _State) -> None:
        self._state = state
        self._flight.clear()
        self._retransmit_at = None
        self._deadline = None
