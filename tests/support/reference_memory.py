"""Memories that let go beside one that keeps all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory_models import (
    edgetam_with_memory,
    sam2_with_memory,
    sam3_with_memory,
)
from tests.support.reference_models import (
    HEIGHT,
    MARKED,
    WIDTH,
    Difference,
    beside,
    enlarged,
    frame,
    model,
    network_input,
)
from tests.support.torch_models import save
from videoseg.types import Detections, Prompt

torch: Any = pytest.importorskip("torch")


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
