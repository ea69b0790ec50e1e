"""The guard against regressions: measured twice, and with the smoothing broken on purpose."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.identity.failures import rough
from benchmarks.regression.__main__ import summary
from benchmarks.regression.checks import CHECKS, Check, FirstFrames, SampleClips
from benchmarks.regression.guard import COMMITTED, Outcome, guard
from tests.support.datasets import Block
from tests.support.fakes import Colours
from tests.support.places import ROOT
from videoseg.evaluate.candidates import Candidate
from videoseg.evaluate.samples import DataSet, Media, OnBroken, VideoSample, VideoTarget
from videoseg.evaluate.tables import Figure
from videoseg.evaluate.tasks import open_task
from videoseg.geometry import masks
from videoseg.tracking.smoothing import blend
from videoseg.tracking.smoothing.observation import Observation
from videoseg.types import Detections, Frame, Instance, Mask, Prompt, RgbImage

_JUMPS = (("all", "J"), ("all", "instability, px"))


class Rough(Colours):
    """Answers with edges that err by some pixels, on every frame otherwise."""

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        draw = np.random.default_rng(frame.index)
        found = super()._answer(frame, prompts).instances
        shaken = [(one, rough(one.mask, 2.0, draw)) for one in found]
        kept = [Instance(mask, one.score, one.prompt) for one, mask in shaken if mask is not None]
        return Detections(frame.stream, frame.index, tuple(kept))


def textured(place: Block) -> RgbImage:
    """A red block on a ground, both with a grain that optical flow can follow."""
    draw = np.random.default_rng(0)
    image = 110 + draw.integers(0, 40, (120, 160, 1)).repeat(3, axis=2)
    x1, y1, x2, y2 = place
    image[y1:y2, x1:x2] = draw.integers(0, 40, (y2 - y1, x2 - x1, 1)) + np.array([200, 20, 20])
    return image.astype(np.uint8)


def filled(place: Block) -> Mask | None:
    bitmap = np.zeros((120, 160), dtype=np.bool_)
    bitmap[place[1] : place[3], place[0] : place[2]] = True
    return masks.from_bitmap(bitmap)


@dataclass
class Clips:
    """Blocks that move slowly over three clips."""

    name: ClassVar[str] = "made"
    media: ClassVar[Media] = "videos"
    path: Path

    @classmethod
    def accepts(cls, path: Path) -> bool:
        return False

    def truth_files(self) -> Iterable[Path]:
        return [self.path / "truth"]

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        for clip in range(3):
            places = [(20 + n + 4 * clip, 30, 80 + n + 4 * clip, 90) for n in range(12)]
            images = [textured(place) for place in places]
            truth = [filled(place) for place in places]
            target = VideoTarget("1", "red", truth.__getitem__, phrases=("red",))
            yield VideoSample(f"clip{clip}", [lambda i=i: i for i in images], (target,))  # type: ignore[misc]


@dataclass(frozen=True)
class Miniature(Check):
    def open(self, data: Path | None) -> DataSet | None:
        assert data is not None
        (data / "truth").touch()
        made: DataSet = Clips(data)
        return made


def measure(tmp_path: Path, said: list[str], *, update: bool = False) -> list[Outcome]:
    check = Miniature("blocks", "", "", "text-video", _JUMPS, {"tracked": True})
    model = Candidate(Colours.card, {}, Rough)
    return guard([check], tmp_path, model, tmp_path / "kept", update=update, say=said.append)


def test_measured_twice_it_is_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    assert measure(tmp_path, said, update=True) == []
    kept = json.loads((tmp_path / "kept" / "blocks.json").read_text())
    assert kept["figures"]["all instability, px"]["n"] == 3
    for _ in range(2):
        outcomes = measure(tmp_path, said)
        assert [outcome.verdict for outcome in outcomes] == ["same", "same"]
        assert {outcome.difference.value for outcome in outcomes} == {0.0}
    assert summary(outcomes) == "0 better, 0 worse, 2 same"


def test_smoothing_that_is_broken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    measure(tmp_path, said, update=True)
    whole = blend.smooth_mask

    def broken(*arguments: Any, **named: Any) -> Any:
        _, state = whole(*arguments, **named)
        observation = next(each for each in arguments if isinstance(each, Observation))
        return observation.mask, state

    monkeypatch.setattr(blend, "smooth_mask", broken)
    outcomes = {outcome.figure: outcome for outcome in measure(tmp_path, said)}
    steady = outcomes["all instability, px"]
    assert steady.verdict == "worse"
    assert steady.difference.low > 0
    assert "blocks: all instability, px" in summary(list(outcomes.values()))
    assert any(re.match(r"blocks: all instability, px \d\.\d+: worse \(\+", line) for line in said)
    # What is better now is so named, once the broken figures are the committed ones.
    measure(tmp_path, said, update=True)
    monkeypatch.undo()
    again = {outcome.figure: outcome.verdict for outcome in measure(tmp_path, said)}
    assert again["all instability, px"] == "better"


def test_other_data_is_not_compared(tmp_path: Path) -> None:
    said: list[str] = []
    assert measure(tmp_path, said) == []
    assert "nothing is committed to compare with" in said[-1]
    measure(tmp_path, said, update=True)
    kept = tmp_path / "kept" / "blocks.json"
    kept.write_text(kept.read_text().replace('"truth": "', '"truth": "0'))
    assert measure(tmp_path, said) == []
    assert said[-1] == "blocks: not compared: the committed figures are of other data"


def test_data_that_is_not_there_is_said_to_be_so_and_where_to_get_it(tmp_path: Path) -> None:
    said: list[str] = []
    model = Candidate(Colours.card, {}, Colours)
    elsewhere = [check for check in CHECKS if check.folder is not None]
    for data, why in ((None, "no folder of data is given"), (tmp_path, f"not in {tmp_path}")):
        said.clear()
        assert guard(elsewhere, data, model, tmp_path, update=False, say=said.append) == []
        assert len(said) == len(elsewhere)
        assert all(why in line for line in said)
        assert "davischallenge.org" in said[0]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_watches_figures_that_exist_and_has_committed_ones(check: Check) -> None:
    figures: Sequence[Figure] = open_task(check.task, check.settings).figures
    assert {figure for _, figure in check.watched} <= {each.name for each in figures}
    kept = json.loads((COMMITTED / f"{check.name.replace(' ', '-')}.json").read_text())
    assert set(kept["figures"]) == {" ".join(watched) for watched in check.watched}
    assert all(each["n"] >= 1 for each in kept["figures"].values())
    assert check.folder is None or check.origin


def test_the_clips_of_the_project_are_enough() -> None:
    (first, *_) = SampleClips(frames=2).samples(lambda _: None)
    assert len(first.pictures) == 2
    truth = first.targets[0].mask(1)
    assert truth is not None
    assert (truth.frame_height, truth.frame_width) == next(first.frames()).image.shape[:2]
    cut = next(FirstFrames(SampleClips(frames=3), 1).samples(lambda _: None))
    assert isinstance(cut, VideoSample)
    assert len(cut.pictures) == 1


def test_make_measure_gives_the_folder_on() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\t\$\(BIN\)/python (-m benchmarks\.regression.*)$", makefile, re.M)
    assert '$(if $(DATA),--data "$(DATA)")' in line
    assert shlex.split(line)[:2] == ["-m", "benchmarks.regression"]
