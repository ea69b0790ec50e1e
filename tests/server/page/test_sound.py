"""The sound of a clip as browsers play it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.support.media import clip
from tests.support.page import shown
from tests.support.places import ROOT
from tests.support.web import need_web, running, send
from videoseg.config.run_config import load
from videoseg.errors import UsageError
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.page.app import page_app
from videoseg.server.page.project import Project
from videoseg.server.page.sound import Sound

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

need_web()
CAT = str(ROOT / "sample_media" / "cat.mp4")


def loudness(path: str) -> Any:
    """Mean loudness of each tenth of a second."""
    with av.open(path) as opened:
        stream = opened.streams.audio[0]
        found = [np.abs(frame.to_ndarray()).mean(axis=0) for frame in opened.decode(stream)]
        whole, part = np.concatenate(found), stream.rate // 10
    return whole[: len(whole) // part * part].reshape(-1, part).mean(axis=1)


def test_the_sound_is_that_of_the_clip() -> None:
    with Sound(CAT) as sound:
        path, start = sound.made()
        assert sound.made() == (path, start)
        assert abs(start) < 0.05
        made, given = loudness(str(path)), loudness(CAT)
    length = min(len(made), len(given))
    assert length >= 20
    assert np.corrcoef(made[:length], given[:length])[0, 1] > 0.95
    assert not path.exists()


@pytest.mark.parametrize("kind", ["silent", "picture", "missing"])
def test_what_has_no_sound_says_so(kind: str) -> None:
    silent = str(clip(frames=4, width=96, height=64))
    coffee = str(ROOT / "sample_media" / "coffee.jpg")
    location = {"silent": silent, "picture": coffee, "missing": "no.mp4"}[kind]
    with Sound(location) as sound:
        assert not sound.is_there
        with pytest.raises(UsageError, match="no sound"):
            sound.made()


def test_parts_of_the_sound_are_given_for_seeking(tmp_path: Path) -> None:
    with Project(CAT, tmp_path / "out", load()) as project:
        with running(Guard(page_app(project), Access())) as place:
            status, headers, body = send(place, "GET", "/sound.m4a", range="bytes=10-19")
            assert send(place, "GET", "/api/sound")[0] == 200
        whole = project.sound.made()[0].read_bytes()
    assert (status, body) == (206, whole[10:20])
    assert headers["content-type"] == "audio/mp4"


@pytest.mark.browser
@pytest.mark.slow
def test_the_picture_keeps_to_the_sound(browser: Browser, tmp_path: Path) -> None:
    with Project(CAT, tmp_path / "out", load()) as project, shown(browser, project) as page:
        page.evaluate(
            "() => { const old = Audio; window.apart = []; window.Audio = function (src) {"
            "window.sound = new old(src); return window.sound; };"
            "new MutationObserver(() => { const sound = window.sound;"
            "if (sound && !sound.paused && sound.currentTime > 0.1) window.apart.push("
            "Number(document.getElementById('stage').dataset.shown) / 24 - sound.currentTime);"
            "}).observe(document.getElementById('stage'), {attributes: true}); }"
        )
        page.keyboard.press("Space")
        page.wait_for_function("() => window.sound?.readyState >= 2")
        page.wait_for_selector("#stage[data-shown='59']")
        page.wait_for_selector("#play[aria-label=Play]")
        assert page.evaluate("() => window.sound.paused")
        page.keyboard.press("Home")
        page.wait_for_selector("#stage[data-shown='0']")
        page.keyboard.press("Space")
        page.wait_for_function("() => window.apart.length > 3")
        page.keyboard.press("u")
        page.wait_for_function("() => window.sound.paused")
        apart = page.evaluate("() => window.apart")
    assert max(map(abs, apart)) < 0.75  # on a machine that has no time for either
