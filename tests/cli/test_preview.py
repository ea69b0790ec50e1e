"""The picture before a run, and the dry run with its estimate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.test_many import films
from tests.support.fakes import Colours
from tests.support.media import clip, read_index
from videoseg import registry
from videoseg.cli._app import run
from videoseg.config.run_config import load
from videoseg.geometry.rings import scaled
from videoseg.jobs.estimate import estimate
from videoseg.jobs.job import Job
from videoseg.jobs.preview import draw, looks
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.sources.video import VideoSource
from videoseg.types import Bezier, Cue, Instance, Mask, Polygon, Prompt, RgbImage


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The model of the tests beside the real ones, and an empty folder to work in."""
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"colours": Colours} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def film() -> str:
    return str(clip(frames=40, width=160, height=96))


def job(location: str, *prompts: Prompt, **flags: Any) -> Job:
    config = load(flags={"model": "colours", "write": ["svg", "animated-svg"], **flags})
    return Job(location, prompts or (Prompt("red", "red"),), config)


def test_frames_that_are_shown(film: str) -> None:
    marked = Prompt("box", cues=(Cue(frame=7, boxes=((4.0, 32.0, 60.0, 64.0, True),)),))
    with job(film, Prompt("red", "red"), marked) as made:
        shown = looks(made, ["1.0", "7f", "39f"])
    assert [(look.frame.index, look.reasons) for look in shown] == [
        (0, ("first",)),
        (7, ("marked", "at 7f")),
        (19, ("middle",)),
        (25, ("at 1.0",)),
        (39, ("last", "at 39f")),
    ]
    assert [read_index(look.frame.image) for look in shown] == [0, 7, 19, 25, 39]
    assert [len(look.scores(0)) for look in shown] == [1] * 5
    assert [len(look.scores(1)) for look in shown] == [0, 1, 1, 1, 1]
    assert [look.followed for look in shown] == [False, True, True, True, True]


def test_a_part_and_a_single_frame(film: str) -> None:
    with job(film, start="10f", end="21f") as made:
        assert [look.frame.index for look in looks(made)] == [10, 15, 20]
    with job(str(clip(frames=1, width=96, height=64))) as made:
        assert [look.reasons for look in looks(made)] == [("first",)]


def test_frames_are_counted_where_the_container_does_not_say() -> None:
    silent = str(clip(name="silent.mkv", frames=30, width=96, height=64))
    with job(silent) as made:
        assert made.frame_count is None
        assert [look.frame.index for look in looks(made)] == [0, 14, 29]
    with job(silent, start="4f", end="21f") as made:
        assert [look.frame.index for look in looks(made)] == [4, 12, 20]
    with job(silent, end="90f") as made:
        found = estimate(made)
        assert (found.frames, found.calls) == (30, 8)


