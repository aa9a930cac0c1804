"""Settings as options: the same names, the option wins, refusals say what was expected."""

import pytest
from typer.testing import CliRunner, Result

from rheon_cli.main import app
from rheon_cli.settings_options import load
from rheon_media_node.settings import MediaNodeSettings

SECRET = "a secret of more than thirty-two bytes"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **environment})


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("gateway", {"--port": "PORT", "--jwt-secret": "JWT_SECRET", "--media-nodes": "MEDIA_NODES"}),
        ("media-node", {"--media-port": "MEDIA_PORT", "--announced-ips": "ANNOUNCED_IPS", "--workers": "WORKERS"}),
        ("dev", {"--port": "PORT", "--media-port": "MEDIA_PORT"}),
    ],
)
def test_every_setting_is_an_option_that_names_its_variable(command: str, options: dict[str, str]) -> None:
    text = run(command, "--help").stdout
    for option, variable in options.items():
        assert option in text
        assert f"[{variable}" in text


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (("gateway",), {}, "JWT_SECRET is required"),
        (("gateway", "--port", "x"), {"JWT_SECRET": SECRET}, "PORT (--port)"),
        (("gateway",), {"JWT_SECRET": SECRET, "PORT": "99999"}, "PORT (--port)"),
        (("gateway", "--media-nodes", "192.0.2.1:50051"), {"JWT_SECRET": SECRET}, "not encrypted"),
        (("media-node", "--workers", "0"), {}, "WORKERS (--workers)"),
        (("media-node",), {"MEDIA_BIND": "nowhere"}, "MEDIA_BIND (--media-bind)"),
    ],
)
def test_refused_settings_are_named(arguments: tuple[str, ...], environment: dict[str, str], expected: str) -> None:
    result = run(*arguments, **environment)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert SECRET not in result.stderr


def test_option_beats_environment_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {"grpc_bind": "127.0.0.1:0"}
    assert load(MediaNodeSettings, {}, defaults).grpc_bind == "127.0.0.1:0"
    monkeypatch.setenv("GRPC_BIND", "127.0.0.1:7001")
    assert load(MediaNodeSettings, {}, defaults).grpc_bind == "127.0.0.1:7001"
    assert load(MediaNodeSettings, {"grpc_bind": "127.0.0.1:7002"}, defaults).grpc_bind == "127.0.0.1:7002"
