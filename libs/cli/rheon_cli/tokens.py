"""`rheon token`: tokens for clients, signed as the gateway expects them."""

from __future__ import annotations

import os
import time
from typing import Annotated, NoReturn

import jwt
import typer

from rheon_cli.durations import parse_duration

app = typer.Typer(no_args_is_help=True, help="Make tokens for clients.")

MINIMUM_SECRET_BYTES = 16


@app.command()
def create(
    *,
    user: Annotated[int, typer.Option(help="User id, the token's sub.", min=0, max=2**53 - 1)],
    name: Annotated[str, typer.Option(help="Name other participants see.")],
    ttl: Annotated[str, typer.Option(help="How long it is valid: 90s, 15m, 1h, 7d.")] = "1h",
    room: Annotated[
        list[str] | None, typer.Option(help="Only this room; may be repeated. Default: every room.")
    ] = None,
    publish: Annotated[bool, typer.Option("--publish/--no-publish", help="May publish.")] = True,
    subscribe: Annotated[bool, typer.Option("--subscribe/--no-subscribe", help="May subscribe.")] = True,
) -> None:
    """Print a token signed with JWT_SECRET (HS256)."""
    secret = os.environ.get("JWT_SECRET", "")
    if not secret:
        _refuse("JWT_SECRET is not set: export the secret the gateway was started with.")
    if len(secret.encode()) < MINIMUM_SECRET_BYTES:
        _refuse(f"JWT_SECRET is shorter than {MINIMUM_SECRET_BYTES} bytes: the gateway refuses such a secret.")
    try:
        lifetime = parse_duration(ttl)
    except ValueError as error:
        _refuse(f"--ttl: {error}.")
    now = int(time.time())
    claims: dict[str, object] = {
        "sub": str(user),
        "username": name,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
    }
    if room:
        claims["rooms"] = room
    if not publish:
        claims["canPublish"] = False
    if not subscribe:
        claims["canSubscribe"] = False
    typer.echo(jwt.encode(claims, secret, algorithm="HS256"))


def _refuse(reason: str) -> NoReturn:
    typer.echo(f"rheon: {reason}", err=True)
    raise typer.Exit(2)
