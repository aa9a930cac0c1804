"""What a gateway can be configured with, and what is refused."""

import pytest
from pydantic import SecretStr, ValidationError

from rheon_gateway.settings import GatewaySettings

SECRET = SecretStr("a secret of thirty-two bytes, at least")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HOST",
        "PORT",
        "JWT_SECRET",
        "MEDIA_NODES",
        "CLUSTER_MODE",
        "DEV_MODE",
        "LOG_LEVEL",
        "RUST_LOG",
        "NODE_ID",
    ):
        monkeypatch.delenv(name, raising=False)


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "HOST": "127.0.0.1",
        "PORT": "9100",
        "JWT_SECRET": SECRET.get_secret_value(),
        "MEDIA_NODES": "127.0.0.1:50051, localhost:50052,[::1]:50053",
        "P2P_RELAY": "false",
        "RUST_LOG": "warn",
        "NODE_ID": "gateway-7",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = GatewaySettings()
    assert settings.port == 9100
    assert settings.jwt_secret == SECRET
    assert settings.media_nodes == ("127.0.0.1:50051", "localhost:50052", "[::1]:50053")
    assert not settings.p2p_relay
    assert settings.log_level == "warn"
    assert settings.node_id == "gateway-7"


def test_defaults() -> None:
    settings = GatewaySettings(jwt_secret=SECRET)
    assert (settings.host, settings.port, settings.p2p_relay) == ("0.0.0.0", 9000, True)  # noqa: S104
    assert settings.node_id != GatewaySettings(jwt_secret=SECRET).node_id


def test_dev_mode_listens_on_loopback_and_makes_a_secret() -> None:
    settings = GatewaySettings(dev_mode=True)
    assert settings.host == "127.0.0.1"
    assert len(settings.jwt_secret.get_secret_value()) >= 32
    assert settings.jwt_secret != GatewaySettings(dev_mode=True).jwt_secret


@pytest.mark.parametrize(("length", "short"), [(16, True), (31, True), (32, False)])
def test_short_secrets_are_marked(length: int, short: bool) -> None:
    assert GatewaySettings(jwt_secret=SecretStr("x" * length)).secret_is_short is short


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"jwt_secret": ""}, "JWT_SECRET is required"),
        ({"jwt_secret": "x" * 15}, "JWT_SECRET is too short"),
        ({"port": 65536}, "less than or equal to 65535"),
        ({"port": "http"}, "valid integer"),
        ({"media_nodes": "127.0.0.1"}, "is not host:port"),
        ({"media_nodes": "127.0.0.1:0"}, "is not host:port"),
        ({"media_nodes": "10.0.0.1:50051"}, "not a loopback address"),
        ({"media_nodes": "media.example:50051"}, "not a loopback address"),
        ({"cluster_mode": True}, "CLUSTER_MODE=false"),
        ({"log_level": "loud"}, "use one of"),
        ({"node_id": ""}, "at least 1 character"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        GatewaySettings(**{"jwt_secret": SECRET, **fields})  # type: ignore[arg-type]
