"""`rheon token create`: what it signs, and what it refuses."""

import jwt
import pytest
from typer.testing import CliRunner

from rheon_cli.main import app

SECRET = "a secret of more than thirty-two bytes"


def create(*arguments: str, secret: str | None = SECRET) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["token", "create", *arguments], env={"JWT_SECRET": secret})
    return result.exit_code, result.stdout.strip(), result.stderr


def test_a_token_carries_user_name_and_lifetime() -> None:
    status, token, _ = create("--user", "7", "--name", "ada", "--ttl", "1h")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert status == 0
    assert (claims["sub"], claims["username"]) == ("7", "ada")
    assert claims["exp"] - claims["iat"] == 3600
    assert "rooms" not in claims
    assert "canPublish" not in claims


def test_a_token_can_be_narrowed() -> None:
    _, token, _ = create("--user", "7", "--name", "ada", "--room", "a", "--room", "b", "--no-publish", "--no-subscribe")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["rooms"], claims["canPublish"], claims["canSubscribe"]) == (["a", "b"], False, False)


@pytest.mark.parametrize(
    ("secret", "ttl", "expected"),
    [(None, "1h", "JWT_SECRET is not set"), ("short", "1h", "16 bytes"), (SECRET, "soon", "--ttl")],
)
def test_what_is_wrong_is_said(secret: str | None, ttl: str, expected: str) -> None:
    status, token, errors = create("--user", "7", "--name", "ada", "--ttl", ttl, secret=secret)
    assert (status, token) == (2, "")
    assert expected in errors
