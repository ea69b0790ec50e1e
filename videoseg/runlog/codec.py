"""Values of the run log as JSON text and back, exactly.

A record is put together as text because ``json`` spends most of its time on floats: a ring is
formatted in one call. Where four decimals name each of its numbers exactly, as in outlines made
here, it is written with those; else with nine significant digits, which name every float32.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from videoseg.formats.decimals import decimal_text
from videoseg.geometry.masks import decode_rle, encode_rle, logit_levels, logits_of_levels
from videoseg.kernels.number_text import number_kernel
from videoseg.runlog.validation import check_levels, number, whole, whole_or_none
from videoseg.system.addresses import without_secrets
from videoseg.types import (
    Bezier,
    Colour,
    Cue,
    Detections,
    Instance,
    Mask,
    Part,
    Polygon,
    Prompt,
    Recorded,
    Ring,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
    TrackState,
)

T = TypeVar("T")

Json = Any
"""What ``json.loads`` gives; its shape is checked by building the value from it."""

_FRACTION = re.compile(r"-?[0-9]{1,19}/[0-9]{1,19}")
_DECIMALS = 4
"""Decimals that outlines on a grid of 1/16 pixel need."""
_LARGEST_UNITS = 2.0**53
"""Below this float64 holds all whole numbers."""


def fraction_text(value: Fraction) -> str:
    """A fraction as ``numerator/denominator``."""
    return f"{value.numerator}/{value.denominator}"


def stream_to_json(info: StreamInfo) -> Json:
    """A StreamInfo as plain JSON values, its location without passwords."""
    made = dataclasses.asdict(info)
    made["location"] = info.location and without_secrets(info.location)
    return {
        name: fraction_text(value) if isinstance(value, Fraction) else value
        for name, value in made.items()
    }


def stream_from_json(made: Json) -> StreamInfo:
    """The StreamInfo that ``stream_to_json`` was given."""
    values = dict(made)
    for name in ("time_base", "frame_rate", "sample_aspect_ratio"):
        if values[name] is not None:
            values[name] = _fraction(values[name])
            if values[name] <= 0:
                raise ValueError(f"{name} must be positive, got {values[name]}")
    values["colour"] = _fitting(Colour(**values["colour"]))
    return _fitting(StreamInfo(**values))


def _fitting(made: T) -> T:
    """A dataclass of plain fields whose values are of the types that it names."""
    for name, kind in get_type_hints(type(made)).items():
        value = getattr(made, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} cannot be {value!r}")
    return made


def prompt_to_json(prompt: Prompt) -> Json:
    """A Prompt as plain JSON values."""
    return {
        "label": prompt.label,
        "text": prompt.text,
        "max_instances": prompt.max_instances,
        "cues": [
            {
                "frame": cue.frame,
                "points": cue.points,
                "boxes": cue.boxes,
                "mask": None if cue.mask is None else _mask_to_json(cue.mask),
            }
            for cue in prompt.cues
        ],
    }


def prompt_from_json(made: Json) -> Prompt:
    """The Prompt that ``prompt_to_json`` was given."""
    return Prompt(
        label=_text(made["label"]),
        text=None if made["text"] is None else _text(made["text"]),
        max_instances=whole_or_none(made["max_instances"]),
        cues=tuple(
            Cue(
                frame=whole_or_none(cue["frame"]),
                points=tuple((x, y, bool(positive)) for x, y, positive in cue["points"]),
                boxes=tuple((a, b, c, d, bool(inside)) for a, b, c, d, inside in cue["boxes"]),
                mask=None if cue["mask"] is None else _mask_from_json(cue["mask"]),
            )
            for cue in made["cues"]
        ),
    )


def detections_to_text(stream: str, index: int, detections: Detections | None) -> str:
    """One line of ``detections.jsonl``, without its end; None is kept as "not asked"."""
    head = f'{{"stream":{json.dumps(stream)},"index":{whole(index)}'
    if detections is None:
        return f'{head},"instances":null}}'
    instances = ",".join(map(_instance_to_text, detections.instances))
    presence = json.dumps([_number_or_none(value) for value in detections.presence])
    return f'{head},"presence":{presence},"instances":[{instances}]}}'


def place_from_json(made: Json) -> tuple[str, int]:
    """Stream and index of a line of either file."""
    return _text(made["stream"]), whole(made["index"])


def detections_from_json(made: Json) -> tuple[str, int, Detections | None]:
    """Stream, index and answer of one line of ``detections.jsonl``."""
    stream, index = place_from_json(made)
    if made["instances"] is None:
        return stream, index, None
    instances = tuple(map(instance_from_json, made["instances"]))
    presence = tuple(map(_number_or_none, made["presence"]))
    return stream, index, Detections(stream, index, instances, presence)


def scene_to_text(scene: Scene, found: Sequence[Instance]) -> str:
    """One line of ``scenes.jsonl``, without its end.

    Args:
        scene: The Scene.
        found: The instances of the frame's Detections as they were logged. An instance of the
            Scene that is one of these is named by its place instead of being written again.
    """
    places = {id(instance): place for place, instance in enumerate(found)}
    instances = ",".join(_tracked_to_text(tracked, places) for tracked in scene.instances)
    name = "" if scene.name is None else f'"name":{json.dumps(scene.name)},'
    recorded = _recorded_to_text(scene.recorded)
    return (
        f'{{"stream":{json.dumps(scene.stream)},"index":{whole(scene.index)},'
        f'"pts":{whole(scene.pts)},'
        f'"time_base":"{fraction_text(_fraction(fraction_text(scene.time_base)))}",'
        f'"duration":{json.dumps(whole_or_none(scene.duration))},"shot":{whole(scene.shot)},{name}'
        f'{recorded}"instances":[{instances}]}}'
    )


def named_places(made: Json) -> set[int]:
    """Places among the frame's Detections that one line of ``scenes.jsonl`` names."""
    instances = (tracked["instance"] for tracked in made["instances"])
    return {instance for instance in instances if isinstance(instance, int)}


