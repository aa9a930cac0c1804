"""Structured logging: one line per event, key=value for people or JSON for machines.

Nothing a remote party controls is logged unbounded: values longer than `MAX_VALUE` characters are cut. Names that may
carry secrets or addresses are never written, whatever the caller passes.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

Logger = structlog.stdlib.BoundLogger

LOG_LEVELS: Final = ("trace", "debug", "info", "warn", "warning", "error", "critical")
"""Accepted level names; `trace` and `warn` are the spellings of `RUST_LOG`."""

MAX_VALUE: Final = 300
"""Characters of one logged value; the rest is replaced by an ellipsis."""

_SECRET: Final = frozenset(
    {"token", "authorization", "secret", "jwt_secret", "password", "pwd", "ice_pwd", "key", "keys"}
)
_PERSONAL: Final = frozenset({"address", "remote", "remote_address", "peername", "ip"})


def configure_logging(level: str, *, json: bool = False) -> None:
    """Send every log line of the process to standard error at `level` and above.

    Raises ValueError for a level that is not one of `LOG_LEVELS`.
    """
    if level.lower() not in LOG_LEVELS:
        raise ValueError(f"unknown log level {level!r}: use one of {', '.join(LOG_LEVELS)}")
    number = _level_number(level)
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _redact,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # Libraries at their own debug level log addresses and message bodies: never below INFO.
    for name in ("aiohttp", "aioice", "aiortc", "grpc", "asyncio"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING if name == "aiohttp" else logging.INFO))


def get_logger(name: str) -> Logger:
    """A structured logger; usable before `configure_logging`."""
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def _level_number(level: str) -> int:
    match level.lower():
        case "trace" | "debug":
            return logging.DEBUG
        case "info":
            return logging.INFO
        case "warn" | "warning":
            return logging.WARNING
        case "error":
            return logging.ERROR
        case _:
            return logging.CRITICAL


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        lowered = name.lower()
        if lowered in _SECRET or lowered in _PERSONAL:
            event[name] = "[redacted]"
        elif isinstance(value, str) and len(value) > MAX_VALUE:
            event[name] = value[:MAX_VALUE] + "…"
    return event
