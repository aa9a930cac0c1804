"""SRTP keys out of a DTLS handshake (RFC 5764 §4.2, RFC 7714 §12)."""

from __future__ import annotations

from dataclasses import dataclass, field

from OpenSSL import SSL

from rheon_engine.types import SrtpProfile

_LABEL = b"EXTRACTOR-dtls_srtp"

# Profile -> master key length, master salt length, in bytes.
_LENGTHS: dict[SrtpProfile, tuple[int, int]] = {
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
    "AES128_CM_SHA1_80": (16, 14),
}
_BY_OPENSSL_NAME: dict[bytes, SrtpProfile] = {f"SRTP_{profile}".encode(): profile for profile in _LENGTHS}


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What both directions of a transport are protected with; each value is master key followed by master salt."""

    profile: SrtpProfile
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)


def export(connection: SSL.Connection, *, server: bool) -> SrtpKeys | None:
    """The keys of a completed handshake; None when the sides had no SRTP profile in common."""
    profile = _BY_OPENSSL_NAME.get(connection.get_selected_srtp_profile())
    if profile is None:
        return None
    key, salt = _LENGTHS[profile]
    material = connection.export_keying_material(_LABEL, 2 * (key + salt))
    # client key, server key, client salt, server salt
    client = material[:key] + material[2 * key : 2 * key + salt]
    of_server = material[key : 2 * key] + material[2 * key + salt :]
    return SrtpKeys(profile, of_server, client) if server else SrtpKeys(profile, client, of_server)
