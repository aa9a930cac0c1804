"""Configuration of a media node."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from rheon_media_node.machine import announced_addresses, usable_cores
from rheon_media_node.settings import MediaNodeSettings

ANY = "0.0.0.0"  # noqa: S104 - only compared


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ("NODE_ID", "GRPC_BIND", "MEDIA_BIND", "ANNOUNCED_IPS", "MEDIA_PORT", "WORKERS", "LOG_LEVEL"):
        monkeypatch.delenv(field, raising=False)


def test_defaults_serve_gateways_on_this_machine() -> None:
    settings = MediaNodeSettings()
    assert settings.grpc_bind == "127.0.0.1:50051"
    assert settings.media_port == 40000
    assert settings.workers == usable_cores() <= len(os.sched_getaffinity(0))
    assert settings.node_id != MediaNodeSettings().node_id


def test_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_ID", "n7")
    monkeypatch.setenv("ANNOUNCED_IPS", "203.0.113.5, 203.0.113.6:5000")
    monkeypatch.setenv("MEDIA_BIND", "127.0.0.1,::1")
    monkeypatch.setenv("RUST_LOG", "DEBUG")
    settings = MediaNodeSettings()
    assert settings.node_id == "n7"
    assert settings.announced_ips == ("203.0.113.5", "203.0.113.6:5000")
    assert settings.media_bind == ("127.0.0.1", "::1")
    assert settings.log_level == "debug"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("grpc_bind", "0.0.0.0:50051", "not encrypted"),
        ("grpc_bind", "example.org:50051", "loopback"),
        ("grpc_bind", "127.0.0.1", "host:port"),
        ("grpc_bind", "127.0.0.1:99999", "host:port"),
        ("announced_ips", "example.org", "not ip or ip:port"),
        ("announced_ips", ANY, "wildcard"),
        ("media_bind", "localhost", "not an IP address"),
        ("media_bind", "", "at least 1"),
        ("media_port", "-1", "greater than or equal"),
        ("workers", "0", "greater than or equal"),
        ("log_level", "loud", "use one of"),
        ("unknown", "1", "not permitted"),
    ],
)
def test_what_is_refused(field: str, value: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MediaNodeSettings(**{field: value})  # type: ignore[arg-type]


def test_loopback_grpc_addresses_are_taken() -> None:
    for bind in ("localhost:0", "127.0.0.2:1", "[::1]:50051"):
        assert MediaNodeSettings(grpc_bind=bind).grpc_bind == bind


def test_announced_addresses() -> None:
    assert announced_addresses((ANY,), ("203.0.113.5",)) == ("203.0.113.5",)
    assert announced_addresses(("192.0.2.9", "::1"), ()) == ("192.0.2.9", "::1")
    wildcard = announced_addresses((ANY,), ())
    assert wildcard[-1] == "127.0.0.1"
    assert ANY not in wildcard
