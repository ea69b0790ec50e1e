"""How soon the page answers in Chromium: outlines of clicks, frames while the slider is dragged.

usage: python -m benchmarks.page_in_browser CLIP [CLICKS]

It needs ``playwright`` and a Chromium on the path. Every click is on an object of its own at a
random place, on a frame that was clicked before, after a pause of 0.3 to 1.5 seconds, as a person
does it. Times are of the wall; the processor's time of the server is beside them, for machines that
are busy.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PER_FRAME = 10
"""Clicks on one frame; the first does not count."""
_DRAG_SECONDS = 6.0
_WAIT_MS = 60_000
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_WATCH = """() => {
  window.drawn = [];
  const stage = document.getElementById('stage');
  new MutationObserver(() => window.drawn.push(stage.dataset.shown))
    .observe(stage, { attributes: true, attributeFilter: ['data-shown'] });
  window.clicked = (count) => new Promise((done) => {
    let begun = 0;
    const from = (event) => { if (!begun) begun = event.timeStamp; };
    stage.addEventListener('pointerup', from, { capture: true, once: true });
    const seen = () => {
      if (!begun || stage.querySelectorAll(".outline").length <= count) return;
      watcher.disconnect();
      requestAnimationFrame(() => done(performance.now() - begun));
    };
    const watcher = new MutationObserver(seen);
    watcher.observe(stage, { childList: true, subtree: true });
    setTimeout(() => { watcher.disconnect(); done(null); }, 8000);
  });
}"""


def main(location: str, clicks: int) -> None:
    """Measure one clip and print a line for each thing."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started, _served(location) as (url, process):
        browser = started.chromium.launch(executable_path=path, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(_WAIT_MS)
        begun = time.perf_counter()
        page.goto(url)
        page.wait_for_selector("#stage[data-shown='0']")
        print(f"first frame after {time.perf_counter() - begun:.2f} s")
        page.evaluate(_WATCH)
        for name in ("first time", "again"):
            _scrub(page, process.pid, name)
        _click(page, process.pid, clicks)
        browser.close()
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[:3]
    print(f"load of the machine: {' '.join(load)}")


def _scrub(page: Page, pid: int, name: str) -> None:
    """Drag the handle of the slider there and back."""
    box = page.locator("#frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("window.drawn.length = 0")
    begun, work = time.perf_counter(), _processor(pid)
    while (passed := time.perf_counter() - begun) < _DRAG_SECONDS:
        share = 0.5 - 0.5 * math.cos(2 * math.pi * passed / _DRAG_SECONDS)
        page.mouse.move(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
    drawn = page.evaluate("window.drawn.filter((each, n, all) => each !== all[n - 1]).length")
    work = _processor(pid) - work
    page.mouse.up()
    print(f"scrubbing, {name}: {drawn / passed:.0f} frames/s; server {work / passed:.2f} of a core")


def _click(page: Page, pid: int, clicks: int) -> None:
    chance = random.Random(5)  # noqa: S311 - a place, no secret
    last = int(page.locator("#frame").get_attribute("max") or "0")
    walls: list[float] = []
    works: list[float] = []
    while len(walls) < clicks:
        frame = chance.randrange(last)
        page.locator("#frame").fill(str(frame))
        page.wait_for_selector(f"#stage[data-shown='{frame}']")
        time.sleep(chance.uniform(0.3, 1.5))
        for number in range(_PER_FRAME):
            spent = _one_click(page, pid, chance)
            if spent is not None and number > 0 and len(walls) < clicks:
                walls.append(spent[0])
                works.append(spent[1])
            time.sleep(chance.uniform(0.3, 1.5))
        page.keyboard.press("Control+z")
    print(
        f"click to outline, {clicks} clicks: {_spread(walls)}; server's processor {_spread(works)}"
    )


def _one_click(page: Page, pid: int, chance: random.Random) -> tuple[float, float] | None:
    """Seconds of the wall and of the server's processor; None where nothing was found."""
    page.keyboard.press("a")
    page.wait_for_timeout(30)
    box = page.locator(".sheet").bounding_box()
    assert box is not None
    x = box["x"] + chance.uniform(0.12, 0.95) * box["width"]
    y = box["y"] + chance.uniform(0.1, 0.95) * box["height"]
    count = page.locator("#stage .outline").count()
    waiting = page.evaluate(f"() => {{ window.answer = window.clicked({count}); }}")
    assert waiting is None
    work = _processor(pid)
    page.mouse.click(x, y)
    spent: Any = page.evaluate("() => window.answer")
    return None if spent is None else (spent / 1000, _processor(pid) - work)


@contextmanager
def _served(location: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``videoseg open`` on a clip, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out")
        command = [sys.executable, "-m", "videoseg", "open", location, "-o", out, "--no-browser"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "http://" in line)
            yield line[line.index("http://") :].split()[0], process
        finally:
            process.terminate()
            process.wait()


def _processor(pid: int) -> float:
    """Seconds of the processor that a process has used; Linux alone."""
    if sys.platform != "linux":
        raise NotImplementedError("the CPU of another process is read as Linux tells it")
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _spread(values: Sequence[float]) -> str:
    p95 = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    return f"p50 {statistics.median(values):.2f} s, p95 {p95:.2f} s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("location", metavar="CLIP")
    parser.add_argument("clicks", metavar="CLICKS", type=int, nargs="?", default=50)
    main(**vars(parser.parse_args()))
