"""What the machine gives this process: cores and addresses."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from rheon_engine.addresses import parse_ip

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")

# Documentation addresses (RFC 5737, RFC 3849): routed like any other, and nothing is sent to them.
_SOMEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def usable_cores() -> int:
    """Cores this process may use: its CPU affinity, cut to the cgroup's quota."""
    cores = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def _cgroup_quota() -> float | None:
    """Cores' worth of CPU time the cgroup may use; None when it is not limited."""
    try:
        if _CGROUP_V2.exists():
            quota, _, period = _CGROUP_V2.read_text().partition(" ")
        else:
            quota = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text()
            period = (_CGROUP_V1 / "cpu.cfs_period_us").read_text()
        if quota.strip() in ("max", "-1"):
            return None
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def announced_addresses(bind: Sequence[str], announced: Sequence[str]) -> tuple[str, ...]:
    """The addresses peers are told: those given, else the bound ones.

    A wildcard stands for the default route's address, which browsers elsewhere reach, and loopback for the same
    machine.
    """
    if announced:
        return tuple(announced)
    addresses: list[str] = []
    for text in bind:
        address = parse_ip(text)
        if not address.is_unspecified:
            addresses.append(text)
            continue
        routed = _default_route(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        loopback = "127.0.0.1" if address.version == 4 else "::1"
        addresses += [routed, loopback] if routed is not None else [loopback]
    return tuple(dict.fromkeys(addresses))


def _default_route(family: socket.AddressFamily) -> str | None:
    """The local address the system would send from to the internet; None without a route."""
    somewhere = dict(_SOMEWHERE)[family]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((somewhere, 9))
            address: str = probe.getsockname()[0]
        except OSError:
            return None
    return address
