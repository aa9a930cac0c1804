"""The `rheon` command: what it can do and how it reports what went wrong."""

from __future__ import annotations

import os
from importlib.metadata import version as distribution_version
from importlib.util import find_spec

import typer

from rheon_cli import tokens

# gRPC's core writes peers' addresses to standard error, past our logging. Failures reach us as exceptions anyway. It
# reads this once, when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

app = typer.Typer(
    name="rheon",
    help="Rheon: a WebRTC signaling server and SFU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(tokens.app, name="token")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"rheon {distribution_version('rheon-cli')}")


def _register_services() -> None:
    """A service that is not installed (the gateway's image has no media node) has no command."""
    gateway, media_node = find_spec("rheon_gateway") is not None, find_spec("rheon_media_node") is not None
    if gateway and media_node:
        from rheon_cli import dev  # noqa: PLC0415

        app.command("dev", help=dev.HELP)(dev.command)
    if gateway:
        from rheon_cli import gateway as gateway_command  # noqa: PLC0415

        app.command("gateway", help=gateway_command.HELP)(gateway_command.command)
    if media_node:
        from rheon_cli import media_node as media_node_command  # noqa: PLC0415

        app.command("media-node", help=media_node_command.HELP)(media_node_command.command)


_register_services()


def main() -> None:
    """Entry point of the `rheon` script."""
    app()
