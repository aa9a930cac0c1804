"""Negotiation: answers to publishers, offers to subscribers. Values in, values out; no I/O and no clock."""

from rheon_media_node.negotiation.errors import (
    InvalidDescriptionError,
    NegotiationError,
    NegotiationReason,
    NoCommonCodecError,
    NothingToOfferError,
    StaleDescriptionError,
    TooManySectionsError,
)
from rheon_media_node.negotiation.publish import OfferKind, PublishNegotiation, answer_publish, classify_offer
from rheon_media_node.negotiation.tracks import PublishedTrack, PublisherIdentity
from rheon_media_node.negotiation.transport import LocalTransport, RemoteTransport, read_description

__all__ = [
    "InvalidDescriptionError",
    "LocalTransport",
    "NegotiationError",
    "NegotiationReason",
    "NoCommonCodecError",
    "NothingToOfferError",
    "OfferKind",
    "PublishNegotiation",
    "PublishedTrack",
    "PublisherIdentity",
    "RemoteTransport",
    "StaleDescriptionError",
    "TooManySectionsError",
    "answer_publish",
    "classify_offer",
    "read_description",
]
