"""What the reader accepts, inherits and refuses."""

import pytest

from rheon_media_node.sdp import (
    MAX_BYTES,
    MAX_LINES,
    MAX_SECTIONS,
    Attribute,
    Bandwidth,
    Direction,
    Fingerprint,
    IceParameters,
    PayloadFormat,
    Rid,
    RtcpFeedback,
    SdpError,
    SessionDescription,
    Setup,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    parse_session_description,
    write_session_description,
)

HEAD = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 0"
SHA_256 = ":".join(["0A"] * 32)


def read(*lines: str) -> SessionDescription:
    description = parse_session_description("\r\n".join([*HEAD, *lines]) + "\r\n")
    assert parse_session_description(write_session_description(description)) == description
    return description


def refused(*lines: str) -> SdpError:
    with pytest.raises(SdpError) as caught:
        parse_session_description("\n".join([*HEAD, *lines]))
    return caught.value


def test_a_section_inherits_from_the_session_and_overrides_it() -> None:
    description = read(
        "a=ice-ufrag:sess",
        "a=ice-pwd:session-password-123456",
        f"a=fingerprint:SHA-256 {SHA_256.lower()}",
        "a=setup:actpass",
        "a=inactive",
        "a=extmap:1 urn:x",
        AUDIO,
        "a=mid:a",
        AUDIO,
        "a=mid:b",
        "a=ice-ufrag:own1",
        "a=ice-pwd:own-password-1234567890",
        "a=setup:active",
        "a=sendonly",
        "a=extmap:2 urn:y",
    )
    first, second = description.media
    assert description.ice_of(first) == IceParameters("sess", "session-password-123456")
    assert description.ice_of(second) == IceParameters("own1", "own-password-1234567890")
    assert description.fingerprints_of(second) == (Fingerprint("sha-256", SHA_256),)
    assert description.setup_of(first) is Setup.ACTPASS
    assert description.setup_of(second) is Setup.ACTIVE
    assert description.direction_of(first) is Direction.INACTIVE
    assert description.direction_of(second) is Direction.SENDONLY
    assert [extension.uri for extension in description.extensions_of(second)] == ["urn:x", "urn:y"]


def test_half_an_ice_credential_is_none() -> None:
    description = read(AUDIO, "a=ice-ufrag:only")
    assert description.ice_of(description.media[0]) is None


def test_static_payload_types_need_no_rtpmap() -> None:
    description = read("m=audio 9 RTP/SAVPF 0 8 77")
    assert description.media[0].payloads == (PayloadFormat(0, "PCMU", 8000), PayloadFormat(8, "PCMA", 8000))
    assert description.media[0].formats == ("0", "8", "77")


def test_feedback_for_every_format() -> None:
    description = read("m=audio 9 RTP/SAVPF 0 8", "a=rtcp-fb:* nack", "a=rtcp-fb:8 transport-cc")
    pcmu, pcma = description.media[0].payloads
    assert pcmu.feedback == (RtcpFeedback("nack"),)
    assert pcma.feedback == (RtcpFeedback("transport-cc"), RtcpFeedback("nack"))


def test_format_parameters_on_several_lines_add_up() -> None:
    description = read(AUDIO, "a=fmtp:0 a=1", "a=fmtp:0 B = 2")
    payload = description.media[0].payloads[0]
    assert (payload.parameter("a"), payload.parameter("b"), payload.parameter("c")) == ("1", "2", None)


def test_rids_and_simulcast() -> None:
    description = read(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "a=rid:hi send pt=96,97;max-width=1280;max-fps=30",
        "a=simulcast:send hi,~lo;mid recv x",
    )
    section = description.media[0]
    assert section.rids == (Rid("hi", "send", (96, 97), "max-width=1280;max-fps=30"),)
    assert section.simulcast == Simulcast(
        send=((SimulcastRid("hi"), SimulcastRid("lo", paused=True)), (SimulcastRid("mid"),)),
        recv=((SimulcastRid("x"),),),
    )


def test_bandwidth_and_unknown_attributes_are_kept() -> None:
    description = read("b=AS:500", "a=tool:something: odd", "a=flag", AUDIO, "b=TIAS:64000", "a=ssrc:5 cname:x y")
    assert description.bandwidths == (Bandwidth("AS", 500),)
    assert description.attributes == (Attribute("tool", "something: odd"), Attribute("flag"))
    assert description.media[0].bandwidths == (Bandwidth("TIAS", 64000),)
    assert description.media[0].ssrc_attributes == (SsrcAttribute(5, "cname", "x y"),)


