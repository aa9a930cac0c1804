"""Descriptions captured from real clients, and what can go wrong with them on the way."""

import random
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures" / "sdp"
NAMES = tuple(sorted(path.name.removesuffix("_offer.sdp") for path in FIXTURES.glob("*_offer.sdp")))


VOCABULARY = """
    a v m o b c = : / ; , ~ * - 0 1 96 97 4294967295 99999 mid rid rtpmap fmtp rtcp-fb extmap ssrc ssrc-group simulcast
    send recv sendonly group BUNDLE candidate typ host udp fingerprint sha-256 AA:BB setup active msid audio video
    application UDP/TLS/RTP/SAVPF opus/48000/2 rtx/90000 apt= FID SIM nack pli ice-ufrag ice-pwd ice-options sctp-port
"""
WORDS = [*VOCABULARY.split(), " ", "\t", "\u00a0", "\u2028", "\x85", "\x0b", "\u0663"]


def captured_offer(name: str) -> str:
    """The offer as the client sent it, line ends included."""
    return (FIXTURES / f"{name}_offer.sdp").read_bytes().decode()


def captured_answer(name: str) -> str:
    """What the client answered to one of our offers.

    `chrome` and its like: the first two tracks of Chromium's captured offer. With `_codecs`: one track each in Opus
    with RED, VP8, VP9, (not for wrtc) H264 and AV1, and data channels. `ndc_data`: data channels alone.
    """
    return (FIXTURES / "answers" / f"{name}_answer.sdp").read_bytes().decode()


def damaged(text: str, randomness: random.Random) -> str:
    """The text with one to four of its lines cut, garbled, repeated, removed or exchanged."""
    lines = text.split("\r\n")
    result = list(lines)
    for _ in range(randomness.randint(1, 4)):
        place = randomness.randrange(len(result))
        line = result[place]
        cut = randomness.randint(0, len(line))
        match randomness.randrange(6):
            case 0:
                result[place] = line[:cut]
            case 1:
                result[place] = line[:cut] + randomness.choice(WORDS) + line[cut:]
            case 2:
                result[place] = line[:cut] + chr(randomness.randrange(0xD800)) + line[cut + 1 :]
            case 3:
                result.insert(place, randomness.choice(lines))
            case 4:
                result[place] = ""
            case _:
                other = randomness.randrange(len(result))
                result[place], result[other] = result[other], line
    return "\r\n".join(result)
