"""Which tokens are accepted."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest

from rheon_gateway.claims import Claims
from rheon_gateway.tokens import TokenVerifier
from rheon_signaling import ErrorCode, ProtocolError

SECRET = "a secret of thirty-two bytes, at least"
NOW = 1_800_000_000.0
VERIFIER = TokenVerifier(SECRET)


def token(headers: dict[str, Any] | None = None, *, key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    content = {"sub": "7", "username": "ada", "exp": NOW + 600, **claims}
    content = {name: value for name, value in content.items() if value is not ...}
    return jwt.api_jws.encode(json.dumps(content).encode(), key, algorithm=algorithm, headers=headers)


def refusal(text: str) -> str:
    with pytest.raises(ProtocolError) as caught:
        VERIFIER.verify(text, NOW)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert caught.value.message.startswith("Authentication failed: ")
    assert len(text) < 10 or text not in caught.value.message
    return caught.value.message.removeprefix("Authentication failed: ")


def test_what_was_minted_is_accepted() -> None:
    minted = VERIFIER.mint(7, "ada", now=NOW, lifetime=60)
    assert VERIFIER.verify(minted, NOW) == Claims(user_id=VERIFIER.verify(token(), NOW).user_id, username="ada")


@pytest.mark.parametrize("subject", [7, "7"])
def test_the_subject_may_be_a_number_or_a_decimal_string(subject: object) -> None:
    assert VERIFIER.verify(token(sub=subject), NOW).user_id == 7


@pytest.mark.parametrize("subject", ["", "ada", "7.0", 7.0, True, None, [7], 2**63, "9223372036854775808", ...])
def test_other_subjects_are_refused(subject: object) -> None:
    assert refusal(token(sub=subject)) == "sub must be an integer"


@pytest.mark.parametrize("name", [..., None, 5, "x" * 257])
def test_a_username_is_required(name: object) -> None:
    assert refusal(token(username=name)) == "username is missing or too long"


def test_expiry_has_a_minute_of_leeway() -> None:
    VERIFIER.verify(token(exp=NOW - 59), NOW)
    assert refusal(token(exp=NOW - 60)) == "token expired"


@pytest.mark.parametrize("expires", [..., None])
def test_expiry_is_required(expires: object) -> None:
    assert refusal(token(exp=expires)) == "exp is missing"


@pytest.mark.parametrize("expires", ["soon", True, [1]])
def test_expiry_is_a_number(expires: object) -> None:
    assert refusal(token(exp=expires)) == "exp is not a number"


def test_a_date_beyond_all_dates() -> None:
    VERIFIER.verify(token(exp=10**18), NOW)


def test_not_before_is_honoured_with_leeway() -> None:
    VERIFIER.verify(token(nbf=NOW + 60), NOW)
    assert refusal(token(nbf=NOW + 61)) == "token not yet valid"


@pytest.mark.parametrize("issued", [..., NOW, NOW + 10_000, "yesterday"])
def test_issued_at_does_not_matter(issued: object) -> None:
    VERIFIER.verify(token(iat=issued), NOW)


def test_optional_claims_narrow() -> None:
    claims = VERIFIER.verify(token(rooms=["a", "b"], canPublish=False, canSubscribe=False), NOW)
    assert (claims.rooms, claims.can_publish, claims.can_subscribe) == (frozenset({"a", "b"}), False, False)


def test_absent_claims_allow() -> None:
    claims = VERIFIER.verify(token(rooms=None), NOW)
    assert (claims.rooms, claims.can_publish, claims.can_subscribe) == (None, True, True)


@pytest.mark.parametrize("claims", [{"rooms": "a"}, {"rooms": [1]}, {"canPublish": "no"}, {"canSubscribe": 0}])
def test_optional_claims_have_their_types(claims: dict[str, Any]) -> None:
    refusal(token(**claims))


def test_another_key() -> None:
    assert refusal(token(key="another secret of thirty-two bytes")) == "invalid signature"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm(algorithm: str) -> None:
    assert refusal(token(algorithm=algorithm, key=SECRET * 3)) in ("only HS256 is accepted", "invalid signature")
    assert refusal(token(algorithm=algorithm, key=SECRET * 3)) == "only HS256 is accepted"


def test_no_algorithm() -> None:
    def encode(content: object) -> str:
        return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    payload = encode({"sub": 7, "username": "ada", "exp": NOW + 60})
    refusal(f"{encode({'alg': 'none', 'typ': 'JWT'})}.{payload}.")


def test_critical_headers_are_refused() -> None:
    critical: list[dict[str, Any]] = [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": True}]
    for headers in critical:
        refusal(token(headers))


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "\x00", "x" * 20_000, "." * 16_000])
def test_garbage(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("content", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 5000])
def test_signed_garbage(content: bytes) -> None:
    assert refusal(jwt.api_jws.encode(content, SECRET, algorithm="HS256")) == "malformed token"


def test_a_short_key_raises_no_warning() -> None:
    short = TokenVerifier("sixteen bytes ok")
    short.verify(short.mint(1, "ada", now=NOW, lifetime=60), NOW)
