"""What the node can do at present: the one place that switches codecs and features of the media plane on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from rheon_engine.types import Codec, HeaderExtension


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Codecs, header extensions and features that answers to publishers may agree to.

    Subscribers are offered what their publishers were answered, so nothing is asked of it there.
    """

    codecs: frozenset[Codec]
    extensions: frozenset[HeaderExtension]
    red: bool
    """Redundant audio (RFC 2198) beside Opus."""
    simulcast: bool
    data_channels: bool


EVERYTHING = Capabilities(
    codecs=frozenset(get_args(Codec)),
    extensions=frozenset(HeaderExtension),
    red=True,
    simulcast=True,
    data_channels=True,
)
"""All that negotiation knows."""

SUPPORTED = Capabilities(
    codecs=frozenset({"opus", "PCMU", "PCMA", "VP8", "VP9", "H264", "AV1"}),
    extensions=EVERYTHING.extensions - {HeaderExtension.DEPENDENCY_DESCRIPTOR, HeaderExtension.VIDEO_LAYERS_ALLOCATION},
    red=False,
    simulcast=True,
    data_channels=True,
)
"""All that the rest of the node carries as well."""
