"""Models that are asked by words, boxes and points beside their references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.reference_models import (
    HEIGHT,
    WIDTH,
    Difference,
    beside,
    enlarged,
    frame,
    model,
    network_input,
)
from tests.support.torch_models import TINY
from videoseg.models._torch.images import HALF
from videoseg.types import Cue, Prompt

torch: Any = pytest.importorskip("torch")
BOXES = ((10.0, 10.0, 60.0, 50.0, True), (70.0, 20.0, 90.0, 60.0, False))


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
