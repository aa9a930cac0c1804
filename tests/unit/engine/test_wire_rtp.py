"""RTP packets and VP8 descriptors against aiortc, both directions."""

import random

from aiortc import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import HeaderExtensionsMap, RtpPacket, pack_header_extensions, unpack_header_extensions

from rheon_engine._engine import wire

MID, AUDIO_LEVEL, TRANSPORT_CC, ABS_SEND_TIME = (
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
)


def extensions_map(ids: dict[str, int]) -> HeaderExtensionsMap:
    configured = HeaderExtensionsMap()
    parameters = [RTCRtpHeaderExtensionParameters(id=number, uri=uri) for uri, number in ids.items()]
    configured.configure(RTCRtpParameters(headerExtensions=parameters))
    return configured


def test_our_packets_are_read_by_aiortc() -> None:
    rng = random.Random(1)
    for ids in ((1, 2, 3, 4), (14, 13, 12, 11), (15, 2, 3, 4), (1, 200, 255, 16)):
        known = extensions_map(dict(zip((MID, AUDIO_LEVEL, TRANSPORT_CC, ABS_SEND_TIME), ids, strict=True)))
        for _ in range(1000):
            mid = "m" * rng.choice((1, 2, 16, 17, 40))
            level, sequence, time = rng.randrange(256), rng.randrange(1 << 16), rng.randrange(1 << 24)
            values = [mid.encode(), bytes([level]), sequence.to_bytes(2, "big"), time.to_bytes(3, "big")]
            chosen = rng.sample(list(zip(ids, values, strict=True)), rng.randrange(5))
            payload, padding = rng.randbytes(rng.randrange(1200)), rng.choice((0, 0, 1, 32, 255))
            packet = wire.build_rtp(
                payload_type=rng.randrange(128),
                marker=rng.random() < 0.5,
                sequence=rng.randrange(1 << 16),
                timestamp=rng.randrange(1 << 32),
                ssrc=rng.randrange(1 << 32),
                extensions=chosen,
                payload=payload,
                padding=padding,
            )
            read = RtpPacket.parse(packet, known)
            assert (read.payload, read.padding_size) == (payload, padding)
            assert read.extensions.mid == (mid if ids[0] in dict(chosen) else None)
            assert read.extensions.audio_level == ((level >= 128, level % 128) if ids[1] in dict(chosen) else None)
            assert read.extensions.transport_sequence_number == (sequence if ids[2] in dict(chosen) else None)
            assert read.extensions.abs_send_time == (time if ids[3] in dict(chosen) else None)
            ours = wire.parse_rtp(packet)
            assert ours["extensions"] == chosen
            assert_same_fields(ours, read)


def test_their_packets_are_read_by_us() -> None:
    rng = random.Random(2)
    known = extensions_map({MID: 1, AUDIO_LEVEL: 20, TRANSPORT_CC: 3})
    for _ in range(3000):
        packet = RtpPacket(
            payload_type=rng.randrange(128),
            marker=rng.randrange(2),
            sequence_number=rng.randrange(1 << 16),
            timestamp=rng.randrange(1 << 32),
            ssrc=rng.randrange(1 << 32),
            payload=rng.randbytes(rng.randrange(1200)),
        )
        packet.csrc = [rng.randrange(1 << 32) for _ in range(rng.choice((0, 0, 1, 15)))]
        packet.padding_size = rng.choice((0, 0, 1, 255))
        expected: list[tuple[int, bytes]] = []
        if rng.random() < 0.7:
            packet.extensions.mid = "audio"[: rng.randrange(1, 6)]
            expected.append((1, packet.extensions.mid.encode()))
        if rng.random() < 0.3:
            packet.extensions.audio_level = (True, rng.randrange(128))
            expected.append((20, bytes([0x80 | packet.extensions.audio_level[1]])))
        if rng.random() < 0.7:
            packet.extensions.transport_sequence_number = rng.randrange(1 << 16)
            expected.append((3, packet.extensions.transport_sequence_number.to_bytes(2, "big")))
        ours = wire.parse_rtp(packet.serialize(known))
        assert ours["extensions"] == expected
        assert_same_fields(ours, packet)


