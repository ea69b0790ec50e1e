"""What a script sees as Natron: the documented calls of its Python API that it needs."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.support.roto_runs import drawn, segments_of
from videoseg.types import Bitmap


@dataclass
class Param:
    """``DoubleParam``: values of each dimension, keys by dimension and time."""

    values: list[float]
    keys: dict[int, dict[int, float]] = field(default_factory=dict)

    def setValue(self, value: float, dimension: int = 0) -> None:  # noqa: N802
        self.values[dimension] = value

    def setValueAtTime(self, value: float, time: int, dimension: int = 0) -> None:  # noqa: N802
        assert dimension < len(self.values)
        self.keys.setdefault(dimension, {})[time] = value

    def at(self, time: int) -> Any:
        """The values at a time, at rest outside keys; in between keys are smooth, so none is."""
        found = list(self.values)
        for dimension, keys in self.keys.items():
            assert sorted(keys) == list(range(min(keys), max(keys) + 1))
            found[dimension] = keys[min(max(time, min(keys)), max(keys))]
        return np.array(found)


@dataclass
class Bezier:
    """``BezierCurve``: points by time, linear in between."""

    count: int = 1
    finished: bool = False
    name: str = ""
    keys: dict[int, dict[int, tuple[float, ...]]] = field(default_factory=dict)
    activated: dict[int, bool] = field(default_factory=dict)
    params: dict[str, Param] = field(
        default_factory=lambda: {
            "translate": Param([0, 0]),
            "center": Param([0, 0]),
            "scale": Param([1, 1]),
            "rotate": Param([0]),
        }
    )

    def getParam(self, name: str) -> Param:  # noqa: N802
        return self.params[name]

    def addControlPoint(self, x: float, y: float) -> None:  # noqa: N802
        assert not self.finished
        self.count += 1

    def setCurveFinished(self, finished: bool) -> None:  # noqa: N802
        self.finished = finished

    def setScriptName(self, name: str) -> None:  # noqa: N802
        self.name = name

    def setOverlayColor(self, red: float, green: float, blue: float) -> None:  # noqa: N802
        assert max(red, green, blue) <= 1

    def setPointAtIndex(self, index: int, time: int, *values: float) -> None:  # noqa: N802
        assert self.finished
        assert index < self.count
        assert len(values) == 6
        assert not self.params["rotate"].keys, "points are set where they are without a transform"
        self.keys.setdefault(time, {})[index] = values

    def setActivated(self, time: int, there: bool) -> None:  # noqa: N802
        self.activated[time] = there

    def there(self, time: int) -> bool:
        times = sorted(self.activated)
        return self.activated[times[max(bisect.bisect_right(times, time) - 1, 0)]]

    def rows(self, time: int) -> Any:
        times = sorted(self.keys)
        lines = np.array([[self.keys[at][index] for index in range(self.count)] for at in times])
        shares = [np.interp(time, times, row) for row in np.eye(len(times))]
        places = np.tensordot(shares, lines, 1).reshape(-1, 3, 2)
        # A positive angle turns to the left, as y counts upwards.
        centre, move, scale = (
            self.params[name].at(time) for name in ("center", "translate", "scale")
        )
        angle = np.deg2rad(self.params["rotate"].at(time)[0])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return ((places - centre) * scale) @ turn.T + centre + move


class Node:
    def __init__(self, natron: Natron, plugin: str) -> None:
        self.natron, self.plugin, self.name, self.label = natron, plugin, "", ""
        self.operation, self.inputs = "", dict[int, Node]()
        self.shapes: list[Bezier] = []

    def setScriptName(self, name: str) -> None:  # noqa: N802
        assert name not in self.natron.nodes
        self.name = name
        self.natron.nodes[name] = self

    def setLabel(self, label: str) -> None:  # noqa: N802
        self.label = label

    def getRotoContext(self) -> Any:  # noqa: N802
        return SimpleNamespace(createBezier=self._bezier)

    def getParam(self, name: str) -> Any:  # noqa: N802
        assert name == "operation"
        return SimpleNamespace(set=lambda value: setattr(self, "operation", value))

    def connectInput(self, index: int, node: Node) -> None:  # noqa: N802
        self.inputs[index] = node

    def matte(self, time: int, width: int, height: int) -> Bitmap:
        if self.inputs:
            below, above = (self.inputs[index].matte(time, width, height) for index in (0, 1))
            return below & ~above if self.operation == "stencil" else below | above
        rings = []
        for shape in self.shapes:
            if shape.there(time):
                rows = shape.rows(time)
                rows[..., 1] = height - rows[..., 1]
                place = rows[:, 0]
                rings.append((True, segments_of(place, rows[:, 1] - place, rows[:, 2] - place)))
        return drawn(rings, width, height)

    def _bezier(self, x: float, y: float, time: int) -> Bezier:
        self.shapes.append(Bezier())
        return self.shapes[-1]


class Natron:
    """An empty project."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def run(self, text: str) -> None:
        project = SimpleNamespace(createNode=lambda plugin: Node(self, plugin))
        exec(compile(text, "shapes.natron.py", "exec"), {"app": project})  # noqa: S102

    def matte(self, name: str, number: int, width: int = 320, height: int = 240) -> Bitmap:
        """The alpha of a track, which is that of the last node that its name begins."""
        found = [
            node
            for node in self.nodes.values()
            if node.name == name or node.name.startswith((f"{name}_group", f"{name}_matte"))
        ]
        return found[-1].matte(number, width, height)
