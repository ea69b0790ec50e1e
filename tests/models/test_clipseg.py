"""CLIPSeg: a heat map whose pieces are the objects, where they are and as sure as they are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.torch_models import save, save_clip_tokenizer, tiny_clipseg
from videoseg.errors import PromptError
from videoseg.geometry.masks import bounding_box
from videoseg.models.clipseg import ClipSeg, pieces_of
from videoseg.types import Box, Frame, Mask, Prompt

torch = pytest.importorskip("torch")

SIDE = 128
WORDS = Prompt("it", text="it")


def frame(width: int, height: int, bright: dict[Box, int]) -> Frame:
    image = np.zeros((height, width, 3), np.uint8)
    for (x1, y1, x2, y2), level in bright.items():
        image[y1:y2, x1:x2] = level
    return Frame("cam", 0, 0, Fraction(1, 25), image)


@pytest.fixture
def part(tmp_path: Path) -> ClipSeg:
    """The model, whose heat map is the brightness of the pixels that it is handed."""
    text = save(tiny_clipseg(), tmp_path)
    save_clip_tokenizer(tmp_path)
    part = ClipSeg(weights=text, side=SIDE)
    part.prepare((WORDS,))

    def look(pixels: Any, **_: Any) -> Any:
        return SimpleNamespace(hidden_states=(pixels,) * 4)

    def decode(activations: Any, words: Any) -> Any:
        assert words.shape == (len(activations[0]), 16)
        return SimpleNamespace(logits=activations[0].mean(1))

    part._network.clip.vision_model.forward = look
    part._network.decoder.forward = decode
    return part


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((256, 64), [(40, 8, 120, 40), (160, 30, 200, 64)]),
        ((64, 256), [(8, 40, 40, 120), (30, 160, 64, 200)]),
        ((512, 128), [(8, 20, 80, 100)]),
        ((128, 128), [(0, 0, 10, 10), (20, 30, 128, 128)]),
    ],
)
def test_each_bright_piece_is_an_object_where_it_is(
    part: ClipSeg, size: tuple[int, int], boxes: list[Box]
) -> None:
    (answer,) = part.segment([frame(*size, dict.fromkeys(boxes, 255))], [(WORDS,)])
    assert sorted(bounding_box(one.mask) for one in answer.instances) == sorted(boxes)
    for one in answer.instances:
        x1, y1, x2, y2 = bounding_box(one.mask)
        assert one.mask.bitmap.sum() == (x2 - x1) * (y2 - y1)


def test_scores_are_mean_probabilities_and_the_best_are_kept(part: ClipSeg) -> None:
    part.smallest = 0
    given = frame(128, 128, {(10, 10, 30, 30): 255, (60, 60, 90, 90): 180})
    (answer,) = part.segment([given], [(WORDS,)])
    levels = [
        np.mean([(v / 255 - m) / s for m, s in zip(*IMAGENET, strict=True)]) for v in (255, 180)
    ]
    assert [one.score for one in answer.instances] == pytest.approx(
        [1 / (1 + np.exp(-level)) for level in levels], abs=1e-3
    )
    best = Prompt("it", text="it", max_instances=1)
    (answer,) = part.segment([given], [(best,)])
    assert [bounding_box(one.mask) for one in answer.instances] == [(10, 10, 30, 30)]


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_the_threshold_is_a_probability(part: ClipSeg) -> None:
    given = frame(128, 128, {(10, 10, 30, 30): 255, (60, 60, 90, 90): 180})
    part.threshold = 0.85  # 180 is 0.79, 255 is 0.92
    (answer,) = part.segment([given], [(WORDS,)])
    assert [bounding_box(one.mask) for one in answer.instances] == [(10, 10, 30, 30)]
    assert answer.instances[0].score == pytest.approx(0.917, abs=0.01)


def test_small_pieces_do_not_count(part: ClipSeg) -> None:
    given = frame(128, 128, {(10, 10, 30, 30): 255, (60, 60, 70, 70): 255})
    part.smallest = 100 / 128**2
    assert len(part.segment([given], [(WORDS,)])[0].instances) == 2
    part.smallest = 101 / 128**2
    assert len(part.segment([given], [(WORDS,)])[0].instances) == 1


def test_logits_are_the_piece_s_own(part: ClipSeg) -> None:
    given = frame(128, 128, {(10, 10, 30, 30): 255, (33, 10, 40, 30): 255})
    assert all(one.mask.logits is None for one in part.segment([given], [(WORDS,)])[0].instances)
    part.keep_logits = True
    (answer,) = part.segment([given], [(WORDS,)])
    assert len(answer.instances) == 2
    for one in answer.instances:
        logits = one.mask.logits
        assert logits is not None
        assert np.array_equal(logits > 0, one.mask.bitmap)
        x1, y1, x2, y2 = bounding_box(one.mask)
        assert one.mask.crop == (x1 - 4, y1 - 4, x2 + 4, y2 + 4)


def test_pieces_that_touch_at_a_corner_are_one() -> None:
    logits = np.full((20, 30), -1, np.float16)
    logits[2:5, 2:6] = 2
    logits[5:9, 6:8] = 3
    logits[10:12, 20:25] = 1
    mask = Mask(100, 50, 200, 100, logits > 0, logits)
    first, second = pieces_of(mask, 1)
    assert bounding_box(first) == (102, 52, 108, 59)
    assert bounding_box(second) == (120, 60, 125, 62)
    assert [len(pieces_of(mask, least)) for least in (10, 11, 20, 21)] == [2, 1, 1, 0]


def test_a_phrase_that_is_too_long_is_refused(part: ClipSeg) -> None:
    with pytest.raises(PromptError, match="at most 20; name the thing in fewer words"):
        part.prepare((Prompt("it", text="a very very very long phrase"),))
