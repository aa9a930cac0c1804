"""`rheon media-node`: the media plane as a process of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from rheon_cli.run import run_until_stopped, started
from rheon_cli.settings_options import load, with_options
from rheon_media_node.errors import StartError
from rheon_media_node.settings import MediaNodeSettings
from rheon_telemetry import configure_logging

HELP = "Run a media node: it forwards encrypted media for the gateways that call it over gRPC."


def _run(given: dict[str, Any]) -> None:
    settings = load(MediaNodeSettings, given)
    configure_logging(settings.log_level, json=settings.log_json)
    run_until_stopped(lambda stop: _serve(settings, stop))


async def _serve(settings: MediaNodeSettings, stop: asyncio.Event) -> None:
    from rheon_media_node.app import running_media_node  # noqa: PLC0415 - aiortc and grpc load only where they run

    async with started(running_media_node(settings), StartError) as node:
        typer.echo(f"Rheon media node {node.node_id} serves gRPC on {node.grpc_address}")
        await stop.wait()


command = with_options([MediaNodeSettings], _run, help_text=HELP)
