"""What the shape of a description tells about the implementation that wrote it."""

from __future__ import annotations

from rheon_media_node.sdp import SessionDescription


def accepts_padding(description: SessionDescription) -> bool:
    """Whether the writer is known to decode media packets with RTP padding (RFC 3550 §5.1) exactly as without.

    Known are Firefox and Chromium. Firefox signs its origin. Chromium has no signature, so every trait of libwebrtc's
    writer is asked for: an anonymous origin at 127.0.0.1, `a=msid-semantic: WMS` with its space and without `*`, and
    the echo of our `a=extmap-allow-mixed` at session level. Other embedders of a recent libwebrtc write the same, and
    decode with the same code. Everybody else gets no padding.
    """
    origin = description.origin
    if origin.username.startswith("mozilla...THIS_IS_SDPARTA-"):
        return True
    return (
        origin.username == "-"
        and origin.address == "127.0.0.1"
        and description.extmap_allow_mixed
        and any(
            attribute.name == "msid-semantic"
            and attribute.value is not None
            and attribute.value.startswith(" WMS")
            and "*" not in attribute.value
            for attribute in description.attributes
        )
    )
