"""Places keep their meaning from a prompt through the network's input to the mask.

The networks are the real classes; only what they find is arranged, so that the answer is known: the
box that the decoder was handed, or whatever is bright in the pixels that it was handed.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.reference_models import model
from tests.support.torch_models import (
    SIDE,
    TINY,
    save,
    save_clip_tokenizer,
    tiny_edgetam,
    tiny_sam2,
    tiny_sam3,
    tiny_sam3_checkpoint,
)
from videoseg.geometry.masks import bounding_box, from_bitmap, iou
from videoseg.models.sam2 import EdgeTam, Sam21Tiny
from videoseg.models.sam3 import Sam3, Sam3Tracker
from videoseg.types import Box, Cue, Frame, Instance, Prompt

torch = pytest.importorskip("torch")

CELLS = SIDE // 4
"""Across and down in the logits of the tiny networks of the SAM 2 kind and of SAM 3."""
WIDTH, HEIGHT = 256, 64
"""A wide frame, squeezed to half its width and twice its height."""


def frame(width: int = WIDTH, height: int = HEIGHT, bright: Box | None = None) -> Frame:
    image = np.zeros((height, width, 3), np.uint8)
    if bright is not None:
        x1, y1, x2, y2 = bright
        image[y1:y2, x1:x2] = 255
    return Frame("cam", 0, 0, Fraction(1, 25), image)


def box_prompt(x1: float, y1: float, x2: float, y2: float) -> Prompt:
    return Prompt("box", cues=(Cue(boxes=((x1, y1, x2, y2, True),)),))


def box_logits(boxes: Any, cells: int) -> Any:
    """Logits (..., cells, cells) that are positive inside boxes in shares of the input.

    They rise with the distance from the nearest edge, so that in between they cross zero exactly
    on it.
    """
    centres = (torch.arange(cells) + 0.5) / cells
    x1, y1, x2, y2 = boxes[..., None].unbind(-2)
    across = torch.minimum(centres - x1, x2 - centres)[..., None, :]
    down = torch.minimum(centres - y1, y2 - centres)[..., :, None]
    return 50 * torch.minimum(across, down)


def draws_its_box(network: Any) -> None:
    """Let a network of the SAM 2 kind outline the box that reaches its prompt encoder.

    What it sees is taken where it turns places into shares of the input, half a pixel added.
    """
    seen: list[Any] = []
    embedding = network.prompt_encoder.shared_embedding
    embedding.register_forward_pre_hook(lambda _, given: seen.append((given[0].clone(), given[1])))
    real = network.forward

    def forward(**given: Any) -> Any:
        seen.clear()
        made = real(**given)
        ((points, (high, wide)),) = seen
        shares = points / torch.tensor([wide, high])
        boxes = shares[:, :, :2].flatten(2)  # the first two points are its corners
        logits = box_logits(boxes, CELLS)[:, :, None]
        return SimpleNamespace(
            pred_masks=logits,
            iou_scores=made.iou_scores[:, :, :1],
            object_score_logits=torch.ones_like(made.object_score_logits),
        )

    network.forward = forward


class _EdgeTam(EdgeTam):
    """Without timm, which its tiny backbone does not need."""

    card = dataclasses.replace(EdgeTam.card, packages=())


@pytest.fixture(scope="module")
def kin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Models of the SAM 2 kind, which outline the box they are asked for."""
    made: dict[str, Any] = {
        "sam2": Sam21Tiny(weights=save(tiny_sam2(), tmp_path_factory.mktemp("sam2"))),
        "edgetam": _EdgeTam(weights=save(tiny_edgetam(), tmp_path_factory.mktemp("edgetam"))),
        "sam3": Sam3Tracker(weights=tiny_sam3_checkpoint(tmp_path_factory.mktemp("sam3"))),
    }
    for part in made.values():
        part.prepare(())
        draws_its_box(part._made.network)
    return made


