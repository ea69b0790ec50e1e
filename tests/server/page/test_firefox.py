"""The page in Firefox: looking at a run, and a click."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import firefox
from tests.support.web import need_web, running
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.page.app import page_app
from videoseg.server.page.project import Project

need_web()
pytestmark = [pytest.mark.browser, pytest.mark.slow]
ARROW_RIGHT = "\ue014"
NAMES = (
    "JSON.stringify([...document.querySelectorAll('#panel .objects .name')]"
    ".map((each) => each.textContent))"
)


def test_a_run_is_looked_at(reviewed: Project, tmp_path: Path) -> None:
    with (
        running(Guard(page_app(reviewed), Access())) as place,
        firefox.window(tmp_path / "profile") as page,
    ):
        page.open(f"http://{place}/")
        page.wait_for("document.querySelector(\"#stage[data-shown='0'] .outline\") !== null")
        assert page.value(NAMES) == '["red 1","blue 2"]'
        page.value("document.getElementById('stage').focus()")
        for index in range(1, 4):
            page.press(ARROW_RIGHT)
            page.wait_for(
                f"document.querySelectorAll(\"#stage[data-shown='{index}'] .outline\").length === 2"
            )
        box = "document.querySelector('#stage .outline[data-track=\"1\"]').getBoundingClientRect()"
        page.click(*(page.value(f"{box}.{at}") for at in ("x + 4", "y + 4")))
        picture = cv2.imdecode(np.frombuffer(page.picture(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[:2] == (720, 1280)
        page.press(" ")
        page.wait_for("Number(document.getElementById('stage').dataset.shown) > 3")
