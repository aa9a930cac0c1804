"""`rheon gateway`: the control plane as a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from rheon_cli.run import run_until_stopped, started
from rheon_cli.settings_options import load, with_options
from rheon_gateway.settings import GatewaySettings
from rheon_telemetry import configure_logging

HELP = "Run a gateway: WebSocket signaling, authentication, placement. Needs JWT_SECRET and MEDIA_NODES."


def _run(given: dict[str, Any]) -> None:
    settings = load(GatewaySettings, given)
    configure_logging(settings.log_level, json=settings.log_json)
    run_until_stopped(lambda stop: _serve(settings, stop))


async def _serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    from rheon_gateway.app import running_gateway  # noqa: PLC0415 - aiohttp and grpc load only where they run

    async with started(running_gateway(settings), OSError) as gateway:
        typer.echo(f"Rheon gateway listens on {gateway.url}")
        await stop.wait()


command = with_options([GatewaySettings], _run, help_text=HELP)
