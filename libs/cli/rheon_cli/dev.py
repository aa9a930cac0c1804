"""`rheon dev`: gateway and media node in one process, with the demo page and a ready token.

The code is that of the separate processes: a real gRPC server on loopback lies between the two. Only development mode
and the gRPC address are chosen here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import typer

from rheon_cli.run import run_until_stopped, started
from rheon_cli.settings_options import load, with_options
from rheon_gateway.settings import GatewaySettings
from rheon_media_node.errors import StartError
from rheon_media_node.settings import MediaNodeSettings
from rheon_telemetry import configure_logging

HELP = "Run everything in one process for development: gateway, media node, demo page, a ready token."

TOKEN_LIFETIME_SECONDS = 24 * 3600


def _run(given: dict[str, Any]) -> None:
    node_settings = load(MediaNodeSettings, given, defaults={"grpc_bind": "127.0.0.1:0"})
    gateway_settings = load(GatewaySettings, given, defaults={"dev_mode": True})
    configure_logging(gateway_settings.log_level, json=gateway_settings.log_json)
    run_until_stopped(lambda stop: _serve(gateway_settings, node_settings, stop))


async def _serve(gateway_settings: GatewaySettings, node_settings: MediaNodeSettings, stop: asyncio.Event) -> None:
    from rheon_gateway.app import running_gateway  # noqa: PLC0415
    from rheon_media_node.app import running_media_node  # noqa: PLC0415

    async with started(running_media_node(node_settings), StartError) as node:
        settings = gateway_settings.model_copy(update={"media_nodes": (node.grpc_address,)})
        async with started(running_gateway(settings), OSError) as gateway:
            typer.echo(_banner(gateway.url, node.grpc_address, _token(settings)))
            await stop.wait()


def _token(settings: GatewaySettings) -> str:
    from rheon_gateway.tokens import TokenVerifier  # noqa: PLC0415

    tokens = TokenVerifier(settings.jwt_secret.get_secret_value())
    return tokens.mint(1, "dev", now=time.time(), lifetime=TOKEN_LIFETIME_SECONDS)


def _banner(url: str, grpc_address: str, token: str) -> str:
    return f"""
  Rheon is running. Open the demo page in two tabs and join the same room.

    Demo page   {url}/
    WebSocket   {url.replace("http", "ws", 1)}/
    gRPC        {grpc_address}   (grpcurl -plaintext {grpc_address} list)
    Token       {token}

  Ctrl-C stops it.
"""


command = with_options([GatewaySettings, MediaNodeSettings], _run, help_text=HELP)
