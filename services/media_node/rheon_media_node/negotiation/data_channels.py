"""Sections for data channels: SCTP over the transport's DTLS association (RFC 8841)."""

from __future__ import annotations

from dataclasses import dataclass

from rheon_media_node.sdp import Attribute, MediaSection

DATA_KIND = "application"
OUR_PORT = 5000
OUR_MAX_MESSAGE_SIZE = 65536
"""Largest message we take, in bytes."""

_DEFAULT_PORT = 5000
_DEFAULT_MAX_MESSAGE_SIZE = 65536  # RFC 8841 §6.1
_FORMAT = "webrtc-datachannel"
_PROTOCOLS = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP"})
_OLD_PROTOCOL = "DTLS/SCTP"
_OLD_STREAMS = 1024


@dataclass(frozen=True, slots=True)
class DataChannels:
    """The peer's side of the one SCTP association of a connection."""

    mid: str
    port: int
    """The peer's SCTP port."""
    max_message_size: int
    """Largest message the peer takes, in bytes; 0: any."""


def read_data_channels(section: MediaSection) -> DataChannels | None:
    """What a section says about data channels; None when it is not about them, rejected, or of another kind of data.

    Before RFC 8841 the port stood where the format is now, with an `a=sctpmap` line that named the application.
    """
    if section.kind != DATA_KIND or section.rejected or section.mid is None:
        return None
    port: int | None = None
    if _FORMAT in section.formats and (section.protocol in _PROTOCOLS or section.protocol == _OLD_PROTOCOL):
        port = _DEFAULT_PORT if section.sctp_port is None else section.sctp_port
    elif section.protocol == _OLD_PROTOCOL:
        port = _mapped_port(section)
    if not port:
        return None  # port 0 closes an association (RFC 8841 §5)
    size = _DEFAULT_MAX_MESSAGE_SIZE if section.max_message_size is None else section.max_message_size
    return DataChannels(section.mid, port, size)


def answered_data_section(offered: MediaSection) -> MediaSection:
    """The answer to a section for data channels, in the offer's style, without its transport."""
    if _FORMAT in offered.formats:
        return MediaSection(
            kind=offered.kind,
            port=0,
            protocol=offered.protocol,
            formats=(_FORMAT,),
            mid=offered.mid,
            sctp_port=OUR_PORT,
            max_message_size=OUR_MAX_MESSAGE_SIZE,
        )
    return MediaSection(
        kind=offered.kind,
        port=0,
        protocol=offered.protocol,
        formats=(str(OUR_PORT),),
        mid=offered.mid,
        max_message_size=OUR_MAX_MESSAGE_SIZE,
        attributes=(Attribute("sctpmap", f"{OUR_PORT} {_FORMAT} {_OLD_STREAMS}"),),
    )


def offered_data_section(mid: str) -> MediaSection:
    """A section of ours for data channels, without its transport."""
    return MediaSection(
        kind=DATA_KIND,
        port=0,
        protocol="UDP/DTLS/SCTP",
        formats=(_FORMAT,),
        mid=mid,
        sctp_port=OUR_PORT,
        max_message_size=OUR_MAX_MESSAGE_SIZE,
    )


def _mapped_port(section: MediaSection) -> int | None:
    for attribute in section.attributes:
        parts = (attribute.value or "").split()
        if attribute.name == "sctpmap" and len(parts) >= 2 and parts[1] == _FORMAT and parts[0] in section.formats:
            number = parts[0]
            if number.isascii() and number.isdigit() and len(number) <= 5 and int(number) <= 65535:
                return int(number)
    return None
