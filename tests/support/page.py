"""The page of ``videoseg open`` in Chromium, for tests that use it as a person does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE
from tests.support.web import running
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.page.app import page_app
from videoseg.server.page.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WAIT = PATIENCE * 1000


@contextmanager
def shown(browser: Browser, project: Project, **how: object) -> Iterator[Page]:
    """The page of a project, which must not log an error; ``how`` as for ``new_page``."""
    wrong: list[str] = []
    with running(Guard(page_app(project), Access())) as place:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 720}, **how})  # type: ignore[arg-type]
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(f"http://{place}/")
        page.wait_for_selector("#stage[data-shown='0']")
        yield page
        page.close()
    assert wrong == []


def place_of(page: Page, x: float, y: float, project: Project) -> tuple[float, float]:
    """Where a pixel of the frame is in the window."""
    box = page.locator(".sheet").bounding_box()
    assert box is not None
    info = project.frames.info
    return (
        box["x"] + (x + 0.5) * box["width"] / info.width,
        box["y"] + (y + 0.5) * box["height"] / info.height,
    )


def click(page: Page, x: float, y: float, project: Project) -> None:
    """Click a pixel of the frame."""
    page.mouse.click(*place_of(page, x, y, project))


def drag(page: Page, points: Sequence[tuple[float, float]], project: Project) -> None:
    """Press on the first pixel of the frame, move over the others, and let go on the last."""
    page.mouse.move(*place_of(page, *points[0], project))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place_of(page, *point, project), steps=4)
    page.mouse.up()


def show(page: Page, index: int) -> None:
    """Go to a frame by the slider, and wait until the very frame is there."""
    page.locator("#frame").fill(str(index))
    page.wait_for_selector(f"#stage[data-shown='{index}']")


def labels(page: Page) -> list[str]:
    """The names of the tracks in the list."""
    return page.locator("#panel .objects .name").all_text_contents()


def wait_for_labels(page: Page, wanted: list[str]) -> None:
    """Return when the tracks in the list are these."""
    page.wait_for_function(
        "wanted => JSON.stringify([...document.querySelectorAll('#panel .objects .name')]"
        ".map((each) => each.textContent)) === JSON.stringify(wanted)",
        arg=wanted,
    )
