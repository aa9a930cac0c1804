"""Both sides of a negotiation: our transport, and a browser-like subscriber that answers offers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from rheon_engine.types import Candidate, IceCredentials
from rheon_media_node.negotiation import (
    EVERYTHING,
    Capabilities,
    LocalTransport,
    PublishedTrack,
    PublisherIdentity,
    PublishNegotiation,
    answer_publish,
    read_description,
)
from rheon_media_node.sdp import (
    Direction,
    Fingerprint,
    Group,
    MediaSection,
    Origin,
    SessionDescription,
    Setup,
    write_session_description,
)
from tests.support.session_descriptions import captured_offer

PUBLISHER = PublisherIdentity(name="pub7", stream_id="rheon-7")
LOCAL = LocalTransport(
    ice=IceCredentials("ours", "our-password-of-24-chars"),
    candidates=(Candidate("192.0.2.10", 40000), Candidate("2001:db8::10", 40000)),
    fingerprint=Fingerprint("sha-256", ":".join(["AB"] * 32)),
    session_id=4611,
)
RESTARTED = replace(LOCAL, ice=IceCredentials("anew", "another-password-24-char"))
CLIENT_FINGERPRINT = Fingerprint("sha-256", ":".join(["CD"] * 32))

BASIC = Capabilities(
    codecs=frozenset({"opus", "VP8"}),
    extensions=EVERYTHING.extensions,
    red=False,
    simulcast=False,
    data_channels=False,
)
"""A node with little switched on: what is off must look refused, not broken."""

Change = Callable[[SessionDescription], SessionDescription]


def ssrcs(start: int = 1000) -> Callable[[], int]:
    return itertools.count(start).__next__


def publish(
    offer: str,
    previous: PublishNegotiation | None = None,
    local: LocalTransport = LOCAL,
    *,
    capabilities: Capabilities = BASIC,
) -> PublishNegotiation:
    return answer_publish(read_description(offer), local, PUBLISHER, previous, capabilities=capabilities)


def published(name: str = "safari", capabilities: Capabilities = BASIC) -> tuple[PublishedTrack, ...]:
    """The tracks of a captured offer."""
    return publish(captured_offer(name), capabilities=capabilities).tracks


def preferring(offer: str, kind: str, payload_type: int) -> str:
    """The offer with one format in front of the others in each section of the kind."""

    def change(description: SessionDescription) -> SessionDescription:
        return replace(description, media=tuple(map(prefer, description.media)))

    def prefer(section: MediaSection) -> MediaSection:
        if section.kind != kind:
            return section
        payloads = sorted(section.payloads, key=lambda payload: payload.payload_type != payload_type)
        assert payloads[0].payload_type == payload_type
        formats = tuple(str(payload.payload_type) for payload in payloads)
        return replace(section, formats=formats, payloads=tuple(payloads))

    return edited(offer, change)


def edited(text: str, change: Change) -> str:
    return write_session_description(change(read_description(text)))


def edit_section(index: int, change: Callable[[MediaSection], MediaSection]) -> Change:
    def apply(description: SessionDescription) -> SessionDescription:
        media = list(description.media)
        media[index] = change(media[index])
        return replace(description, media=tuple(media))

    return apply


def without_mids(description: SessionDescription) -> SessionDescription:
    return replace(description, media=tuple(replace(section, mid=None) for section in description.media), groups=())


def answer(offer_text: str, *, ufrag: str = "clnt", setup: Setup = Setup.ACTIVE) -> SessionDescription:
    """What a willing browser that knows everything in the offer answers, in nobody's particular style."""
    offer = read_description(offer_text)
    reverse = {Direction.SENDONLY: Direction.RECVONLY}
    return SessionDescription(
        origin=Origin("-", "99", offer.origin.session_version),
        groups=tuple(Group(group.semantics, group.mids) for group in offer.groups),
        media=tuple(
            section
            if section.rejected
            else replace(
                section,
                port=9,
                connection="IN IP4 0.0.0.0",
                direction=reverse.get(offer.direction_of(section), Direction.INACTIVE),
                msids=(),
                ssrc_groups=(),
                ssrc_attributes=(),
                ice_ufrag=ufrag,
                ice_pwd="client-password-of-24-ch",
                fingerprints=(CLIENT_FINGERPRINT,),
                setup=setup,
                candidates=(),
                end_of_candidates=False,
            )
            for section in offer.media
        ),
    )
