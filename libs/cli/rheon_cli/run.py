"""Runs a service until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

import typer

Service = TypeVar("Service")

EXIT_FAILED = 1
"""Exit status of a service that could not start."""


class StartFailed(Exception):  # noqa: N818 - an outcome to report, not a programming error
    """A service could not start; the message says what to change."""


@asynccontextmanager
async def started(service: AbstractAsyncContextManager[Service], *expected: type[Exception]) -> AsyncIterator[Service]:
    """Enter a service; what it is `expected` to raise while starting becomes StartFailed; later errors pass."""
    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(service)
        except expected as error:
            raise StartFailed(str(error)) from error
        yield running


def run_until_stopped(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `service(stop)` on an event loop (uvloop where there is one); SIGINT and SIGTERM set `stop`.

    A second signal ends the process at once, for the case that an orderly end hangs. A service that could not start
    ends it with status 1 and the reason on standard error.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service))
    except StartFailed as failure:
        typer.echo(f"rheon: {failure}", err=True)
        raise typer.Exit(EXIT_FAILED) from None


async def _serve(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    await service(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not to be had on every platform

    return uvloop.new_event_loop
