"""A browser for the tests of the page, and a run for it to show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import chromium
from tests.support.commandline import captured, parts
from tests.support.fakes import Colours
from tests.support.media import clip

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from videoseg.server.page.project import Project

OURS = {"models": {"colours": Colours}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window.

    Of one module alone: while it is there, no other event loop can run in this thread.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    path = chromium()
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=path, args=flags)
        yield made
        made.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A clip of a red and a blue thing, and the folder of its run."""
    out = tmp_path_factory.mktemp("made") / "out"
    film = str(clip(frames=8, width=160, height=96))
    wanted = ("--text", "red", "--text", "blue", "--model", "colours", "--write", "svg")
    code, _, said = captured(("segment", film, *wanted, "-o", str(out)), OURS)
    assert code == 0, said
    return film, out


@pytest.fixture
def reviewed(made: tuple[str, Path]) -> Iterator[Project]:
    """That run, open, without edits."""
    from videoseg.config.run_config import load
    from videoseg.server.page.project import Project

    film, out = made
    (out / "edits.json").unlink(missing_ok=True)
    with parts(OURS), Project(film, out, load(), shows_run=True) as opened:
        yield opened
