"""RTCP against aiortc, both directions."""

import random

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)

from rheon_engine._engine import wire

Block = tuple[int, int, int, int, int, int, int]


def word(rng: random.Random) -> int:
    return rng.randrange(1 << 32)


def block(rng: random.Random) -> Block:
    lost = rng.randrange(-(1 << 23), 1 << 23)
    return word(rng), rng.randrange(256), lost, word(rng), word(rng), word(rng), word(rng)


def info(values: Block) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(*values)


def blocks(rng: random.Random) -> list[Block]:
    return [block(rng) for _ in range(rng.choice((0, 1, 2, 31)))]


def test_sender_reports() -> None:
    rng = random.Random(1)
    for _ in range(500):
        ssrc, ntp, reports = word(rng), rng.randrange(1 << 64), blocks(rng)
        timestamp, packets, octets = word(rng), word(rng), word(rng)
        sender = RtcpSenderInfo(ntp_timestamp=ntp, rtp_timestamp=timestamp, packet_count=packets, octet_count=octets)
        theirs = RtcpSrPacket(ssrc=ssrc, sender_info=sender, reports=[info(values) for values in reports])
        writer = wire.RtcpWriter()
        writer.sender_report(ssrc, ntp, timestamp, packets, octets, reports)
        assert writer.data == bytes(theirs)
        expected = {
            "kind": "sender_report",
            "ssrc": ssrc,
            "ntp": ntp,
            "rtp_timestamp": timestamp,
            "packets": packets,
            "octets": octets,
            "reports": reports,
        }
        assert wire.parse_rtcp(bytes(theirs)) == [expected]


def test_receiver_reports() -> None:
    rng = random.Random(2)
    for _ in range(500):
        ssrc, reports = word(rng), blocks(rng)
        theirs = RtcpRrPacket(ssrc=ssrc, reports=[info(values) for values in reports])
        writer = wire.RtcpWriter()
        writer.receiver_report(ssrc, reports)
        assert writer.data == bytes(theirs)
        assert wire.parse_rtcp(bytes(theirs)) == [{"kind": "receiver_report", "ssrc": ssrc, "reports": reports}]


def test_source_descriptions() -> None:
    rng = random.Random(3)
    for length in range(256):
        ssrc, cname = word(rng), "c" * length
        writer = wire.RtcpWriter()
        writer.source_description(ssrc, cname)
        [theirs] = RtcpPacket.parse(writer.data)
        assert theirs == RtcpSdesPacket(chunks=[RtcpSourceInfo(ssrc=ssrc, items=[(1, cname.encode())])])
    # One chunk at most: aiortc does not align those that follow.
    for _ in range(500):
        chunks = [
            RtcpSourceInfo(
                ssrc=word(rng),
                items=[(rng.randrange(1, 9), rng.randbytes(rng.randrange(30))) for _ in range(rng.randrange(1, 4))],
            )
            for _ in range(rng.randrange(2))
        ]
        items = [(chunk.ssrc, number, text) for chunk in chunks for number, text in chunk.items]
        ours = wire.parse_rtcp(bytes(RtcpSdesPacket(chunks=chunks)))
        assert ours == [{"kind": "source_description", "items": items}]


def test_byes() -> None:
    rng = random.Random(4)
    for count in range(32):
        sources = [word(rng) for _ in range(count)]
        writer = wire.RtcpWriter()
        writer.bye(sources)
        assert writer.data == bytes(RtcpByePacket(sources=sources))
        assert wire.parse_rtcp(writer.data) == [{"kind": "bye", "sources": sources}]


def test_nacks() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        start, spread = rng.randrange(1 << 16), rng.choice((20, 100, 5000))
        lost = [(start + i) & 0xFFFF for i in sorted(rng.sample(range(spread), rng.randrange(1, 20)))]
        sender, media = word(rng), word(rng)
        theirs = RtcpRtpfbPacket(fmt=1, ssrc=sender, media_ssrc=media, lost=lost)
        writer = wire.RtcpWriter()
        writer.nack(sender, media, lost)
        [read] = RtcpPacket.parse(writer.data)
        assert read == theirs
        expected = {"kind": "nack", "sender": sender, "media": media, "lost": lost}
        assert wire.parse_rtcp(writer.data) == [expected]
        # aiortc writes no list that wraps.
        if lost == sorted(lost):
            assert wire.parse_rtcp(bytes(theirs)) == [expected]


