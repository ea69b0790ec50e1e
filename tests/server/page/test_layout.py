"""The page on screens of several sizes, in the light and in the dark, and by touch, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.page import shown, wait_for_labels
from tests.support.web import need_web

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from videoseg.server.page.project import Project

need_web()
pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIZES: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 720}},
    "tablet": {"viewport": {"width": 1024, "height": 768}, "has_touch": True},
    "upright": {"viewport": {"width": 820, "height": 1180}, "has_touch": True},
}
# What is cut off at the window's sides, or cannot be hit.
LOST = """() => [...document.querySelectorAll('button, input, select')]
  .filter((each) => each.offsetParent !== null)
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, box]) => box.left < 0 || box.right > innerWidth || box.width < 12 || box.height < 12)
  .map(([each]) => each.outerHTML)"""
# Text whose contrast to what is behind it is less than WCAG 2's 4.5 (3 for what is off).
PALE = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((each) => each / 255)
      .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('h1, h2, h3, p, span, button, label, small, code, input')]
    .filter((each) => each.offsetParent !== null && !each.disabled && each.type !== 'range')
    .filter((each) => each.value
      || [...each.childNodes].some((inner) => inner.nodeType === 3 && inner.data.trim()))
    .map((each) => {
      const [a, b] = [light(rgb(getComputedStyle(each).color)), light(ground(each))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), each.outerHTML];
    })
    .filter(([contrast]) => contrast < 4.5);
}"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_there_and_can_be_read(
    browser: Browser, reviewed: Project, size: str, scheme: str
) -> None:
    how = {**SIZES[size], "color_scheme": scheme}
    with shown(browser, reviewed, **how) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#panel .objects >> text=red 1")
        page.wait_for_selector("#rename")
        for mode in ("#mode-review", "#mode-mark"):
            page.click(mode)
            page.wait_for_selector(f"{mode}[aria-selected=true]")
            assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
            assert page.evaluate(LOST) == []
            assert page.evaluate(PALE) == []
        picture = page.locator(".sheet").bounding_box()
        tools = page.locator("#tools").bounding_box()
        assert picture is not None
        assert tools is not None
        assert picture["width"] * picture["height"] > 150_000
        assert picture["x"] >= tools["x"] + tools["width"]
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(244, 245, 247)", "dark": "rgb(21, 24, 29)"}[scheme]


def test_two_fingers_make_the_picture_larger(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed, **SIZES["tablet"]) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        before = page.locator(".sheet").bounding_box()
        assert before is not None
        touch = page.context.new_cdp_session(page)
        y = before["y"] + before["height"] / 2
        x = before["x"] + before["width"] / 2

        def fingers(kind: str, *places: float) -> None:
            points = [{"x": place, "y": y, "id": n} for n, place in enumerate(places)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        fingers("touchStart", x - 50)
        fingers("touchStart", x - 50, x + 50)
        for far in (60, 80, 100):
            fingers("touchMove", x - far, x + far)
        fingers("touchEnd")
        page.wait_for_function(
            "width => document.querySelector('.sheet').clientWidth > 1.7 * width",
            arg=before["width"],
        )
        page.click("[aria-label^='Whole picture']")
        page.wait_for_function(
            "width => Math.abs(document.querySelector('.sheet').clientWidth - width) < 2",
            arg=before["width"],
        )
        assert page.locator("#panel .chips").count() == 0  # no mark was made by the fingers


def test_every_control_is_reached_by_the_tab_key(browser: Browser, reviewed: Project) -> None:
    with shown(browser, reviewed) as page:
        wait_for_labels(page, ["red 1", "blue 2"])
        page.click("#panel .objects >> text=red 1")
        page.wait_for_selector("#rename")
        wanted = page.evaluate(
            "() => { document.activeElement.blur();"
            "return [...document.querySelectorAll('button, input, select')].filter((each) =>"
            "each.offsetParent !== null && !each.disabled).length; }"
        )
        page.evaluate(
            "() => { window.met = new Set();"
            "document.addEventListener('focusin', (event) => window.met.add(event.target)); }"
        )
        for _ in range(wanted + 12):
            page.keyboard.press("Tab")
        missed = page.evaluate(
            "() => [...document.querySelectorAll('button, input, select')].filter((each) =>"
            "each.offsetParent !== null && !each.disabled && !window.met.has(each))"
            ".map((each) => each.outerHTML)"
        )
    assert missed == []
