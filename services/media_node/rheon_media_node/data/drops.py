"""Why data was dropped, channels were closed and associations ended."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Drop(StrEnum):
    """Keys of the node's drop counters."""

    MALFORMED = "data-malformed"
    """An SCTP packet, or a channel announcement, that cannot be read."""
    UNEXPECTED = "data-unexpected"
    """A chunk that means nothing in the association's state, or acknowledges what was never sent."""
    TSN_GAP = "data-tsn-gap"
    """A DATA chunk too far ahead, or one too many behind a loss."""
    STREAMS = "data-streams"
    """Data on one stream too many."""
    REASSEMBLY = "data-reassembly"
    """An association ended because its unfinished messages filled the receive window."""
    MESSAGE_TOO_LONG = "data-message-too-long"
    CHANNELS = "data-channels"
    """A channel too many."""
    NAME_TOO_LONG = "data-name-too-long"
    FROM_SUBSCRIBER = "data-from-subscriber"
    """A message or a channel of a subscriber: data flows from publishers only."""
    SLOW_SUBSCRIBER = "data-slow-subscriber"
    """A message of a partially reliable channel that a subscriber's full queue did not take."""
    SLOW_SUBSCRIBER_CLOSED = "data-slow-subscriber-closed"
    """A reliable channel closed because a subscriber's full queue did not take a message."""
    NO_ASSOCIATION = "data-no-association"
    """A packet on a connection without data channels, or after their end."""
    FAULT = "data-fault"
    """An association ended by an error in the SCTP implementation."""


Drops = Counter[str]
"""Counts by `Drop`."""