def test_lines_without_meaning_here_and_blank_ones_are_passed_over() -> None:
    description = read("i=about", "u=http://example.org", "", AUDIO, "i=title", "k=prompt", "")
    assert len(description.media) == 1


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "=",
        "a=",
        "a=:x",
        "m=audio 9 RTP/SAVPF",
        "m=audio x RTP/SAVPF 0",
        "m=audio 65536 RTP/SAVPF 0",
        "m=audio 9 RTP/SAVPF 128",
        "m=audio 9 RTP/SAVPF opus",
        "a=fingerprint:sha-256 AA:BB",
        "a=fingerprint:sha-256",
        f"a=fingerprint:sha-256 {SHA_256[:-1]}G",
        "a=setup:whatever",
        "a=candidate:1 1 udp",
        "a=candidate:1 1 udp 1 10.0.0.1 70000 typ host",
        "a=candidate:1 1 udp 1 10.0.0.1 7 typ host generation",
        "a=extmap:0 urn:x",
        "a=extmap:1/nowhere urn:x",
        "a=extmap:1",
        "a=ice-ufrag:",
        "a=ice-ufrag:a b",
        f"a=ice-pwd:{'x' * 257}",
        "b=AS",
        "b=AS:many",
        "a=group:",
        "a=candidate:1 1 udp " + "9" * 5000 + " 10.0.0.1 7 typ host",
        "a=mid:a\0b",
        "a=mid:a\rb",
    ],
)
def test_a_malformed_line_is_refused_with_its_number(line: str) -> None:
    error = refused(line)
    assert error.line_number == len(HEAD) + 1
    assert error.reason


@pytest.mark.parametrize(
    "line",
    [
        "a=mid:",
        "a=mid:two words",
        f"a=mid:{'x' * 65}",
        "a=rtpmap:96 opus",
        "a=rtpmap:96 opus/many",
        "a=rtpmap:96 opus/48000/2/3",
        "a=rtpmap:\N{SUPERSCRIPT TWO} opus/48000",
        "a=fmtp:0",
        "a=fmtp:200 x=1",
        "a=rtcp-fb:0",
        "a=rid:q",
        "a=rid:q sideways",
        "a=rid:q send pt=x",
        "a=simulcast:send",
        "a=simulcast:send a send b",
        "a=simulcast:send ;",
        "a=simulcast:up a",
        "a=ssrc:1",
        "a=ssrc:4294967296 cname:x",
        "a=ssrc-group:FID",
        "a=ssrc-group:FID x",
        "a=msid:",
        "a=msid:a b c",
        "a=sctp-port:65536",
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "a=mid:taken",
    ],
)
def test_a_malformed_line_of_a_section_is_refused_with_its_number(line: str) -> None:
    error = refused("m=audio 9 RTP/SAVPF 8", "a=mid:taken", AUDIO, line)
    assert error.line_number == len(HEAD) + 4


@pytest.mark.parametrize("text", ["", "\r\n", "v=1", "hello", "o=- 1 1 IN IP4 0.0.0.0", "v=0\r\ns=-\r\n", "v=0\no=-\n"])
def test_what_does_not_begin_like_a_description_is_refused(text: str) -> None:
    with pytest.raises(SdpError):
        parse_session_description(text)


def test_limits_hold_before_parsing() -> None:
    for text, word in (
        ("x" * (MAX_BYTES + 1), "bytes"),
        ("\N{SNOWMAN}" * (MAX_BYTES // 2), "bytes"),
        ("\n" * (MAX_LINES + 1), "lines"),
        ("\nm=" * (MAX_SECTIONS + 1), "sections"),
        ("v=0\n\ud800", "Unicode"),
    ):
        with pytest.raises(SdpError, match=word) as caught:
            parse_session_description(text)
        assert caught.value.line_number == 0


def test_as_many_sections_as_allowed_are_read() -> None:
    description = read(*(line for index in range(MAX_SECTIONS) for line in (AUDIO, f"a=mid:{index}")))
    assert len(description.media) == MAX_SECTIONS
