"""After Effects' object model as far as the script needs it, run by Duktape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.support.roto_runs import drawn, segments_of
from videoseg.types import Bitmap

_MODEL = """
var MaskMode = {ADD: "add", SUBTRACT: "subtract"};
var KeyframeInterpolationType = {LINEAR: "linear", HOLD: "hold", BEZIER: "bezier"};
function Shape() {}
function Property(name) {
    this.matchName = name; this.keys = []; this.children = {}; this.numKeys = 0;
}
Property.prototype.property = function (name) {
    if (!this.children[name]) { this.children[name] = new Property(name); }
    return this.children[name];
};
Property.prototype.addProperty = function (name) {
    var added = new Property(name);
    this.list = this.list || [];
    this.list.push(added);
    return added;
};
Property.prototype.setValue = function (value) { this.value = value; };
Property.prototype.setValuesAtTimes = function (times, values) {
    if (times.length !== values.length) { throw new Error("as many times as values"); }
    for (var i = 0; i < times.length; i += 1) {
        this.keys.push({time: times[i], value: values[i], kind: "bezier"});
    }
    this.numKeys = this.keys.length;
};
Property.prototype.setInterpolationTypeAtKey = function (k, into, out) {
    if (into !== out || k < 1 || k > this.numKeys) { throw new Error("no such key"); }
    this.keys[k - 1].kind = into;
};
Property.prototype.getSeparationFollower = function (dimension) {
    if (this.dimensionsSeparated !== true) { throw new Error("not separated"); }
    return this.property("follower" + dimension);
};
var comps = [];
var undo = 0;
var app = {
    beginUndoGroup: function () { undo += 1; },
    endUndoGroup: function () { undo -= 1; },
    project: {items: {addComp: function (name, width, height, aspect, duration, rate) {
        var comp = {name: name, width: width, height: height, pixelAspect: aspect,
                    duration: duration, rate: rate, frameDuration: 1 / rate, solids: []};
        START
        comp.layers = {addSolid: function (colour, name, width, height, aspect, duration) {
            if (Math.max(width, height) > 30000 || width % 1 || height % 1) {
                throw new Error("size");
            }
            var layer = new Property("layer");
            layer.name = name;
            layer.size = [width, height];
            layer.colour = colour;
            comp.solids.push(layer);
            return layer;
        }};
        comps.push(comp);
        return comp;
    }}}
};
"""


@dataclass
class AfterEffects:
    """A project after a script ran in it.

    Attributes:
        comp: Its composition.
    """

    comp: dict[str, Any]

    @classmethod
    def ran(cls, text: str, *, old: bool = False) -> AfterEffects:
        """Run a script; an old version knows no ``displayStartFrame``."""
        import dukpy

        model = _MODEL.replace("START", "" if old else "comp.displayStartFrame = 0;")
        undo, comps = dukpy.evaljs([model, text, "[undo, comps]"])
        assert undo == 0
        (comp,) = comps
        return cls(comp)

    def matte(self, named: str, number: int) -> Bitmap:
        """The alpha of a track's solids on the frame of a number."""
        time = (number - self.comp["displayStartFrame"]) * self.comp["frameDuration"]
        found = np.zeros((self.comp["height"], self.comp["width"]), np.bool_)
        for solid in self.comp["solids"]:
            masks = solid["children"]["ADBE Mask Parade"]["list"]
            if masks[0]["name"].rpartition("_part")[0] == named:
                found |= self._solid(solid, masks, time)
        return found

    def _solid(self, solid: Any, masks: Any, time: float) -> Bitmap:
        turn, anchor, position = _transform(solid["children"]["ADBE Transform Group"], time)
        width, height = self.comp["width"], self.comp["height"]
        rings = []
        for mask in masks:
            if _value(mask["children"]["ADBE Mask Opacity"], time) == 0:
                continue
            vertices, into, out = _value(mask["children"]["ADBE Mask Shape"], time)
            assert (vertices >= -1e-6).all()
            assert (vertices <= np.add(solid["size"], 1e-6)).all()
            placed = (vertices - anchor) @ turn.T + position
            rings.append(
                (mask["maskMode"] == "add", segments_of(placed, into @ turn.T, out @ turn.T))
            )
        return drawn(rings, width, height)


def _transform(group: Any, time: float) -> tuple[Any, Any, Any]:
    properties = group["children"]
    anchor = np.array(properties["ADBE Anchor Point"]["value"])
    position = properties["ADBE Position"]
    if position.get("dimensionsSeparated"):
        moved = [_value(position["children"][f"follower{axis}"], time) for axis in (0, 1)]
        angle = np.deg2rad(_value(properties["ADBE Rotate Z"], time))
        scale = np.diag(_value(properties["ADBE Scale"], time) / 100)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return turn @ scale, anchor, np.array(moved)
    return np.eye(2), anchor, np.array(position["value"])


def _value(of: Any, time: float) -> Any:
    """What After Effects takes a property for at a time."""
    times = np.array([key["time"] for key in of["keys"]])
    values = np.array([_plain(key["value"]) for key in of["keys"]], np.float64)
    assert (np.diff(times) > 0).all()
    (kind,) = {key["kind"] for key in of["keys"]}
    after = int(np.searchsorted(times, time + 1e-6, side="right"))
    if after in (0, len(times)) or kind == "hold":
        return values[max(after - 1, 0)]
    assert kind == "linear"
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    return (1 - share) * values[after - 1] + share * values[after]


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    assert value["closed"] is True
    return [value["vertices"], value["inTangents"], value["outTangents"]]
