"""The features that are added to a data set, and how ``meta/info.json`` and its kin name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.exporters.lerobot.found import FoundStream, Pixels
from videoseg.exporters.lerobot.mask_video import CODEC, PIXEL_FORMAT
from videoseg.formats.lerobot import MASK, Info

NOT_LOOKED_AT = -1
"""Track id of every slot on rows that the run has not looked at; 0 = there is no object."""

Columns = dict[str, npt.NDArray[Any]]
"""Added columns by name, (rows, slots) or (rows, slots, 4)."""


@dataclass(frozen=True, slots=True)
class Added:
    """What is added for one camera.

    Attributes:
        camera: Its feature.
        width: Pixels across.
        height: Pixels down.
        slots: Most objects of one of its episodes, at least 1.
    """

    camera: str
    width: int
    height: int
    slots: int

    @property
    def label(self) -> str:
        """The camera's name without its prefix."""
        return self.camera.removeprefix("observation.images.").removeprefix("observation.")

    @property
    def masks(self) -> str:
        """Name of the video of masks."""
        return f"observation.masks.{self.label}"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of everything that is added."""
        return (self.masks, *self.blank(0))

    def blank(self, rows: int) -> Columns:
        """Columns of rows that the run has not looked at."""
        prefix = f"annotation.{self.label}"
        return {
            f"{prefix}.track_ids": np.full((rows, self.slots), NOT_LOOKED_AT, np.int64),
            f"{prefix}.prompts": np.zeros((rows, self.slots), np.int64),
            f"{prefix}.scores": np.zeros((rows, self.slots), np.float32),
            f"{prefix}.boxes": np.zeros((rows, self.slots, 4), np.float32),
            f"{prefix}.areas": np.zeros((rows, self.slots), np.int64),
        }

    def columns(self, found: FoundStream | None, rows: int) -> Columns:
        """The columns of an episode.

        Args:
            found: What was found on it; None where the run has not looked at it.
            rows: Its rows.
        """
        made = self.blank(rows)
        if found is None:
            return made
        ids, prompts, scores, boxes, areas = made.values()
        track_ids = list(found.objects)
        for index, sightings in found.frames():
            if index >= rows:
                continue
            ids[index] = 0
            for each in sightings:
                ids[index, each.slot] = track_ids[each.slot]
                prompts[index, each.slot] = each.prompt
                scores[index, each.slot] = each.score
                boxes[index, each.slot] = each.box
                areas[index, each.slot] = each.area
        return made

    def described(self, info: Info, pixels: Pixels) -> dict[str, Any]:
        """What ``meta/info.json`` says of what is added."""
        about = {
            "video.height": self.height,
            "video.width": self.width,
            "video.codec": CODEC,
            "video.pix_fmt": PIXEL_FORMAT,
            "video.is_depth_map": False,
            "video.fps": info.raw["fps"],
            "video.channels": 3,
            "has_audio": False,
            MASK: True,
            "videoseg.pixels": pixels,
        }
        made: dict[str, Any] = {
            self.masks: {
                "dtype": "video",
                "shape": [self.height, self.width, 3],
                "names": ["height", "width", "channels"],
                "info": about,
            }
        }
        for name, values in self.blank(0).items():
            made[name] = {
                "dtype": str(values.dtype),
                "shape": list(values.shape[1:]),
                "names": None,
            }
        return made


def for_datasets(columns: Columns, known: Mapping[str, Any]) -> dict[str, Any]:
    """The columns as the package ``datasets`` describes them in a file of rows."""
    lists = "List" if any(_type(each) == "List" for each in known.values()) else "Sequence"
    made: dict[str, Any] = {}
    for name, values in columns.items():
        value = {"dtype": str(values.dtype), "_type": "Value"}
        shape = list(values.shape[1:])
        if len(shape) > 1:
            made[name] = {"shape": shape, "dtype": str(values.dtype), "_type": "Array2D"}
        elif shape == [1]:
            made[name] = value
        else:
            made[name] = {"feature": value, "length": shape[0], "_type": lists}
    return made


def _type(feature: object) -> object:
    return feature.get("_type") if isinstance(feature, dict) else None
