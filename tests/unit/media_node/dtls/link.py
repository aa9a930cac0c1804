"""Two DTLS endpoints joined by an in-memory link in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from rheon_media_node.dtls import Connected, DtlsEndpoint, DtlsEvent, DtlsIdentity, Role

Transit = Callable[[int, bytes], list[bytes]]
"""(number of the datagram on its way, datagram) -> what arrives."""


def deliver(_: int, datagram: bytes) -> list[bytes]:
    return [datagram]


def lose(*numbers: int) -> Transit:
    """A way that loses the datagrams with these numbers, counted from 0."""
    return lambda number, datagram: [] if number in numbers else [datagram]


class Link:
    """`run` moves datagrams and time until nothing is under way and no timer is due, or `until` is reached."""

    def __init__(
        self, client: DtlsEndpoint, server: DtlsEndpoint, up: Transit = deliver, down: Transit = deliver
    ) -> None:
        self.client, self.server = client, server
        self.now = 100.0
        self.sent: dict[Role, list[bytes]] = {Role.CLIENT: [], Role.SERVER: []}
        self.events: dict[Role, list[DtlsEvent]] = {Role.CLIENT: [], Role.SERVER: []}
        self._ways = {Role.CLIENT: up, Role.SERVER: down}

    def start(self) -> Link:
        self.server.start(self.now)
        self.client.start(self.now)
        return self

    def run(self, until: float = 60.0) -> None:
        end = self.now + until
        while True:
            while self._exchange():
                pass
            due = [at for at in (self.client.next_timeout(), self.server.next_timeout()) if at is not None]
            if not due or min(due) > end:
                return
            self.now = max(self.now, min(due))
            self.client.timeout(self.now)
            self.server.timeout(self.now)

    def _exchange(self) -> bool:
        moved = False
        for role, sender, receiver in (
            (Role.CLIENT, self.client, self.server),
            (Role.SERVER, self.server, self.client),
        ):
            for datagram in sender.take_datagrams():
                moved = True
                number = len(self.sent[role])
                self.sent[role].append(datagram)
                for arriving in self._ways[role](number, datagram):
                    receiver.receive(arriving, self.now)
            self.events[role] += sender.take_events()
        return moved

    def connected(self, role: Role) -> Connected:
        found = [event for event in self.events[role] if isinstance(event, Connected)]
        assert len(found) == 1, self.events
        return found[0]


def pair(
    client_identity: DtlsIdentity, server_identity: DtlsIdentity, up: Transit = deliver, down: Transit = deliver
) -> Link:
    client = DtlsEndpoint(client_identity, Role.CLIENT, [server_identity.fingerprint])
    server = DtlsEndpoint(server_identity, Role.SERVER, [client_identity.fingerprint])
    return Link(client, server, up, down).start()
