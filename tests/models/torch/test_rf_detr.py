"""RF-DETR-Seg: the kinds of things it knows, and the answers of the network behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_torch_models import frames
from tests.support.torch_models import TINY
from videoseg.errors import PromptError, UnknownPhraseError
from videoseg.models.rf_detr import RfDetrSegNano
from videoseg.types import Cue, Prompt

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(TINY["rf-detr-seg-nano"](tmp_path_factory.mktemp("rf")))


def model(folder: Path, *phrases: str, **settings: Any) -> RfDetrSegNano:
    part = RfDetrSegNano(weights=str(folder), **settings)
    part.prepare([Prompt(text=phrase) for phrase in phrases])
    return part


@pytest.mark.parametrize(
    ("phrase", "number"),
    [("cat", 0), ("The  Cat.", 0), ("cats", 0), ("a dog", 1), ("big dogs", 2), ("BIG DOG", 2)],
)
def test_names_are_known_as_people_write_them(phrase: str, number: int, folder: Path) -> None:
    assert model(folder, phrase)._number(phrase) == number


def test_other_words_are_refused(folder: Path) -> None:
    with pytest.raises(UnknownPhraseError, match="knows 6 kinds of things, and 'blue cup' is none"):
        model(folder, "blue cup")
    with pytest.raises(PromptError, match="finds by words, but prompt 'it' has none"):
        box = Cue(boxes=((0.0, 0.0, 9.0, 9.0, True),))
        RfDetrSegNano(weights=str(folder)).prepare([Prompt("it", cues=(box,))])


@pytest.mark.parametrize(
    ("size", "side"), [({"height": 96, "width": 96}, 96), ({"shortest_edge": 9}, 64), (None, 64)]
)
def test_the_size_is_that_of_the_weights(
    size: Any, side: int, folder: Path, tmp_path: Path
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if size is not None:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": size}))
    part = model(tmp_path, "cat")
    assert part._side == side
    part.segment(frames(1), [[Prompt(text="cat")]])