def scene_from_json(made: Json, found: Sequence[Instance | None]) -> Scene:
    """The Scene of one line of ``scenes.jsonl``.

    Args:
        made: The line.
        found: As in ``scene_to_text``; None for what the line does not name.
    """
    stream, index = place_from_json(made)
    return Scene(
        stream=stream,
        index=index,
        pts=whole(made["pts"]),
        time_base=_fraction(made["time_base"]),
        duration=whole_or_none(made["duration"]),
        shot=whole(made["shot"]),
        instances=tuple(_tracked_from_json(tracked, found) for tracked in made["instances"]),
        name=None if made.get("name") is None else _text(made["name"]),
        recorded=_recorded_from_json(made.get("recorded")),
    )


def _recorded_to_text(recorded: Recorded | None) -> str:
    """The message of a log that a frame was in, as an entry of a Scene; empty without one."""
    if recorded is None:
        return ""
    times = (recorded.stamp, recorded.log_time, recorded.publish_time)
    values = [_text(recorded.topic), _text(recorded.frame_id), *map(whole, times)]
    return f'"recorded":{json.dumps(values)},'


def _recorded_from_json(made: Json) -> Recorded | None:
    if made is None:
        return None
    topic, frame_id, *times = made
    stamp, log_time, publish_time = map(whole, times)
    return Recorded(_text(topic), _text(frame_id), stamp, log_time, publish_time)


def _fraction(value: Json) -> Fraction:
    # Fraction itself would also take 1e999999999, and work on it for hours.
    if not _FRACTION.fullmatch(_text(value)):
        raise ValueError(f"expected numerator/denominator, got {value!r}")
    return Fraction(value)


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _number_or_none(value: float | None) -> float | None:
    return None if value is None else number(value)


def _mask_to_json(mask: Mask) -> Json:
    """COCO's ``size`` and ``counts``, and the crop, which need not be tight; logits as levels."""
    made = {
        "size": [mask.frame_height, mask.frame_width],
        "crop": mask.crop,
        "counts": encode_rle(mask),
    }
    if mask.logits is not None:
        levels = logit_levels(mask.logits)
        check_levels(levels, mask.bitmap)
        made["logits"] = base64.b64encode(zlib.compress(levels.tobytes(), 1)).decode("ascii")
    return made


def _mask_from_json(made: Json) -> Mask:
    height, width = map(whole, made["size"])
    x1, y1, x2, y2 = map(whole, made["crop"])
    tight = decode_rle(made["counts"], width=width, height=height)
    if tight is None:
        raise ValueError("a mask without pixels")
    if "logits" in made:
        logits = _logits_from_text(made["logits"], x2 - x1, y2 - y1)
        return Mask(x1, y1, width, height, logits > 0, logits)
    if tight.crop == (x1, y1, x2, y2):
        return tight
    left, top, right, bottom = tight.crop
    if not (x1 <= left and y1 <= top and x2 >= right and y2 >= bottom):
        raise ValueError(f"the crop {made['crop']} cuts off pixels of the mask {tight.crop}")
    bitmap = np.zeros((y2 - y1, x2 - x1), dtype=np.bool_)
    bitmap[top - y1 : bottom - y1, left - x1 : right - x1] = tight.bitmap
    return Mask(x1, y1, width, height, bitmap)


def _logits_from_text(text: str, width: int, height: int) -> npt.NDArray[np.float16]:
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(base64.b64decode(text, validate=True), width * height + 1)
    except zlib.error as error:
        raise ValueError(f"logits that cannot be unpacked: {error}") from error
    return logits_of_levels(np.frombuffer(raw, np.int8).reshape(height, width))


