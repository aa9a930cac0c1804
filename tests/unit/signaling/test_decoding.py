"""Reading client messages: what is tolerated, what is refused and how."""

import json
from typing import Any

import pytest

from rheon_signaling import Candidate, ErrorCode, ProtocolError, client_messages, decode, decode_first
from rheon_signaling.client_messages import (
    Auth,
    JoinRoom,
    LeaveRoom,
    Ping,
    PublishIceCandidate,
    PublishOffer,
    RelayAnswer,
    RelayIceCandidate,
    RelayOffer,
    RestartIce,
    SetMuted,
    SetPreferredLayer,
    SubscribeAnswer,
    SubscribeIceCandidate,
    SubscribeRequest,
    Unpublish,
    Unsubscribe,
)

LINE = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.4 rport 46154 generation 0"


def read(**fields: Any) -> client_messages.AnyClientMessage:
    return decode(json.dumps(fields).encode())


def refusal(frame: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        decode(frame)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "auth", "token": "t"}, Auth(token="t")),
        ({"type": "ping"}, Ping()),
        ({"type": "ping", "id": 7}, Ping(id=7)),
        ({"type": "join-room", "roomName": "r"}, JoinRoom(room_name="r")),
        ({"type": "leave-room", "roomName": "r"}, LeaveRoom(room_name="r")),
        ({"type": "publish-offer", "roomName": "r", "offer": "v=0"}, PublishOffer(room_name="r", offer="v=0")),
        ({"type": "unpublish", "roomName": "r"}, Unpublish(room_name="r")),
        (
            {"type": "subscribe-request", "roomName": "r", "publisherId": 5},
            SubscribeRequest(room_name="r", publisher_id=5),
        ),
        (
            {"type": "subscribe-answer", "roomName": "r", "publisherId": 5, "answer": "v=0"},
            SubscribeAnswer(room_name="r", publisher_id=5, answer="v=0"),
        ),
        (
            {
                "type": "subscribe-answer",
                "roomName": "r",
                "connectionId": "c",
                "answer": {"type": "answer", "sdp": "v=0"},
            },
            SubscribeAnswer(room_name="r", connection_id="c", answer="v=0"),
        ),
        ({"type": "restart-ice", "roomName": "r", "connectionId": "c"}, RestartIce(room_name="r", connection_id="c")),
        ({"type": "unsubscribe", "roomName": "r"}, Unsubscribe(room_name="r")),
        ({"type": "unsubscribe", "roomName": "r", "publisherId": 5}, Unsubscribe(room_name="r", publisher_id=5)),
        ({"type": "restart-ice", "roomName": "r", "publisherId": 5}, RestartIce(room_name="r", publisher_id=5)),
        (
            {"type": "set-muted", "roomName": "r", "kind": "audio", "muted": True, "trackId": None},
            SetMuted(room_name="r", kind="audio", muted=True),
        ),
        (
            {"type": "set-muted", "roomName": "r", "trackId": "t", "muted": False},
            SetMuted(room_name="r", track_id="t", muted=False),
        ),
        (
            {"type": "set-preferred-layer", "roomName": "r", "publisherId": 5, "spatial": 1},
            SetPreferredLayer(room_name="r", publisher_id=5, spatial=1),
        ),
        ({"type": "offer", "roomName": "r", "sdp": "v=0"}, RelayOffer(room_name="r", sdp="v=0")),
        (
            {"type": "answer", "roomName": "r", "sdp": "v=0", "targetUserId": 9},
            RelayAnswer(room_name="r", sdp="v=0", target_user_id=9),
        ),
        (
            {"type": "ice-candidate", "roomName": "r", "candidate": LINE},
            RelayIceCandidate(room_name="r", candidate=LINE),
        ),
    ],
)
def test_every_message_is_read(fields: dict[str, Any], expected: object) -> None:
    assert read(**fields) == expected


def test_ids_may_be_decimal_strings() -> None:
    message = read(type="subscribe-request", roomName="r", publisherId="-9223372036854775808")
    assert message == SubscribeRequest(room_name="r", publisher_id=-(2**63))


@pytest.mark.parametrize(
    "identifier", ["1.0", " 1", "01", "1e3", "٣", "", "9223372036854775808", 2**63, 1.5, True, [1]]
)
def test_other_ids_are_malformed(identifier: object) -> None:
    frame = json.dumps({"type": "subscribe-request", "roomName": "r", "publisherId": identifier}).encode()
    assert refusal(frame).code is ErrorCode.MALFORMED


