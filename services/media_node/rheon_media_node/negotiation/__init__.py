"""Negotiation: answers to publishers, offers to subscribers. Values in, values out; no I/O and no clock."""

from rheon_media_node.negotiation.capabilities import EVERYTHING, SUPPORTED, Capabilities
from rheon_media_node.negotiation.data_channels import DataChannels
from rheon_media_node.negotiation.errors import (
    InvalidDescriptionError,
    NegotiationError,
    NoCommonCodecError,
    NothingToOfferError,
    StaleDescriptionError,
    TooManySectionsError,
)
from rheon_media_node.negotiation.publish import OfferKind, PublishNegotiation, answer_publish, classify_offer
from rheon_media_node.negotiation.slots import DataSlot, Slot
from rheon_media_node.negotiation.subscribe import SubscriptionNegotiation, offer_subscription
from rheon_media_node.negotiation.subscription_answer import (
    AcceptedTrack,
    Refusal,
    RefusedTrack,
    SubscriptionAnswer,
    read_subscription_answer,
)
from rheon_media_node.negotiation.tracks import PublishedTrack, PublisherIdentity
from rheon_media_node.negotiation.transport import LocalTransport, RemoteTransport, read_description

__all__ = [
    "EVERYTHING",
    "SUPPORTED",
    "AcceptedTrack",
    "Capabilities",
    "DataChannels",
    "DataSlot",
    "InvalidDescriptionError",
    "LocalTransport",
    "NegotiationError",
    "NoCommonCodecError",
    "NothingToOfferError",
    "OfferKind",
    "PublishNegotiation",
    "PublishedTrack",
    "PublisherIdentity",
    "Refusal",
    "RefusedTrack",
    "RemoteTransport",
    "Slot",
    "StaleDescriptionError",
    "SubscriptionAnswer",
    "SubscriptionNegotiation",
    "TooManySectionsError",
    "answer_publish",
    "classify_offer",
    "offer_subscription",
    "read_description",
    "read_subscription_answer",
]
