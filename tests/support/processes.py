"""Real Rheon processes on free ports: started, waited for, signalled, and their logs kept."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import jwt
from grpc_health.v1 import health_pb2, health_pb2_grpc

JWT_SECRET = "a secret of thirty-two bytes or more, for tests"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0
_POLL_INTERVAL = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """One running `rheon` process."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    url: str = ""
    """HTTP address of the gateway, where the process has one."""
    grpc_address: str = ""
    """gRPC address of the media node, where the process has one."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/"

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def stop(self) -> int:
        """Ask the process to end (SIGTERM), insist after a while (SIGKILL); its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return await asyncio.to_thread(self.process.wait)


@asynccontextmanager
async def running_dev(**environment: str) -> AsyncIterator[Service]:
    """`rheon dev`: gateway and media node in one process."""
    free_port, grpc_port = free_tcp_ports(2)
    port = environment.get("PORT") or str(free_port)
    settings = {
        "PORT": port,
        "GRPC_BIND": f"127.0.0.1:{grpc_port}",
        "MEDIA_PORT": str(free_udp_port()),
        "ANNOUNCED_IPS": "127.0.0.1",
        "WORKERS": "1",
    }
    with _process("dev", {**settings, **environment}) as (process, log_path):
        service = Service("dev", process, log_path, f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}")
        async with _until_ready(service, _gateway_ready):
            yield service


@asynccontextmanager
async def running_gateway_process(media_nodes: str, **environment: str) -> AsyncIterator[Service]:
    """`rheon gateway` in front of the media nodes at these addresses."""
    port = environment.get("PORT") or str(free_tcp_ports(1)[0])
    settings = {"PORT": port, "MEDIA_NODES": media_nodes}
    with _process("gateway", {**settings, **environment}) as (process, log_path):
        service = Service("gateway", process, log_path, url=f"http://127.0.0.1:{port}")
        async with _until_ready(service, _gateway_ready):
            yield service


@asynccontextmanager
async def running_media_node_process(**environment: str) -> AsyncIterator[Service]:
    """`rheon media-node`."""
    (grpc_port,) = free_tcp_ports(1)
    settings = {
        "GRPC_BIND": f"127.0.0.1:{grpc_port}",
        "MEDIA_PORT": str(free_udp_port()),
        "ANNOUNCED_IPS": "127.0.0.1",
        "WORKERS": "1",
    }
    with _process("media-node", {**settings, **environment}) as (process, log_path):
        service = Service("media-node", process, log_path, grpc_address=f"127.0.0.1:{grpc_port}")
        async with _until_ready(service, _media_node_ready):
            yield service


def token(user_id: int, username: str, *, secret: str = JWT_SECRET, lifetime: float = 3600) -> str:
    """A token as a deployment's own backend would make it."""
    claims = {"sub": str(user_id), "username": username, "exp": int(time.time() + lifetime)}
    return jwt.encode(claims, secret, algorithm="HS256")


def free_tcp_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback nobody listens on; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(command: str, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    with tempfile.TemporaryDirectory(prefix="rheon-test-") as folder:
        log_path = Path(folder) / f"{command}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "rheon_cli", command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "JWT_SECRET": JWT_SECRET, "LOG_LEVEL": "info", **environment},
                start_new_session=True,
            )
        try:
            yield process, log_path
        except BaseException:
            sys.stderr.write(f"--- log of rheon {command} ---\n{log_path.read_text(errors='replace')[-8000:]}\n")
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@asynccontextmanager
async def _until_ready(service: Service, is_ready: Callable[[Service], Awaitable[bool]]) -> AsyncIterator[None]:
    deadline = time.monotonic() + START_TIMEOUT
    while not await is_ready(service):
        if service.process.poll() is not None:
            raise RuntimeError(f"rheon {service.name} ended with {service.process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"rheon {service.name} is not ready after {START_TIMEOUT:.0f} s")
        await asyncio.sleep(_POLL_INTERVAL)
    try:
        yield
    finally:
        await service.stop()


async def _gateway_ready(service: Service) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{service.url}/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _media_node_ready(service: Service) -> bool:
    async with grpc.aio.insecure_channel(service.grpc_address) as channel:
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
