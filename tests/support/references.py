"""Models beside their references: the same random weights, frames of odd shape, what differs.

A reference is the published formula, or the network as its documentation calls it, without anything
of this package but the frames' pixels as the network takes them, which have tests of their own.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.memory_models import (
    edgetam_with_memory,
    sam2_with_memory,
    sam3_with_memory,
)
from tests.support.torch_models import TINY, save
from videoseg import registry
from videoseg.geometry import masks
from videoseg.models._torch.images import HALF, IMAGENET, Images, squeezed
from videoseg.models.florence2 import boxes_of
from videoseg.models.owlv2 import squared
from videoseg.types import Bitmap, Cue, Detections, Frame, Instance, Mask, Prompt

torch: Any = pytest.importorskip("torch")

WIDTH, HEIGHT = 121, 75
BOXES = ((10.0, 10.0, 60.0, 50.0, True), (70.0, 20.0, 90.0, 60.0, False))


@dataclass(frozen=True)
class Difference:
    """How far a model is from its reference.

    Attributes:
        model: Its name.
        reference: What it is compared with, and on what.
        scores: Largest difference of two scores.
        boxes: Largest difference of two sides of boxes, pixels of the frame; None = it has none.
        masks: Largest share of a frame's pixels that are in one mask alone; None = it has none.
    """

    model: str
    reference: str
    scores: float
    boxes: float | None = None
    masks: float | None = None


def frame(index: int) -> Frame:
    """Noise, another one on every frame."""
    image = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Frame("cam", index, index, Fraction(1, 25), image)


def model(name: str, folder: str, **settings: Any) -> Any:
    """A model that needs no packages but those that are here, loaded."""
    cls = registry.find("models", name).cls
    card = dataclasses.replace(cls.card, packages=())
    part = type(cls.__name__, (cls,), {"card": card})(weights=folder, **settings)
    part.prepare(())
    return part


def network_input(part: Any, network: Any, given: Sequence[Frame], colours: Any) -> Any:
    """Frames as a network takes them that squeezes them to a square."""
    side = network.config.image_size if hasattr(network.config, "image_size") else None
    side = side or network.prompt_encoder.input_image_size
    images = Images(tuple(given), torch.from_numpy(np.stack([one.image for one in given])))
    values, _ = squeezed(images, side, side, colours, part._load().device)
    return values


def enlarged(logits: Any) -> Any:
    """Maps (F, N, h, w) at the size of the frame."""
    size = (HEIGHT, WIDTH)
    return torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)


def published_sam3(
    network: Any, pixels: Any, tokens: Any, boxes: Any = None, labels: Any = None
) -> tuple[Any, Any, Any, Any]:
    """What the published SAM 3 computes (``_encode_prompt``, then encoder, decoder and heads).

    The geometry encoder is asked with no box, too: its last token looks at the image and is part
    of the prompt everywhere. Phrases are padded and the padding is masked.

    Returns:
        Scores (F, N), boxes (F, N, 4) as corners in shares, mask logits (F, N, h, w), and
        presence (F,).
    """
    frames = len(pixels)
    seen = network.vision_encoder(pixels)
    maps, codes = seen.fpn_hidden_states[:-1], seen.fpn_position_encoding[:-1]
    given = {name: torch.tensor([tokens[name]] * frames) for name in tokens}
    words = network.get_text_features(**given).pooler_output
    if boxes is None:
        boxes, labels = torch.zeros(frames, 0, 4), torch.zeros(frames, 0, dtype=torch.long)
    geometry = network.geometry_encoder(
        box_embeddings=boxes,
        box_mask=torch.ones_like(labels, dtype=torch.bool),
        box_labels=labels,
        img_feats=maps,
        img_pos_embeds=codes,
    )
    assert geometry.last_hidden_state.shape[1] == labels.shape[1] + 1
    prompt = torch.cat([words, geometry.last_hidden_state], 1)
    mask = torch.cat([given["attention_mask"].bool(), geometry.attention_mask], 1)
    encoded = network.detr_encoder(
        vision_features=[maps[-1]],
        text_features=prompt,
        vision_pos_embeds=[codes[-1]],
        text_mask=mask,
    )
    decoded = network.detr_decoder(
        vision_features=encoded.last_hidden_state,
        text_features=encoded.text_features,
        vision_pos_encoding=encoded.pos_embeds_flattened,
        text_mask=mask,
        spatial_shapes=encoded.spatial_shapes,
    )
    last = decoded.intermediate_hidden_states[-1]
    offsets = network.detr_decoder.box_head(last)
    middle, size = (decoded.reference_boxes[-1].logit(eps=1e-3) + offsets).sigmoid().split(2, -1)
    logits = network.dot_product_scoring(
        decoder_hidden_states=decoded.intermediate_hidden_states,
        text_features=encoded.text_features,
        text_mask=mask,
    ).squeeze(-1)[-1]
    maps_of_masks = network.mask_decoder(
        decoder_queries=last,
        backbone_features=list(maps),
        encoder_hidden_states=encoded.last_hidden_state,
        prompt_features=prompt,
        prompt_mask=mask,
    ).pred_masks
    presence = decoded.presence_logits[-1].sigmoid()
    corners = torch.cat([middle - size / 2, middle + size / 2], -1)
    return logits.sigmoid() * presence, corners, maps_of_masks, presence[:, 0]


@dataclass(frozen=True)
class Tracked:
    """An object on a frame.

    Attributes:
        logits: (1, h, w).
        score: How sure it is that the object is visible, 0 to 1.
    """

    logits: Any
    score: float


def keeps_everything(
    part: Any, given: Mapping[int, Detections], count: int
) -> list[dict[int, Tracked]]:
    """Each object on each frame, from transformers' session as it is, which keeps all.

    Args:
        part: The model, whose memory is loaded.
        given: Objects that are marked, by frame.
        count: Frames.
    """
    network = part._memory
    module = sys.modules[type(network).__module__]
    session = getattr(module, type(network).__name__.removesuffix("Model") + "InferenceSession")(
        video_height=HEIGHT, video_width=WIDTH, dtype=torch.float32
    )
    side = network.prompt_encoder.input_image_size
    found = []
    for index in range(count):
        pixels = network_input(part, network, [frame(index)], part.memory_colours)
        ids = []
        for one in given[index].instances if index in given else ():
            whole = torch.from_numpy(one.mask.to_array())[None, None].float()
            covered = torch.nn.functional.interpolate(
                whole, (side, side), mode="bilinear", align_corners=False, antialias=True
            )
            place = session.obj_id_to_idx(one.prompt)
            session.add_mask_inputs(place, index, (covered >= 0.5).float())
            ids.append(one.prompt)
        session.obj_with_new_inputs = ids
        with torch.inference_mode():
            made = network(session, frame=pixels[0], frame_idx=index)
        scores = made.object_score_logits.flatten().sigmoid().tolist()
        seen = zip(made.object_ids, made.pred_masks, scores, strict=True)
        found.append({place: Tracked(logits, score) for place, logits, score in seen})
    return found


def box_mask(x1: int, y1: int, x2: int, y2: int) -> Mask:
    """A rectangle."""
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[y1:y2, x1:x2] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask


def marked(index: int, mask: Mask, prompt: int = 0) -> Detections:
    """An object that is marked on a frame."""
    return Detections("cam", index, (Instance(mask, 1.0, prompt, 0),))


MARKED = {
    0: marked(0, box_mask(20, 10, 60, 50)),
    7: marked(7, box_mask(70, 30, 110, 70), prompt=1),
    12: marked(12, box_mask(30, 20, 70, 60)),
}
"""An object from the start, another that comes later, and a correction of the first."""


def beside(
    found: Sequence[Instance], expected: Sequence[tuple[float, Bitmap]]
) -> tuple[float, float]:
    """Largest difference of scores, and share of pixels, of masks in the order of their scores."""
    ranked = sorted(expected, key=lambda one: -one[0])
    ours = sorted(found, key=lambda one: -one.score)
    assert len(ours) == len(ranked)
    scores = [abs(one.score - score) for one, (score, _) in zip(ours, ranked, strict=True)]
    pixels = [
        float((one.mask.to_array() != bitmap).mean())
        for one, (_, bitmap) in zip(ours, ranked, strict=True)
    ]
    return max(scores, default=0.0), max(pixels, default=0.0)


def sam3_difference(name: str, folder: Path, *, with_boxes: bool) -> Difference:
    """SAM 3 by words, or by words and example boxes, beside the published formula."""
    settings = {"least": 0.0, "box": "example", "overlap": 1.0, "holes": 0, "specks": 0}
    part = model(name, TINY[name](folder), **settings)
    given = [frame(0), frame(1)]
    cues = (Cue(boxes=BOXES),) if with_boxes else ()
    seen: list[Any] = []
    hook = part._network.register_forward_hook(lambda *all_of: seen.append(all_of[-1]))
    found = part.segment(given, [(Prompt("it", text="big cat", cues=cues),)] * 2)
    hook.remove()
    network, tokens = part._network, part._tokens("big cat")
    del network.detr_encoder._prepare_multilevel_features  # as transformers has it
    size = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    boxes = torch.tensor([[[35, 30, 50, 40], [80, 40, 20, 40]]]) / size
    with torch.inference_mode():
        scores, corners, logits, presence = published_sam3(
            network,
            network_input(part, network, given, HALF),
            tokens,
            boxes.expand(2, -1, -1) if with_boxes else None,
            torch.tensor([[1, 0]] * 2) if with_boxes else None,
        )
    inside = (enlarged(logits.sigmoid()) > 0.5).numpy()
    off = [
        beside(
            answer.instances,
            [(float(s), m) for s, m in zip(of_frame, some, strict=True) if m.any()],
        )
        for answer, of_frame, some in zip(found, scores, inside, strict=True)
    ]
    present = max(
        abs((answer.presence[0] or 0) - float(one))
        for answer, one in zip(found, presence, strict=True)
    )
    return Difference(
        name,
        "the published formula, words" + (" and boxes" if with_boxes else ""),
        max([present, *(score for score, _ in off)]),
        float(((seen[0].pred_boxes - corners).abs() * size).max()),
        max(share for _, share in off),
    )


def prompted_difference(name: str, folder: Path) -> Difference:
    """A network of the SAM 2 kind beside the call of its documentation, by a box and by points."""
    part = model(name, TINY[name](folder))
    network = part._made.network if hasattr(part, "_made") else part._tracker().network
    given = frame(0)
    prompts = [
        Prompt("box", cues=(Cue(boxes=((20.0, 10.0, 60.0, 41.0, True),)),)),
        Prompt("points", cues=(Cue(points=((33.0, 27.0, True), (100.0, 60.0, False))),)),
        Prompt("point", cues=(Cue(points=((33.0, 27.0, True),)),)),
    ]
    (found,) = part.segment([given], [prompts])
    pixels = network_input(part, network, [given], part.memory_colours)
    scale = torch.tensor(pixels.shape[-1]) / torch.tensor([WIDTH, HEIGHT])

    def placed(*points: tuple[float, float]) -> Any:
        # The documentation counts pixels, this package their edges.
        return torch.tensor(points) * scale - 0.5

    asked: list[dict[str, Any]] = [
        {"input_boxes": placed((20, 10), (60, 41)).reshape(1, 1, 4), "multimask_output": False},
        {
            "input_points": placed((33, 27), (100, 60))[None, None],
            "input_labels": torch.tensor([[[1, 0]]]),
            "multimask_output": False,
        },
        {
            "input_points": placed((33, 27))[None, None],
            "input_labels": torch.tensor([[[1]]]),
            "multimask_output": True,
        },
    ]
    scores, shares = [0.0], [0.0]
    for number, named in enumerate(asked):
        with torch.inference_mode():
            made = network(pixel_values=pixels, **named)
        best = int(made.iou_scores[0, 0].argmax())
        bitmap = (enlarged(made.pred_masks[:, 0])[0, best] > 0).numpy()
        expected = (
            [(float(made.iou_scores[0, 0, best].clamp(0, 1)), bitmap)] if bitmap.any() else []
        )
        off = beside([one for one in found.instances if one.prompt == number], expected)
        scores.append(off[0])
        shares.append(off[1])
    what = "the call of its documentation, a box, one and two points"
    return Difference(name, what, max(scores), None, max(shares))


MEMORIES: dict[str, Callable[[], Any]] = {
    "sam2.1-tiny": sam2_with_memory,
    "edgetam": edgetam_with_memory,
    "sam3-tracker": sam3_with_memory,
}


def memory_difference(name: str, folder: Path, count: int = 26) -> Difference:
    """A memory that lets go beside a session that keeps all: with a late object, a correction."""
    part = model(name, save(MEMORIES[name](), folder))
    memory = part.video_segmenter()
    memory.start((Prompt("a", text="a"), Prompt("b", text="b")))
    found = [memory.step(frame(index), MARKED.get(index)) for index in range(count)]
    off = []
    for index, theirs in enumerate(keeps_everything(part, MARKED, count)):
        assert {one.prompt for one in found[index].instances} == set(theirs)
        given = {one.prompt for one in MARKED[index].instances} if index in MARKED else set()
        for one in found[index].instances:
            if one.prompt not in given:
                their = theirs[one.prompt]
                inside = (enlarged(their.logits[None]) > 0)[0, 0].numpy()
                off.append(beside([one], [(their.score, inside)]))
    what = f"transformers' session, which keeps all, {count} frames"
    return Difference(
        f"{name} on video", what, max(score for score, _ in off), None, max(m for _, m in off)
    )


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
