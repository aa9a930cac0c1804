"""The gateway's port besides its sockets."""

import asyncio

import aiohttp
import pytest

from tests.integration.gateway.client import OFFER, Client, Site, running_site, token, until


async def test_any_path_upgrades(site: Site) -> None:
    for path in ("/", "/ws", "/health", "/socket.io/?x=1", "/client/index.js"):
        client = await site.client(1, path)
        await client.authenticate()
        assert client.socket.compress == 0


async def test_health_and_readiness(site: Site) -> None:
    client = await site.user(1)
    async with site.http.get(site.gateway.url + "/health") as response:
        assert response.status == 200
        assert await response.json() == {
            "status": "ok",
            "mode": "local",
            "redis_connected": False,
            "local_connections": 1,
            "nodes": 1,
        }
    async with site.http.get(site.gateway.url + "/ready") as response:
        assert (response.status, await response.json()) == (200, {"ready": True})
    await site.node.stop()
    await until(lambda: site.gateway.nodes.serving == 0)
    async with site.http.get(site.gateway.url + "/ready") as response:
        assert (response.status, await response.json()) == (503, {"ready": False})
    async with site.http.get(site.gateway.url + "/health") as response:
        assert (response.status, (await response.json())["status"]) == (200, "degraded")
    await client.close()


async def test_metrics(site: Site) -> None:
    client = await site.user(1)
    await client.publish()
    await client.send("join-room")
    await client.expect("error")
    await client.send("publish-ice-candidate", roomName="r", candidate=None)
    assert await client.silent()
    async with site.http.get(site.gateway.url + "/metrics") as response:
        assert response.content_type == "text/plain"
        text = await response.text()
    for line in (
        "rheon_connections 1.0",
        "rheon_rooms 1.0",
        'rheon_errors_total{code="400"} 1.0',
        "rheon_client_candidates_total 1.0",
        'rheon_publishers{node="node-0"} 1.0',
        'rheon_subscribers{node="node-0"} 0.0',
        'rheon_transports{node="node-0",state="connected"} 2.0',
        'rheon_packets_total{direction="in",node="node-0"} 10.0',
        'rheon_bytes_total{direction="out",node="node-0"} 2000.0',
        'rheon_drops_total{node="node-0",reason="srtp"} 3.0',
    ):
        assert line in text.splitlines()


async def test_scrapes_share_one_question_and_a_silent_node_does_not_hold_them_up(site: Site) -> None:
    site.node.delays["GetNode"] = 30.0

    async def scrape() -> int:
        async with site.http.get(site.gateway.url + "/metrics") as response:
            return response.status

    async with asyncio.timeout(5):
        assert await asyncio.gather(*(scrape() for _ in range(5))) == [200] * 5
    assert site.node.calls.count("GetNode") <= 2


async def test_the_page_and_its_headers(site: Site) -> None:
    async with site.http.get(site.gateway.url + "/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Server"] == "rheon"
    async with site.http.get(site.gateway.url + "/client/index.js") as response:
        assert (response.status, response.content_type) == (200, "text/javascript")


@pytest.mark.parametrize(
    "path", ["/missing", "/../settings.py", "/%2e%2e/settings.py", "/web/index.html", "/dev/token"]
)
async def test_what_is_not_there(site: Site, path: str) -> None:
    async with site.http.get(site.gateway.url + path) as response:
        assert response.status == 404
        assert "Python" not in response.headers["Server"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_only_gets(site: Site, method: str) -> None:
    async with site.http.request(method, site.gateway.url + "/") as response:
        assert response.status == 405


async def test_a_handshake_of_another_kind(site: Site) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "7"}
    async with site.http.get(site.gateway.url + "/", headers=headers) as response:
        assert response.status == 400


async def test_development_tokens() -> None:
    async with running_site(dev_mode=True) as site:
        url = site.gateway.url + "/dev/token"
        users = set()
        for name in ("ada", "ada"):
            async with site.http.post(url, json={"name": name}) as response:
                assert response.status == 200
                given = await response.json()
            client = Client(await site.socket(), given["userId"])
            await client.send("auth", token=given["token"])
            assert await client.expect("authenticated") == {"userId": given["userId"], "username": "ada"}
            users.add(given["userId"])
        assert len(users) == 2
        async with site.http.post(url) as response:
            assert (response.status, (await response.json())["username"]) == (200, "guest")
        for body in (
            b"{",
            b"[]",
            b'{"name":""}',
            b'{"name":"a\\nb"}',
            b"[" * 4000,
        ):
            async with site.http.post(url, data=body) as response:
                assert response.status == 400
        async with site.http.post(url, json={}, headers={"Origin": "https://elsewhere.example"}) as response:
            assert response.status == 403
        async with site.http.get(url) as response:
            assert response.status == 405


async def test_headers_must_arrive_in_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    del site
    monkeypatch.setattr("rheon_gateway.app.FIRST_MESSAGE_DEADLINE", 0.3)
    async with running_site() as hurried:
        reader, writer = await asyncio.open_connection("127.0.0.1", hurried.gateway.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_tokens_of_clients_appear_in_no_log(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    good, bad = token(1), "header.payload.signature-that-is-wrong"
    for text in (good, bad):
        client = await site.client(1)
        await client.send("auth", token=text)
        await client.send("publish-offer", roomName="r", offer=OFFER)
        await client.close()
    captured = capfd.readouterr()
    for stream in (captured.out, captured.err):
        assert good not in stream
        assert bad not in stream
        assert "127.0.0.1" not in stream


async def test_pipelined_and_broken_requests(site: Site) -> None:
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA" + b"a" * 20_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.gateway.port)
        writer.write(garbage + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(2000), 5)
        assert answer.startswith(b"HTTP/1.") or not answer
        assert b"Traceback" not in answer
        writer.close()
    async with aiohttp.ClientSession() as http, http.get(site.gateway.url + "/health") as response:
        assert response.status == 200
