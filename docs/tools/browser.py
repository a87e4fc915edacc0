"""Opens a built site in Chromium, without a window and without a network.

Chromium is spoken to in its DevTools protocol, over two pipes: JSON, each message closed by a zero
byte. That needs no package. Every address but the site's own leads nowhere.
"""

import base64
import functools
import http.server
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; give its address, which ends in a slash."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Browser:
    """One page of a browser.

    Attributes:
        failed: The addresses that pages asked for in vain: of files that are not there, and of
            any other host.
    """

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self._asked: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._unread = b""
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._replies, replies = os.pipe()
        commands, self._commands = os.pipe()
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            raise FileNotFoundError("Install Chromium, or Chrome, to look at the site.")
        command = [
            program,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={self._profile.name}",
            "--remote-debugging-pipe",
            "about:blank",
        ]
        # Chromium reads commands from 3 and writes replies to 4.
        redirected = f'exec "$@" 3<&{commands} 4>&{replies}'
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            ["bash", "-c", redirected, "bash", *command],  # noqa: S607 - wherever bash is
            pass_fds=(commands, replies),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(replies)
        self._session: dict[str, str] = {}
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")
        # Each page is met as on a first visit, with no theme kept from the last.
        self.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="try { localStorage.clear() } catch {}",
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._replies)
        self._profile.cleanup()

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            read = os.read(self._replies, 1 << 20)
            if not read:
                raise ConnectionError("Chromium ended.")
            self._unread += read
        text, _, self._unread = self._unread.partition(b"\0")
        message = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self._asked[message["params"]["requestId"]] = message["params"]["request"]["url"]
        elif message.get("method") == "Network.loadingFailed":
            self.failed.add(self._asked[message["params"]["requestId"]])
        elif message.get("method") == "Network.responseReceived":
            response = message["params"]["response"]
            if response["status"] >= 400:
                self.failed.add(response["url"])
        return message

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command, and return its result."""
        number = next(self._ids)
        command = {
            "id": number,
            "method": method,
            "params": params,
            **self._session,
        }
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while True:
            message = self._message()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def open(self, address: str) -> None:
        """Open an address, and wait until the page has loaded."""
        self.call("Page.navigate", url=address)
        while self._message().get("method") != "Page.loadEventFired":
            pass

    def look(self, width: int, theme: str, height: int = 900) -> None:
        """Set the window's width, and the theme, light or dark, of the pages opened next."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": theme}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """Run JavaScript in the page, waiting for a promise, and return its value."""
        result = self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def shoot(self, file: Path) -> None:
        """Save a picture of the whole page."""
        shot = self.call(
            "Page.captureScreenshot",
            captureBeyondViewport=True,
            optimizeForSpeed=True,
        )
        file.write_bytes(base64.b64decode(shot["data"]))
