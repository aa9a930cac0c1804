"""Announced addresses become candidates."""

import ipaddress

import pytest

from rheon_engine.addresses import Announced, candidates, parse_ip
from rheon_engine.errors import EngineError, InvalidParameters
from rheon_engine.types import Candidate

ANY = ipaddress.ip_address(0)
ANY6 = ipaddress.ip_address("::")


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("203.0.113.7", "203.0.113.7", None),
        ("203.0.113.7:40000", "203.0.113.7", 40000),
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:65535", "2001:db8::1", 65535),
    ],
)
def test_announced_addresses(text: str, address: str, port: int | None) -> None:
    assert Announced.parse(text) == Announced(ipaddress.ip_address(address), port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "203.0.113.7:",
        "203.0.113.7:0",
        "203.0.113.7:65536",
        "203.0.113.7:x",
        "203.0.113.7:4\u0660",
        "[2001:db8::1",
        "[2001:db8::1]:",
        "[2001:db8::1]x",
        "fe80::1%eth0",
        "::ffff:203.0.113.7",
        "0.0.0.0",  # noqa: S104
        "[::]:40000",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameters):
        Announced.parse(text)


def test_a_worker_announces_every_address_with_its_own_port() -> None:
    announced = [Announced.parse("203.0.113.7"), Announced.parse("198.51.100.1:50000")]
    assert candidates(2, 40002, [ANY], announced) == (
        Candidate("203.0.113.7", 40002),
        Candidate("198.51.100.1", 50002),
    )


def test_without_announced_addresses_the_bound_ones_count() -> None:
    assert candidates(0, 1, [ANY, ANY6], []) == (Candidate("127.0.0.1", 1), Candidate("::1", 1))
    assert candidates(0, 1, [parse_ip("192.0.2.1")], []) == (Candidate("192.0.2.1", 1),)


def test_an_address_no_socket_serves_is_refused() -> None:
    with pytest.raises(InvalidParameters, match="no bound socket"):
        candidates(0, 1, [ANY], [Announced.parse("2001:db8::1")])
    with pytest.raises(InvalidParameters, match="no port"):
        candidates(1, 1, [ANY], [Announced.parse("203.0.113.7:65535")])


def test_invalid_parameters_are_not_worth_a_retry() -> None:
    assert issubclass(InvalidParameters, EngineError)
    assert not InvalidParameters.retryable