@pytest.mark.parametrize("name", ["offer", "answer"])
def test_descriptions_may_be_objects(name: str) -> None:
    kind = "publish-offer" if name == "offer" else "subscribe-answer"
    message = read(type=kind, roomName="r", publisherId=1, **{name: {"type": name, "sdp": "v=0"}})
    assert getattr(message, name) == "v=0"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"candidate": LINE}, Candidate(line=LINE)),
        ({"candidate": LINE, "sdpMid": "0", "sdpMLineIndex": 0}, Candidate(line=LINE, sdp_mid="0", sdp_m_line_index=0)),
        (
            {"candidate": {"candidate": LINE, "sdpMid": "1", "sdpMLineIndex": None, "usernameFragment": "u"}},
            Candidate(line=LINE, sdp_mid="1"),
        ),
        ({"candidate": None}, Candidate()),
        ({"candidate": ""}, Candidate()),
        ({"candidate": {"candidate": ""}}, Candidate()),
        ({}, Candidate()),
    ],
)
def test_candidates_have_three_shapes_and_an_end(fields: dict[str, Any], expected: Candidate) -> None:
    assert read(type="publish-ice-candidate", roomName="r", **fields) == PublishIceCandidate(
        room_name="r", candidate=expected
    )
    assert read(type="subscribe-ice-candidate", roomName="r", publisherId=1, **fields) == SubscribeIceCandidate(
        room_name="r", publisher_id=1, candidate=expected
    )


@pytest.mark.parametrize(
    "line",
    [
        "candidate:1 1 UDP 2122252543 a1b2c3d4-0000-4000-8000-000000000000.local 9 typ host",
        "candidate:0 1 tcp 2105458943 2001:db8::1 9 typ host tcptype active",
        "a=candidate:1 1 udp 1 10.0.0.1 1 typ relay raddr 0.0.0.0 rport 0\r\n",
    ],
)
def test_real_candidates_are_accepted(line: str) -> None:
    read(type="publish-ice-candidate", roomName="r", candidate=line)


@pytest.mark.parametrize(
    "candidate",
    ["hello", "candidate:1", 5, ["x"], "candidate:1 1 udp 1 10.0.0.1 1 typ host \x00", "candidate:" + "1" * 5000],
)
def test_other_candidates_are_malformed(candidate: object) -> None:
    frame = json.dumps({"type": "publish-ice-candidate", "roomName": "r", "candidate": candidate}).encode()
    assert refusal(frame).code is ErrorCode.MALFORMED


@pytest.mark.parametrize("candidate", [5, ["x"], "x" * 5000, {"candidate": 5}])
def test_relayed_candidates_are_only_measured(candidate: object) -> None:
    read(type="ice-candidate", roomName="r", candidate="whatever the other side understands")
    frame = json.dumps({"type": "ice-candidate", "roomName": "r", "candidate": candidate}).encode()
    assert refusal(frame).code is ErrorCode.MALFORMED


def test_relayed_messages_keep_their_shape() -> None:
    offer = {"type": "offer", "sdp": "v=0"}
    assert read(type="offer", roomName="r", sdp=offer) == RelayOffer(room_name="r", sdp=offer)
    candidate = {"candidate": LINE, "sdpMid": None}
    message = read(type="ice-candidate", roomName="r", candidate=candidate, sdpMid=None, targetUserId=None)
    assert message == RelayIceCandidate(room_name="r", candidate=candidate, sdp_mid=None)


def test_unknown_fields_and_nulls_are_ignored() -> None:
    message = read(type="unsubscribe", roomName="r", publisherId=None, colour={"deep": [1, {"er": None}]})
    assert message == Unsubscribe(room_name="r")


def test_the_first_message_may_be_a_bare_token() -> None:
    assert decode_first(b'{"token":"t"}') == Auth(token="t")
    assert decode_first(b'{"type":"auth","token":"t","features":["shared-subscribe"]}').token == "t"


