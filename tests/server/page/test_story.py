"""The whole story of the page, as a person does it on the sample clip, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.page import click, drag, show, shown, wait_for_labels
from tests.support.places import ROOT
from tests.support.web import need_web
from videoseg.config.run_config import load
from videoseg.runlog.edits import EditLog
from videoseg.server.page.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

need_web()
pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
CAT = ROOT / "sample_media" / "cat.mp4"
FRAMES = 44


def test_a_cat_is_clicked_run_corrected_merged_and_exported(
    browser: Browser, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    wanted = {"end": f"{FRAMES}f", "write": ["svg"], "review_shrink": 0.99}
    with (
        Project(str(CAT), out, load(flags=wanted)) as project,
        shown(browser, project) as page,
    ):
        click(page, 300, 180, project)
        page.wait_for_selector("#stage .outline")
        page.keyboard.press("2")
        click(page, 620, 20, project)
        page.wait_for_selector("#stage .mark >> nth=1")
        name = page.get_by_label("Name of object 1")
        name.fill("Tom")
        name.press("Enter")
        page.click("#another")
        page.keyboard.press("3")
        drag(page, [(225, 125), (275, 170)], project)
        page.wait_for_selector("#stage .outline >> nth=1")
        name = page.get_by_label("Name of object 2")
        name.fill("eye")
        name.press("Enter")
        page.locator("#stage").focus()
        page.keyboard.press("r")
        page.wait_for_selector(".progress")
        page.wait_for_selector("#mode-review[aria-selected=true]")
        wait_for_labels(page, ["Tom 1", "eye 2"])

        page.wait_for_selector("#next-doubt")
        page.keyboard.press("n")
        doubtful = min(each.frame for each in project.results.run.review if each.frame)
        page.wait_for_selector(f"#stage[data-shown='{doubtful}']")

        page.click("#panel .objects >> text=Tom 1")
        show(page, 40)
        page.keyboard.press("c")
        click(page, 330, 200, project)
        page.wait_for_selector("text=Marked on frame 40")
        page.click("#recompute")
        page.wait_for_selector("#says >> text=recomputed")
        assert [cue.frame for cue in project.results.run.prompts[0].cues] == [0, 40]
        wait_for_labels(page, ["Tom 1", "eye 2"])

        page.click("#panel >> text=Merge in")
        wait_for_labels(page, ["Tom 1"])
        page.locator("#stage").focus()
        page.keyboard.press("Control+z")
        wait_for_labels(page, ["Tom 1", "eye 2"])

        page.keyboard.press("e")
        for output in ("nuke", "prores4444"):
            page.fill(".export input[type=search]", output)
            page.check(f".export input[aria-label={output}]")
        page.click("#write")
        page.wait_for_selector("#export-progress .right")
        page.wait_for_selector("#files >> text=/nuke/")
    assert EditLog.load(out).in_force() == ()
    (script,) = (each for each in out.rglob("*nuke*.py"))
    films = [*out.rglob("*.mov")]
    assert "add_roto(" in script.read_text(encoding="utf-8")
    with av.open(str(films[0])) as film:
        assert film.streams.video[0].codec_context.name == "prores"
        assert sum(1 for _ in film.decode(video=0)) == FRAMES
