"""Models beside their references: the same random weights, frames of odd shape, what differs.

A reference is the published formula, or the network as its documentation calls it, without anything
of this package but the frames' pixels as the network takes them, which have tests of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.reference_memory import MEMORIES, memory_difference
from tests.support.reference_models import (
    HEIGHT,
    WIDTH,
    Difference,
    beside,
    enlarged,
    frame,
    model,
)
from tests.support.reference_prompts import prompted_difference, sam3_difference
from tests.support.torch_models import TINY
from videoseg.models._torch.images import IMAGENET, Images, squeezed
from videoseg.models.florence2 import boxes_of
from videoseg.models.owlv2 import squared
from videoseg.types import Prompt

torch: Any = pytest.importorskip("torch")


def detector_difference(name: str, folder: Path) -> Difference:
    """Grounding DINO and its kin beside the call of their documentation, two phrases."""
    part = model(name, TINY[name](folder), shorter=128, longer=256, least=0.0, overlap=1.0)
    prompts = (Prompt("a", text="ab"), Prompt("c", text="c"))
    part.prepare(prompts)
    images = part._uploader.upload([frame(0)])
    with torch.inference_mode():
        found = part._propose(images, ("ab", "c"))
        pixels, _ = part._pixels(images)
        ids = torch.tensor([part._tokenizer("ab. c.")["input_ids"]])
        made = part._network(pixel_values=pixels, input_ids=ids)
    fits = made.logits.sigmoid()[0]
    expected = torch.stack([fits[:, 1:3].amax(-1), fits[:, 4]], -1)  # [CLS] a ##b . c . [SEP]
    size = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    return Difference(
        name,
        "the call of its documentation, two phrases",
        float((found.scores[0] - expected).abs().max()),
        float(((found.boxes - made.pred_boxes).abs() * size).max()),
    )


def queries_difference(name: str, folder: Path) -> Difference:
    """OWLv2 beside the call of its documentation: two phrases, each as one sentence."""
    part = model(name, TINY[name](folder), templates=False)
    phrases = ("ab", "cd")
    part.prepare([Prompt(one, text=one) for one in phrases])
    images = part._uploader.upload([frame(0)])
    with torch.inference_mode():
        found = part._propose(images, phrases)
        side = part._network.config.vision_config.image_size
        pixels, _ = squared(images, side, part._load().device)
        ids = torch.tensor(part._tokenizer(list(phrases))["input_ids"])
        made = part._network(input_ids=ids, pixel_values=pixels)
    longer = max(WIDTH, HEIGHT)  # the side of the square that the frame is filled up to
    return Difference(
        name,
        "the call of its documentation, two phrases",
        float((found.scores[0] - made.logits[0].sigmoid()).abs().max()),
        float(((found.boxes - made.pred_boxes).abs() * longer).max()),
    )


def written_difference(name: str, folder: Path) -> Difference:
    """Florence-2 beside the call of its documentation: what it writes and how sure it is.

    A network that has learned nothing writes no places, so boxes are those of a text.
    """
    part = model(name, TINY[name](folder), side=64, longest=24)
    given = frame(0)
    ((_, text, score),) = part._answers([given], [(Prompt("it", text="a cat"),)])[0]
    network = part._network
    images = Images((given,), torch.from_numpy(given.image)[None])
    pixels, _ = squeezed(images, 64, 64, IMAGENET, part._load().device, "bicubic")
    with torch.inference_mode():
        places = network.model.get_image_features(pixels).pooler_output.shape[1]
        ids = torch.tensor([[network.config.image_token_id] * places + part._tokens("a cat")])
        made = network.generate(
            input_ids=ids,
            pixel_values=pixels,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=24,
            num_beams=3,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
    theirs = "".join(part._tokenizer.convert_ids_to_tokens(made.sequences[0].tolist()))
    likely = float(made.sequences_scores[0].exp())
    bins = np.array([[3, 7, 998, 999], [0, 120, 511, 640]])
    expected = (bins + 0.5) * np.array([WIDTH, HEIGHT] * 2) / 1000
    found = boxes_of("".join(f"<loc_{one}>" for one in bins.ravel()), WIDTH, HEIGHT)
    return Difference(
        name,
        "the call of its documentation, a phrase; places of a text",
        abs(score - likely) if text == theirs else 1.0,
        float(np.abs(np.array(found) - expected).max()),
    )


def kinds_difference(name: str, folder: Path) -> Difference:
    """RF-DETR beside its network and the documented steps after it: sigmoid, and logits above 0."""
    part = model(name, TINY[name](folder), least=0.0, overlap=1.0)
    prompts = [Prompt(text="cat"), Prompt(text="dog")]
    (answer,) = part.segment([frame(0)], [prompts])
    pixels = imagenet_pixels(frame(0).image, part._side)
    with torch.inference_mode():
        made = part._network(pixel_values=pixels)
    inside = (enlarged(made.pred_masks)[0] > 0).numpy()
    off = []
    for number in range(2):
        scores = made.logits.sigmoid()[0, :, number]
        expected = [(float(s), mask) for s, mask in zip(scores, inside, strict=True) if mask.any()]
        off.append(beside([one for one in answer.instances if one.prompt == number], expected))
    what = "the call of its documentation, two kinds"
    return Difference(name, what, max(s for s, _ in off), None, max(m for _, m in off))


def imagenet_pixels(image: npt.NDArray[np.uint8], side: int) -> Any:
    """A frame squeezed to a square, antialiased, in whole levels, with ImageNet's mean."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    pixels = torch.nn.functional.interpolate(
        pixels, (side, side), mode="bilinear", antialias=True, align_corners=False
    ).round()
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]) * 255
    return (pixels - mean[:, None, None]) / deviation[:, None, None]


