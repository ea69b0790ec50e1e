"""A node graph of Fusion, read from pasted text by Lua."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support.roto_runs import drawn, segments_of
from videoseg.types import Bitmap

_CONSTRUCTORS = """
local function made(kind)
    return function(values) values.kind = kind; return values end
end
Input, Polyline, FuID, OperatorInfo = made("Input"), made("Polyline"), made("FuID"), made("Info")
PolylineMask, BezierSpline = made("PolylineMask"), made("BezierSpline")
XYPath = made("XYPath")
function ordered() return function(values) return values end end
return """


@dataclass
class Fusion:
    """Tools by name, as Lua tables."""

    tools: Any

    @classmethod
    def pasted(cls, text: str) -> Fusion:
        import lupa

        return cls(lupa.LuaRuntime(unpack_returned_tuples=True).execute(_CONSTRUCTORS + text).Tools)

    def matte(self, name: str, number: int) -> Bitmap:
        """What a mask and those before it give on a frame."""
        size = self._size(name) if name in list(self.tools) else (320, 240)
        chain: list[Any] = []
        following: str | None = name
        while following is not None:
            tool = self.tools[following]
            assert tool.kind == "PolylineMask"
            chain.insert(0, (following, tool.Inputs))
            before = tool.Inputs.EffectMask
            assert before is None or before.Source == "Mask"
            following = None if before is None else before.SourceOp
        rings = []
        for tool_name, inputs in chain:
            assert inputs.Level.SourceOp == f"{tool_name}Level"
            if self._level(inputs.Level.SourceOp, number) > 0.5:
                mode = inputs.PaintMode.Value[1]
                assert mode in ("Merge", "Subtract")
                rings.append((mode == "Merge", self._segments(inputs, number, size)))
        return drawn(rings, *size)

    def _size(self, name: str) -> tuple[int, int]:
        inputs = self.tools[name].Inputs
        return inputs.MaskWidth.Value, inputs.MaskHeight.Value

    def keys(self, name: str) -> dict[int, Any]:
        """The keys of a spline by number."""
        spline = self.tools[name]
        assert spline.kind == "BezierSpline"
        found = {number: spline.KeyFrames[number] for number in spline.KeyFrames}
        assert all(key.Flags.Linear for key in found.values())
        return dict(sorted(found.items()))

    def _level(self, name: str, number: int) -> float:
        keys = self.keys(name)
        return float(np.interp(number, list(keys), [key[1] for key in keys.values()]))

    def _segments(self, inputs: Any, number: int, size: tuple[int, int]) -> Any:
        keys = self.keys(inputs.Polyline.SourceOp)
        assert [key[1] for key in keys.values()] == list(range(len(keys)))
        lines = np.array([_rows(key.Value) for key in keys.values()])
        place = np.interp(number, list(keys), range(len(keys)))
        low = int(place)
        high = min(low + 1, len(keys) - 1)
        rows = (lines[low] + (place - low) * (lines[high] - lines[low])).reshape(-1, 3, 2)
        rows = rows * (size[0], -size[1])
        rows[:, 0] += self._centre(inputs, number) * size
        return segments_of(rows[:, 0], rows[:, 1], rows[:, 2])

    def _centre(self, inputs: Any, number: int) -> Any:
        """The middle of a mask in shares of the frame, y down."""
        if inputs.Center is None:
            return np.array([0.5, 0.5])
        path = self.tools[inputs.Center.SourceOp]
        assert path.kind == "XYPath"
        x, y = (self._level(path.Inputs[axis].SourceOp, number) for axis in ("X", "Y"))
        return np.array([x, 1 - y])


def _rows(line: Any) -> list[list[float]]:
    assert line.Closed is True
    points = [line.Points[place] for place in sorted(line.Points)]
    return [[point[name] for name in ("X", "Y", "LX", "LY", "RX", "RY")] for point in points]
