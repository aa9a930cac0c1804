"""`POST /dev/token`: a token for whoever asks, so that every tab of the demo page is its own user. Dev mode only."""

import itertools
import json
import time
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from rheon_gateway.tokens import TokenVerifier

LIFETIME: Final = 12 * 3600.0
"""Seconds a development token is valid."""

_MAX_BODY: Final = 4096
_MAX_NAME: Final = 64
_DEFAULT_NAME: Final = "guest"


class DevTokens:
    """Gives out tokens with user ids of its own."""

    def __init__(self, tokens: TokenVerifier) -> None:
        self._tokens = tokens
        # Ids of one start are not given again after the next: a tab that outlives a restart keeps its own.
        self._ids = itertools.count(int(time.time()) % 1_000_000_000 * 1000)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer a request: `{"name"}` in (or nothing), `{"token", "userId", "username", "expiresIn"}` out."""
        if request.method != hdrs.METH_POST:
            return _refuse(405, "POST a JSON object with a name")
        # Browsers name the origin of every POST: pages of other sites cannot have tokens.
        if not _same_origin(request):
            return _refuse(403, "only the demo page itself is given tokens")
        name = _read_name(await request.content.read(_MAX_BODY))
        if name is None:
            return _refuse(400, f"name must be a string of 1 to {_MAX_NAME} characters")
        user_id = next(self._ids)
        token = self._tokens.mint(user_id, name, now=time.time(), lifetime=LIFETIME)
        return _answer(200, {"token": token, "userId": user_id, "username": name, "expiresIn": int(LIFETIME)})


def _same_origin(request: web.BaseRequest) -> bool:
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or urlsplit(origin).netloc == request.headers.get(hdrs.HOST)


def _read_name(body: bytes) -> str | None:
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    name = content.get("name", content.get("username", _DEFAULT_NAME))
    if not isinstance(name, str) or not 0 < len(name.strip()) <= _MAX_NAME or not name.isprintable():
        return None
    return name.strip()


def _refuse(status: int, error: str) -> web.Response:
    return _answer(status, {"error": error})


def _answer(status: int, content: object) -> web.Response:
    body = json.dumps(content).encode()
    return web.Response(
        status=status, body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
