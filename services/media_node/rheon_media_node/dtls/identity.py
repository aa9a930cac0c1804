"""The certificate a process shows in its DTLS handshakes, and the one OpenSSL context made for it."""

from __future__ import annotations

from aiortc.rtcdtlstransport import RTCCertificate
from OpenSSL import SSL, crypto

from rheon_media_node.dtls.fingerprint import Fingerprint, fingerprint_of

_DTLS_1_2 = 0xFEFD

# Our key is ECDSA P-256 (the one every browser has), so these are the suites that can be negotiated. The CBC suite is
# for old embedded clients.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA"
)

_SRTP_PROFILES = b"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"
"""In order of preference; AES-GCM first because it costs about half the CPU of AES-CM with HMAC-SHA1."""


class DtlsIdentity:
    """A self-signed certificate with its OpenSSL context.

    One per process: every endpoint of the process shares the context, which halves what an endpoint costs.
    """

    def __init__(self, *, srtp_profiles: bytes = _SRTP_PROFILES) -> None:
        certificate = RTCCertificate.generateCertificate()
        self.fingerprint: Fingerprint = fingerprint_of(crypto.X509.from_cryptography(certificate._cert))
        """SHA-256 fingerprint for session descriptions."""
        self.context: SSL.Context = _context(certificate, srtp_profiles)


def _context(certificate: RTCCertificate, srtp_profiles: bytes) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    # RFC 8827 §6.5 asks for DTLS 1.2; the records of 1.3 have another shape, which `records` does not read.
    context.set_min_proto_version(_DTLS_1_2)
    context.set_max_proto_version(_DTLS_1_2)
    # Without OP_NO_QUERY_MTU OpenSSL asks the memory BIO for its MTU and forgets ours.
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
    # An established connection then holds no record buffers: they are 34 KiB, and idle almost always.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    # WebRTC certificates are self-signed: any is taken here and judged by its fingerprint afterwards (RFC 8827 §6.5).
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(certificate._cert)
    context.use_privatekey(certificate._key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(srtp_profiles)
    return context
