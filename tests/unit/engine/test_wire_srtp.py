"""SRTP and SRTCP against libsrtp: both directions, every profile, rollovers, reordering, replays and tampering."""

import random
import struct
from collections.abc import Callable

import pylibsrtp
import pytest

from rheon_engine._engine import wire

PROFILES = {
    "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "AES128_CM_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}
SSRCS = (1, 0x8000_0000, 0xFFFF_FFFF)


class Association:
    """One direction between two ends, each end in both implementations."""

    def __init__(self, profile: str, seed: int) -> None:
        self.random = random.Random(seed)
        number, length = PROFILES[profile]
        self.master = self.random.randbytes(length)
        self.our_sender = wire.SrtpSender(profile, self.master)
        self.our_receiver = wire.SrtpReceiver(profile, self.master)
        self.their_sender = self._session(number, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        self.their_receiver = self._session(number, pylibsrtp.Policy.SSRC_ANY_INBOUND)

    def _session(self, profile: int, direction: int) -> pylibsrtp.Session:
        policy = pylibsrtp.Policy(key=self.master, ssrc_type=direction, srtp_profile=profile)
        return pylibsrtp.Session(policy=policy)

    def rtp(self, ssrc: int, index: int) -> bytes:
        """A packet with any header RTP allows: CSRCs, an extension block of any profile, an empty payload."""
        csrcs = self.random.choice((0, 0, 1, 15))
        extension = self.random.choice((None, None, 0, 1, 12))
        header = struct.pack(
            "!BBHLL",
            0x80 | (extension is not None) << 4 | csrcs,
            self.random.randrange(256),
            index & 0xFFFF,
            self.random.randrange(1 << 32),
            ssrc,
        )
        header += self.random.randbytes(4 * csrcs)
        if extension is not None:
            profile = self.random.choice((0xBEDE, 0x1000, 0x1234))
            header += struct.pack("!HH", profile, extension) + self.random.randbytes(4 * extension)
        return header + self.random.randbytes(self.random.choice((0, 1, 20, 160, 1100, 1199)))

    def rtcp(self, ssrc: int) -> bytes:
        words = self.random.choice((0, 1, 6, 60, 250))
        body = self.random.randbytes(4 * words)
        return struct.pack("!BBHL", 0x80, self.random.choice((200, 201, 205, 206)), words + 1, ssrc) + body


@pytest.fixture(params=PROFILES)
def association(request: pytest.FixtureRequest) -> Association:
    return Association(request.param, seed=1)


def attempt(unprotect: Callable[[bytes], bytes | tuple[bytes, int]], packet: bytes) -> bytes | None:
    """The plain packet, or None where it was refused."""
    try:
        plain = unprotect(packet)
    except (pylibsrtp.Error, ValueError):
        return None
    return plain if isinstance(plain, bytes) else plain[0]


def test_rtp_both_ways_across_rollovers(association: Association) -> None:
    # The first packet of each must come before the first rollover, which nobody could know of otherwise.
    indices = dict.fromkeys(SSRCS, 64_000)
    for _ in range(4000):
        ssrc = association.random.choice(SSRCS)
        indices[ssrc] += association.random.choice((1, 1, 1, 2, 100, 900))
        packet = association.rtp(ssrc, indices[ssrc])
        ours = association.our_sender.protect_rtp(packet, indices[ssrc])
        theirs = association.their_sender.protect(packet)
        assert ours == theirs
        assert association.their_receiver.unprotect(ours) == packet
        assert association.our_receiver.unprotect_rtp(theirs) == (packet, indices[ssrc])
    assert min(indices.values()) > 3 << 16


def test_rtcp_both_ways(association: Association) -> None:
    for _ in range(3000):
        packet = association.rtcp(association.random.choice(SSRCS))
        assert association.their_receiver.unprotect_rtcp(association.our_sender.protect_rtcp(packet)) == packet
        assert association.our_receiver.unprotect_rtcp(association.their_sender.protect_rtcp(packet)) == packet


def test_same_rtp_packets_are_accepted_in_any_order(association: Association) -> None:
    """Replay windows and rollover estimates agree packet for packet."""
    index, refused = 20, 0
    for _ in range(150):
        burst = [index + association.random.randrange(300) for _ in range(60)]
        burst += [max(0, index - association.random.randrange(400)) for _ in range(10)]
        for each in burst:
            packet = association.rtp(7, each)
            protected = association.our_sender.protect_rtp(packet, each)
            plain = attempt(association.our_receiver.unprotect_rtp, protected)
            assert plain == attempt(association.their_receiver.unprotect, protected), each
            assert plain in (None, packet)
            refused += plain is None
        index = max(burst) + association.random.choice((1, 50, 5000, 30_000))
    assert index > 5 << 16
    assert refused > 1000


def test_same_rtcp_packets_are_accepted_in_any_order(association: Association) -> None:
    sent = [association.our_sender.protect_rtcp(association.rtcp(7)) for _ in range(3000)]
    order = sorted(range(len(sent)), key=lambda i: i + association.random.choice((0, 0, 5, 100, 200)))
    accepted = []
    for i in order + order[-50:]:
        plain = attempt(association.our_receiver.unprotect_rtcp, sent[i])
        assert plain == attempt(association.their_receiver.unprotect_rtcp, sent[i])
        accepted.append(plain is not None)
    assert accepted.count(False) > 100
    assert accepted.count(True) > 2000


def test_tampered_packets_are_refused_and_harmless(association: Association) -> None:
    for index in range(300):
        packet = association.rtp(7, index)
        protected = association.their_sender.protect(packet)
        compound = association.rtcp(7)
        protected_compound = association.their_sender.protect_rtcp(compound)
        for _ in range(10):
            assert attempt(association.our_receiver.unprotect_rtp, tampered(association, protected)) is None
            changed = tampered(association, protected_compound)
            assert attempt(association.our_receiver.unprotect_rtcp, changed) is None
        assert association.our_receiver.unprotect_rtp(protected) == (packet, index)
        assert association.our_receiver.unprotect_rtcp(protected_compound) == compound


def tampered(association: Association, packet: bytes) -> bytes:
    if association.random.random() < 0.2:
        return packet[: association.random.randrange(len(packet))]
    at = association.random.randrange(len(packet))
    return packet[:at] + bytes([packet[at] ^ 1 << association.random.randrange(8)]) + packet[at + 1 :]


def test_another_key_is_refused(association: Association) -> None:
    number = next(name for name, (_, length) in PROFILES.items() if length == len(association.master))
    other = Association(number, seed=2)
    packet = association.rtp(7, 1)
    protected = association.our_sender.protect_rtp(packet, 1)
    assert attempt(other.our_receiver.unprotect_rtp, protected) is None
    assert attempt(other.their_receiver.unprotect, protected) is None


def test_lengths_and_names_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown SRTP profile"):
        wire.SrtpSender("AES128_CM_SHA1_32", bytes(30))
    for profile, (_, length) in PROFILES.items():
        for wrong in (0, length - 1, length + 1):
            with pytest.raises(ValueError, match="length"):
                wire.SrtpReceiver(profile, bytes(wrong))
