"""The tools of the page that draw: the brush, and knots of outlines, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.page import click, drag, place_of, show, shown, wait_for_labels
from tests.support.places import ROOT
from tests.support.web import need_web
from videoseg.config.run_config import load
from videoseg.formats.svg_path import parse_path
from videoseg.geometry import masks
from videoseg.outlines.raster import rasterise
from videoseg.runlog.edits import EditLog, Outline
from videoseg.server.page.project import Project
from videoseg.types import Mask, Part, Shape

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

need_web()
pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
CAT = ROOT / "sample_media" / "cat.mp4"


def drawn(page: Page, size: tuple[int, int], selector: str = "#stage .outline") -> Mask:
    """The pixels inside the first outline of the page."""
    text = page.locator(f"{selector} path").first.get_attribute("d")
    assert text is not None
    found = rasterise(Shape(tuple(Part(ring) for ring in parse_path(text))), *size)
    assert found is not None
    return found


def wait_for_change(page: Page, before: str) -> None:
    page.wait_for_function(
        "before => { const path = document.querySelector('#stage .outline path');"
        "return path && path.getAttribute('d') !== before; }",
        arg=before,
    )


def test_a_part_and_the_whole_of_what_is_clicked_are_taken(
    browser: Browser, tmp_path: Path
) -> None:
    config = load(flags={"end": "4f", "write": ["svg"]})
    with Project(str(CAT), tmp_path / "out", config) as project, shown(browser, project) as page:
        size = project.frames.info.width, project.frames.info.height
        click(page, 250, 100, project)
        page.wait_for_selector("#stage .outline")
        likeliest = drawn(page, size)
        before = page.locator("#stage .outline path").first.get_attribute("d") or ""
        page.click("#whole")
        page.wait_for_selector(".chips >> text=an outline")
        wait_for_change(page, before)
        assert masks.area(drawn(page, size)) > 1.3 * masks.area(likeliest)
        assert page.locator("#part").count() == 0
        page.wait_for_function(
            "() => document.getElementById('command').textContent.includes('--prompts')"
        )
        page.locator("#stage").focus()
        page.keyboard.press("Control+z")
        page.wait_for_selector("#part")
        page.keyboard.press("p")
        page.wait_for_selector(".chips >> text=an outline")
        wait_for_change(page, before)
        assert masks.area(drawn(page, size)) < masks.area(likeliest)


def test_an_object_is_painted_and_some_of_it_taken_away(browser: Browser, tmp_path: Path) -> None:
    config = load(flags={"end": "4f", "write": ["svg"]})
    with Project(str(CAT), tmp_path / "out", config) as project, shown(browser, project) as page:
        size = project.frames.info.width, project.frames.info.height
        page.keyboard.press("5")
        drag(page, [(200, 150), (300, 150), (300, 220)], project)
        page.wait_for_selector("#stage .outline")
        first = drawn(page, size)
        assert masks.window(first, (240, 145, 260, 155)).all()
        assert not masks.window(first, (220, 190, 280, 215)).any()
        before = page.locator("#stage .outline path").first.get_attribute("d") or ""
        page.keyboard.down("Shift")
        drag(page, [(250, 120), (250, 180)], project)
        page.keyboard.up("Shift")
        wait_for_change(page, before)
        assert not masks.window(drawn(page, size), (245, 145, 255, 155)).any()
        page.wait_for_selector("text=2 strokes")
        page.keyboard.press("Control+z")
        page.wait_for_selector("text=1 stroke")
        page.keyboard.press("Control+Shift+z")
        page.wait_for_selector("text=2 strokes")
        page.wait_for_function(
            "() => document.getElementById('command').textContent.includes('--prompts')"
        )
        page.click("#run")
        page.wait_for_selector("#mode-review[aria-selected=true]")
    (prompt,) = project.results.run.prompts
    (cue,) = prompt.cues
    assert cue.mask is not None
    assert not masks.window(cue.mask, (245, 145, 255, 155)).any()


def test_the_brush_has_a_width_and_the_keyboard_paints(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#mode-mark")
        page.keyboard.press("5")
        page.keyboard.press("]")
        page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("Enter")
        page.wait_for_selector("#stage .outline")
        found = drawn(page, (160, 96))
        assert abs(masks.area(found) - 3.1416 * 15**2) < 90  # 24 pixels, a quarter wider
        assert abs(masks.bounding_box(found)[0] - (70 - 15)) <= 1
        page.wait_for_selector("#panel >> text=1 stroke")
        page.keyboard.press("Backspace")
        page.wait_for_selector("#panel >> text=1 stroke", state="detached")


def test_a_track_is_corrected_with_the_brush(browser: Browser, tmp_path: Path) -> None:
    config = load(flags={"end": "5f", "write": ["svg"]})
    with Project(str(CAT), tmp_path / "out", config) as project, shown(browser, project) as page:
        size = project.frames.info.width, project.frames.info.height
        click(page, 300, 180, project)
        page.wait_for_selector("#stage .outline")
        page.click("#run")
        page.wait_for_selector("#mode-review[aria-selected=true]")
        page.wait_for_selector("text=5 frames")
        show(page, 3)
        page.keyboard.press("5")
        drag(page, [(60, 60), (100, 60)], project)
        page.wait_for_selector("#stage .outline.faint")
        page.click("#recompute")
        page.wait_for_selector("#says >> text=recomputed")
        (prompt,) = project.results.run.prompts
        page.wait_for_selector("#stage .outline[data-track='1']")
    cue = prompt.cues[-1]
    assert cue.frame == 3
    assert cue.mask is not None
    assert masks.window(cue.mask, (65, 55, 95, 65)).all()
    assert masks.area(cue.mask) > 0.02 * size[0] * size[1]  # the outline is still in it


def test_a_knot_is_dragged_and_the_outline_is_an_edit(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#panel .objects >> text=red 1")
        show(page, 3)
        page.keyboard.press("k")
        page.wait_for_selector("#stage .knot")
        before = drawn(page, (160, 96), "#stage .outline[data-track='1']")
        x1, y1, _, y2 = masks.bounding_box(before)
        page.wait_for_function("() => document.querySelectorAll('#stage .knot').length >= 4")
        knots = page.locator("#stage .knot")
        places = [
            (float(one.get_attribute("cx") or 0), float(one.get_attribute("cy") or 0))
            for one in knots.all()
        ]
        x, y = min(places, key=lambda each: each[0])
        to_x, to_y = place_of(page, x - 10, y, reviewed)
        page.mouse.move(*place_of(page, x - 0.5, y - 0.5, reviewed))
        page.mouse.down()
        page.mouse.move(to_x, to_y, steps=4)
        page.mouse.up()
        page.wait_for_function("() => !document.getElementById('undo').disabled")
        page.wait_for_function(
            "x => document.querySelector(`#stage .outline[data-track='1'] path`)?.getBBox().x < x",
            arg=x1 - 4,
        )
        after = drawn(page, (160, 96), "#stage .outline[data-track='1']")
        assert masks.bounding_box(after)[0] <= x1 - 6
        assert masks.bounding_box(after)[3] == y2
        assert y1 == masks.bounding_box(after)[1]
        page.wait_for_selector("#timeline .by-hand")
        page.keyboard.press("Control+z")
        page.wait_for_selector("#timeline .by-hand", state="detached")
        page.wait_for_function(  # knots are those of the outline that comes back
            "x => document.querySelector(`#stage .outline[data-track='1'] path`)?.getBBox().x > x",
            arg=x1 - 4,
        )
        page.keyboard.press(".")
        page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("Enter")
        page.wait_for_selector("#timeline .by-hand")
    (entry,) = EditLog.load(reviewed.out).in_force()
    assert isinstance(entry.change, Outline)
    assert (entry.change.track, entry.change.at) == (1, 3)
