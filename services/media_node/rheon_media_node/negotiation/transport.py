"""The transport half of a description: ICE, DTLS and the bundle, ours and the peer's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rheon_engine.types import Candidate as LocalCandidate
from rheon_engine.types import IceCredentials
from rheon_media_node.negotiation.errors import InvalidDescriptionError
from rheon_media_node.sdp import (
    Attribute,
    Candidate,
    Direction,
    Fingerprint,
    IceParameters,
    MediaSection,
    Origin,
    SdpError,
    SessionDescription,
    Setup,
    parse_session_description,
)

SECURE_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})
"""Fingerprint algorithms a certificate is checked with; weaker ones are passed over."""

_HOST_TYPE_PREFERENCE = 126  # RFC 8445 §5.1.2.2
_HIGHEST_LOCAL_PREFERENCE = 65535
_RTP_COMPONENT = 1


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our side of one peer connection."""

    ice: IceCredentials
    candidates: Sequence[LocalCandidate]
    """Every address of the worker that owns the transport, the preferred one first. At least one."""
    fingerprint: Fingerprint
    session_id: int
    """The o= session id: random below 2**62 (RFC 8829 §5.2.1) and the same for the transport's whole life."""


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The peer's side of one peer connection."""

    ice: IceParameters
    fingerprints: tuple[Fingerprint, ...]
    """Of sha-256 or stronger, never empty: the peer's certificate must match one of them."""
    setup: Setup
    """The peer's part in DTLS once negotiated: ACTIVE, it is the client and we the server, or PASSIVE, the reverse."""

    @property
    def local_setup(self) -> Setup:
        return Setup.ACTIVE if self.setup is Setup.PASSIVE else Setup.PASSIVE


def read_description(text: str) -> SessionDescription:
    """Read a peer's description. Raises InvalidDescriptionError with the line and the reason."""
    try:
        return parse_session_description(text)
    except SdpError as error:
        raise InvalidDescriptionError(str(error)) from None


def remote_identity(
    description: SessionDescription, sections: Sequence[MediaSection]
) -> tuple[IceParameters, tuple[Fingerprint, ...], Setup | None]:
    """ICE credentials, fingerprints and setup as written, from the first of the bundled sections that gives them.

    The bundle's first section should carry them (RFC 9143 §7.2); some peers leave it to a later one or to the session.
    """
    credentials = [ice for section in sections if (ice := description.ice_of(section)) is not None]
    if not credentials:
        raise InvalidDescriptionError("description has no a=ice-ufrag and a=ice-pwd")
    written = [prints for section in sections if (prints := description.fingerprints_of(section))]
    if not written:
        raise InvalidDescriptionError("description has no a=fingerprint")
    fingerprints = tuple(fingerprint for fingerprint in written[0] if fingerprint.algorithm in SECURE_HASHES)
    if not fingerprints:
        raise InvalidDescriptionError("description has no fingerprint of sha-256 or stronger")
    roles = [setup for section in sections if (setup := description.setup_of(section)) is not None]
    return credentials[0], fingerprints, roles[0] if roles else None


def require_rtcp_mux(section: MediaSection) -> None:
    """RTP and RTCP share a port on every transport (RFC 8834 §4.5)."""
    if not (section.rtcp_mux or section.rtcp_mux_only):
        raise InvalidDescriptionError(f"section {section.mid} has no a=rtcp-mux")


def our_origin(local: LocalTransport, version: int) -> Origin:
    return Origin("-", str(local.session_id), str(version))


def _our_candidates(local: LocalTransport) -> tuple[Candidate, ...]:
    """Host candidates in order of preference. Each has its own foundation: they share no base (RFC 8445 §5.1.1.3)."""
    return tuple(
        Candidate(
            foundation=str(index + 1),
            component=_RTP_COMPONENT,
            transport=candidate.protocol,
            priority=(_HOST_TYPE_PREFERENCE << 24)
            | ((_HIGHEST_LOCAL_PREFERENCE - index) << 8)
            | (256 - _RTP_COMPONENT),
            address=candidate.address,
            port=candidate.port,
            kind="host",
        )
        for index, candidate in enumerate(local.candidates)
    )


def _default_destination(local: LocalTransport) -> tuple[int, str]:
    """Port and c= value of the preferred candidate (RFC 8829 §5.2.1 wants the default candidate there)."""
    preferred = local.candidates[0]
    family = "IP6" if ":" in preferred.address else "IP4"
    return preferred.port, f"IN {family} {preferred.address}"


def on_our_transport(section: MediaSection, local: LocalTransport, setup: Setup, *, tagged: bool) -> MediaSection:
    """The section on our transport. The bundle's first (`tagged`) alone has the candidates (RFC 9143 §7.1.3)."""
    port, connection = _default_destination(local)
    return replace(
        section,
        port=port,
        connection=connection,
        ice_ufrag=local.ice.ufrag,
        ice_pwd=local.ice.pwd,
        fingerprints=(local.fingerprint,),
        setup=setup,
        candidates=_our_candidates(local) if tagged else (),
        end_of_candidates=tagged,
    )


def refused_section(section: MediaSection) -> MediaSection:
    """Port 0 in the section's own place (RFC 3264 §6)."""
    return MediaSection(
        kind=section.kind,
        port=0,
        protocol=section.protocol,
        formats=section.formats,
        connection="IN IP4 0.0.0.0",
        mid=section.mid,
        direction=Direction.INACTIVE if section.is_rtp else None,
    )


def our_session_attributes() -> tuple[Attribute, ...]:
    return (Attribute("msid-semantic", " WMS *"),)


def bundled(sections: Sequence[MediaSection], mids: Sequence[str]) -> tuple[MediaSection, ...]:
    """The group's sections that are not rejected, in the group's order: the first is the one with the transport."""
    by_mid = {section.mid: section for section in sections if section.mid is not None and not section.rejected}
    return tuple(by_mid[mid] for mid in dict.fromkeys(mids) if mid in by_mid)


def check_bundle_ids(description: SessionDescription, sections: Sequence[MediaSection]) -> None:
    """One header extension id means one URI over the bundle (RFC 9143 §9), or packets could not be told apart."""
    meanings: dict[int, str] = {}
    for extension in chain.from_iterable(description.extensions_of(section) for section in sections):
        if meanings.setdefault(extension.id, extension.uri) != extension.uri:
            raise InvalidDescriptionError(f"header extension id {extension.id} has two meanings")
