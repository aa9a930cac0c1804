"""Why a negotiation fails: the part of the node's error tree that descriptions can cause."""

from __future__ import annotations

from rheon_media_node.errors import NodeError, Reason, TooMany


class NegotiationError(NodeError):
    """A description that cannot be accepted. The message is written for the peer's developer and quotes no secrets."""


class InvalidDescriptionError(NegotiationError):
    """The description is malformed or breaks a rule that media would depend on."""

    reason = Reason.INVALID_SDP


class NoCommonCodecError(NegotiationError):
    """No section of the offer could carry media."""

    reason = Reason.NO_COMMON_CODEC


class StaleDescriptionError(NegotiationError):
    """The answer belongs to an earlier offer, or to another connection than the offer."""

    reason = Reason.WRONG_STATE


class NothingToOfferError(NegotiationError):
    """A first offer without tracks: there is nothing to subscribe to."""

    reason = Reason.WRONG_STATE


class TooManySectionsError(NegotiationError):
    """The connection has used up its media sections or tracks: only a fresh one helps."""

    reason = Reason.TOO_MANY
    retry_after = TooMany.retry_after
