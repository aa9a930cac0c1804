"""Which addresses a worker's ICE candidates carry."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from rheon_engine.errors import InvalidParameters
from rheon_engine.types import Candidate

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Announced:
    """An address peers can reach the node at; with `port`, the first of a mapped block of one port per worker."""

    address: IpAddress
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Announced:
        """Read `ip`, `ipv4:port` or `[ipv6]:port`."""
        host, port = text, ""
        if text.startswith("["):
            host, bracket, rest = text[1:].partition("]")
            if not bracket or (rest and not rest.startswith(":")):
                raise InvalidParameters(f"announced address {text!r} is not ip or ip:port")
            port = rest[1:]
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        try:
            address = parse_ip(host)
        except InvalidParameters:
            raise InvalidParameters(f"announced address {text!r} is not ip or ip:port") from None
        if address.is_unspecified:
            raise InvalidParameters(f"announced address {text!r} is a wildcard: name an address peers can send to")
        if not port and text.endswith(":") and host != text:
            raise InvalidParameters(f"announced address {text!r} has an empty port")
        if not port:
            return cls(address)
        if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
            raise InvalidParameters(f"announced address {text!r} has no port between 1 and 65535")
        return cls(address, int(port))


def parse_ip(text: str) -> IpAddress:
    """An IP address without port or scope."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidParameters(f"{text!r} is not an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise InvalidParameters(f"{text!r}: scoped and IPv4-mapped addresses are not usable here")
    return address


def candidates(
    worker: int, port: int, bind: Sequence[IpAddress], announced: Sequence[Announced]
) -> tuple[Candidate, ...]:
    """The candidates of one worker, in order of preference.

    Without announced addresses: each bound address, loopback in place of a wildcard.
    """
    if not announced:
        return tuple(Candidate(address=str(_reachable(address)), port=port) for address in bind)
    families = {address.version for address in bind}
    for entry in announced:
        if entry.address.version not in families:
            raise InvalidParameters(f"announced address {entry.address} has no bound socket of its family")
        if entry.port is not None and entry.port + worker > 65535:
            raise InvalidParameters(f"announced port {entry.port} leaves no port for worker {worker}")
    return tuple(
        Candidate(address=str(entry.address), port=port if entry.port is None else entry.port + worker)
        for entry in announced
    )


def _reachable(address: IpAddress) -> IpAddress:
    if not address.is_unspecified:
        return address
    return ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
