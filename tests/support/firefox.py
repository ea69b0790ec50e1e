"""Firefox without a window, driven by WebDriver BiDi (w3.org/TR/webdriver-bidi)."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import PATIENCE, until

PLACE = "VIDEOSEG_FIREFOX"
"""The environment variable that says where Firefox is."""
_ADDRESS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def firefox() -> str:
    """Path of a Firefox; without one the test is skipped."""
    path = os.environ.get(PLACE) or shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        pytest.skip("there is no Firefox")
    return path


@dataclass
class Window:
    """A window of Firefox.

    Attributes:
        errors: What pages have logged as errors, and errors that nobody caught.
    """

    _socket: Any
    _context: str = ""
    _sent: int = 0
    errors: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Show a page, and wait until it has loaded."""
        tree = self._ask("browsingContext.getTree", {})
        self._context = tree["contexts"][0]["context"]
        size = {"width": 1280, "height": 720}
        self._ask("browsingContext.setViewport", {"context": self._context, "viewport": size})
        self._ask("session.subscribe", {"events": ["log.entryAdded"]})
        going = {"context": self._context, "url": address, "wait": "complete"}
        self._ask("browsingContext.navigate", going)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives, a string, a number, a boolean or null."""
        asked = {"expression": expression, "target": {"context": self._context}}
        given = self._ask("script.evaluate", {**asked, "awaitPromise": True})
        assert given["type"] == "success", given
        return given["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Return once an expression gives something true."""
        until(lambda: bool(self.value(expression)))

    def press(self, key: str) -> None:
        """Press a key; its name as of ``KeyboardEvent.key``, or as WebDriver numbers it."""
        steps = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": steps})

    def click(self, x: float, y: float) -> None:
        """Click a place of the window."""
        steps: list[Mapping[str, object]] = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": steps})

    def picture(self) -> bytes:
        """What is shown, as PNG."""
        given = self._ask("browsingContext.captureScreenshot", {"context": self._context})
        return base64.b64decode(given["data"])

    def _act(self, source: Mapping[str, object]) -> None:
        self._ask("input.performActions", {"context": self._context, "actions": [source]})

    def _ask(self, method: str, params: Mapping[str, object]) -> Any:
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=PATIENCE))
            if said.get("id") == self._sent:
                assert said["type"] == "success", said
                return said["result"]
            if said.get("method") == "log.entryAdded" and said["params"]["level"] == "error":
                self.errors.append(str(said["params"].get("text")))


@contextmanager
def window(profile: Path) -> Iterator[Window]:
    """A window of a Firefox of its own, which must log no error; ``profile`` is made."""
    connect = pytest.importorskip("websockets.sync.client").connect
    profile.mkdir()
    flags = ["--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    log = profile / "log.txt"
    with log.open("wb") as file:
        started = subprocess.Popen(
            [firefox(), *flags], stdout=file, stderr=file, env={**os.environ, "HOME": str(profile)}
        )
    try:
        until(lambda: started.poll() is not None or bool(_ADDRESS.search(log.read_text("utf-8"))))
        found = _ADDRESS.search(log.read_text("utf-8"))
        assert found is not None, log.read_text("utf-8")
        with connect(f"{found[1]}/session", max_size=None) as socket:
            made = Window(socket)
            made._ask("session.new", {"capabilities": {}})
            yield made
            assert made.errors == []
    finally:
        started.kill()
        started.wait()
