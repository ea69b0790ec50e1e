"""``videoseg models check``: what a model answers about a known picture, beside its card."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from tests.support.commandline import captured
from tests.support.fakes import Colours
from videoseg.config.run_config import RunConfig
from videoseg.jobs.model_check import difference, known_picture
from videoseg.models.embedded.model import Embedded
from videoseg.types import Figure, ModelCard

RIGHT = Figure("box", 1, 0.9, (10.0, 20.0, 110.0, 220.0), 10_000)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({}, ""),
        ({"score": 0.915, "box": (14.0, 20.0, 110.0, 220.0), "area": 10_200}, ""),
        ({"count": 2}, "finds 2 objects, not 1"),
        ({"score": 0.8}, "the score is 0.800, not 0.900"),
        ({"box": (10.0, 20.0, 140.0, 220.0)}, "the box is 30 pixels off"),
        ({"area": 9000}, "the mask has 9000 pixels, not 10000"),
    ],
)
def test_an_answer_beside_the_cards(other: dict[str, Any], says: str) -> None:
    assert difference(replace(RIGHT, **other), RIGHT) == says


def test_the_picture_is_known() -> None:
    frame = known_picture(RunConfig())
    assert (frame.width, frame.height) == (600, 400)


def test_the_built_in_model_answers_as_its_card_says() -> None:
    code, out, err = captured(["models", "check", "embedded"], {})
    assert (code, err) == (0, "")
    assert [line.rpartition("(")[2] for line in out.splitlines()] == ["as the card says)"] * 3


@dataclass
class Other(Colours):
    """Says something else than its card."""

    card: ClassVar[ModelCard] = replace(
        Colours.card, name="other", kinds=frozenset({"box"}), figures=(RIGHT,)
    )


def test_a_model_that_answers_otherwise_is_an_error() -> None:
    ours = {"models": {"other": Other}}
    code, out, err = captured(["models", "check", "other"], ours)
    assert code == 1
    assert out.startswith("box: ")
    (line,) = err.splitlines()
    assert line.startswith("videoseg: model 'other' answers otherwise than its card says: box: ")
    code, out, _ = captured(["models", "check", "other", "--json"], ours)
    assert code == 1
    (row,) = json.loads(out)
    assert (row["question"], bool(row["difference"])) == ("box", True)


@dataclass
class Bare(Colours):
    """Has no figures in its card."""

    card: ClassVar[ModelCard] = replace(Other.card, name="bare", figures=())


def test_a_card_without_figures_gets_them() -> None:
    code, out, _ = captured(["models", "check", "bare"], {"models": {"bare": Bare}})
    assert code == 0
    assert "the card of 'bare' has no figures to compare with" in out
    assert "    Figure(question='box', count=1" in out


@pytest.mark.parametrize("verb", ["get", "check"])
def test_names_that_no_model_has(verb: str) -> None:
    code, _, err = captured(["models", verb, "nothing"], {})
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "'nothing'" in err


def test_models_without_weights_to_fetch() -> None:
    code, out, _ = captured(["models", "get", "embedded"], {})
    assert (code, out) == (0, "embedded: there are no weights to fetch\n")
    assert Embedded.card.figures
