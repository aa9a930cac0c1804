"""JSON Web Tokens (RFC 7519): HS256 only, checked against a given time."""

import math
import re
import warnings
from collections.abc import Sequence
from typing import Any, Final

import jwt
import msgspec

from rheon_cluster import UserId
from rheon_gateway.claims import Claims
from rheon_signaling import ErrorCode, ProtocolError
from rheon_signaling.errors import authentication_failed
from rheon_signaling.limits import MAX_ID, MAX_TOKEN_CHARACTERS, MIN_ID

LEEWAY: Final = 60.0
"""Seconds clocks may differ."""
MIN_SECRET_BYTES: Final = 16
GOOD_SECRET_BYTES: Final = 32
"""A key as long as the hash (RFC 7518 section 3.2)."""

_ALGORITHM: Final = "HS256"
_MAX_USERNAME: Final = 256
_MAX_ROOMS: Final = 1000
_MAX_TIME: Final = 2**53
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


def _refused(reason: str) -> ProtocolError:
    return ProtocolError(ErrorCode.UNAUTHENTICATED, authentication_failed(reason), request_type="auth")


class TokenVerifier:
    """Reads tokens signed with one secret."""

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()
        self._signatures = jwt.PyJWS(algorithms=[_ALGORITHM])

    def verify(self, token: str, now: float) -> Claims:
        """Return what a token says, at `now` in seconds since the epoch.

        Raises ProtocolError (UNAUTHENTICATED) with a text that says why and quotes nothing of the token.
        """
        return _read_claims(self._payload(token), now)

    def mint(self, user_id: int, username: str, *, now: float, lifetime: float) -> str:
        """Return a token for a user, valid for `lifetime` seconds."""
        claims = {"sub": str(user_id), "username": username, "iat": int(now), "exp": int(now + lifetime)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def _payload(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise _refused("token too long")
        try:
            # The length of the key is judged once, at start; not with every token.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
                verified = self._signatures.decode_complete(token, self._key, algorithms=[_ALGORITHM])
        except jwt.InvalidSignatureError:
            raise _refused("invalid signature") from None
        except jwt.InvalidAlgorithmError:
            raise _refused("only HS256 is accepted") from None
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused("malformed token") from None
        header = verified["header"]
        if header.get("alg") != _ALGORITHM:
            raise _refused("only HS256 is accepted")
        if "crit" in header or "b64" in header:
            raise _refused("critical header parameters are not supported")
        try:
            payload = msgspec.json.decode(verified["payload"], type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _refused("malformed token") from None
        return payload


def _read_claims(payload: dict[str, Any], now: float) -> Claims:
    expires = _time(payload, "exp")
    if expires is None:
        raise _refused("exp is missing")
    if now >= expires + LEEWAY:
        raise _refused("token expired")
    not_before = _time(payload, "nbf")
    if not_before is not None and now < not_before - LEEWAY:
        raise _refused("token not yet valid")
    subject = payload.get("sub")
    if isinstance(subject, str) and _DECIMAL.fullmatch(subject):
        subject = int(subject)
    if type(subject) is not int or not MIN_ID <= subject <= MAX_ID:
        raise _refused("sub must be an integer")
    username = payload.get("username")
    if not isinstance(username, str) or len(username) > _MAX_USERNAME:
        raise _refused("username is missing or too long")
    return Claims(
        user_id=UserId(subject),
        username=username,
        rooms=_rooms(payload.get("rooms")),
        can_publish=_flag(payload, "canPublish"),
        can_subscribe=_flag(payload, "canSubscribe"),
    )


def _time(payload: dict[str, Any], name: str) -> float | None:
    value = payload.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(f"{name} is not a number")
    # NumericDate (RFC 7519 section 2); far beyond any date, yet safe to calculate with.
    return float(max(-_MAX_TIME, min(_MAX_TIME, value)))


def _rooms(value: Sequence[object] | None) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MAX_ROOMS or not all(isinstance(name, str) for name in value):
        raise _refused("rooms must be a list of room names")
    return frozenset(value)


def _flag(payload: dict[str, Any], name: str) -> bool:
    value = payload.get(name)
    if value is not None and not isinstance(value, bool):
        raise _refused(f"{name} must be true or false")
    return value is not False
