# ruff: noqa: N818 - errors are named by what is the case
"""The one error tree of the node: each error names its reason on the wire and when trying again can help."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """ErrorInfo reasons of the media contract."""

    INVALID_SDP = "INVALID_SDP"
    NO_COMMON_CODEC = "NO_COMMON_CODEC"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    ROOM_NOT_FOUND = "ROOM_NOT_FOUND"
    PUBLISHER_NOT_FOUND = "PUBLISHER_NOT_FOUND"
    SUBSCRIPTION_NOT_FOUND = "SUBSCRIPTION_NOT_FOUND"
    STALE_SESSION = "STALE_SESSION"
    WRONG_STATE = "WRONG_STATE"
    TOO_MANY = "TOO_MANY"
    OVERLOADED = "OVERLOADED"
    INTERNAL = "INTERNAL"


class NodeError(Exception):
    """Root of what commands to the node raise. The message is for people and names no address and no secret."""

    reason: ClassVar[Reason] = Reason.INTERNAL
    retry_after: ClassVar[float | None] = None
    """Seconds after which the same command may succeed; None: repeating it is of no use."""


class InvalidArgument(NodeError):
    """A field is missing or out of its range."""

    reason = Reason.INVALID_ARGUMENT


class RoomNotFound(NodeError):
    """Nobody has anything in that room on this node."""

    reason = Reason.ROOM_NOT_FOUND


class PublisherNotFound(NodeError):
    """That user publishes nothing in the room on this node."""

    reason = Reason.PUBLISHER_NOT_FOUND


class SubscriptionNotFound(NodeError):
    """There is no subscription of that pair."""

    reason = Reason.SUBSCRIPTION_NOT_FOUND


class StaleSession(NodeError):
    """A newer session of this participant is known."""

    reason = Reason.STALE_SESSION


class WrongState(NodeError):
    """The command does not fit what went before, for example an answer to an offer that was replaced."""

    reason = Reason.WRONG_STATE


class TooMany(NodeError):
    """A limit of the node, the room or the participant is reached."""

    reason = Reason.TOO_MANY
    retry_after = 5.0


class Overloaded(NodeError):
    """The engine takes no more commands at the moment."""

    reason = Reason.OVERLOADED
    retry_after = 0.5


class InternalError(NodeError):
    """Something in the node itself went wrong; the log says what."""

    reason = Reason.INTERNAL


class StartError(Exception):
    """The node could not start; the message says what to change."""
