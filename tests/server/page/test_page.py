"""The page as a person uses it, in Chromium: click, see, correct, run, look, rename, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.page import WAIT, click, shown, wait_for_labels
from tests.support.places import ROOT
from tests.support.web import need_web, running
from videoseg.config.run_config import load
from videoseg.runlog.edits import EditLog
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.page.app import page_app
from videoseg.server.page.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

need_web()
pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
CAT = ROOT / "sample_media" / "cat.mp4"
LABEL = "<img src=x onerror='document.title=1'>"


def test_an_object_is_clicked_run_corrected_and_exported(browser: Browser, tmp_path: Path) -> None:
    config = load(flags={"end": "6f", "write": ["svg", "masks"]})
    with Project(str(CAT), tmp_path / "out", config) as project, shown(browser, project) as page:
        click(page, 300, 180, project)
        page.wait_for_selector("#stage .outline")
        before = page.locator("#stage .outline path").first.get_attribute("d")
        page.keyboard.press("2")
        click(page, 620, 20, project)
        page.wait_for_selector("#stage .mark >> nth=1")
        page.wait_for_function(
            "before => document.querySelector('#stage .outline path')"
            "?.getAttribute('d') !== before",
            arg=before,
        )
        name = page.get_by_label("Name of object 1")
        name.fill("Tom")
        name.press("Enter")
        page.wait_for_function(
            "() => /label=Tom;point=300[.0-9]*,180[.0-9]*;not-point=620[.0-9]*,20[.0-9]*'/.test("
            "document.getElementById('command').textContent)"
        )
        page.click("#run")
        page.wait_for_selector("#mode-review[aria-selected=true]")
        page.wait_for_selector("text=6 frames")
        for index in range(1, 5):
            page.keyboard.press("ArrowRight")
            page.wait_for_selector(f"#stage[data-shown='{index}'] .outline[data-track='1']")
        page.keyboard.press("e")
        page.fill(".export input[type=search]", "jsonl")
        page.check(".export input[aria-label=jsonl]")
        page.click("#write")
        page.wait_for_selector("#files a >> text=/jsonl/")
    assert (tmp_path / "out" / "svg" / "000005.svg").exists()
    assert any(path.suffix == ".jsonl" for path in (tmp_path / "out").iterdir())


def test_tracks_are_renamed_merged_and_both_are_undone(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#panel .objects >> text=red 1")
        page.fill("#rename", LABEL)
        page.press("#rename", "Enter")
        wait_for_labels(page, [f"{LABEL} 1", "blue 2"])
        page.click("#panel >> text=Merge in")
        wait_for_labels(page, [f"{LABEL} 1"])
        page.locator("#stage").focus()
        page.keyboard.press("Control+z")
        wait_for_labels(page, [f"{LABEL} 1", "blue 2"])
        page.keyboard.press("Control+z")
        wait_for_labels(page, ["red 1", "blue 2"])
        page.keyboard.press("Control+Shift+z")
        wait_for_labels(page, [f"{LABEL} 1", "blue 2"])
        assert page.locator("img[src='x']").count() == 0
        assert page.title() != "1"
    log = EditLog.load(reviewed.out)
    assert [entry.kind for entry in log.in_force()] == ["rename"]


def test_two_windows_do_not_lose_each_others_edits(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as first, running(Guard(page_app(reviewed), Access())) as place:
        second = browser.new_page()
        second.set_default_timeout(WAIT)
        # It would look again when it gets the focus, and there would be no conflict.
        second.add_init_script("addEventListener('focus', e => e.stopImmediatePropagation(), true)")
        second.goto(f"http://{place}/")
        for page in (first, second):
            wait_for_labels(page, ["red 1", "blue 2"])
        first.click("#panel .objects >> text=red 1")
        first.fill("#rename", "ball")
        first.press("#rename", "Enter")
        wait_for_labels(first, ["ball 1", "blue 2"])
        second.click("#panel .objects >> text=blue 2")
        second.click("#delete")
        second.wait_for_selector("#says .wrong >> text=another window")
        wait_for_labels(second, ["ball 1", "blue 2"])
        second.click("#delete")
        wait_for_labels(second, ["ball 1"])
        second.close()
    assert [entry.kind for entry in EditLog.load(reviewed.out).in_force()] == ["rename", "delete"]


def test_outlines_lie_on_the_picture_at_every_frame(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        page.wait_for_selector("#stage .outline[data-track='1']")
        for index in (3, 7, 1):
            page.locator("#frame").fill(str(index))
            page.wait_for_selector(f"#stage[data-shown='{index}'] .outline[data-track='2']")
            (scene,) = (each for each in reviewed.results.run.scenes() if each.index == index)
            for tracked in scene.instances:
                x1, y1, x2, y2 = tracked.instance.mask.box
                found: dict[str, Any] = page.evaluate(
                    "track => { const box = document.querySelector("
                    "`#stage .outline[data-track='${track}'] path`).getBBox();"
                    "return [box.x, box.y, box.x + box.width, box.y + box.height]; }",
                    tracked.track_id,
                )
                assert found == pytest.approx([x1, y1, x2, y2], abs=1)


def test_it_plays_with_its_outlines_and_stops(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        page.wait_for_selector("#stage .outline[data-track='1']")
        page.locator("#stage").focus()
        page.keyboard.press("Space")
        page.wait_for_selector("#stage[data-shown='7']")
        page.wait_for_selector("#play[aria-label=Play]")
        drawn = page.locator("#stage .outline[data-track='1'] path").first.get_attribute("d")
        outlines = reviewed.results.outlines(7, 8)["frames"]["7"]
        assert [drawn] == [each["path"] for each in outlines if each["track"] == 1]


def test_views_show_cut_outs_mattes_and_one_track(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        page.wait_for_selector("#stage .outline[data-track='2']")
        page.click("#panel .objects >> text=blue 2")
        page.keyboard.press("o")
        page.wait_for_selector("#stage .outline[data-track='1']", state="detached")
        page.keyboard.press("b")
        page.wait_for_selector("#stage .before >> nth=1")
        page.keyboard.press("b")
        page.wait_for_selector("#stage .before", state="detached")
        page.select_option("#look", "matte")
        page.wait_for_selector("#stage path[fill='#fff']")
        assert page.locator("#stage .outline").count() == 0
        page.select_option("#look", "checker")
        page.wait_for_selector("#stage rect[mask='url(#outside)']")
        page.select_option("#look", "picture")
        page.wait_for_selector("#stage .outline[data-track='2']")


def test_an_object_is_named_and_another_is_boxed(browser: Browser, tmp_path: Path) -> None:
    with Project(str(CAT), tmp_path / "out", load()) as project, shown(browser, project) as page:
        page.fill("#phrase", "cat")
        page.press("#phrase", "Enter")
        page.wait_for_selector("#stage .outline")
        page.click("#another")
        page.keyboard.press("3")
        box = page.locator(".sheet").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 250, box["y"] + 170)
        page.mouse.down()
        page.mouse.move(box["x"] + 410, box["y"] + 320, steps=4)
        page.mouse.up()
        page.wait_for_selector("#stage .outline >> nth=1")
        page.fill("#phrase", "blorptang")
        page.press("#phrase", "Enter")
        page.wait_for_selector("#panel .note.wrong >> text=blorptang")


def test_the_keyboard_alone_marks(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#mode-mark")
        page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("Alt+Shift+ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=+ 70, 47")
        page.keyboard.press("2")
        page.keyboard.press("Alt+ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=− 80, 47")
        page.keyboard.press("Backspace")
        page.wait_for_selector("text=− 80, 47", state="detached")


def test_everything_has_a_name_for_who_cannot_see_it(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.keyboard.press("?")
        assert page.locator("dialog dt").count() > 15
        page.keyboard.press("Escape")
        nameless = page.evaluate(
            "[...document.querySelectorAll('button, input, select')].filter((each) => "
            "!each.textContent.trim() && !each.ariaLabel && !each.labels?.length)"
            ".map((each) => each.outerHTML)"
        )
    assert nameless == []


def test_a_track_is_marked_anew_and_recomputed(browser: Browser, tmp_path: Path) -> None:
    config = load(flags={"end": "5f", "write": ["svg"]})
    with Project(str(CAT), tmp_path / "out", config) as project, shown(browser, project) as page:
        click(page, 300, 180, project)
        page.wait_for_selector("#stage .outline")
        page.click("#run")
        page.wait_for_selector("#mode-review[aria-selected=true]")
        page.wait_for_selector("text=5 frames")
        page.locator("#frame").fill("3")
        page.wait_for_selector("#stage[data-shown='3']")
        page.keyboard.press("c")
        click(page, 100, 100, project)
        page.wait_for_selector("#stage .outline.faint")
        page.click("#recompute")
        page.wait_for_selector("#says >> text=recomputed")
        (prompt,) = project.results.run.prompts
    assert [cue.frame for cue in prompt.cues] == [0, 3]