def test_key_frame_requests() -> None:
    writer = wire.RtcpWriter()
    writer.pli(1, 2)
    writer.fir(3, [(4, 5)])
    pli = RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=2)
    fir = RtcpPsfbPacket(fmt=4, ssrc=3, media_ssrc=0, fci=bytes.fromhex("0000000405000000"))
    assert RtcpPacket.parse(writer.data) == [pli, fir]
    assert wire.parse_rtcp(bytes(pli) + bytes(fir)) == [
        {"kind": "pli", "sender": 1, "media": 2},
        {"kind": "fir", "sender": 3, "entries": [(4, 5)]},
    ]


def test_bitrate_estimates() -> None:
    rng = random.Random(6)
    for _ in range(1000):
        bitrate = rng.randrange(1 << rng.randrange(1, 50))
        sources = [word(rng) for _ in range(rng.randrange(4))]
        writer = wire.RtcpWriter()
        writer.remb(7, bitrate, sources)
        [theirs] = RtcpPacket.parse(writer.data)
        assert isinstance(theirs, RtcpPsfbPacket)
        read, told = unpack_remb_fci(theirs.fci)
        assert told == sources
        assert 0 <= bitrate - read <= bitrate >> 17
        packet = bytes(RtcpPsfbPacket(fmt=15, ssrc=7, media_ssrc=0, fci=pack_remb_fci(bitrate, sources)))
        assert wire.parse_rtcp(packet) == [{"kind": "remb", "sender": 7, "bitrate": read, "sources": sources}]


def test_transport_feedback_and_extended_reports() -> None:
    """aiortc knows neither: only that it can step over them, and that we read what we wrote."""
    rng = random.Random(7)
    for _ in range(300):
        base = rng.randrange(1 << 16)
        statuses = [
            rng.choice((None, rng.randrange(256), rng.randrange(-(1 << 15), 1 << 15)))
            for _ in range(rng.choice((1, 7, 14, 100)))
        ]
        writer = wire.RtcpWriter()
        writer.transport_feedback(1, 2, base, -5, 6, statuses)
        writer.extended_report_rrtr(3, 1 << 40)
        writer.extended_report_dlrr(3, [(4, 5, 6)])
        writer.pli(8, 9)
        assert RtcpPacket.parse(writer.data)[-1] == RtcpPsfbPacket(fmt=1, ssrc=8, media_ssrc=9)
        feedback, *others = wire.parse_rtcp(writer.data)
        assert feedback == {
            "kind": "transport_feedback",
            "sender": 1,
            "media": 2,
            "reference_time": -5,
            "feedback_count": 6,
            "statuses": [((base + i) & 0xFFFF, delta) for i, delta in enumerate(statuses)],
        }
        assert others == [
            {"kind": "extended_report", "ssrc": 3, "ntp": 1 << 40},
            {"kind": "extended_report", "ssrc": 3, "dlrr": [(4, 5, 6)]},
            {"kind": "pli", "sender": 8, "media": 9},
        ]


def test_damaged_packets_are_refused_alike() -> None:
    """What aiortc reads, we read; anything else is a ValueError on both sides or told as "other"."""
    rng = random.Random(8)
    seeds = [
        bytes(RtcpRrPacket(ssrc=1, reports=[info(block(rng))])),
        bytes(RtcpByePacket(sources=[1, 2])),
        bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=2, lost=[3, 5])),
        bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=2)),
    ]
    read = 0
    for _ in range(20_000):
        packet = bytearray(rng.choice(seeds) + rng.choice(seeds))
        packet[rng.choice((0, 0, 3, rng.randrange(len(packet))))] = rng.choice((0x81, 0xA1, 0x80, 0, 1, 3, 0x41))
        data = bytes(packet[: rng.choice((len(packet), rng.randrange(len(packet))))])
        try:
            theirs = RtcpPacket.parse(data)
        except ValueError:
            continue
        ours = wire.parse_rtcp(data)
        known = {"receiver_report", "bye", "nack", "pli", "source_description", "sender_report"}
        assert len([packet for packet in ours if packet["kind"] in known]) <= len(theirs) <= len(ours)
        read += 1
    assert read > 2000
