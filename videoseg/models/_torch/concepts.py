"""SAM 3's concept network: made to compute what its reference computes, without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from videoseg.models._torch.boxes import pairwise_iou
from videoseg.models._torch.images import Placement
from videoseg.models._torch.precision import keep_precise, precise_positions, take_in
from videoseg.networks.device import Device
from videoseg.types import Prompt

if TYPE_CHECKING:
    import torch

_SAME = 0.5
"""Overlap of a candidate's box with a box that was drawn from which they mean the same thing."""
PRECISE = ("geometry_encoder", "detr_decoder", "dot_product_scoring")
"""What sees coordinates or scores; the reference computes their sums in float32."""


def compute_as_the_reference(network: Any, dtype: torch.dtype) -> None:
    """Boxes, their codes and scores in float32, where the rest is in half precision.

    The reference runs float32 weights under autocast, which keeps them so.
    """
    import torch

    keep_precise(network.geometry_encoder, dtype)
    keep_precise(network.detr_decoder, dtype, hand_on=torch.float32)
    keep_precise(network.dot_product_scoring, dtype, hand_on=torch.float32)
    take_in(network.mask_decoder, dtype)
    precise_positions(network)


def know_shapes_here(network: Any) -> None:
    """Let the size of the features be known on this machine.

    transformers puts it on the device and reads it back for every layer of the decoder, and each
    time this machine waits until the device has done all that is queued.
    """
    import torch

    def prepare(features: Any, positions: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        (feature,), (position,) = features, positions
        shapes = torch.tensor([feature.shape[-2:]])
        return feature.flatten(2).mT, position.flatten(2).mT, shapes

    config = network.config.vision_config.backbone_config
    cells = int(config.image_size) // int(config.patch_size)

    def coordinates(_: Any, __: Any, dtype: Any, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
        # What is asked is the number of cells, which is the same for all frames.
        line = torch.arange(cells, device=device, dtype=dtype) / cells
        return line, line

    network.detr_encoder._prepare_multilevel_features = prepare
    network.detr_decoder._get_coords = coordinates


def image_token(encoder: Any, vision: Any) -> torch.Tensor:
    """The last token of the geometry encoder where it is given no box: (F, 1, D).

    In the reference (``_encode_prompt``) it goes with the words of every prompt; transformers
    leaves it out where there is no box. Without padding it needs no mask, for which this
    machine would wait.
    """
    import torch

    maps, codes = (
        some[-2].to(torch.float32).flatten(2).mT
        for some in (vision.fpn_hidden_states, vision.fpn_position_encoding)
    )
    token = encoder.cls_embed.weight.expand(len(maps), 1, -1)
    token = encoder.prompt_layer_norm(encoder.final_proj(token))
    for layer in encoder.layers:
        token = layer(
            prompt_feats=token, vision_feats=maps, vision_pos_encoding=codes, prompt_mask=None
        )
    found: torch.Tensor = encoder.output_layer_norm(token)
    return found.to(vision.fpn_hidden_states[-2].dtype)


def example_boxes(
    prompts: Sequence[Prompt], placement: Placement, device: Device
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Boxes of prompts that have equally many, None for none.

    As the network takes them: centre and size in shares of the input, and 1 for what is like it.
    """
    import torch

    given = [[box for cue in prompt.cues for box in cue.boxes] for prompt in prompts]
    if not given[0]:
        return None, None
    whole = (placement.canvas_width, placement.canvas_height) * 2
    shares = [
        [
            [
                value / side
                for value, side in zip(
                    (
                        *placement.to_model((x1 + x2) / 2, (y1 + y2) / 2),
                        *placement.to_model(x2 - x1, y2 - y1),
                    ),
                    whole,
                    strict=True,
                )
            ]
            for x1, y1, x2, y2, _ in boxes
        ]
        for boxes in given
    ]
    labels = [[int(positive) for *_, positive in boxes] for boxes in given]
    return device.put(shares, torch.float32), device.put(labels, torch.int64)


def pointed_at(
    boxes: torch.Tensor,
    masks: torch.Tensor,
    prompt: Prompt,
    placement: Placement,
    device: Device,
) -> torch.Tensor:
    """(F, N), 1 where a candidate is what the cues point at: in the box, under the points.

    Args:
        boxes: Those of the candidates (F, N, 4), corners in shares of the frame.
        masks: Their logits (F, N, h, w).
        prompt: With cues.
        placement: Where the frames lie in what the network sees.
        device: Where these are.
    """
    import torch

    source = (placement.source_width, placement.source_height)
    meant = torch.ones_like(boxes[..., 0], dtype=torch.bool)
    drawn = [box[:4] for cue in prompt.cues for box in cue.boxes if box[4]]
    if drawn:
        shares = device.put(drawn, torch.float32) / device.put((*source, *source))
        overlaps = pairwise_iou(boxes.float()[:, :, None], shares)
        meant &= overlaps.amax(-1) >= _SAME
    points = [point for cue in prompt.cues for point in cue.points]
    for x, y, positive in points:
        height, width = masks.shape[-2:]
        column = min(max(int(x * width / source[0]), 0), width - 1)
        row = min(max(int(y * height / source[1]), 0), height - 1)
        inside = masks[:, :, row, column] > 0
        meant &= inside if positive else ~inside
    return meant


def repeated(vision: Any, count: int) -> Any:
    """What was made of frames, so many times over: all frames, then all of them again."""
    if count == 1:
        return vision
    maps = [some.repeat(count, 1, 1, 1) for some in vision.fpn_hidden_states]
    # The code of places is the same for every frame.
    codes = [some[:1].expand(len(maps[0]), -1, -1, -1) for some in vision.fpn_position_encoding]
    return type(vision)(fpn_hidden_states=tuple(maps), fpn_position_encoding=tuple(codes))