def heat_difference(name: str, folder: Path) -> Difference:
    """CLIPSeg beside its network in one call, on pixels and words: its probabilities."""
    part = model(name, TINY[name](folder), side=128)
    seen: list[Any] = []
    real = part._answer

    def answer(*asked: Any) -> Any:
        seen.append(real(*asked))
        return seen[-1]

    part._answer = answer
    (found,) = part.segment([frame(0)], [(Prompt("it", text="it"),)])
    del found
    ids = torch.tensor([part._tokenizer("it")["input_ids"]])
    with torch.inference_mode():
        made = part._network(input_ids=ids, pixel_values=imagenet_pixels(frame(0).image, 128))
    ours, theirs = seen[0][0].logits[0, 0], made.logits.view(128, 128)
    return Difference(
        name,
        "the call of its documentation, a phrase: probability of each pixel",
        float((ours.sigmoid() - theirs.sigmoid()).abs().max()),
        None,
        float(((ours > 0) != (theirs > 0)).float().mean()),
    )


COMPARISONS: dict[str, Callable[[Path], Difference]] = {
    **{
        f"{name} {'boxes' if with_boxes else 'words'}": (
            lambda folder, name=name, with_boxes=with_boxes: sam3_difference(  # type: ignore[misc]
                name, folder, with_boxes=with_boxes
            )
        )
        for name in ("sam3", "sam3-litetext-s0")
        for with_boxes in (False, True)
    },
    **{
        f"{name} prompted": lambda folder, name=name: prompted_difference(name, folder)  # type: ignore[misc]
        for name in ("sam2.1-tiny", "edgetam", "sam3-tracker")
    },
    **{
        f"{name} memory": lambda folder, name=name: memory_difference(name, folder)  # type: ignore[misc]
        for name in MEMORIES
    },
    **{
        name: lambda folder, name=name: detector_difference(name, folder)  # type: ignore[misc]
        for name in ("grounding-dino", "mm-grounding-dino")
    },
    "owlv2": lambda folder: queries_difference("owlv2", folder),
    **{
        name: lambda folder, name=name: written_difference(name, folder)  # type: ignore[misc]
        for name in ("florence2", "florence2-boxes")
    },
    "rf-detr-seg-nano": lambda folder: kinds_difference("rf-detr-seg-nano", folder),
    "clipseg": lambda folder: heat_difference("clipseg", folder),
}
"""Every comparison by a name; each takes an empty folder."""
