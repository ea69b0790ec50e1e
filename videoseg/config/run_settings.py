"""The settings of a run as a whole: the table ``[run]``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from typing_extensions import Doc

from videoseg.settings import Guarded
from videoseg.types import Box

AUTO = "auto"
FOR_MODELS = ("device", "precision", "compile", "offline")
"""Settings of a run that are settings of its models."""


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run as a whole: the table ``[run]``."""

    model: Annotated[str, Doc("name of the model, or auto for the best one on this machine")] = (
        "embedded"
    )
    source: Annotated[str, Doc("kind of input, or auto to detect it by its name")] = AUTO
    tracker: Annotated[str, Doc("name of the tracker")] = "iou"
    write: Annotated[
        tuple[str, ...],
        Doc("names of writers and exporters; auto chooses those that fit the input"),
    ] = (AUTO,)
    batch: Annotated[int, Ge(0), Doc("frames per call of the model, 0 = as many as fit")] = 0
    device: Annotated[str, Doc("device for models: auto, cpu, cuda, cuda:1 or mps")] = AUTO
    precision: Annotated[
        Literal["auto", "fp32", "tf32", "bf16", "fp16"],
        Doc("number format of models; auto = bf16 on CUDA"),
    ] = "auto"
    compile: Annotated[bool, Doc("compile networks first; faster on long videos")] = False
    offline: Annotated[bool, Doc("never download weights; use those on this machine")] = False
    start: Annotated[
        str,
        Doc("where to begin: 12.5 (seconds), 250f (frame), 1:02.5 or a timecode; empty = first"),
    ] = ""
    end: Annotated[
        str, Doc("stop before this time or frame, in the same form; empty = after the last")
    ] = ""
    repeat_prompt: Annotated[
        bool, Doc("use the same points and boxes on every frame instead of following them")
    ] = False
    every: Annotated[
        int,
        Ge(1),
        Doc("run the model on every n-th frame only and interpolate the others, n from 1"),
    ] = 1
    max_size: Annotated[
        int | None,
        Ge(16),
        Doc("scale frames for the model to this long side, pixels from 16; none = no limit"),
    ] = None
    roi: Annotated[
        Box | None, Doc("search only this part, x1, y1, x2, y2 in pixels of the frame")
    ] = None
    ignore_mask: Annotated[
        Path | None,
        Doc("picture of the frame's size; its pixels that are not black are excluded"),
        Guarded("a file", inside=True),
    ] = None
    backwards: Annotated[
        bool, Doc("follow marks on later frames back to the marks before, or the first frame, too")
    ] = True
    review_gap: Annotated[
        float, Ge(0), Doc("longest absence that is not listed for review, seconds from 0")
    ] = 0.2
    review_shrink: Annotated[
        float,
        Gt(0),
        Le(1),
        Doc("list for review what keeps less than this share of its area, or grows as much; 0..1"),
    ] = 0.6
    review_jump: Annotated[
        float,
        Gt(0),
        Doc("list what jumps further than its motion explains, in sizes of the object, > 0"),
    ] = 0.5
    review_score: Annotated[
        float, Ge(0), Le(1), Doc("list what falls below this score, 0..1; 0 = nothing")
    ] = 0.6
