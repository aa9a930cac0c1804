"""STUN against aioice, both directions."""

import random

import pytest
from aioice import stun

from rheon_engine._engine import wire

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"


def test_our_checks_are_read_by_aioice() -> None:
    rng = random.Random(1)
    for _ in range(500):
        nominate, transaction_id = rng.random() < 0.5, rng.randbytes(12)
        priority, tie_breaker = rng.randrange(1 << 32), rng.randrange(1 << 64)
        datagram = wire.build_binding_request(
            transaction_id=transaction_id,
            receiver_ufrag="theirs",
            sender_ufrag="o" * rng.randrange(4, 40),
            priority=priority,
            tie_breaker=tie_breaker,
            use_candidate=nominate,
            password=PASSWORD,
        )
        message = stun.parse_message(datagram)
        assert (message.message_method, message.message_class) == (stun.Method.BINDING, stun.Class.REQUEST)
        assert message.transaction_id == transaction_id
        assert message.check_message_integrity(PASSWORD)
        assert message.attributes["PRIORITY"] == priority
        assert message.attributes["ICE-CONTROLLING"] == tie_breaker
        assert ("USE-CANDIDATE" in message.attributes) == nominate


def test_their_checks_are_read_by_us() -> None:
    rng = random.Random(2)
    for _ in range(500):
        ours, theirs = "o" * rng.randrange(4, 40), "t" * rng.randrange(4, 40)
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ours}:{theirs}"
        message.attributes["PRIORITY"] = rng.randrange(1 << 32)
        message.attributes["ICE-CONTROLLED"] = rng.randrange(1 << 64)
        message.add_message_integrity(PASSWORD)
        datagram = bytes(message)
        expected = {
            "transaction_id": message.transaction_id,
            "local_ufrag": ours.encode(),
            "remote_ufrag": theirs.encode(),
            "use_candidate": False,
            "priority": message.attributes["PRIORITY"],
            "controlling": None,
            "controlled": message.attributes["ICE-CONTROLLED"],
            "authenticated": True,
        }
        assert wire.parse_binding_request(datagram, PASSWORD) == expected
        assert wire.parse_binding_request(datagram, b"another") == expected | {"authenticated": False}


@pytest.mark.parametrize("address", ["192.0.2.1", "255.255.255.255", "2001:db8::1", "fe80::1:2:3:4"])
def test_success_responses(address: str) -> None:
    rng = random.Random(3)
    for port in (1, 3478, 65_535):
        transaction_id = rng.randbytes(12)
        datagram = wire.build_binding_success(transaction_id, address, port, PASSWORD)
        message = stun.parse_message(datagram)
        assert message.message_class == stun.Class.RESPONSE
        assert message.attributes["XOR-MAPPED-ADDRESS"] == (address, port)
        assert message.check_message_integrity(PASSWORD)
        theirs = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=transaction_id)
        theirs.attributes["XOR-MAPPED-ADDRESS"] = (address, port)
        theirs.add_message_integrity(PASSWORD)
        assert bytes(theirs) == datagram
        assert wire.parse_binding_response(datagram, PASSWORD) == {
            "transaction_id": transaction_id,
            "address": (address, port),
            "error": None,
            "authenticated": True,
        }


@pytest.mark.parametrize("code", [400, 401, 420, 487, 500])
def test_error_responses(code: int) -> None:
    datagram = wire.build_binding_error(bytes(12), code, PASSWORD)
    message = stun.parse_message(datagram)
    assert (message.message_class, message.error_code) == (stun.Class.ERROR, code)
    assert message.check_message_integrity(PASSWORD)
    assert wire.parse_binding_response(datagram, PASSWORD)["error"] == code


def test_other_messages_are_refused() -> None:
    indication = stun.Message(stun.Method.BINDING, stun.Class.INDICATION)
    indication.add_fingerprint()
    with pytest.raises(ValueError, match="type"):
        wire.parse_binding_request(bytes(indication), PASSWORD)
    unmarked = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    with pytest.raises(ValueError, match="FINGERPRINT"):
        wire.parse_binding_request(bytes(unmarked), PASSWORD)