def test_another_first_message_is_refused_as_unauthenticated() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_first(b'{"type":"join-room","roomName":"r"}')
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert caught.value.message.startswith("Authentication failed: ")
    assert caught.value.close_code == 4401


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b'"auth"',
        b"{",
        b'{"type":"ping"} x',
        b'{"type":"ping","type":"ping"}',
        b'{"type":"ping","x":{"a":1,"a":2}}',
        b'{"type":"ping","id":NaN}',
        b'{"type":"ping","x":Infinity}',
        b'{"type":"ping","x":-Infinity}',
        b'{"type":"ping","x":1e999}',
        b'{"type":"ping","x":' + b"9" * 5000 + b"}",
        b'{"type":"ping","id":' + b"9" * 20 + b"}",
        b'{"type":"ping","x":' + b"[" * 100_000,
        b'{"type":"ping","x":' + b'{"a":' * 40_000,
        b'{"type":"ping","x":"\xff"}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"type":"join-room","roomName":"\\ud800"}',
        b'{"type":"join-room","roomName":"r","x":["\\udfff"]}',
        b'{"type":7}',
        b'{"token":"t"}',
        b'{"type":"set-muted","roomName":"r"}',
        b'{"type":"join-room"}',
        b'{"type":"join-room","roomName":null}',
        b'{"type":"join-room","roomName":5}',
        b'{"type":"join-room","roomName":""}',
        b'{"type":"join-room","roomName":"a\\nb"}',
        b'{"type":"join-room","roomName":"' + b"x" * 129 + b'"}',
        b'{"type":"publish-offer","roomName":"r"}',
        b'{"type":"publish-offer","roomName":"r","offer":{"type":"offer"}}',
        b'{"type":"offer","roomName":"r","sdp":{"sdp":"v=0"}}',
        b'{"type":"ice-candidate","roomName":"r","candidate":"","sdpMLineIndex":-1}',
        b'{"type":"set-preferred-layer","roomName":"r","publisherId":1,"spatial":3}',
        b'{"type":"subscribe-answer","roomName":"r","answer":"v=0"}',
        b'{"type":"subscribe-answer","roomName":"r","publisherId":1,"connectionId":"c","answer":"v=0"}',
        b'{"type":"subscribe-answer","roomName":"r","connectionId":"","answer":"v=0"}',
        b'{"type":"subscribe-ice-candidate","roomName":"r","candidate":""}',
        b'{"type":"restart-ice","roomName":"r","connectionId":7}',
        b'{"type":"set-muted","roomName":"r","muted":true}',
        b'{"type":"set-muted","roomName":"r","kind":"audio","trackId":"t","muted":true}',
        b'{"type":"set-muted","roomName":"r","kind":"both","muted":true}',
        b'{"type":"set-muted","roomName":"r","kind":"audio","muted":1}',
        b'{"type":"set-muted","roomName":"r","trackId":"","muted":true}',
        b'{"type":"set-preferred-layer","roomName":"r","publisherId":1,"spatial":0,"temporal":-1}',
    ],
)
def test_what_is_malformed(frame: bytes) -> None:
    error = refusal(frame)
    assert error.code is ErrorCode.MALFORMED
    assert error.message.startswith("Message handling error: Invalid JSON: ")
    assert error.close_code is None


def test_errors_carry_the_context_that_could_be_read() -> None:
    error = refusal(b'{"type":"subscribe-answer","roomName":"r","publisherId":"5"}')
    assert (error.request_type, error.room_name, error.publisher_id) == ("subscribe-answer", "r", 5)
    assert error.message.endswith(
        "subscribe-answer needs roomName (string), answer (string), publisherId? (integer), connectionId? (string)"
    )


def test_a_frame_too_large_is_not_parsed() -> None:
    error = refusal(b"x" * (256 * 1024 + 1))
    assert error.code is ErrorCode.TOO_LARGE
    assert error.close_code == 1009


@pytest.mark.parametrize("sdp", ["x" * (64 * 1024 + 1), "é" * (32 * 1024 + 1), "v=0\r\n" + "m=audio\r\n" * 65])
def test_descriptions_have_limits(sdp: str) -> None:
    for fields in ({"type": "publish-offer", "offer": sdp}, {"type": "offer", "sdp": sdp}):
        assert refusal(json.dumps({"roomName": "r", **fields}).encode()).code is ErrorCode.TOO_LARGE


def test_room_names_may_be_any_printable_text() -> None:
    assert read(type="join-room", roomName="Ж 房間 🎥" * 10) == JoinRoom(room_name="Ж 房間 🎥" * 10)
