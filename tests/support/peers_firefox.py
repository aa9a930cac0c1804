"""A participant in Firefox, which lives in a network namespace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.e2e.page_server import serving_pages
from tests.e2e.sfu_page import Snapshot
from tests.support.peers import Counts
from tests.support.peers_bidi import BidiSession, bidi_session
from tests.support.peers_namespace import Namespace
from tests.support.processes import Service, token

_DEBUGGING_PORT = 9222
"""Nobody else is in the namespace."""
_STOP_SECONDS = 10
_PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # There is nothing to reach but the test: no searching for a network, no updates, no first-run pages.
    "network.manage-offline-status": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.gmp-manager.updateEnabled": False,
}


def firefox_path() -> str:
    """The browser to test with: $FIREFOX, else the system's."""
    path = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")
    if not path:
        raise RuntimeError("No Firefox: install the package `firefox-esr`, or name a binary in $FIREFOX")
    return path


class FirefoxPeer:
    """One tab that runs the unchanged SFU client, with Firefox's fake camera and microphone."""

    def __init__(self, session: BidiSession, user_id: int) -> None:
        self._session = session
        self._user_id = user_id

    @property
    def user_id(self) -> int:
        return self._user_id

    async def snapshot(self) -> Snapshot:
        stats = await self._session.evaluate("async () => (await import('/pages/participant.js')).stats()")
        return Snapshot(stats["published"], {int(publisher): report for publisher, report in stats["received"].items()})

    async def counts(self) -> Counts:
        snapshot = await self.snapshot()
        received = [
            entry for report in snapshot.received.values() for entry in report if entry["type"] == "inbound-rtp"
        ]
        sent = [entry for entry in snapshot.published if entry["type"] == "outbound-rtp" and entry["kind"] == "video"]
        return Counts(
            frames_sent=sum(entry.get("framesSent", 0) for entry in sent),
            frames_received=sum(entry.get("framesDecoded", 0) for entry in received),
            audio_received=sum(entry.get("totalSamplesDuration", 0.0) for entry in received),
            audio_heard=sum(entry.get("totalAudioEnergy", 0.0) for entry in received),
        )


@asynccontextmanager
async def firefox_peer(namespace: Namespace, service: Service, user_id: int, room: str) -> AsyncIterator[FirefoxPeer]:
    """A Firefox that has begun to join `room`."""
    listener = namespace.tcp_socket()
    listener.bind(("127.0.0.1", 0))  # loopback is a secure context: pages from there may have a camera
    with _running_firefox(namespace):
        async with (
            serving_pages(listener) as pages_url,
            bidi_session(_DEBUGGING_PORT, namespace.tcp_socket) as session,
        ):
            await session.open(f"{pages_url}/pages/index.html")
            await session.evaluate(
                "async (options) => { await (await import('/pages/participant.js')).startSfu(options) }",
                {
                    "url": service.websocket_url.replace("127.0.0.1", namespace.our_address),
                    "token": token(user_id, "firefox"),
                    "roomName": room,
                    "views": True,
                },
            )
            yield FirefoxPeer(session, user_id)


@contextmanager
def _running_firefox(namespace: Namespace) -> Iterator[None]:
    """A Firefox with an empty profile. Its output is shown if the test fails."""
    with tempfile.TemporaryDirectory(prefix="rheon-firefox-", ignore_cleanup_errors=True) as folder:
        profile = Path(folder) / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines))
        arguments = ["--headless", "--no-remote", "--profile", str(profile)]
        arguments += ["--remote-debugging-port", str(_DEBUGGING_PORT), "about:blank"]
        log_path = Path(folder) / "log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                namespace.command(firefox_path(), *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HOME": folder, "MOZ_CRASHREPORTER_DISABLE": "1"},
            )
        try:
            yield
        except BaseException:
            sys.stderr.write(f"--- output of Firefox ---\n{log_path.read_text(errors='replace')[-8000:]}\n")
            raise
        finally:
            process.terminate()  # ends its children too
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
