"""Lottie, ``shapes.json``: an animation of filled shapes, or of solids with masks.

Each track is a layer whose transform carries the motion. Frames count from 0, pixels are square.
The format: https://lottie.github.io/lottie-spec/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Annotated, Any, ClassVar, TypeAlias

import numpy as np
from typing_extensions import Doc

from videoseg.exporters._keyed_shapes import KeyedShapes, covered
from videoseg.formats.palette import hex_of
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape
from videoseg.types import Knot, Placement

Json: TypeAlias = dict[str, Any]

_DIGITS = 3
_VERSION = "5.7.0"
_LINEAR: Mapping[str, Json] = {"o": {"x": [0], "y": [0]}, "i": {"x": [1], "y": [1]}}
"""Handles of a key's easing."""
_SHAPES = 4
"""Type of a layer of shapes."""
_SOLID = 1
"""Type of a layer of one colour."""
_EVEN_ODD = 2


@dataclass
class Lottie(KeyedShapes):
    """Writes an animation for web pages and apps; After Effects' Bodymovin writes the same format.

    Where pixels of the clip are not square, the animation is as wide as it looks.
    """

    masks: Annotated[
        bool, Doc("tracks as masks of solids, to cut pictures out, instead of filled shapes")
    ] = False

    _endings: ClassVar[tuple[str, ...]] = (".lottie.json",)
    _moves_layers: ClassVar[bool] = True

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        info = clip.info
        animation = {
            "v": _VERSION,
            "fr": float(clip.rate),
            "ip": 0,
            "op": clip.last - clip.first + 1,
            "w": round(info.width * info.sample_aspect_ratio),
            "h": info.height,
            "nm": info.stream,
            "ddd": 0,
            "assets": [],
        }
        file.write(json.dumps(animation)[:-1] + ', "layers": [')
        between = "\n"
        for layer in layers:
            for made in _solids(layer, clip) if self.masks else [_shapes(layer, clip)]:
                file.write(between + json.dumps(made))
                between = ",\n"
        file.write("\n]}\n")


def _shapes(layer: NumberedLayer, clip: Clip) -> Json:
    """A layer in which each part is a group of its own: its holes are cut from it alone."""
    colour = [round(value / 255, 4) for value in layer.colour]
    fill = {"ty": "fl", "c": _fixed([*colour, 1]), "o": _fixed(100), "r": _EVEN_ODD}
    groups = []
    for part in _parts(layer):
        paths = [{"ty": "sh", "nm": shape.name, "ks": _hiding_path(shape, clip)} for shape in part]
        still = {"a": _fixed([0, 0]), "p": _fixed([0, 0]), "s": _fixed([100, 100]), "r": _fixed(0)}
        shown = {"ty": "tr", **still, "o": _opacity(part[0], clip)}
        groups.append({"ty": "gr", "nm": part[0].name, "it": [*paths, fill, shown]})
    every = [shape for group in layer.groups for shape in group]
    return {**_layer(layer, every, _SHAPES, (0, 0)), "shapes": groups}


def _solids(layer: NumberedLayer, clip: Clip) -> Iterator[Json]:
    """A solid for each part while it is there, with its holes as masks, too.

    rlottie shows all of a solid whose masks cover nothing.
    """
    for part in _parts(layer):
        left, top, right, bottom = covered(part, clip)
        masks = [
            {
                "nm": shape.name,
                "mode": "a" if shape.op == "add" else "s",
                "inv": False,
                "pt": _hiding_path(shape, clip, (left, top)),
                "o": _fixed(100),
                "x": _fixed(0),
            }
            for shape in part
        ]
        made = {
            **_layer(layer, part, _SOLID, (left, top)),
            "sc": hex_of(layer.track_id),
            "sw": round((right - left) * clip.info.sample_aspect_ratio),
            "sh": bottom - top,
            "hasMask": True,
            "masksProperties": masks,
        }
        # The frame on which a layer ends is its last in rlottie, and no more its own elsewhere.
        made["ks"]["o"] = _opacity(part[0], clip)
        yield made


