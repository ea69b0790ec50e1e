"""What every model keeps to: those on PyTorch with tiny weights, services against a server here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import hosted_servers as servers
from tests.support.fakes import Colours
from tests.support.hosted_servers import serving, things
from tests.support.torch_models import GROUNDERS, SAME_CLASS, TINY, WRITERS
from videoseg import registry
from videoseg.models.agent import Agent
from videoseg.models.embedded import Embedded
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream
from videoseg.protocols import Segmenter
from videoseg.types import Cue, Detections, Frame, Prompt

RED = Prompt("red thing", text="red thing")
BOX = Prompt("box", cues=(Cue(boxes=((40.0, 60.0, 140.0, 160.0, True),)),))
IMAGE = things((40, 60, 140, 160))
CHOOSES = servers.script(
    ("segment_phrase", {"text_prompt": "red"}),
    ("select_masks_and_return", {"final_answer_masks": [1]}),
)
Make = Callable[[Path], AbstractContextManager[Any]]


@contextmanager
def hosted(speak: Callable[[servers.Request], servers.Answer], model: Any) -> Iterator[Any]:
    """A service's model that asks a server on this machine."""
    with serving(speak) as server:
        yield model(url=server.url, cache="off", first_wait=0.01)


def agent(**settings: Any) -> Agent:
    made = Agent(language="openai", **settings)
    made.compose(lambda _: Colours())
    return made


@contextmanager
def embedded() -> Iterator[Any]:
    yield Embedded(threads=1)


@contextmanager
def tiny(name: str, folder: Path) -> Iterator[Any]:
    """A model on PyTorch by its real class, with random weights."""
    pytest.importorskip("torch")
    cls = registry.find("models", name).cls
    free = type(cls.__name__, (cls,), {"card": dataclasses.replace(cls.card, packages=())})
    yield free(weights=TINY[name](folder))


LOCAL: dict[str, Make] = {
    "embedded": lambda _: embedded(),
    "moondream": lambda _: hosted(servers.moondream, lambda **s: Moondream(several="one", **s)),
    "gemini": lambda _: hosted(servers.gemini, Gemini),
    "agent": lambda _: hosted(servers.openai_agent(CHOOSES), agent),
}
ON_TORCH: dict[str, Make] = {
    name: lambda folder, name=name: tiny(name, folder)  # type: ignore[misc]
    for name in TINY
    if name not in SAME_CLASS | GROUNDERS | WRITERS
}
"""Those that write text have no sense with random weights; ``tests/models`` has them."""
MODELS = LOCAL | ON_TORCH


@pytest.fixture(params=MODELS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    with MODELS[request.param](tmp_path) as model:
        yield request.param, model
        model.close()


def asked_of(name: str) -> tuple[Prompt, ...]:
    """A prompt that the model takes."""
    return (RED,) if "text" in registry.card(name).kinds else (BOX,)


def frame(index: int, stream: str = "cam") -> Frame:
    return Frame(stream, index, 40 * index, Fraction(1, 1000), IMAGE)


def check(answer: Detections, asked: tuple[Prompt, ...]) -> None:
    height, width = IMAGE.shape[:2]
    assert len(answer.presence) in {0, len(asked)}
    for instance in answer.instances:
        assert 0 <= instance.prompt < len(asked)
        assert 0 <= instance.score <= 1
        assert (instance.mask.frame_width, instance.mask.frame_height) == (width, height)
        assert instance.mask.bitmap.any()


def test_every_model_is_made_here() -> None:
    on_torch = set(TINY) | {
        name for name in registry.names("models") if registry.card(name).grounds
    }
    missing = set(registry.names("models")) - set(LOCAL) - on_torch
    assert not missing, f"say in {__file__} how these are made without weights and services"


@pytest.mark.parametrize("name", registry.names("models"))
def test_a_card_says_what_it_is(name: str) -> None:
    card = registry.card(name)
    assert card.name == name
    assert card.kinds
    assert card.summary
    assert not card.summary.endswith(".")
    assert card.licence


def test_frames_are_answered_in_order(made: tuple[str, Any]) -> None:
    name, model = made
    asked = asked_of(name)
    assert isinstance(model, Segmenter)
    model.prepare(asked)
    given = [frame(0, "left"), frame(7, "right"), frame(3, "left")]
    answers = model.segment(given, [asked] * 3)
    assert [(a.stream, a.index) for a in answers] == [("left", 0), ("right", 7), ("left", 3)]
    for answer in answers:
        check(answer, asked)


def test_the_same_frame_has_the_same_answer(made: tuple[str, Any]) -> None:
    name, model = made
    asked = asked_of(name)
    model.prepare(asked)
    one, other = model.segment([frame(0), frame(1)], [asked] * 2)
    assert [each.score for each in one.instances] == [each.score for each in other.instances]
    for a, b in zip(one.instances, other.instances, strict=True):
        assert np.array_equal(a.mask.to_array(), b.mask.to_array())


def test_no_frames_have_no_answers(made: tuple[str, Any]) -> None:
    name, model = made
    model.prepare(asked_of(name))
    assert list(model.segment([], [])) == []


def test_no_prompts_have_no_instances(made: tuple[str, Any]) -> None:
    name, model = made
    model.prepare(asked_of(name))
    (answer,) = model.segment([frame(0)], [()])
    assert answer.instances == ()


def test_the_image_is_left_as_it_is(made: tuple[str, Any]) -> None:
    name, model = made
    asked = asked_of(name)
    model.prepare(asked)
    given = frame(0)
    before = given.image.copy()
    given.image.setflags(write=False)
    try:
        model.segment([given], [asked])
    finally:
        given.image.setflags(write=True)
    assert np.array_equal(given.image, before)


def test_it_closes_twice_and_before_it_is_prepared(made: tuple[str, Any]) -> None:
    _, model = made
    model.close()
    model.close()
