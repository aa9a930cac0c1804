"""A service that cannot start says why in one line."""

import re
import socket

import pytest
from typer.testing import CliRunner

from rheon_cli.main import app


@pytest.mark.parametrize(
    "arguments",
    [
        ("gateway", "--host", "127.0.0.1", "--port", "{port}"),
        ("media-node", "--grpc-bind", "127.0.0.1:{port}", "--workers", "1", "--media-port", "0"),
        ("dev", "--port", "{port}", "--workers", "1", "--media-port", "0"),
    ],
)
def test_a_busy_port_is_told_without_a_traceback(arguments: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = occupant.getsockname()[1]
        result = CliRunner().invoke(
            app,
            [argument.format(port=port) for argument in arguments],
            env={"JWT_SECRET": "a secret of more than thirty-two bytes", "LOG_LEVEL": "error"},
        )
    assert result.exit_code == 1
    assert str(port) in result.stderr
    assert re.search("in use|is using|using the port", result.stderr)
    assert "Traceback" not in result.stderr