def _parts(layer: NumberedLayer) -> list[list[NumberedShape]]:
    """Each part with its holes."""
    parts: dict[int, list[NumberedShape]] = {}
    for group in layer.groups:
        for shape in group:
            parts.setdefault(shape.part, []).append(shape)
    return list(parts.values())


def _layer(
    layer: NumberedLayer,
    shapes: Sequence[NumberedShape],
    kind: int,
    corner: tuple[int, int],
) -> Json:
    """What both kinds of layers have; ``corner`` is the place of the layer's origin."""
    x, y = layer.pivot
    anchor = _rounded([x - corner[0], y - corner[1]])
    return {
        "ddd": 0,  # first: without it rlottie reads no rotation
        "ty": kind,
        "nm": f"{layer.label} {layer.track_id}",
        "ip": min(shape.on for shape in shapes),
        "op": max(shape.off for shape in shapes),
        "st": 0,
        "ks": {"a": _fixed(anchor), **_placements(layer)},
    }


def _placements(layer: NumberedLayer) -> Json:
    x, y = layer.pivot
    columns: dict[str, dict[int, list[float]]] = {"p": {}, "r": {}, "s": {}}
    for number, each in (layer.placements or {0: Placement()}).items():
        columns["p"][number] = _rounded([x + each.x, y + each.y])
        columns["r"][number] = _rounded([each.rotation])
        columns["s"][number] = _rounded([100 * each.scale] * 2)
    return {"o": _fixed(100), **{name: _linear(values) for name, values in columns.items()}}


def _hiding_path(shape: NumberedShape, clip: Clip, corner: tuple[int, int] = (0, 0)) -> Json:
    """A path that, for a hole, is a point where it is not there; a part is hidden as a whole."""
    path = _linear({at: [_outline(knots, clip, corner)] for at, knots in shape.keys.items()})
    if shape.op == "add" or (shape.on <= clip.first and shape.off > clip.last):
        return path
    knots = next(iter(shape.keys.values()))
    nowhere = [
        _outline([knots[0]._replace(in_dx=0, in_dy=0, out_dx=0, out_dy=0)] * len(knots), clip)
    ]
    keys = path["k"] if path["a"] else [{"t": shape.on, "s": [path["k"]]}]
    keys[-1] |= {"h": 1}
    before = [{"t": 0, "s": nowhere, "h": 1}] if shape.on > 0 else []
    return {"a": 1, "k": [*before, *keys, {"t": shape.off, "s": nowhere, "h": 1}]}


def _outline(knots: Sequence[Knot], clip: Clip, corner: tuple[int, int] = (0, 0)) -> Json:
    rows = np.array(knots, dtype=np.float64)
    rows[:, :2] -= corner
    rows[:, ::2] *= float(clip.info.sample_aspect_ratio)
    rows = np.round(rows, _DIGITS) + 0.0
    v, i, o = (rows[:, place : place + 2].tolist() for place in (0, 2, 4))
    return {"c": True, "v": v, "i": i, "o": o}


def _opacity(shape: NumberedShape, clip: Clip) -> Json:
    presence = {0: False, **dict(shape.presence(clip.first))}
    keys = [{"t": at, "s": [100 * there], "h": 1} for at, there in sorted(presence.items())]
    return {"a": 1, "k": keys}


def _linear(values: Mapping[int, list[Any]]) -> Json:
    """A property that moves evenly between keys."""
    if len(values) == 1:
        (value,) = values.values()
        return _fixed(value[0] if len(value) == 1 else value)
    keys = [{"t": at, "s": value, **_LINEAR} for at, value in values.items()]
    keys[-1] = {"t": keys[-1]["t"], "s": keys[-1]["s"]}
    return {"a": 1, "k": keys}


def _fixed(value: Any) -> Json:
    return {"a": 0, "k": value}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) + 0.0 for value in values]


PARTS = {"lottie": Lottie}
