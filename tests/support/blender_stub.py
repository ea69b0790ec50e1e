"""What a script sees as Blender: masks, their layers, and the operator that inserts shape keys."""

from __future__ import annotations

import bisect
import sys
import types
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.roto_runs import drawn, segments_of
from videoseg.types import Bitmap


@dataclass
class Point:
    co: Any = (0.0, 0.0)
    handle_left: Any = (0.0, 0.0)
    handle_right: Any = (0.0, 0.0)
    handle_type: str = "AUTO"
    select: bool = False

    def values(self) -> list[float]:
        return [*self.co, *self.handle_left, *self.handle_right]


class Points(list[Point]):
    def add(self, count: int) -> None:
        self.extend(Point() for _ in range(count))


@dataclass
class Spline:
    use_cyclic: bool = False
    points: Points = field(default_factory=lambda: Points([Point()]))


class Splines(list[Spline]):
    def new(self) -> Spline:
        self.append(Spline())
        return self[-1]


@dataclass
class MaskLayer:
    name: str
    blend: str = "MERGE_ADD"
    alpha: float = 1.0
    splines: Splines = field(default_factory=Splines)
    shape_keys: dict[int, Any] = field(default_factory=dict)
    alphas: dict[int, float] = field(default_factory=dict)

    def keyframe_insert(self, path: str, *, frame: int) -> None:
        assert path == "alpha"
        self.alphas[frame] = self.alpha

    def there(self, number: int) -> bool:
        keys = sorted(self.alphas)
        return self.alphas[keys[max(bisect.bisect_right(keys, number) - 1, 0)]] > 0.5

    def rows(self, number: int) -> Any:
        """Points and ends of handles, linear between the keys."""
        keys = sorted(self.shape_keys)
        lines = np.array([self.shape_keys[key] for key in keys])
        shares = [np.interp(number, keys, np.eye(len(keys))[place]) for place in range(len(keys))]
        return np.tensordot(shares, lines, 1)


class MaskLayers(list[MaskLayer]):
    active: MaskLayer | None = None

    def new(self, name: str) -> MaskLayer:
        self.append(MaskLayer(name))
        return self[-1]


class Mask(dict[str, Any]):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.layers = name, MaskLayers()
        self.frame_start = self.frame_end = 0
        self.use_fake_user = False


class Blender:
    """An empty scene, with one window whose largest area is a 3D view."""

    def __init__(self) -> None:
        self.masks: dict[str, Mask] = {}
        self.scene = SimpleNamespace(frame_current=1)
        self.scene.frame_set = lambda number: setattr(self.scene, "frame_current", number)
        self.space = SimpleNamespace(mode="VIEW", mask=None)
        self.area = SimpleNamespace(
            type="VIEW_3D",
            ui_type="VIEW_3D",
            width=900,
            height=600,
            spaces=SimpleNamespace(active=self.space),
            regions=[SimpleNamespace(type="HEADER"), SimpleNamespace(type="WINDOW")],
        )
        small = SimpleNamespace(type="OUTLINER", width=200, height=200)
        self.window = SimpleNamespace(screen=SimpleNamespace(areas=[small, self.area]))
        self.overridden: dict[str, Any] = {}

    def run(self, text: str) -> None:
        bpy: Any = types.ModuleType("bpy")
        bpy.context = SimpleNamespace(
            scene=self.scene,
            window_manager=SimpleNamespace(windows=[self.window]),
            temp_override=self._override,
        )
        bpy.data = SimpleNamespace(masks=SimpleNamespace(new=self._new))
        bpy.ops = SimpleNamespace(mask=SimpleNamespace(shape_key_insert=self._insert))
        sys.modules["bpy"] = bpy
        try:
            exec(compile(text, "shapes.blender.py", "exec"), {})  # noqa: S102
        finally:
            del sys.modules["bpy"]

    def matte(self, name: str, number: int, width: int = 320, height: int = 240) -> Bitmap:
        """A mask on a frame."""
        rings = []
        for layer in self.masks[name].layers:
            if not layer.there(number):
                continue
            (spline,) = layer.splines
            assert spline.use_cyclic
            rows = (layer.rows(number).reshape(-1, 3, 2) - 0.5) * (1, -1) * max(width, height)
            rows += (width / 2, height / 2)
            segments = segments_of(rows[:, 0], rows[:, 1] - rows[:, 0], rows[:, 2] - rows[:, 0])
            rings.append((layer.blend == "MERGE_ADD", segments))
        return drawn(rings, width, height)

    def _new(self, name: str) -> Mask:
        assert name not in self.masks
        self.masks[name] = Mask(name)
        return self.masks[name]

    def _override(self, **context: Any) -> Any:
        self.overridden = context
        return _Override(self)

    def _insert(self) -> set[str]:
        """As Blender: a key for each layer that has a selected point."""
        assert self.overridden["area"] is self.area
        assert (self.area.type, self.space.mode) == ("IMAGE_EDITOR", "MASK")
        chosen = [
            layer
            for layer in self.space.mask.layers
            if any(point.select for spline in layer.splines for point in spline.points)
        ]
        for layer in chosen:
            rows = [point.values() for spline in layer.splines for point in spline.points]
            layer.shape_keys[self.scene.frame_current] = rows
        return {"FINISHED"} if chosen else {"CANCELLED"}


class _Override:
    def __init__(self, blender: Blender) -> None:
        self.blender = blender

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.blender.overridden = {}