@pytest.mark.parametrize("kind", ["sam2", "edgetam", "sam3"])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 64), (40, 8, 120, 40)),
        ((64, 256), (8, 40, 40, 120)),
        ((128, 128), (0, 0, 128, 128)),
        ((130, 70), (13, 17, 101, 64)),
        ((33, 500), (5, 11, 29, 450)),
        ((1000, 37), (900, 10, 1000, 37)),
    ],
)
def test_a_box_is_where_it_was_drawn(
    kin: dict[str, Any], kind: str, size: tuple[int, int], box: Box
) -> None:
    (answer,) = kin[kind].segment([frame(*size)], [(box_prompt(*box),)])
    (found,) = answer.instances
    assert bounding_box(found.mask) == box
    area = (box[2] - box[0]) * (box[3] - box[1])
    assert 0.98 * area < found.mask.bitmap.sum() <= area  # its corners are round by a cell


def test_each_prompt_and_frame_has_its_own_box(kin: dict[str, Any]) -> None:
    boxes: list[Box] = [(10, 20, 50, 60), (60, 5, 90, 30), (0, 0, 20, 10)]
    sizes = [(100, 80), (90, 70), (100, 80)]
    prompts = tuple(box_prompt(*box) for box in boxes)
    answers = kin["sam2"].segment([frame(*size) for size in sizes], [prompts] * 3)
    for answer in answers:
        assert [bounding_box(one.mask) for one in answer.instances] == boxes
        assert [one.prompt for one in answer.instances] == [0, 1, 2]


@pytest.mark.parametrize("kind", ["sam2", "edgetam", "sam3"])
def test_points_reach_the_network_to_the_pixel(kin: dict[str, Any], kind: str) -> None:
    """Seen where transformers turns places into shares of the input, after its half a pixel."""
    network = kin[kind]._made.network
    seen: list[Any] = []
    hook = network.prompt_encoder.shared_embedding.register_forward_pre_hook(
        lambda _, given: seen.append((given[0][0, 0], given[1]))
    )
    cue = Cue(
        points=((64.0, 48.0, True), (255.5, 0.5, False)), boxes=((16.0, 8.0, 32.0, 24.0, True),)
    )
    kin[kind].segment([frame()], [(Prompt("all", cues=(cue,)),)])
    hook.remove()
    ((places, (high, wide)),) = seen
    shares = (places / torch.tensor([wide, high]))[:4].tolist()
    expected = [(16, 8), (32, 24), (64, 48), (255.5, 0.5)]
    for (x, y), (across, down) in zip(shares, expected, strict=True):
        assert (x * WIDTH, y * HEIGHT) == pytest.approx((across, down), abs=1e-3)


def test_labels_say_what_a_point_is(kin: dict[str, Any]) -> None:
    network = kin["sam2"]._made.network
    seen: list[Any] = []
    hook = network.prompt_encoder.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_labels"][0, 0].tolist()), with_kwargs=True
    )
    box = (16.0, 8.0, 32.0, 24.0, True)
    far = (100.0, 30.0, 140.0, 50.0, False)
    points = ((64.0, 48.0, True), (5.0, 5.0, False))
    asked = [
        Prompt("both", cues=(Cue(points=points, boxes=(box, far)),)),
        Prompt("box", cues=(Cue(boxes=(box,)),)),
        Prompt("corrected", cues=(Cue(boxes=(box,)), Cue(points=points))),
    ]
    for prompt in asked:
        kin["sam2"].segment([frame()], [(prompt,)])
    hook.remove()
    assert seen == [[2, 3, 1, 0, 0], [2, 3], [2, 3, 1, 0]]


def test_a_given_mask_lies_where_it_did(kin: dict[str, Any]) -> None:
    part = kin["sam2"]
    seen: list[Any] = []
    hook = part._made.network.prompt_encoder.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_masks"]), with_kwargs=True
    )
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[16:48, 64:96] = True
    mask = from_bitmap(bitmap)
    (answer,) = part.segment([frame()], [(Prompt("mask", cues=(Cue(mask=mask),)),)])
    hook.remove()
    (dense,) = seen
    rows, columns = np.nonzero((dense[0, 0] > 0).numpy())
    # 256 x 64 pixels in 32 x 32 cells: eight across, two down.
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (8, 12, 8, 24)
    # It is pointed out by the box around it.
    assert bounding_box(answer.instances[0].mask) == (64, 16, 96, 48)