def test_promised_frames_that_are_not_there_are_noted(
    film: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with job(film) as made:
        monkeypatch.setattr(Job, "ends", (0, 50))
        with caplog.at_level("WARNING"):  # a quiet command may have run before
            assert [look.frame.index for look in looks(made)] == [0, 25]
    assert "not in the file, though it promises as many frames: [50]" in caplog.text


def test_only_what_is_shown_is_asked_for(film: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = VideoSource.frames

    def frames(self: VideoSource, start: int = 0, stop: int | None = None) -> Iterator[Any]:
        asked.append((start, stop))
        return real(self, start, stop)

    monkeypatch.setattr(VideoSource, "frames", frames)
    with job(film) as made:
        looks(made)
    assert asked == [(0, 1), (19, 20), (39, 40)]


def tile_colours(image: RgbImage, width: int, height: int, number: int) -> RgbImage:
    """A picture of a sheet of three; a line of text is 24 pixels high, the gap 12."""
    x = 12 + number * (width + 12)
    return image[12 : 12 + height, x : x + width]


def test_the_picture_shows_what_was_found(film: str) -> None:
    with job(film) as made:
        shown = looks(made)
        sheet = draw(shown, made.prompts, made.streams)
    assert sheet.shape == (12 + 96 + 2 * 24 + 12, 12 + 3 * (160 + 12), 3)
    for number, look in enumerate(shown):
        tile = tile_colours(sheet, 160, 96, number).astype(int)
        change = np.abs(tile - look.frame.image).sum(axis=2) > 20
        mask = look.detections.instances[0].mask
        x1, y1, x2, y2 = mask.crop
        assert change[y1 + 4 : y2 - 4, x1 + 4 : x2 - 4].mean() > 0.95
        assert not change[:, : max(0, x1 - 40)].any() or x1 < 48
        caption = sheet[12 + 96 : 12 + 96 + 48, 12 + number * 172 : 172 + number * 172]
        assert caption.max() > 200  # something is written there
        assert caption.min() >= 20


def test_the_picture_is_drawn_by_the_settings_of_outlines(film: str) -> None:
    with job(film) as made:
        rows, columns = np.mgrid[:96, :160]
        round_mask = Mask.from_array((columns - 80) ** 2 + (rows - 48) ** 2 < 30**2)
        look = looks(made)[0]
        found = replace(look.detections, instances=(Instance(round_mask, 0.9, 0),))
        shown = [replace(look, detections=found)]
        usual, coarse = (
            draw(shown, made.prompts, made.streams, vectorizer=Vectorizer(tolerance=tolerance))
            for tolerance in (0.5, 8.0)
        )
        assert np.array_equal(draw(shown, made.prompts, made.streams), usual)
    assert not np.array_equal(coarse, usual)


def test_pixels_that_are_not_square_are_shown_as_they_should_look() -> None:
    wide = str(clip(name="w.mp4", frames=1, width=96, height=64, sample_aspect_ratio=Fraction(2)))
    with job(wide) as made:
        sheet = draw(looks(made), made.prompts, made.streams)
        assert sheet.shape[1] == 12 + 192 + 12
        small = draw(looks(made), made.prompts, made.streams, width=96)
        assert small.shape[:2] == (12 + 32 + 48 + 12, 12 + 96 + 12)


def test_scaled_rings() -> None:
    points = np.array([(0, 0), (2, 0), (2, 1)], np.float32)
    straight = scaled(Polygon(points), 2, 3)
    assert isinstance(straight, Polygon)
    assert straight.points.tolist() == [[0, 0], [4, 0], [4, 3]]
    curved = scaled(Bezier(points[None]), 2, 3)
    assert isinstance(curved, Bezier)
    assert curved.segments[0, 2].tolist() == [4, 3]


def preview(*arguments: str) -> int:
    return run(["preview", *arguments, "--model", "colours"])


def test_from_the_command_line(film: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert preview(film, "red", "--at", "0.4", "--json") == 0
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["out"] == "clip.preview.png"
    assert [each["frame"] for each in document["frames"]] == [0, 10, 19, 39]
    assert document["frames"][1] == {
        "places": ["at 0.4"],
        "followed": False,
        "frame": 10,
        "seconds": 0.4,
        "scores": {"red": [0.9]},
    }
    assert "red: found on 4 of 4 frames" in said.err
    picture = cv2.imread("clip.preview.png")
    assert picture is not None
    assert picture.shape[1] == 12 + 2 * (160 + 12)
    first = Path("clip.preview.png").read_bytes()
    assert preview(film, "red", "--at", "0.4", "--overwrite", "-q") == 0
    assert Path("clip.preview.png").read_bytes() == first


HOSTILE = [
    (["none.mp4", "red"], 1, "no such file"),
    (["FILM", "purple"], 4, "no colour is called"),
    (["FILM"], 2, "nothing to look for"),
    (["FILM", "FILM", "red", "other.mp4"], 1, "other.mp4"),
    (["FILM", "red", "--at", "99f"], 2, "after the last of 40 frames"),
    (["FILM", "red", "--at", "soon"], 2, "not a time or frame number"),
    (["FILM", "red", "-o", "here.png"], 1, "--overwrite"),
    (["FILM", "red", "-o", "nowhere/x.png"], 1, "cannot write nowhere"),
    (["two", "red"], 2, "preview takes one input, got 2"),
    (["FILM", "red", "--set", "models.colours.fail_at=19"], 1, "the model broke"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), HOSTILE)
def test_bad_input_is_one_line(
    arguments: list[str], code: int, says: str, film: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("here.png").write_bytes(b"mine")
    films("two/a.mp4", "two/b.mp4")
    assert preview(*(film if each == "FILM" else each for each in arguments)) == code
    said = capfd.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1, said.err
    assert Path("here.png").read_bytes() == b"mine"
    assert {path.name for path in Path().iterdir()} == {"here.png", "two"}


def test_an_estimate_is_of_frames_from_all_over(film: str) -> None:
    with job(film) as made:
        found = estimate(made)
    assert found.parts == ((0, 8), (16, 24), (32, 40))
    assert (found.frames, found.calls, found.tried) == (40, 10, 24)
    assert set(found.per_frame) == {
        "decode", "model", "track", "vectorize", "log", "svg", "animated-svg"
    }  # fmt: skip
    assert found.quickest is not None
    assert found.slowest is not None
    assert 0 < found.quickest <= found.slowest
    with job(film) as made:
        assert made.run(Path("out")).frames == 40
    files = [path for path in Path("out").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert found.size == pytest.approx(size, rel=0.3)


@pytest.mark.slow
def test_sound_between_the_parts_of_a_trial_does_not_count() -> None:
    loud = str(clip(name="loud.mp4", frames=500, width=96, height=64, audio=True))
    with job(loud, write=["overlay"]) as made:
        found = estimate(made)
    with job(loud, write=["overlay"]) as made:
        made.run(Path("out"))
    size = sum(path.stat().st_size for path in Path("out").rglob("*") if path.is_file())
    assert found.size is not None
    assert size / 3 < found.size < 3 * size


def test_an_estimate_of_few_frames_takes_all_of_them(film: str) -> None:
    with job(film, start="30f", batch=3) as made:
        found = estimate(made)
    assert (found.parts, found.frames, found.calls) == (((30, 40),), 10, 4)
    marked = Prompt("box", cues=(Cue(frame=0, boxes=((4.0, 32.0, 60.0, 64.0, True),)),))
    with job(film, marked) as made:
        assert estimate(made).calls == 40


def test_a_dry_run_says_what_it_would_take(film: str, capfd: pytest.CaptureFixture[str]) -> None:
    films("a.mp4", "b.mp4")
    before = {path.name for path in Path().iterdir()}
    flags = ["red", "--model", "colours", "--dry-run"]
    assert run(["segment", film, *flags]) == 0
    said = capfd.readouterr().err
    assert "frames   40, in 10 calls of the model" in said
    assert "an estimate, measured on 24 frames in 3 parts" in said
    assert run(["segment", "a.mp4", "b.mp4", *flags]) == 0
    assert "2 inputs: 10 frames" in capfd.readouterr().err
    assert run(["segment", "a.mp4", "b.mp4", *flags, "--json"]) == 0
    plans = json.loads(capfd.readouterr().out)["inputs"]
    assert [plan["calls"] for plan in plans] == [2, 2]
    assert plans[0]["estimate"]["measured_on_frames"] == [[0, 5]]
    assert len(plans[0]["estimate"]["seconds"]) == 2
    assert run(["segment", film, "purple", *flags[1:]]) == 4
    assert {path.name for path in Path().iterdir()} == before
