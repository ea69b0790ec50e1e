"""Pages as Chromium shows and reads them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.waiting import PATIENCE
from videoseg.types import RgbImage

REQUIRED = "VIDEOSEG_REQUIRE_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)


def chromium() -> str:
    """Path of a Chromium; without one the test is skipped, or fails where one is promised."""
    for name in _NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    reason = f"no Chromium on PATH (looked for {', '.join(_NAMES)})"
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason}, and {REQUIRED} is set")
    pytest.skip(reason)


def screenshot(page: str, folder: Path, *, width: int, height: int) -> RgbImage:
    """What a window of ``width`` x ``height`` shows of an HTML page once it has loaded."""
    picture = folder / "page.png"
    _load(page, folder, f"--window-size={width},{height}", f"--screenshot={picture}")
    shown = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == (height, width, 3)
    rgb: RgbImage = np.ascontiguousarray(shown[..., ::-1])
    return rgb


def text_of(tag: str, page: str, folder: Path) -> str:
    """The content of an HTML page's only element of this name once the page has loaded."""
    found = re.findall(f"<{tag}>(.*?)</{tag}>", _load(page, folder, "--dump-dom"), re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def in_script(value: object) -> str:
    """A value as JavaScript that may stand in a ``script`` element."""
    return json.dumps(value).replace("<", "\\u003c")


def _load(page: str, folder: Path, *flags: str) -> str:
    """Open an HTML page and give what Chromium prints."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            chromium(),
            *_FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            *flags,
            (folder / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    return done.stdout.decode()