@pytest.mark.parametrize("name", ["sam2.1-tiny", "edgetam", "sam3-tracker"])
def test_given_masks_are_decoded_together(name: str, tmp_path: Path) -> None:
    """Three on each of two frames in one call, as each by itself."""
    part = model(name, TINY[name](tmp_path))
    bitmaps = np.zeros((3, HEIGHT, WIDTH), np.bool_)
    for number, bitmap in enumerate(bitmaps):
        bitmap[10 + 9 * number : 30 + 9 * number, 20 + 60 * number : 90 + 60 * number] = True
    asked = [Prompt(str(n), cues=(Cue(mask=from_bitmap(one)),)) for n, one in enumerate(bitmaps)]
    noise = np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)
    given = [Frame("cam", n, n, Fraction(1, 25), image) for n, image in enumerate(noise)]
    calls: list[int] = []
    hook = part._made.network.mask_decoder.register_forward_hook(lambda *_: calls.append(1))
    together = part.segment(given, [asked] * 2)
    assert len(calls) == 1
    hook.remove()
    for number, prompt in enumerate(asked):
        for index in range(2):
            (alone,) = part.segment([given[index]], [(prompt,)])
            (found,) = [one for one in together[index].instances if one.prompt == number]
            assert found.score == pytest.approx(alone.instances[0].score, abs=1e-5)
            assert iou(found.mask, alone.instances[0].mask) > 0.999


@pytest.mark.parametrize("kind", ["sam2", "edgetam", "sam3"])
def test_what_was_known_and_is_gone_is_absent(
    kin: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask of another frame may mean what is gone; what is marked on the frame is there."""
    network = kin[kind]._made.network
    real = network.forward

    def gone(**given: Any) -> Any:
        made = real(**given)
        made.object_score_logits = torch.full_like(made.object_score_logits, -2.0)
        return made

    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[16:48, 64:96] = True
    known = Prompt("known", cues=(Cue(mask=from_bitmap(bitmap)),))
    asked = (known, box_prompt(64, 16, 96, 48))
    (there,) = kin[kind].segment([frame()], [asked])
    assert [one.prompt for one in there.instances] == [0, 1]
    monkeypatch.setattr(network, "forward", gone)
    (answer,) = kin[kind].segment([frame()], [asked])
    assert [one.prompt for one in answer.instances] == [1]
    assert answer.presence == pytest.approx([1 / (1 + np.exp(2.0))] * 2)


def sees_brightness(part: Any) -> None:
    """Let SAM 3 find what is bright in the pixels that it is handed, with all its queries."""

    def look(images: Any) -> tuple[Any, Any, Any]:
        pixels, placement = part._pixels(images)
        cells = torch.nn.functional.avg_pool2d(pixels.mean(1, keepdim=True), SIDE // CELLS)
        token = torch.zeros(len(cells), 1, 1)
        return SimpleNamespace(fpn_hidden_states=(cells,)), token, placement

    def forward(*, vision_embeds: Any, **_: Any) -> Any:
        (cells,) = vision_embeds.fpn_hidden_states
        count = len(cells)
        return SimpleNamespace(
            pred_masks=cells * 20,
            pred_boxes=torch.zeros(count, 1, 4),
            pred_logits=torch.full((count, 1), 3.0),
            presence_logits=torch.full((count, 1), 2.0),
        )

    part._look = look
    part._network.forward = forward
    part._read = lambda _: torch.zeros(1, 2, 1)


@pytest.fixture
def concept(tmp_path: Path) -> Sam3:
    """SAM 3's concept network."""
    text = save(tiny_sam3(), tmp_path)
    save_clip_tokenizer(tmp_path)
    part = Sam3(weights=text, box="example")
    part.prepare(())
    return part


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 64), (40, 8, 120, 40)),
        ((64, 256), (8, 40, 40, 120)),
        ((128, 128), (4, 0, 128, 64)),
        ((512, 384), (64, 96, 256, 120)),
    ],
)
def test_what_is_bright_is_found_where_it_is(
    concept: Sam3, size: tuple[int, int], box: Box
) -> None:
    """Boxes on the borders of cells, so that the half-way line between cells is theirs."""
    sees_brightness(concept)
    (answer,) = concept.segment([frame(*size, box)], [(Prompt("it", text="it"),)])
    (found,) = answer.instances
    assert bounding_box(found.mask) == box
    assert answer.presence[0] == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert found.score == pytest.approx(1 / (1 + np.exp(-3.0)) / (1 + np.exp(-2.0)))


