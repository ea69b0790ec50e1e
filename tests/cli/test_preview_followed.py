"""What a preview shows of marks on other frames, and the ruler to read coordinates by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import registry
from videoseg.cli._app import run
from videoseg.config.run_config import load
from videoseg.drawing.ruler import LEFT, TOP, step_for, with_ruler
from videoseg.geometry import masks
from videoseg.jobs.job import Job
from videoseg.jobs.preview import draw, looks
from videoseg.types import Cue, Prompt


class Asked(Colours):
    """Keeps the frames that any of its kind was asked about."""

    frames: list[int] = []  # noqa: RUF012

    def segment(self, frames: Any, prompts: Any) -> Any:
        self.frames.extend(frame.index for frame in frames)
        return super().segment(frames, prompts)


class Away(Asked):
    card = replace(Colours.card, name="away", sends_frames_away=True)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    real = registry._built_in
    ours = {"colours": Asked, "away": Away}

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **(ours if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.chdir(tmp_path)
    Asked.frames.clear()
    yield
    Asked.frames.clear()


def job(location: str, *prompts: Prompt, **flags: Any) -> Job:
    return Job(location, prompts, load(flags={"model": "colours", **flags}))


def boxed(*frames: int) -> Prompt:
    """The red square of a clip, boxed where it is on each of these frames, two pixels a frame."""
    cues = tuple(
        Cue(frame=n, boxes=((4.0 + 2 * (n % 40), 32.0, 44.0 + 2 * (n % 40), 64.0, True),))
        for n in frames
    )
    return Prompt("red", text="red", cues=cues)


def test_an_object_is_followed_to_the_frames_that_are_shown() -> None:
    film = str(clip(frames=40, width=160, height=96))
    with job(film, boxed(5)) as made:
        shown = looks(made)
    assert [look.frame.index for look in shown] == [0, 5, 19, 39]
    assert [bool(look.scores(0)) for look in shown] == [False, True, True, True]
    assert len(Asked.frames) <= 4 + 24 + 2  # each shown, and 24 steps and those between
    with job(film, Prompt("red", "red")) as made:
        truth = looks(made, ["19f"])
    followed = shown[2].detections.instances[0].mask
    red = next(look for look in truth if look.frame.index == 19).detections.instances[0].mask
    assert masks.iou(followed, red) > 0.8


def test_a_long_clip_is_followed_as_far_as_a_preview_goes() -> None:
    film = str(clip(frames=200, width=96, height=64))
    with job(film, boxed(10), Prompt("blue", "blue")) as made:
        shown = looks(made)
        draw(shown, made.prompts, made.streams)
    assert [look.frame.index for look in shown] == [0, 10, 99, 106, 199]
    assert shown[3].reasons == ("followed to here",)
    assert [look.followed for look in shown] == [False, True, True, True, False]
    assert len(set(Asked.frames)) <= 5 + 24 + 2


def test_later_marks_correct_what_is_followed() -> None:
    film = str(clip(frames=40, width=160, height=96))
    with job(film, boxed(5, 18)) as made:
        shown = looks(made)
    assert [look.reasons for look in shown][1:3] == [("marked",), ("marked",)]
    assert {5, 18, 19, 39} <= set(Asked.frames)


def test_a_service_is_asked_about_no_frame_that_is_not_shown() -> None:
    film = str(clip(frames=40, width=160, height=96))
    with job(film, boxed(5), model="away") as made:
        shown = looks(made)
    assert [bool(look.scores(0)) for look in shown] == [False, True, False, False]
    assert set(Asked.frames) == {5}


@pytest.mark.parametrize(
    ("scale", "step"), [(1, 100), (0.5, 200), (0.16, 500), (4, 20), (100, 1), (0.01, 5000)]
)
def test_lines_stand_at_round_numbers(scale: float, step: int) -> None:
    assert step_for(scale) == step


def test_lines_stand_where_the_coordinates_are() -> None:
    flat = np.full((300, 400, 3), 100, np.uint8)
    sheet = with_ruler(flat, 800, 600).astype(int)
    assert sheet.shape == (300 + TOP, 400 + LEFT, 3)
    picture = sheet[TOP:, LEFT:, 0]
    # The frame is twice as large, so lines at 200, 400, 600 are at pixels 100, 200, 300.
    light_columns = np.flatnonzero((picture > 130).mean(axis=0) > 0.9)
    light_rows = np.flatnonzero((picture > 130).mean(axis=1) > 0.9)
    assert light_columns.tolist() == [100, 200, 300]
    assert light_rows.tolist() == [100, 200]
    untouched = np.ones((300, 400), bool)
    untouched[:, [c + d for c in light_columns for d in (0, 1)]] = False
    untouched[[r + d for r in light_rows for d in (0, 1)]] = False
    assert (picture[untouched] == 100).all()
    ticks = np.flatnonzero(sheet[TOP - 1, LEFT:, 0] > 200)
    assert {0, 100, 200, 300} <= set(ticks.tolist())
    assert set(ticks.tolist()) == set(range(0, 400, 20))


def test_the_grid_needs_no_prompt_and_no_model(capfd: pytest.CaptureFixture[str]) -> None:
    film = str(clip(frames=40, width=160, height=96, sample_aspect_ratio=Fraction(2)))
    assert run(["preview", film, "--grid", "--at", "7f", "--model", "away"]) == 0
    picture = cv2.imread("clip.preview.png")
    assert picture is not None
    assert picture.shape[:2] == (12 + 2 * (96 + TOP + 24 + 12), 12 + 2 * (320 + LEFT + 12))
    assert not Asked.frames
    capfd.readouterr()
    assert run(["preview", film, "--overwrite"]) == 2
    assert "--grid" in capfd.readouterr().err


def test_the_grid_is_drawn_over_what_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    film = str(clip(frames=3, width=160, height=96))
    assert run(["preview", film, "red", "--grid", "--model", "colours"]) == 0
    assert "red: found on 3 of 3 frames" in capfd.readouterr().err


def test_a_preview_never_replaces_what_it_reads(capfd: pytest.CaptureFixture[str]) -> None:
    Path("pics").mkdir()
    for n in range(2):
        cv2.imwrite(f"pics/{n}.png", np.full((40, 60, 3), 90, np.uint8))
    Path("p.json").write_text('[{"text": "red"}]', encoding="utf-8")
    Path("link.png").symlink_to("pics/0.png")
    Path("hard.png").hardlink_to("pics/0.png")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    for given, out in (
        (["pics/0.png", "red"], "pics/0.png"),
        (["pics/0.png", "red"], "link.png"),
        (["link.png", "red"], "pics/0.png"),
        (["pics/0.png", "red"], "hard.png"),
        (["pics", "red"], "pics/1.png"),
        (["pics/%d.png", "red"], "pics/1.png"),
    ):
        assert run(["preview", *given, "-o", out, "--overwrite", "--model", "colours"]) == 2, out
        said = capfd.readouterr().err
        assert "would be lost" in said
        assert said.count("\n") == 1
    # What is not named as a picture is refused for that alone.
    prompts = ["preview", "pics/0.png", "--prompts", "p.json", "--model", "colours"]
    assert run([*prompts, "-o", "p.json", "--overwrite"]) == 2
    assert "a preview is a PNG" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
