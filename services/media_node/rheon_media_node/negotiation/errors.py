"""Why a negotiation fails. The reasons are those of the media contract's ErrorInfo."""

from __future__ import annotations

from typing import ClassVar, Literal

NegotiationReason = Literal["INVALID_SDP", "NO_COMMON_CODEC", "WRONG_STATE", "TOO_MANY"]


class NegotiationError(Exception):
    """A description that cannot be accepted. The message is written for the peer's developer and quotes no secrets."""

    reason: ClassVar[NegotiationReason]


class InvalidDescriptionError(NegotiationError):
    """The description is malformed or breaks a rule that media would depend on."""

    reason = "INVALID_SDP"


class NoCommonCodecError(NegotiationError):
    """No section of the offer could carry media."""

    reason = "NO_COMMON_CODEC"


class StaleDescriptionError(NegotiationError):
    """The answer belongs to an earlier offer, or to another connection than the offer."""

    reason = "WRONG_STATE"


class NothingToOfferError(NegotiationError):
    """A first offer without tracks: there is nothing to subscribe to."""

    reason = "WRONG_STATE"


class TooManySectionsError(NegotiationError):
    """The connection has used up its media sections: make a fresh one."""

    reason = "TOO_MANY"
