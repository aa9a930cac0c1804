"""What the engine raises. Every public call raises these and nothing else (besides TypeError for a wrong type)."""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """Root of everything the engine raises."""

    retryable: ClassVar[bool] = False
    """Whether the same call may succeed if made again a little later."""


class EngineBusy(EngineError):  # noqa: N818 - names the state, as StopIteration does
    """A worker's command queue is full: nothing was changed, try again shortly."""

    retryable = True


class EngineClosed(EngineError):  # noqa: N818 - names the state, as StopIteration does
    """The engine was closed: no call has an effect any more."""


class InvalidParameters(EngineError):  # noqa: N818 - names the state, as StopIteration does
    """A value the engine cannot work with; the message says which and why. Nothing was changed."""


class EngineStartError(EngineError):
    """The engine's sockets or threads could not be made; the message says what the system answered."""
