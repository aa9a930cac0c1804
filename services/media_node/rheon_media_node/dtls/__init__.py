"""DTLS for SRTP keys (RFC 5764) and data channels: identity, fingerprints, key export and the endpoint, without I/O."""

from rheon_media_node.dtls.endpoint import DtlsEndpoint, Role
from rheon_media_node.dtls.events import Connected, DtlsEvent, Failed, FailureReason, PeerClosed
from rheon_media_node.dtls.fingerprint import Fingerprint, matches, usable
from rheon_media_node.dtls.identity import DtlsIdentity
from rheon_media_node.dtls.srtp_keys import SrtpKeys

__all__ = [
    "Connected",
    "DtlsEndpoint",
    "DtlsEvent",
    "DtlsIdentity",
    "Failed",
    "FailureReason",
    "Fingerprint",
    "PeerClosed",
    "Role",
    "SrtpKeys",
    "matches",
    "usable",
]
