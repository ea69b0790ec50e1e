"""RF-DETR-Seg: the kinds of things it knows, and the answers of the network behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
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


def test_answers_are_those_of_the_network(folder: Path) -> None:
    """Scores and masks as its own post-processing has them: sigmoid, and logits above 0."""
    import transformers

    part = model(folder, "cat", "dog", least=0.0, overlap=1.0)
    (frame,) = frames(1, 90, 66)
    prompts = [Prompt(text="cat"), Prompt(text="dog")]
    (answer,) = part.segment([frame], [prompts])
    network = transformers.RfDetrForInstanceSegmentation.from_pretrained(folder).eval()
    pixels = torch.as_tensor(frame.image).permute(2, 0, 1)[None].float()
    pixels = torch.nn.functional.interpolate(
        pixels, (64, 64), mode="bilinear", antialias=True, align_corners=False
    ).round()
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]) * 255
    with torch.inference_mode():
        made = network(pixel_values=(pixels - mean[:, None, None]) / deviation[:, None, None])
    logits = torch.nn.functional.interpolate(
        made.pred_masks, (66, 90), mode="bilinear", align_corners=False
    )
    for number in range(2):
        scores = made.logits.sigmoid()[0, :, number]
        expected = sorted(
            (float(score), int((mask > 0).sum()))
            for score, mask in zip(scores, logits[0], strict=True)
            if (mask > 0).any()
        )
        found = sorted(
            (one.score, int(one.mask.area)) for one in answer.instances if one.prompt == number
        )
        assert [score for score, _ in found] == pytest.approx([s for s, _ in expected], abs=1e-5)
        assert np.allclose([a for _, a in found], [a for _, a in expected], rtol=0.01, atol=3)


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
