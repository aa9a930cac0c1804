"""Offers of real clients survive reading and writing, and what they say is read."""

import pytest

from rheon_media_node.sdp import (
    Direction,
    ExtensionMap,
    Msid,
    RtcpFeedback,
    Simulcast,
    SimulcastRid,
    SsrcGroup,
    parse_session_description,
    write_session_description,
)
from tests.support.session_descriptions import NAMES, captured_offer


def lines(text: str) -> list[str]:
    """Lines without regard to order, and to the space some writers leave at the end."""
    return sorted(line.rstrip() for line in text.split("\r\n") if line)


@pytest.mark.parametrize("name", NAMES)
def test_reading_again_what_was_written_gives_the_same_value(name: str) -> None:
    description = parse_session_description(captured_offer(name))
    assert parse_session_description(write_session_description(description)) == description


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pion", "ndc"}))
def test_no_line_is_lost_or_changed(name: str) -> None:
    text = captured_offer(name)
    assert lines(write_session_description(parse_session_description(text))) == lines(text)


def test_repeated_feedback_is_read_once() -> None:
    text = captured_offer("pion")
    written = lines(write_session_description(parse_session_description(text)))
    assert sorted(set(written)) == sorted(set(lines(text)))


def test_comma_separated_ice_options_are_split() -> None:
    description = parse_session_description(captured_offer("ndc"))
    assert description.ice_options == ("ice2", "trickle")


@pytest.mark.parametrize("name", NAMES)
def test_line_feeds_alone_and_a_missing_final_line_end_read_alike(name: str) -> None:
    text = captured_offer(name)
    expected = parse_session_description(text)
    assert parse_session_description(text.replace("\r\n", "\n")) == expected
    assert parse_session_description(text.rstrip("\r\n")) == expected


def test_chromium_simulcast_offer() -> None:
    description = parse_session_description(captured_offer("chrome"))
    audio, camera, screen, data = description.media
    assert description.bundle == ("0", "1", "2", "3")
    assert description.extmap_allow_mixed
    assert [rid.id for rid in camera.rids] == ["q", "h", "f"]
    assert camera.simulcast == Simulcast(send=((SimulcastRid("q"),), (SimulcastRid("h"),), (SimulcastRid("f"),)))
    assert screen.ssrc_groups == (SsrcGroup("FID", (677729607, 3476051340)),)
    vp8 = camera.payload(96)
    assert vp8 is not None
    assert RtcpFeedback("nack", "pli") in vp8.feedback
    rtx = camera.payload(97)
    assert rtx is not None
    assert rtx.associated_payload_type == 96
    assert data.sctp_port == 5000
    assert not data.is_rtp
    assert audio.candidates[2].extensions[0] == ("tcptype", "active")


def test_firefox_offer() -> None:
    description = parse_session_description(captured_offer("firefox"))
    audio, _, bundled, _ = description.media
    assert description.direction_of(audio) is Direction.SENDRECV
    assert ExtensionMap(2, "urn:ietf:params:rtp-hdrext:csrc-audio-level", Direction.RECVONLY) in audio.extensions
    assert description.fingerprints_of(audio) == description.fingerprints
    assert (bundled.port, bundled.bundle_only, bundled.rejected) == (0, True, False)
    g722 = audio.payload(9)
    assert g722 is not None
    assert g722.channels == 1


def test_numeric_looking_names_stay_text() -> None:
    description = parse_session_description(captured_offer("safari"))
    assert description.media[0].ice_ufrag == "1234"
    assert description.media[0].mid == "0"


def test_wrtc_tracks_without_a_stream() -> None:
    description = parse_session_description(captured_offer("wrtc"))
    assert description.media[0].msids == (Msid("-", "d8dd3066-8639-4ad4-9407-098901748cab"),)
