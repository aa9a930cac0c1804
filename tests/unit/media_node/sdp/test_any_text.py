"""Whatever the text, reading it gives a description or SdpError, and a description survives writing."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rheon_media_node.sdp import (
    MAX_BYTES,
    SdpError,
    parse_session_description,
    write_session_description,
)
from tests.support.session_descriptions import NAMES, WORDS, captured_offer, damaged

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def check(text: str) -> None:
    try:
        description = parse_session_description(text)
    except SdpError:
        return
    assert parse_session_description(write_session_description(description)) == description


@given(st.text())
def test_any_text(text: str) -> None:
    check(text)


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), max_size=30))
def test_lines_of_familiar_words(lines: list[str]) -> None:
    check(HEAD + "\r\n".join(lines))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([word for word in WORDS if word.isascii() and word[0].isalpha()]),
            st.lists(st.sampled_from(WORDS), max_size=10).map("".join),
        ),
        max_size=20,
    )
)
def test_attributes_of_familiar_words(attributes: list[tuple[str, str]]) -> None:
    lines = "".join(f"a={name}:{value}\r\n" for name, value in attributes)
    check(HEAD + "m=video 9 UDP/TLS/RTP/SAVPF 96 97 0\r\n" + lines)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_offers(name: str) -> None:
    text = captured_offer(name)
    randomness = random.Random(name)
    for _ in range(150):
        check(damaged(text, randomness))


@pytest.mark.parametrize(
    "line",
    [
        "a=rtcp-fb:* nack{}",
        "a=rtcp-fb:96 nack{}",
        "a=fmtp:96 x{}=1",
        "a=ssrc:{} cname:x",
        "a=ssrc-group:SIM {} 2 3",
        "a=extmap:1 urn:{}",
        "a=rid:{} send",
        "a=candidate:{} 1 udp 1 10.0.0.1 9 typ host",
        "a=x{}",
    ],
)
def test_the_longest_descriptions_cost_little_memory(line: str) -> None:
    """Amplification is what a small message could do harm with; time is linear for the same reason."""
    text = HEAD + "m=video 9 UDP/TLS/RTP/SAVPF " + " ".join(map(str, range(128))) + "\r\n"
    text += "".join(f"a=rtpmap:{number} VP8/90000\r\n" for number in range(128))
    number = 0
    while len(text) < MAX_BYTES - 100 and number < 4800:
        text += line.format(number) + "\r\n"
        number += 1
    tracemalloc.start()
    try:
        check(text)
        assert tracemalloc.get_traced_memory()[1] < 64 * MAX_BYTES
    finally:
        tracemalloc.stop()
