"""What is particular about SAM 3: phrases, what is computed once, and no waiting on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.torch_models import (
    save,
    save_clip_tokenizer,
    tiny_sam3,
    tiny_sam3_checkpoint,
    tiny_sam3_lite_text,
)
from videoseg.errors import PromptError
from videoseg.models.sam3 import Sam3, Sam3LiteText
from videoseg.types import Cue, Frame, Prompt

torch = pytest.importorskip("torch")

BOX = Cue(boxes=((10.0, 10.0, 60.0, 50.0, True), (70.0, 20.0, 90.0, 60.0, False)))


def frames(count: int) -> list[Frame]:
    generator = np.random.default_rng(0)
    return [
        Frame("cam", i, i, Fraction(1, 25), generator.integers(0, 256, (80, 120, 3), np.uint8))
        for i in range(count)
    ]


@pytest.fixture(params=["sam3", "lite"])
def part(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    lite = request.param == "lite"
    text = save(tiny_sam3_lite_text() if lite else tiny_sam3(), tmp_path)
    save_clip_tokenizer(tmp_path)
    made = (Sam3LiteText if lite else Sam3)(weights=text, least=0.0, box="example")
    made.prepare(())
    return made


def calls(module: Any) -> list[int]:
    """Filled with the number of frames or phrases of each call from now on."""
    seen: list[int] = []

    def note(_: object, given: Any, named: Any) -> None:
        first = given[0] if given else next(iter(named.values()))
        seen.append(len(first))

    module.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def test_frames_are_looked_at_once_for_several_prompts(part: Any) -> None:
    looks = calls(part._network.vision_encoder)
    asked = (Prompt("a", text="cat"), Prompt("b", text="dog"), Prompt("c", cues=(BOX,)))
    given = frames(3)
    part.segment(given, [asked] * 3)
    assert looks == [3]
    part.segment(given, [asked[:1]] * 3)
    assert looks == [3]
    part.segment(given[1:], [asked] * 2)
    assert looks == [3, 2]


def test_a_phrase_is_read_once_for_all_frames(part: Any) -> None:
    reads = calls(part._network.text_encoder)
    asked = (Prompt("a", text="cat"), Prompt("b", text="dog"))
    for frame in frames(3):
        part.segment([frame], [asked])
    assert reads == [1, 1]


def test_nothing_is_remembered_where_it_is_not_wanted(part: Any) -> None:
    part.remember = False
    looks, reads = calls(part._network.vision_encoder), calls(part._network.text_encoder)
    given = frames(1)
    for _ in range(2):
        part.segment(given, [(Prompt("a", text="cat"),)])
    assert (looks, reads) == ([1, 1], [1, 1])


@pytest.mark.parametrize("cues", [(), (BOX,)], ids=["words", "words and boxes"])
def test_it_computes_what_the_documented_call_computes(part: Any, cues: tuple[Cue, ...]) -> None:
    """Beside transformers' own forward, with padding and its mask, phrases read by itself."""
    given = frames(2)
    prompt = Prompt("it", text="big cat", cues=cues)
    found = part.segment(given, [(prompt,)] * 2)
    network, tokens = part._network, part._tokens("big cat")
    del network.detr_encoder._prepare_multilevel_features  # as transformers has it
    pixels = np.stack([frame.image for frame in given])
    from videoseg.models._torch.images import HALF, Images, squeezed

    side = network.config.image_size
    values, _ = squeezed(
        Images(tuple(given), torch.from_numpy(pixels)), side, side, HALF, part._load().device
    )
    boxes = torch.tensor([[[35, 30, 50, 40], [80, 40, 20, 40]]]) / torch.tensor([120, 80, 120, 80])
    with torch.inference_mode():
        made = network(
            pixel_values=values,
            input_ids=torch.tensor([tokens["input_ids"]] * 2),
            attention_mask=torch.tensor([tokens["attention_mask"]] * 2),
            input_boxes=boxes.expand(2, -1, -1) if cues else None,
            input_boxes_labels=torch.tensor([[1, 0]] * 2) if cues else None,
        )
    scores = made.pred_logits.sigmoid() * made.presence_logits.sigmoid()
    full = torch.nn.functional.interpolate(made.pred_masks.sigmoid(), (80, 120), mode="bilinear")
    for answer, of_frame, masks in zip(found, scores, full, strict=True):
        order = of_frame.argsort(descending=True)
        expected = [(float(of_frame[n]), (masks[n] > 0.5).numpy()) for n in order]
        expected = [(score, bitmap) for score, bitmap in expected if bitmap.any()]
        assert len(expected) == len(answer.instances)
        for (score, bitmap), one in zip(expected, answer.instances, strict=True):
            x1, y1, x2, y2 = one.mask.crop
            assert one.score == pytest.approx(score, abs=1e-4)
            assert (one.mask.bitmap != bitmap[y1:y2, x1:x2]).mean() < 0.002
            assert not np.delete(np.delete(bitmap, slice(y1, y2), 0), slice(x1, x2), 1).any()


def test_a_phrase_that_is_too_long_is_refused(part: Any) -> None:
    with pytest.raises(PromptError, match=r"too long for model 'sam3.*at most"):
        part.prepare((Prompt("long", text="a very long phrase about a cat and a dog"),))


def test_points_and_words_share_a_backbone(tmp_path: Path) -> None:
    part = Sam3(weights=tiny_sam3_checkpoint(tmp_path), least=0.0)
    words, point = Prompt("a", text="cat"), Prompt("p", cues=(Cue(points=((40.0, 30.0, True),)),))
    part.prepare((words,))
    assert part._pointed is None
    part.prepare((words, point))
    assert part._pointed is not None
    backbone = part._network.vision_encoder.backbone
    assert part._pointed.network.vision_encoder.backbone is backbone
    (answer,) = part.segment(frames(1), [(point, words)])
    assert {one.prompt for one in answer.instances} == {0, 1}
    assert answer.presence[0] is None
    assert answer.presence[1] is not None
