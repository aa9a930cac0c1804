"""Writing server messages: tags, field names, and what is left out."""

import json
from typing import Any

import pytest

from rheon_signaling import encode
from rheon_signaling import server_messages as server


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            server.Authenticated(user_id=7, username="ada"),
            {"type": "authenticated", "userId": 7, "username": "ada"},
        ),
        (server.Pong(), {"type": "pong"}),
        (server.Pong(id="x"), {"type": "pong", "id": "x"}),
        (
            server.RoomJoined(room_name="r", user_id=7, participants=[server.User(user_id=8, username="bob")]),
            {"type": "room-joined", "roomName": "r", "userId": 7, "participants": [{"userId": 8, "username": "bob"}]},
        ),
        (
            server.RoomJoined(room_name="r", user_id=7, participants=[]),
            {"type": "room-joined", "roomName": "r", "userId": 7, "participants": []},
        ),
        (server.RoomLeft(room_name="r", user_id=7), {"type": "room-left", "roomName": "r", "userId": 7}),
        (
            server.UserJoined(room_name="r", user=server.User(user_id=8, username="bob")),
            {"type": "user-joined", "roomName": "r", "user": {"userId": 8, "username": "bob"}},
        ),
        (server.UserLeft(room_name="r", user_id=8), {"type": "user-left", "roomName": "r", "userId": 8}),
        (
            server.PublishAnswer(room_name="r", answer="v=0"),
            {"type": "publish-answer", "roomName": "r", "answer": "v=0"},
        ),
        (
            server.SubscribeOffer(room_name="r", publisher_id=8, offer="v=0"),
            {"type": "subscribe-offer", "roomName": "r", "publisherId": 8, "offer": "v=0"},
        ),
        (
            server.NewPublisher(room_name="r", publisher_id=8, username="bob"),
            {"type": "new-publisher", "roomName": "r", "publisherId": 8, "username": "bob"},
        ),
        (
            server.PublisherLeft(room_name="r", publisher_id=8),
            {"type": "publisher-left", "roomName": "r", "publisherId": 8},
        ),
        (
            server.RelayedOffer(room_name="r", from_user_id=8, sdp={"type": "offer", "sdp": "v=0"}),
            {"type": "offer", "roomName": "r", "fromUserId": 8, "sdp": {"type": "offer", "sdp": "v=0"}},
        ),
        (
            server.RelayedAnswer(room_name="r", from_user_id=8, sdp="v=0"),
            {"type": "answer", "roomName": "r", "fromUserId": 8, "sdp": "v=0"},
        ),
        (
            server.RelayedIceCandidate(room_name="r", from_user_id=8, candidate="c", sdp_mid=None),
            {"type": "ice-candidate", "roomName": "r", "fromUserId": 8, "candidate": "c", "sdpMid": None},
        ),
        (server.Error(message="m", code=404), {"type": "error", "message": "m", "code": 404}),
        (
            server.Error(message="m", code=404, room_name="r", publisher_id=8, request_type="subscribe-request"),
            {
                "type": "error",
                "message": "m",
                "code": 404,
                "roomName": "r",
                "publisherId": 8,
                "requestType": "subscribe-request",
            },
        ),
    ],
)
def test_every_message_is_written(message: server.ServerMessage, expected: dict[str, Any]) -> None:
    assert json.loads(encode(message)) == expected
