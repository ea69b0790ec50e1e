"""What is particular about SAM 3: phrases, what is computed once, and no waiting on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.reference_models import network_input
from tests.support.torch_models import (
    save,
    save_clip_tokenizer,
    tiny_sam3,
    tiny_sam3_checkpoint,
    tiny_sam3_lite_text,
)
from videoseg.errors import PromptError
from videoseg.geometry.masks import iou
from videoseg.models._torch.images import HALF
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
    made = (Sam3LiteText if lite else Sam3)(
        weights=text, least=0.0, box="example", overlap=1.0, holes=0, specks=0
    )
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
    assert all(0 < present < 1 for present in answer.presence)


def test_boxes_and_scores_are_precise_where_the_rest_is_in_half(tmp_path: Path) -> None:
    """Against transformers in bfloat16 throughout, both measured from float32."""
    import transformers

    from videoseg.models._torch import rois

    text = save(tiny_sam3(), tmp_path)
    save_clip_tokenizer(tmp_path)
    parts = {}
    for precision in ("fp32", "bf16"):
        parts[precision] = Sam3(weights=text, precision=precision)
        parts[precision].prepare(())
    plain = transformers.Sam3Model.from_pretrained(text, dtype=torch.bfloat16).eval()
    rois.provide("transformers.models.sam3.modeling_sam3")
    full, half = parts["fp32"]._network, parts["bf16"]._network
    assert half.detr_decoder.query_embed.weight.equal(full.detr_decoder.query_embed.weight)
    tokens = parts["fp32"]._tokens("big cat")
    values = network_input(parts["fp32"], parts["fp32"]._network, frames(8), HALF)
    asked = {
        "input_ids": torch.tensor([tokens["input_ids"]] * 8),
        "attention_mask": torch.tensor([tokens["attention_mask"]] * 8),
        "input_boxes_labels": torch.full((8, 1), -10),
    }
    made = {}
    with torch.inference_mode():
        for name, network in (("full", full), ("half", half), ("plain", plain)):
            dtype = torch.float32 if name == "full" else torch.bfloat16
            boxes = torch.zeros(
                (8, 1, 4), dtype=torch.bfloat16 if name == "plain" else torch.float32
            )
            made[name] = network(pixel_values=values.to(dtype), input_boxes=boxes, **asked)

    def error(name: str, what: str) -> float:
        return float((made[name][what].float() - made["full"][what]).abs().mean())

    for what, share in (("pred_boxes", 0.5), ("pred_logits", 0.8), ("presence_logits", 0.8)):
        assert made["half"][what].dtype == torch.float32
        assert error("half", what) < error("plain", what) * share


def test_two_masks_of_a_phrase_share_little(tmp_path: Path) -> None:
    text = save(tiny_sam3(), tmp_path)
    save_clip_tokenizer(tmp_path)
    prompt, given = Prompt("a", text="cat"), frames(3)
    every = Sam3(weights=text, least=0.0, overlap=1.0, holes=0, specks=0)
    some = Sam3(weights=text, least=0.0, overlap=0.1, holes=0, specks=0)
    for part in (every, some):
        part.prepare((prompt,))
    for whole, chosen in zip(
        every.segment(given, [(prompt,)] * 3), some.segment(given, [(prompt,)] * 3), strict=True
    ):
        expected: list[Any] = []
        for one in whole.instances:  # best first
            if all(iou(one.mask, taken.mask) <= 0.1 for taken in expected):
                expected.append(one)
        assert 0 < len(expected) < len(whole.instances)
        assert [one.score for one in chosen.instances] == [one.score for one in expected]
    (few,) = some.segment(given[:1], [(Prompt("a", text="cat", max_instances=1),)])
    assert len(few.instances) == 1


def test_the_backbone_runs_once_for_words_points_and_boxes_of_each_frame(tmp_path: Path) -> None:
    part = Sam3(weights=tiny_sam3_checkpoint(tmp_path), least=0.0)
    words = (Prompt("a", text="cat"), Prompt("b", text="dog"))
    marked = [Prompt("p", cues=(Cue(points=((40.0 + n, 30.0, True),)),)) for n in range(4)]
    part.prepare((*words, *marked))
    backbone = part._network.vision_encoder.backbone
    runs, given = calls(backbone.inner), frames(4)
    together = part.segment(given, [(*words, one) for one in marked])
    assert runs == [4]
    alone = [
        part.segment([frame], [(*words, one)])[0]
        for frame, one in zip(frames(4), marked, strict=True)
    ]
    assert runs == [4, 1, 1, 1, 1]
    for one, other in zip(together, alone, strict=True):
        assert [x.prompt for x in one.instances] == [x.prompt for x in other.instances]
        for x, y in zip(one.instances, other.instances, strict=True):
            assert x.score == pytest.approx(y.score, abs=1e-4)
            assert iou(x.mask, y.mask) > 0.99
