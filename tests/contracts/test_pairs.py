"""Pairs: words become boxes, boxes become outlines, and all else goes straight to the segmenter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.support.torch_models import TINY
from videoseg import registry
from videoseg.cli._app import app
from videoseg.config.run_config import RunConfig, load
from videoseg.config.run_settings import RunSettings
from videoseg.errors import ConfigError
from videoseg.jobs.job import Job
from videoseg.models._pair import Pair
from videoseg.protocols import Segmenter
from videoseg.types import (
    Box,
    Cue,
    Detections,
    Frame,
    Grounding,
    Instance,
    Mask,
    ModelCard,
    Prompt,
)

WIDTH, HEIGHT = 64, 40


def _card(name: str, kinds: set[Any], **more: Any) -> ModelCard:
    return ModelCard(name, name, frozenset(kinds), True, "MIT", 10, **more)


class Boxes:
    """A grounder that knows where things are."""

    card: ClassVar[ModelCard] = _card("boxes", {"text"}, grounds=True, extra="models")

    def __init__(self, places: dict[str, list[tuple[Box, float]]]) -> None:
        self.places = places
        self.prepared: list[Prompt] = []
        self.closed = 0

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        self.prepared = list(prompts)

    def ground(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[tuple[Grounding, ...]]:
        return [
            tuple(
                Grounding(number, box, score)
                for number, prompt in enumerate(asked)
                for box, score in self.places.get(prompt.text or "", [])
            )
            for asked in prompts
        ]

    def close(self) -> None:
        self.closed += 1


class Fills:
    """A segmenter that fills the box it is asked for, or the pixel under a point."""

    card: ClassVar[ModelCard] = _card("fills", {"point", "negative", "box"}, extra="models")

    def __init__(self) -> None:
        self.prepared: list[Prompt] = []
        self.asked: list[tuple[Prompt, ...]] = []
        self.closed = 0

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        self.prepared = list(prompts)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.asked = [tuple(asked) for asked in prompts]
        answers = []
        for frame, asked in zip(frames, prompts, strict=True):
            found = []
            for number, prompt in enumerate(asked):
                assert prompt.text is None
                cue = prompt.cues[0]
                x, y = (int(v) for v in (cue.boxes or cue.points)[0][:2])
                wide, high = 1, 1
                if cue.boxes:
                    wide, high = int(cue.boxes[0][2]) - x, int(cue.boxes[0][3]) - y
                mask = Mask(x, y, frame.width, frame.height, np.ones((high, wide), np.bool_))
                found.append(Instance(mask, 0.5, number))
            answers.append(Detections(frame.stream, frame.index, tuple(found)))
        return answers

    def close(self) -> None:
        self.closed += 1


def frame(index: int = 0) -> Frame:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return Frame("cam", index, index, Fraction(1, 25), image)


CAT: list[tuple[Box, float]] = [((2, 3, 12, 13), 0.9), ((30, 10, 50, 38), 0.4)]
DOG: list[tuple[Box, float]] = [((20, 0, 25, 9), 0.7)]


def test_words_become_boxes_and_the_rest_goes_straight_on() -> None:
    pair = Pair(Boxes({"cat": CAT, "dog": DOG}), Fills())
    point = Cue(points=((7.0, 8.0, True),))
    asked = (
        Prompt("hand", cues=(point,)),
        Prompt("dog", text="dog"),
        Prompt("both", text="cat", cues=(point,)),
        Prompt("cat", text="cat"),
        Prompt("bird", text="bird"),
    )
    assert isinstance(pair, Segmenter)
    pair.prepare(asked)
    assert [prompt.text for prompt in pair.grounder.prepared] == ["dog", "cat", "bird"]  # type: ignore[attr-defined]
    assert [prompt.label for prompt in pair.segmenter.prepared] == ["hand", "both"]  # type: ignore[attr-defined]
    answers = pair.segment([frame(0), frame(1)], [asked, asked[3:]])
    found = [
        [(one.prompt, one.mask.crop, one.score) for one in answer.instances] for answer in answers
    ]
    pixel = (7, 8, 8, 9)
    cats = [((2, 3, 12, 13), 0.9), ((30, 10, 50, 38), 0.4)]
    assert found[0] == [
        (0, pixel, 0.5),
        (2, pixel, 0.5),
        (1, (20, 0, 25, 9), 0.7),
        *((3, *cat) for cat in cats),
    ]
    assert found[1] == [(0, *cat) for cat in cats]
    assert [(answer.stream, answer.index) for answer in answers] == [("cam", 0), ("cam", 1)]
    pair.close()
    assert (pair.grounder.closed, pair.segmenter.closed) == (1, 1)  # type: ignore[attr-defined]


def test_what_is_not_meant_goes_along_with_every_box() -> None:
    pair = Pair(Boxes({"cat": CAT}), Fills())
    away = Cue(points=((60.0, 20.0, False),))
    asked = (
        Prompt("hand", cues=(Cue(points=((7.0, 8.0, True),)),)),
        Prompt("cat", text="cat", cues=(away,)),
    )
    pair.prepare(asked)
    (answer,) = pair.segment([frame()], [asked])
    assert [one.prompt for one in answer.instances] == [0, 1, 1]
    boxed = pair.segmenter.asked[0][1:]  # type: ignore[attr-defined]
    for prompt, (box, _) in zip(boxed, CAT, strict=True):
        assert prompt.label == "cat"
        assert prompt.cues == (Cue(boxes=((*box, True),)), away)


def test_nothing_found_is_nothing_answered() -> None:
    pair = Pair(Boxes({}), Fills())
    (answer,) = pair.segment([frame(3)], [(Prompt("cat", text="cat"),)])
    assert (answer.index, answer.instances) == (3, ())


def test_the_record_of_a_pair_has_those_of_its_members() -> None:
    found = registry.find("models", "owlv2+sam2.1-tiny")
    assert found.members == tuple(registry.find("models", one) for one in ("owlv2", "sam2.1-tiny"))
    assert (found.cls, found.settings) == (Pair, ())
    assert found.card == registry.card("owlv2+sam2.1-tiny")
    assert found.origin == "videoseg.models.owlv2 and videoseg.models.sam2"
    assert not found.is_plug_in


def test_the_two_cards_are_one() -> None:
    card = registry.card("grounding-dino+sam2.1-tiny")
    first, second = registry.card("grounding-dino"), registry.card("sam2.1-tiny")
    assert card.name == "grounding-dino+sam2.1-tiny"
    assert card.kinds == {"text", "point", "negative", "box", "mask"}
    assert card.weights == first.weights + second.weights
    assert card.megabytes == first.megabytes + second.megabytes
    assert (card.extra, card.licence) == ("models", "Apache-2.0")
    assert not card.grounds
    assert registry.card("owlv2+edgetam").extra == "models,edgetam"
    assert "SAM License" in registry.card("owlv2+sam3-tracker").licence


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("sam2.1-tiny+owlv2", "'sam2.1-tiny' finds no boxes; a pair is one of"),
        ("owlv2+grounding-dino", "'grounding-dino' outlines no boxes"),
        ("owlv2+clipseg", "'clipseg' outlines no boxes"),
        ("owlv2+sam2.1-tny", "did you mean 'sam2.1-tiny'"),
        ("owlv3+sam2.1-tiny", "did you mean 'owlv2'"),
        ("owlv2+", "no model is called ''"),
        ("owlv2+sam2.1-tiny+sam3", "no model is called 'sam2.1-tiny+sam3'|finds no boxes"),
    ],
)
def test_what_makes_no_pair_is_refused(name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(flags={"model": name})


def test_a_grounder_alone_is_refused_with_what_to_do() -> None:
    problem = r"outlines nothing; pair it with one that does: --model owlv2\+sam2.1-tiny"
    with pytest.raises(ConfigError, match=problem):
        load(flags={"model": "owlv2"})
    config = RunConfig(RunSettings(model="owlv2"))
    with pytest.raises(ConfigError, match=problem):
        Job("clip.mp4", [Prompt("cat", text="cat")], config)


def test_both_keep_their_own_settings() -> None:
    config = load(
        flags={"model": "owlv2+sam2.1-tiny", "device": "cpu"},
        assignments=["models.owlv2.least=0.3", "models.sam2.1-tiny.keep_logits=true"],
    )
    pair = config.part("models", "owlv2+sam2.1-tiny")
    assert (pair.grounder.least, pair.grounder.device) == (0.3, "cpu")
    assert (pair.segmenter.keep_logits, pair.segmenter.device) == (True, "cpu")
    assert pair.segmenter.card.name == "sam2.1-tiny"


def test_models_say_how_they_pair() -> None:
    made = CliRunner().invoke(app, ["models"])
    assert "pairs with any model that takes boxes: --model owlv2+sam2.1-tiny" in made.output
    listed = json.loads(CliRunner().invoke(app, ["models", "--json"]).output)
    assert {one["name"] for one in listed if one["grounds"]} >= {"owlv2", "grounding-dino"}


def test_real_networks_make_a_pair(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    settings: dict[str, Any] = {
        "owlv2": {"weights": TINY["owlv2"](tmp_path / "owlv2"), "least": 0.0},
        "sam2.1-tiny": {"weights": TINY["sam2.1-tiny"](tmp_path / "sam2")},
    }
    config = load(flags={"model": "owlv2+sam2.1-tiny"})
    config = type(config)(config.run, {"models": settings})
    pair = config.part("models", "owlv2+sam2.1-tiny")
    asked = (Prompt("cat", text="a cat"), Prompt("p", cues=(Cue(points=((9.0, 9.0, True),)),)))
    pair.prepare(asked)
    together = pair.segment([frame(0), frame(1)], [asked] * 2)
    assert {one.prompt for one in together[0].instances} == {0, 1}
    assert len(pair.weight_files()) == 2
    assert len(together[1].instances) == len(together[0].instances)


def test_a_run_with_a_pair_writes_outlines_of_both_kinds_of_prompt(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    import cv2

    place = tmp_path / "still.png"
    cv2.imwrite(str(place), np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8))
    config = load(flags={"model": "owlv2+sam2.1-tiny", "write": ["svg"]})
    settings: dict[str, Any] = {
        "owlv2": {"weights": TINY["owlv2"](tmp_path / "owlv2"), "least": 0.0},
        "sam2.1-tiny": {"weights": TINY["sam2.1-tiny"](tmp_path / "sam2")},
    }
    box = Prompt("box", cues=(Cue(frame=0, boxes=((8.0, 8.0, 40.0, 30.0, True),)),))
    asked = (Prompt("cat", text="a cat"), box)
    with Job(str(place), asked, type(config)(config.run, {"models": settings})) as job:
        summary = job.run(tmp_path / "out")
    assert all(summary.instances)
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert manifest["model"]["name"] == "owlv2+sam2.1-tiny"
