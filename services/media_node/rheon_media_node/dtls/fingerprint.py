"""Certificate fingerprints as session descriptions carry them (RFC 8122)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from OpenSSL import crypto

# Weakest first, with OpenSSL's names. SHA-1 and MD5 are left out: RFC 8122 §5 forbids trusting them alone.
_ALGORITHMS = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
_STRENGTH = tuple(_ALGORITHMS)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`a=fingerprint:<algorithm> <value>`: a hash name and colon-separated hex bytes, both compared without case."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "algorithm", self.algorithm.lower())
        object.__setattr__(self, "value", self.value.upper())


def fingerprint_of(certificate: crypto.X509, algorithm: str = "sha-256") -> Fingerprint:
    """The fingerprint of a certificate; `algorithm` is one of sha-256, sha-384, sha-512.

    It is the hash of the certificate's bytes, so no certificate can be too strange for it.
    """
    return Fingerprint(algorithm, certificate.digest(_ALGORITHMS[algorithm]).decode())


def usable(fingerprints: Iterable[Fingerprint]) -> tuple[Fingerprint, ...]:
    """Those of the fingerprints that are strong enough to be trusted."""
    return tuple(fingerprint for fingerprint in fingerprints if fingerprint.algorithm in _ALGORITHMS)


def matches(certificate: crypto.X509, fingerprints: Iterable[Fingerprint]) -> bool:
    """Whether the certificate is one the description announced, judged by the strongest hash it lists (RFC 8122 §5)."""
    trusted = usable(fingerprints)
    if not trusted:
        return False
    strongest = max(trusted, key=lambda fingerprint: _STRENGTH.index(fingerprint.algorithm)).algorithm
    actual = fingerprint_of(certificate, strongest).value.encode()
    return any(
        hmac.compare_digest(actual, fingerprint.value.encode("utf-8", "replace"))
        for fingerprint in trusted
        if fingerprint.algorithm == strongest
    )
