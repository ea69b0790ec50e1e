"""After Effects: a script that makes a composition of solids with masks, ``shapes.jsx``.

Each track is a solid whose transform carries the motion and whose masks are its parts and holes, in
the order in which After Effects takes them. The script is ECMAScript 3, as ExtendScript is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, ClassVar

import numpy as np

from videoseg.exporters._keyed_shapes import NumberedShapes, covered
from videoseg.formats.literals import decimals, javascript_literal
from videoseg.formats.svg_markup import decimal, plain
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape

_LONGEST_SECONDS = 10_800.0
"""Longest composition that After Effects makes."""
_LARGEST = 30_000
"""Largest side of a solid in After Effects, pixels."""
_HEAD = """\
// Roto shapes of videoseg. Run it in After Effects: File > Scripts > Run Script File.
(function () {
    var FIRST = __FIRST__;
    var LINEAR = KeyframeInterpolationType.LINEAR;
    var HOLD = KeyframeInterpolationType.HOLD;
    var comp;

    function numbersOf(text) {
        var numbers = text.split(" ");
        for (var i = 0; i < numbers.length; i += 1) {
            numbers[i] = parseFloat(numbers[i]);
        }
        return numbers;
    }

    function setKeys(property, numbers, values, kind) {
        var times = [];
        for (var i = 0; i < numbers.length; i += 1) {
            times.push((numbers[i] - FIRST) * comp.frameDuration);
        }
        property.setValuesAtTimes(times, values);
        for (var k = 1; k <= property.numKeys; k += 1) {
            property.setInterpolationTypeAtKey(k, kind, kind);
        }
    }

    // The numbers of a shape are x, y and both tangents of each vertex.
    function shapeOf(text) {
        var numbers = numbersOf(text);
        var shape = new Shape();
        var vertices = [];
        var inTangents = [];
        var outTangents = [];
        for (var i = 0; i < numbers.length; i += 6) {
            vertices.push([numbers[i], numbers[i + 1]]);
            inTangents.push([numbers[i + 2], numbers[i + 3]]);
            outTangents.push([numbers[i + 4], numbers[i + 5]]);
        }
        shape.vertices = vertices;
        shape.inTangents = inTangents;
        shape.outTangents = outTangents;
        shape.closed = true;
        return shape;
    }

    function addMask(layer, name, mode, colour, presence, keys) {
        var mask = layer.property("ADBE Mask Parade").addProperty("ADBE Mask Atom");
        var numbers = [];
        var values = [];
        mask.name = name;
        mask.maskMode = mode;
        mask.color = colour;
        for (var i = 0; i < keys.length; i += 1) {
            numbers.push(keys[i][0]);
            values.push(shapeOf(keys[i][1]));
        }
        setKeys(mask.property("ADBE Mask Shape"), numbers, values, LINEAR);
        numbers = [];
        values = [];
        for (var j = 0; j < presence.length; j += 1) {
            numbers.push(presence[j][0]);
            values.push(presence[j][1] ? 100 : 0);
        }
        setKeys(mask.property("ADBE Mask Opacity"), numbers, values, HOLD);
    }

    // A placement is number, x and y of the anchor, rotation, scale.
    function setPlacements(transform, placements) {
        var position = transform.property("ADBE Position");
        var numbers = [];
        var columns = [[], [], [], []];
        for (var i = 0; i < placements.length; i += 1) {
            numbers.push(placements[i][0]);
            columns[0].push(placements[i][1]);
            columns[1].push(placements[i][2]);
            columns[2].push(placements[i][3]);
            columns[3].push([placements[i][4], placements[i][4]]);
        }
        position.dimensionsSeparated = true;
        setKeys(position.getSeparationFollower(0), numbers, columns[0], LINEAR);
        setKeys(position.getSeparationFollower(1), numbers, columns[1], LINEAR);
        setKeys(transform.property("ADBE Rotate Z"), numbers, columns[2], LINEAR);
        setKeys(transform.property("ADBE Scale"), numbers, columns[3], LINEAR);
    }

    function addSolid(name, colour, size, anchor, position, placements, masks) {
        var layer = comp.layers.addSolid(
            colour, name, size[0], size[1], comp.pixelAspect, comp.duration
        );
        var transform = layer.property("ADBE Transform Group");
        transform.property("ADBE Anchor Point").setValue(anchor);
        transform.property("ADBE Position").setValue(position);
        if (placements.length > 0) {
            setPlacements(transform, placements);
        }
        for (var i = 0; i < masks.length; i += 1) {
            addMask(layer, masks[i][0], masks[i][1], colour, masks[i][2], masks[i][3]);
        }
    }

    app.beginUndoGroup("Roto shapes of videoseg");
    comp = app.project.items.addComp(__COMP__);
    if (comp.displayStartFrame === undefined) {
        comp.displayStartTime = FIRST * comp.frameDuration;
    } else {
        comp.displayStartFrame = FIRST;
    }
"""
_TAIL = """\
    app.endUndoGroup();
}());
"""


@dataclass
class AfterEffects(NumberedShapes):
    """Writes an ExtendScript that makes a composition with animated masks in After Effects.

    A solid moves by position, rotation and scale; where pixels are not square, vertices move.
    """

    _endings: ClassVar[tuple[str, ...]] = (".jsx",)
    _moves_layers: ClassVar[bool] = True

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        (file,) = files
        file.write(_HEAD.replace("__FIRST__", str(clip.first)).replace("__COMP__", _comp(clip)))
        for layer in layers:
            for number in range(len(layer.groups)):
                _write_solid(file, layer, number, clip)
        file.write(_TAIL)


def _comp(clip: Clip) -> str:
    """Arguments of ``addComp``."""
    info, rate = clip.info, clip.rate
    seconds = min(float((clip.last - clip.first + 1) / rate), _LONGEST_SECONDS)
    values = [
        javascript_literal(info.stream),
        str(info.width),
        str(info.height),
        decimal(info.sample_aspect_ratio, 6),
        decimal(seconds, 6),
        f"{rate.numerator} / {rate.denominator}",
    ]
    return ", ".join(values)


def _write_solid(file: IO[str], layer: NumberedLayer, number: int, clip: Clip) -> None:
    group = layer.groups[number]
    left, top, right, bottom = covered(group, clip)
    size = min(right - left, _LARGEST), min(bottom - top, _LARGEST)
    suffix = f" ({number + 1})" if number else ""
    name = javascript_literal(plain(f"{layer.label} {layer.track_id}{suffix}"))
    colour = ", ".join(decimal(value / 255, 4) for value in layer.colour)
    x, y = layer.pivot
    file.write(f"    addSolid({name}, [{colour}], [{size[0]}, {size[1]}],\n")
    file.write(f"        {_pair(x - left, y - top)}, {_pair(x, y)}, [")
    file.write(
        ", ".join(
            f"[{at}, {decimal(x + each.x, 4)}, {decimal(y + each.y, 4)}, "
            f"{decimal(each.rotation, 5)}, {decimal(100 * each.scale, 5)}]"
            for at, each in layer.placements.items()
        )
    )
    file.write("], [")
    for place, shape in enumerate(group):
        file.write("," if place else "")
        _write_mask(file, shape, (left, top), clip)
    file.write("]);\n")


def _write_mask(file: IO[str], shape: NumberedShape, corner: tuple[int, int], clip: Clip) -> None:
    mode = "ADD" if shape.op == "add" else "SUBTRACT"
    presence = ", ".join(f"[{at}, {int(there)}]" for at, there in shape.presence(clip.first))
    file.write(f'\n        ["{shape.name}", MaskMode.{mode}, [{presence}], [')
    for place, (at, knots) in enumerate(shape.keys.items()):
        rows = np.array(knots, dtype=np.float64)
        rows[:, :2] -= corner
        file.write(f'{"," if place else ""}\n            [{at}, "{decimals(rows, 3)}"]')
    file.write("\n        ]]")


def _pair(x: float, y: float) -> str:
    return f"[{decimal(x, 3)}, {decimal(y, 3)}]"


PARTS = {"after-effects": AfterEffects}