def _instance_to_text(instance: Instance) -> str:
    made = {
        "prompt": whole(instance.prompt),
        "score": number(instance.score),
        "object_id": whole_or_none(instance.object_id),
        "mask": _mask_to_json(instance.mask),
    }
    if instance.embedding is not None:
        raw = np.ascontiguousarray(instance.embedding, dtype="<f4").tobytes()
        made["embedding"] = base64.b64encode(raw).decode("ascii")
    text = json.dumps(made, separators=(",", ":"))
    if instance.outline is None:
        return text
    return f'{text[:-1]},"outline":{_shape_to_text(instance.outline)}}}'


def instance_from_json(made: Json) -> Instance:
    """One instance of a line of ``detections.jsonl``, or of one that a Scene has of its own."""
    embedding = made.get("embedding")
    outline = made.get("outline")
    return Instance(
        mask=_mask_from_json(made["mask"]),
        score=number(made["score"]),
        prompt=whole(made["prompt"]),
        object_id=whole_or_none(made["object_id"]),
        outline=None if outline is None else _shape_from_json(outline),
        embedding=None
        if embedding is None
        else np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float32),
    )


def _tracked_to_text(tracked: TrackedInstance, places: Mapping[int, int]) -> str:
    place = places.get(id(tracked.instance))
    instance = _instance_to_text(tracked.instance) if place is None else str(place)
    return (
        f'{{"track_id":{whole(tracked.track_id)},"label":{json.dumps(_text(tracked.label))},'
        f'"state":"{_state(tracked.state)}","shape":{_shape_to_text(tracked.shape)},'
        f'"instance":{instance}}}'
    )


def _state(state: Json) -> TrackState:
    if state not in get_args(TrackState):
        raise ValueError(f"unknown state {state!r}")
    found: TrackState = state
    return found


def _tracked_from_json(made: Json, found: Sequence[Instance | None]) -> TrackedInstance:
    named = made["instance"]
    if isinstance(named, int):
        instance = found[named] if 0 <= named < len(found) else None
        if instance is None:
            raise ValueError(f"instance {named} of a frame with {len(found)} instances")
    else:
        instance = instance_from_json(named)
    return TrackedInstance(
        track_id=whole(made["track_id"]),
        instance=instance,
        shape=_shape_from_json(made["shape"]),
        label=_text(made["label"]),
        state=_state(made["state"]),
    )


def _shape_to_text(shape: Shape) -> str:
    parts = (
        f'{{"outer":{_ring_to_text(part.outer)},'
        f'"holes":[{",".join(map(_ring_to_text, part.holes))}]}}'
        for part in shape.parts
    )
    return f"[{','.join(parts)}]"


def _shape_from_json(made: Json) -> Shape:
    return Shape(
        tuple(
            Part(_ring_from_json(part["outer"]), tuple(map(_ring_from_json, part["holes"])))
            for part in made
        )
    )


def _ring_to_text(ring: Ring) -> str:
    if isinstance(ring, Polygon):
        return f'{{"points":{_floats_to_text(ring.points)}}}'
    return f'{{"segments":{_floats_to_text(ring.segments)}}}'


def _ring_from_json(made: Json) -> Ring:
    if "points" in made:
        return Polygon(_floats_from_json(made["points"]).reshape(-1, 2))
    return Bezier(_floats_from_json(made["segments"]).reshape(-1, 3, 2))


def _floats_to_text(values: npt.NDArray[np.float32]) -> str:
    with np.errstate(over="ignore"):
        values = np.asarray(values, dtype=np.float32)
    kernel = number_kernel()
    text = None if kernel is None else kernel(np.ascontiguousarray(values))
    if text is not None:
        return f"[{text}]"
    if not np.isfinite(values).all():
        raise ValueError("an outline holds a coordinate that is no finite number")
    scaled = np.rint(values.ravel().astype(np.float64) * 10**_DECIMALS)
    if np.abs(scaled).max(initial=0) < _LARGEST_UNITS:
        units = scaled.astype(np.int64)
        # Compared as bytes: a negative zero is no whole number of units either.
        if (units / 10**_DECIMALS).astype(np.float32).tobytes() == values.tobytes():
            nothing, commas = np.zeros((2, len(units)), dtype=np.uint8)
            commas[:-1] = ord(",")
            return f"[{decimal_text(units, _DECIMALS, nothing, commas)}]"
    return f"[{('%.9g,' * values.size)[:-1] % tuple(values.ravel().tolist())}]"


def _floats_from_json(made: Json) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = np.asarray(made, dtype=np.float64).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("an outline holds a coordinate that is no finite float32")
    return values
