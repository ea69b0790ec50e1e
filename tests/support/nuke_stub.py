"""What a script sees as Nuke: documented calls of ``nuke`` and ``nuke.rotopaint``.

Curves interpolate as Nuke's do where keys are linear; others are refused when they are asked.
"""

from __future__ import annotations

import bisect
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.roto_runs import drawn, segments_of
from videoseg.types import Bitmap


@dataclass
class Key:
    time: float
    value: float
    interpolationType: int = 256  # noqa: N815 -- its name in Nuke


class Curve:
    """``AnimCurve``: a value over time."""

    linear = 1

    def __init__(self, value: float = 0.0) -> None:
        self.constantValue = value
        self.all: list[Key] = []

    def addKey(self, time: float, value: float) -> None:  # noqa: N802
        bisect.insort(self.all, Key(time, value), key=lambda key: key.time)

    def removeAllKeys(self) -> None:  # noqa: N802
        self.all = []

    def getNumberOfKeys(self) -> int:  # noqa: N802
        return len(self.all)

    def getKey(self, index: int) -> Key:  # noqa: N802
        return self.all[index]

    def evaluate(self, time: float) -> float:
        if not self.all:
            return self.constantValue
        if any(key.interpolationType != self.linear for key in self.all):
            return float("nan")
        return float(
            np.interp(time, [key.time for key in self.all], [key.value for key in self.all])
        )


class Point:
    """``AnimControlPoint``."""

    def __init__(self, x: float = 0, y: float = 0) -> None:
        self.curves = Curve(x), Curve(y)

    def getPositionAnimCurve(self, index: int) -> Curve:  # noqa: N802
        return self.curves[index]

    def on(self, time: float) -> tuple[float, float]:
        return self.curves[0].evaluate(time), self.curves[1].evaluate(time)


class ShapeControlPoint:
    def __init__(self, x: float, y: float) -> None:
        self.center, self.leftTangent, self.rightTangent = Point(x, y), Point(), Point()


class Transform:
    """``AnimCTransform``."""

    def __init__(self) -> None:
        self.pivot, self.translation = [Curve(), Curve()], [Curve(), Curve()]
        self.scale, self.rotation = [Curve(1), Curve(1)], [Curve(), Curve(), Curve()]

    def getPivotPointAnimCurve(self, index: int) -> Curve:  # noqa: N802
        return self.pivot[index]

    def getTranslationAnimCurve(self, index: int) -> Curve:  # noqa: N802
        return self.translation[index]

    def getScaleAnimCurve(self, index: int) -> Curve:  # noqa: N802
        return self.scale[index]

    def getRotationAnimCurve(self, index: int) -> Curve:  # noqa: N802
        return self.rotation[index]

    def on(self, time: float) -> tuple[Any, Any, Any]:
        """Pivot, translation and matrix, in Nuke's coordinates, where y is up."""
        pivot, move, scale = (
            np.array([curve.evaluate(time) for curve in each])
            for each in (self.pivot, self.translation, self.scale)
        )
        angle = np.deg2rad(self.rotation[2].evaluate(time))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return pivot, move, turn @ np.diag(scale)


class Shape:
    def __init__(self, curves: Any, type: str = "bezier") -> None:  # noqa: A002
        self.name, self.points, self.visible = "", list[ShapeControlPoint](), dict[float, bool]()
        self.attributes = dict[str, float]()

    def append(self, point: ShapeControlPoint) -> None:
        self.points.append(point)

    def __getitem__(self, index: int) -> ShapeControlPoint:
        return self.points[index]

    def getAttributes(self) -> Any:  # noqa: N802
        return SimpleNamespace(set=self.attributes.__setitem__)

    def setVisible(self, time: float, there: bool) -> None:  # noqa: N802
        self.visible[time] = there

    def there(self, time: float) -> bool:
        keys = sorted(self.visible)
        place = max(bisect.bisect_right(keys, time) - 1, 0)
        return self.visible[keys[place]]