def test_extension_blocks_are_byte_for_byte_the_same() -> None:
    rng = random.Random(3)
    for _ in range(3000):
        small = rng.random() < 0.5
        extensions = [
            (
                rng.randrange(1, 15 if small else 256),
                rng.randbytes(rng.randrange(1, 17) if small else rng.randrange(256)),
            )
            for _ in range(rng.randrange(1, 6))
        ]
        packet = wire.build_rtp(
            payload_type=0, marker=False, sequence=0, timestamp=0, ssrc=0, extensions=extensions, payload=b""
        )
        profile, value = pack_header_extensions(extensions)
        assert packet[12:] == profile.to_bytes(2, "big") + (len(value) // 4).to_bytes(2, "big") + value
        assert wire.parse_rtp(packet)["extensions"] == unpack_header_extensions(profile, value)


def test_damaged_packets_are_refused_alike() -> None:
    """What aiortc reads, we read alike; what we refuse, it refuses."""
    rng = random.Random(4)
    both = 0
    for _ in range(20_000):
        packet = bytearray(RtpPacket(payload=rng.randbytes(20)).serialize())
        packet[0] = 0x80 | rng.choice((0, 0x01, 0x0F, 0x10, 0x20, 0x30, 0x40))
        packet[12:16] = rng.choice((b"\xbe\xde\x00\x01", b"\x10\x00\x00\x02", b"\xbe\xde\x00\x09"))
        packet[16] = rng.randrange(256)
        packet[-1] = rng.randrange(40)
        data = bytes(packet[: rng.choice((len(packet), rng.randrange(len(packet))))])
        try:
            theirs = RtpPacket.parse(data)
        except ValueError:
            continue
        both += 1
        assert_same_fields(wire.parse_rtp(data), theirs)
    assert both > 2000


def assert_same_fields(ours: dict[str, object], theirs: RtpPacket) -> None:
    assert ours["payload_type"] == theirs.payload_type
    assert ours["marker"] == bool(theirs.marker)
    assert ours["sequence"] == theirs.sequence_number
    assert ours["timestamp"] == theirs.timestamp
    assert ours["ssrc"] == theirs.ssrc
    assert ours["csrcs"] == theirs.csrc
    assert ours["padding"] == theirs.padding_size
    assert ours["payload"] == theirs.payload


def test_vp8_descriptors() -> None:
    rng = random.Random(5)
    for _ in range(5000):
        theirs = VpxPayloadDescriptor(
            partition_start=rng.randrange(2),
            partition_id=rng.choice((0, 0, 1, 7)),
            picture_id=rng.choice((None, rng.randrange(1 << 15))),
            tl0picidx=rng.choice((None, rng.randrange(256))),
            tid=rng.choice((None, (rng.randrange(4), rng.randrange(2)))),
            keyidx=rng.choice((None, rng.randrange(32))),
        )
        data = bytes([rng.randrange(256), *rng.randbytes(10)])
        payload = bytes(theirs) + data
        ours = wire.parse_vp8(payload)
        assert ours["picture_id"] == theirs.picture_id
        assert ours["tl0_pic_idx"] == theirs.tl0picidx
        assert (ours["tid"], ours["layer_sync"]) == (
            (theirs.tid[0], theirs.tid[1] == 1) if theirs.tid else (None, False)
        )
        start = theirs.partition_start == 1 and theirs.partition_id == 0
        assert (ours["start_of_frame"], ours["key_frame"]) == (start, start and data[0] % 2 == 0)
        assert ours["len"] == len(bytes(theirs))
        # aiortc always writes the wide picture id, so there is nothing to normalise.
        assert wire.normalise_vp8(payload) == payload
        if theirs.picture_id is not None:
            theirs.picture_id = rng.randrange(1 << 15)
        if theirs.tl0picidx is not None:
            theirs.tl0picidx = rng.randrange(256)
        patched = wire.patch_vp8(payload, theirs.picture_id or 0, theirs.tl0picidx or 0)
        assert patched == bytes(theirs) + data


def test_narrow_vp8_picture_ids_are_widened() -> None:
    for picture_id in range(128):
        payload = bytes([0x90, 0xE0, picture_id, 9, 0x40, 0x00, 1, 2])
        theirs, rest = VpxPayloadDescriptor.parse(wire.normalise_vp8(payload))
        assert (theirs.picture_id, theirs.tl0picidx, theirs.tid, rest) == (picture_id, 9, (1, 0), b"\x00\x01\x02")
        assert bytes(theirs) + rest == wire.normalise_vp8(payload)
