"""Logging and metrics for Rheon's services."""

from rheon_telemetry.logs import LOG_LEVELS, Logger, configure_logging, get_logger
from rheon_telemetry.metrics import Telemetry

__all__ = ["LOG_LEVELS", "Logger", "Telemetry", "configure_logging", "get_logger"]