class Layer(list[Any]):
    def __init__(self, curves: Any = None) -> None:
        super().__init__()
        self.name, self.transform = "", Transform()

    def getTransform(self) -> Transform:  # noqa: N802
        return self.transform


@dataclass
class Knob:
    value: Any = None

    def setValue(self, value: Any) -> None:  # noqa: N802
        self.value = value


@dataclass
class Curves:
    rootLayer: Layer = field(default_factory=Layer)  # noqa: N815
    changes: int = 0

    def changed(self) -> None:
        self.changes += 1


class Node:
    def __init__(self, script: Nuke, kind: str, **knobs: Any) -> None:
        self.script, self.kind, self.inputs, self.name = script, kind, dict[int, Node](), ""
        self.knobs: dict[str, Any] = {name: Knob(value) for name, value in knobs.items()}
        self.knobs |= {"label": Knob(), "format": Knob(), "curves": Curves()}

    def __getitem__(self, name: str) -> Any:
        return self.knobs[name]

    def setName(self, name: str) -> None:  # noqa: N802
        assert name.replace("_", "").isalnum()
        assert name.isascii()
        assert name not in self.script.nodes
        self.name = name
        self.script.nodes[name] = self

    def setInput(self, index: int, node: Node) -> None:  # noqa: N802
        self.inputs[index] = node

    def matte(self, time: float, width: int, height: int) -> Bitmap:
        """The node's alpha on a frame, above one half."""
        if self.kind == "Merge2":
            below, above = (self.inputs[index].matte(time, width, height) for index in (0, 1))
            operation = self.knobs["operation"].value
            return below & ~above if operation == "stencil" else below | above
        rings = []
        for layer in self.knobs["curves"].rootLayer:
            pivot, move, turn = layer.transform.on(time)
            for shape in layer:
                if shape.there(time):
                    parts = ("center", "leftTangent", "rightTangent")
                    place, into, out = (
                        np.array([getattr(point, part).on(time) for point in shape.points])
                        for part in parts
                    )
                    place = (place - pivot) @ turn.T + pivot + move
                    segments = segments_of(place, into @ turn.T, out @ turn.T)
                    segments[..., 1] = height - segments[..., 1]
                    rings.append((True, segments))
        return drawn(rings, width, height)


class Nuke:
    """An empty script of Nuke; ``linear`` is what this build takes for a linear key."""

    def __init__(self, linear: int = 2) -> None:
        self.nodes: dict[str, Node] = {}
        self.formats: list[str] = []
        Curve.linear = linear

    def run(self, text: str) -> None:
        """Run a script in it."""
        with self._installed():
            exec(compile(text, "shapes.nuke.py", "exec"), {"__name__": "__main__"})  # noqa: S102

    def matte(self, name: str, number: int, width: int = 320, height: int = 240) -> Bitmap:
        """The alpha of a track, which is that of the last node that its name begins."""
        found = [
            node
            for node in self.nodes.values()
            if node.name == name or node.name.startswith((f"{name}_group", f"{name}_matte"))
        ]
        return found[-1].matte(number, width, height)

    def _add_format(self, text: str) -> str:
        self.formats.append(text)
        return text

    @contextmanager
    def _installed(self) -> Iterator[None]:
        nuke: Any = types.ModuleType("nuke")
        nuke.rotopaint = types.ModuleType("nuke.rotopaint")
        nuke.addFormat = self._add_format
        nuke.nodes = SimpleNamespace(
            Roto=lambda **knobs: Node(self, "Roto", **knobs),
            Merge2=lambda **knobs: Node(self, "Merge2", **knobs),
        )
        nuke.rotopaint.__dict__.update(
            Shape=Shape,
            Layer=Layer,
            ShapeControlPoint=ShapeControlPoint,
            InterpolationType=SimpleNamespace(eLinearInterpolationType=1),
        )
        names = {"nuke": nuke, "nuke.rotopaint": nuke.rotopaint}
        sys.modules.update(names)
        try:
            yield
        finally:
            for name in names:
                del sys.modules[name]