def test_presence_is_honoured(concept: Sam3) -> None:
    """A sure candidate of a thing that is not in the frame does not count."""
    sees_brightness(concept)
    real = concept._network.forward

    def absent(**given: Any) -> Any:
        made = real(**given)
        made.presence_logits = torch.full((1, 1), -5.0)
        return made

    concept._network.forward = absent
    (answer,) = concept.segment([frame(bright=(40, 8, 120, 40))], [(Prompt("it", text="it"),)])
    assert answer.instances == ()
    assert answer.presence[0] == pytest.approx(1 / (1 + np.exp(5.0)))


def examples(part: Sam3, prompt: Prompt) -> Any:
    """What the concept network is handed for a prompt."""
    seen: list[Any] = []
    real = part._network.forward

    def forward(**given: Any) -> Any:
        seen.append((given["input_boxes"], given["input_boxes_labels"]))
        return real(**given)

    part._network.forward = forward
    part.segment([frame()], [(prompt,)])
    part._network.forward = real
    return seen[0]


def test_example_boxes_are_shares_of_the_frame(concept: Sam3) -> None:
    cue = Cue(boxes=((64.0, 16.0, 128.0, 48.0, True), (0.0, 0.0, 256.0, 8.0, False)))
    boxes, labels = examples(concept, Prompt("it", cues=(cue,)))
    assert boxes.tolist() == [[[0.375, 0.5, 0.25, 0.5], [0.5, 0.0625, 1.0, 0.125]]]
    assert labels.tolist() == [[1, 0]]


def test_no_boxes_are_no_examples(concept: Sam3) -> None:
    assert examples(concept, Prompt("it", text="it")) == (None, None)


def candidates(part: Sam3, boxes: list[Box]) -> None:
    """Let SAM 3 find given boxes of the frame, the first ones surer."""

    def forward(*, vision_embeds: Any, **_: Any) -> Any:
        count = len(vision_embeds.fpn_hidden_states[0])
        size = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
        shares = (torch.tensor(boxes) / size)[None].expand(count, -1, -1)
        logits = torch.arange(len(boxes), 0, -1).float()[None].expand(count, -1) + 2
        return SimpleNamespace(
            pred_masks=box_logits(shares, CELLS),
            pred_boxes=shares,
            pred_logits=logits,
            presence_logits=torch.full((count, 1), 5.0),
        )

    part._network.forward = forward


@pytest.mark.parametrize(
    ("cue", "meant"),
    [
        (Cue(boxes=((96.0, 10.0, 136.0, 50.0, True),)), [1]),
        (Cue(points=((20.0, 20.0, True),)), [0]),
        (Cue(points=((20.0, 20.0, False),)), [1, 2]),
        (Cue(points=((200.0, 30.0, True), (20.0, 20.0, False))), [2]),
        (Cue(boxes=((150.0, 0.0, 180.0, 10.0, True),)), []),
    ],
)
def test_what_words_find_is_narrowed_to_what_is_pointed_at(
    concept: Sam3, cue: Cue, meant: list[int]
) -> None:
    boxes: list[Box] = [(8, 8, 48, 40), (96, 8, 136, 48), (176, 16, 232, 56)]
    candidates(concept, boxes)
    prompt = Prompt("it", text="it", cues=(cue,))
    concept.box = "object"
    (answer,) = concept.segment([frame()], [(prompt,)])
    found: list[Instance] = sorted(answer.instances, key=lambda one: -one.score)
    assert [bounding_box(one.mask) for one in found] == [boxes[number] for number in meant]
    concept.box = "example"
    (every,) = concept.segment([frame()], [(prompt,)])
    assert len(every.instances) == 3
