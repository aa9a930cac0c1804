"""A network namespace with one link to the machine: a place for a browser that gathers no loopback candidates."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

_CLONE_NEWNET = 0x40000000


class NamespaceUnavailableError(Exception):
    """This machine lets us make no network namespace; the text says why."""


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str
    our_address: str
    """The machine's end of the link, the namespace's only way out."""

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs inside."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *arguments]

    def tcp_socket(self) -> socket.socket:
        """A socket inside: its loopback is the namespace's. A socket stays where it was made."""
        with ThreadPoolExecutor(1) as thread:  # only this thread ever enters the namespace
            return thread.submit(self._tcp_socket_from_inside).result()

    def _tcp_socket_from_inside(self) -> socket.socket:
        with open(f"/run/netns/{self.name}", "rb") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@contextmanager
def network_namespace() -> Iterator[Namespace]:
    """Raises NamespaceUnavailableError where that is not permitted."""
    number = os.getpid()
    network = f"198.18.{number >> 6 & 0xFF}."  # set aside for tests between networks (RFC 2544)
    ours, theirs = (f"{network}{(number & 63) * 4 + host}" for host in (1, 2))
    name, our_link, their_link = f"rheon-{number}", f"rhn{number}a", f"rhn{number}b"
    _ip(["netns", "add", name])
    try:
        _ip(["link", "add", our_link, "type", "veth", "peer", "name", their_link, "netns", name])
        _ip(["address", "add", f"{ours}/30", "dev", our_link])
        _ip(["link", "set", our_link, "up"])
        _ip(["-n", name, "address", "add", f"{theirs}/30", "dev", their_link])
        _ip(["-n", name, "link", "set", "lo", "up"])
        _ip(["-n", name, "link", "set", their_link, "up"])
        _ip(["-n", name, "route", "add", "default", "via", ours])
        yield Namespace(name, ours)
    finally:
        # The link goes with the namespace, which lives until its last process has ended: take the link first.
        subprocess.run(["ip", "link", "delete", our_link], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _ip(arguments: list[str]) -> None:
    try:
        done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True, timeout=10)
    except FileNotFoundError:
        raise NamespaceUnavailableError("there is no program `ip` (package iproute2)") from None
    if done.returncode != 0:
        raise NamespaceUnavailableError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
