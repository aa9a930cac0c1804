"""Data channels: SCTP over the connections' DTLS, from each publisher to all of its subscribers."""

from rheon_media_node.data.association import Association, Channel, Message
from rheon_media_node.data.drops import Drop, Drops
from rheon_media_node.data.hub import DataHub
from rheon_media_node.data.sctp import Link

__all__ = ["Association", "Channel", "DataHub", "Drop", "Drops", "Link", "Message"]
