"""What is wrong with a session description, and where."""

from __future__ import annotations


class SdpError(Exception):
    """A session description that cannot be read.

    The message is safe to show to the peer: it names the line and the rule, never quotes the text.
    """

    def __init__(self, line_number: int, reason: str) -> None:
        super().__init__(f"line {line_number}: {reason}" if line_number else reason)
        self.line_number = line_number
        """Counted from 1; 0 when the description as a whole is at fault."""
        self.reason = reason


class MalformedValueError(ValueError):
    """One value is malformed; the reader adds the line number."""
