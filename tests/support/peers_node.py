"""Participants that run under Node.js: the packages of tests/e2e/peers/node, one process each."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.peers import Counts
from tests.support.processes import Service, token

FOLDER = Path(__file__).resolve().parents[1] / "e2e" / "peers" / "node"
_INSTALL_SECONDS = 100
_ANSWER_SECONDS = 10.0
_LONGEST_LINE = 1 << 20


class NodePeer:
    """One script of `FOLDER`, which answers a line on stdin by what it has counted or received."""

    def __init__(self, process: asyncio.subprocess.Process, user_id: int) -> None:
        self._process = process
        self._user_id = user_id
        self._asking = asyncio.Lock()

    @property
    def user_id(self) -> int:
        return self._user_id

    async def report(self, command: object = None) -> dict[str, Any]:
        """Everything the script tells about itself, after it has done what it is told."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._asking, asyncio.timeout(_ANSWER_SECONDS):
            self._process.stdin.write(b"\n" if command is None else json.dumps(command).encode() + b"\n")
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the Node.js peer has ended")
        report: dict[str, Any] = json.loads(line)
        return report

    async def counts(self) -> Counts:
        report = await self.report()
        return Counts(
            frames_sent=report["framesSent"],
            frames_received=report["framesReceived"],
            audio_received=report["audioReceived"],
            audio_heard=report.get("audioHeard", 0.0),
        )


@asynccontextmanager
async def node_peer(script: str, service: Service, user_id: int, room: str, **more: str) -> AsyncIterator[NodePeer]:
    """A peer that has begun to join `room`. Its error output is shown if the test fails."""
    options = {"url": service.websocket_url, "token": token(user_id, script), "roomName": room, **more}
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            _program("node"),
            script,
            json.dumps(options),
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            stderr=errors,
        )
        try:
            yield NodePeer(process, user_id)
        except BaseException:
            errors.seek(0)
            sys.stderr.write(f"--- errors of {script} ---\n{errors.read().decode(errors='replace')[-8000:]}\n")
            raise
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def install_node_peers() -> None:
    """Install the packages unless this very package.json was installed before. Raises RuntimeError with the reason."""
    wanted = (FOLDER / "package.json").read_text()
    installed = FOLDER / "node_modules" / ".installed"
    if installed.exists() and installed.read_text() == wanted:
        return
    # Prebuilt binaries come inside the packages; the flag makes sure that no user's setting forbids their scripts.
    command = [_program("npm"), "install", "--no-package-lock", "--ignore-scripts=false", "--no-audit", "--no-fund"]
    done = subprocess.run(
        command,
        check=False,
        cwd=FOLDER,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm could not install {FOLDER / 'package.json'}:\n{done.stderr[-4000:]}")
    installed.write_text(wanted)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"No {name}: the tests of Node.js peers need Node.js 20 or later with npm")
    return path
