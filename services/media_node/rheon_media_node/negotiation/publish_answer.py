"""The description that answers a publisher's offer."""

from __future__ import annotations

from dataclasses import replace

from rheon_engine.types import HeaderExtension
from rheon_media_node.negotiation.accepted_sections import Acceptance, AcceptedSection
from rheon_media_node.negotiation.codecs import TRANSPORT_CC_FEEDBACK, red_parameters
from rheon_media_node.negotiation.data_channels import answered_data_section
from rheon_media_node.negotiation.extensions import answered_extensions
from rheon_media_node.negotiation.transport import (
    LocalTransport,
    RemoteTransport,
    check_bundle_ids,
    on_our_transport,
    our_origin,
    our_session_attributes,
    refused_section,
)
from rheon_media_node.sdp import Direction, Group, MediaSection, PayloadFormat, SessionDescription


def describe_answer(
    offer: SessionDescription, acceptance: Acceptance, local: LocalTransport, remote: RemoteTransport, version: int
) -> SessionDescription:
    """The answer: every section in its place, refused ones with port 0. Raises InvalidDescriptionError."""
    check_bundle_ids(offer, tuple(accepted.section for accepted in acceptance.media))
    mids = acceptance.mids
    ours: dict[str | None, MediaSection] = {
        accepted.mid: _media_section(offer, accepted) for accepted in acceptance.media
    }
    if acceptance.data is not None:
        ours |= {
            section.mid: answered_data_section(section)
            for section in acceptance.group
            if section.mid == acceptance.data.mid
        }
    return SessionDescription(
        origin=our_origin(local, version),
        ice_lite=True,
        groups=(Group("BUNDLE", mids),) if mids else (),
        extmap_allow_mixed=offer.extmap_allow_mixed,
        attributes=our_session_attributes(),
        media=tuple(
            on_our_transport(ours[section.mid], local, remote.local_setup, tagged=section.mid == mids[0])
            if section.mid in ours
            else refused_section(section)
            for section in offer.media
        ),
    )


def _media_section(offer: SessionDescription, accepted: AcceptedSection) -> MediaSection:
    section = accepted.section
    payloads = _payloads(accepted)
    return MediaSection(
        kind=section.kind,
        port=0,
        protocol=section.protocol,
        formats=tuple(str(payload.payload_type) for payload in payloads),
        mid=section.mid,
        direction=Direction.RECVONLY if accepted.sends else Direction.INACTIVE,
        payloads=payloads,
        rids=accepted.layers.rids,
        simulcast=accepted.layers.simulcast,
        extensions=answered_extensions(accepted.extensions, offer.extensions_of(section)),
        extmap_allow_mixed=section.extmap_allow_mixed,
        rtcp_mux=True,
        rtcp_rsize=section.rtcp_rsize,
    )


def _payloads(accepted: AcceptedSection) -> tuple[PayloadFormat, ...]:
    """The codec and what belongs to it, in the offer's order: redundancy in front of its codec asks for its use."""
    choice = accepted.choice
    number = choice.payload.payload_type
    ours = [
        PayloadFormat(
            payload_type=number,
            name=choice.payload.name,
            clock_rate=choice.payload.clock_rate,
            channels=choice.payload.channels,
            parameters=choice.configuration.parameters,
            feedback=tuple(
                feedback
                for feedback in choice.feedback
                if feedback != TRANSPORT_CC_FEEDBACK or HeaderExtension.TRANSPORT_CC in accepted.extensions
            ),
        )
    ]
    if choice.rtx is not None:
        ours.append(replace(choice.rtx, parameters=f"apt={number}", feedback=()))
    if choice.red is not None:
        ours.append(replace(choice.red, parameters=red_parameters(number), feedback=()))
    place = {payload.payload_type: index for index, payload in enumerate(accepted.section.payloads)}
    return tuple(sorted(ours, key=lambda payload: place[payload.payload_type]))
