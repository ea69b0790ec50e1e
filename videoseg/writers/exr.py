"""Mattes as EXRs with a layer for each object: ``exr/clip_mattes.1001.exr``."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.formats.exr import Channel, Compression
from videoseg.formats.images.transfer import CHROMATICITIES, SRGB, linear_light
from videoseg.geometry.alphas import alpha_of, bounds, united
from videoseg.types import WHOLE, Alpha, Frame, Scene
from videoseg.writers._mattes.layered import LayeredExr, Objects
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import Strip


@dataclass
class Exr(LayeredExr):
    """Writes one EXR for each frame, in half floats.

    Each object is a layer with one channel, such as ``dog_001.A``, black where it is not there. The
    channel ``A`` is all objects together: of each pixel the largest coverage. All files of a stream
    have the same layers. The header names the objects (``videoseg/objects``: JSON of name, label
    and track id), and has frame rate, timecode and the shape of pixels, where the source says them.
    """

    top: ClassVar[str] = "exr"
    sample: ClassVar[type[np.floating[Any]]] = np.float16

    template: Annotated[str, Doc("names of files; fields {shot} {version} {frame} {stream}")] = (
        "{shot}_mattes.{frame:04}.exr"
    )
    compression: Annotated[
        Compression, Doc("lossless: zip, zips (read by single rows) or piz (for grain)")
    ] = "zip"
    cutout: Annotated[
        bool, Doc("also the picture cut out: R, G, B in linear light, premultiplied by A")
    ] = False

    def __post_init__(self) -> None:
        self.needs_image = self.cutout

    @property
    def way(self) -> Compression:
        """As set."""
        return self.compression

    def plate(self, strip: Strip, frame: Frame | None) -> Plate | None:
        """The picture, where it is asked for."""
        return strip.plate(frame) if self.cutout else None

    def colours(self, strip: Strip) -> dict[str, Any]:
        """``chromaticities``, where they are known."""
        found = CHROMATICITIES.get(strip.colour.primaries or 0) if self.cutout else None
        return {"chromaticities": found} if found else {}

    def channel_count(self, scene: Scene) -> int:
        """One for each object that is there, and those of the picture."""
        return len(scene.instances) + 4

    def about(self, objects: Objects) -> dict[str, str]:
        """``videoseg/objects``."""
        said = {
            one.name: {"label": one.label, "track_id": track_id}
            for track_id, one in objects.items()
        }
        return {"videoseg/objects": json.dumps(said)}

    def channels(
        self, strip: Strip, scene: Scene, objects: Objects, plate: Plate | None
    ) -> dict[str, Channel]:
        """The objects' layers, all together, and the picture."""
        alphas = {tracked.track_id: alpha_of(tracked) for tracked in scene.instances}
        size = (strip.info.height, strip.info.width)
        empty, whole = np.zeros(size, np.float16), np.zeros(size, np.float16)
        found = {f"{one.name}.A": empty for one in objects.values()}
        for track_id, alpha in alphas.items():
            x1, y1, x2, y2 = alpha.crop
            layer, values = np.zeros(size, np.float16), _half()[alpha.values]
            layer[y1:y2, x1:x2] = values
            np.maximum(whole[y1:y2, x1:x2], values, out=whole[y1:y2, x1:x2])
            found[f"{objects[track_id].name}.A"] = layer
        found["A"] = whole
        if plate is not None:
            found |= _cut_out(plate.rgb(), _transfer(strip, scene), alphas.values())
        return found


def _transfer(strip: Strip, scene: Scene) -> int | None:
    """As the source says; pictures that say nothing are sRGB to every program, films BT.709."""
    is_picture = scene.name is not None or strip.info.still
    return SRGB if strip.colour.transfer is None and is_picture else strip.colour.transfer


def _cut_out(
    rgb: npt.NDArray[Any], transfer: int | None, alphas: Collection[Alpha]
) -> dict[str, Channel]:
    """The channels R, G and B: linear light, premultiplied."""
    height, width = rgb.shape[:2]
    x1, y1, x2, y2 = bounds(alphas)
    coverage = united(alphas, width, height)[y1:y2, x1:x2] / np.float32(WHOLE)
    light = linear_light(rgb[y1:y2, x1:x2], transfer) * coverage[..., None]
    # Beyond the largest half float nothing can be told apart.
    np.minimum(light, np.finfo(np.float16).max, out=light)
    found = {}
    for number, name in enumerate("RGB"):
        found[name] = np.zeros((height, width), np.float16)
        found[name][y1:y2, x1:x2] = light[..., number]
    return found


@functools.cache
def _half() -> npt.NDArray[np.float16]:
    """float16 (65536,): coverage from 0 to 1."""
    return (np.arange(WHOLE + 1) / WHOLE).astype(np.float16)


PARTS = {"exr": Exr}
