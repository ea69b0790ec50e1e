"""What a run has found, by stream: objects and their masks, kept in a file until they are written.

Scenes of several streams come mixed, and a data set is written episode by episode.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError
from videoseg.exporters._spool import Records
from videoseg.formats.coco import score_of
from videoseg.geometry import masks
from videoseg.protocols import RunReader
from videoseg.types import Scene, TrackedInstance

Pixels: TypeAlias = Literal["object", "prompt"]
Labels: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (H, W): what each pixel belongs to, 0 = nothing."""
MOST = 255
"""Largest number of a pixel."""


class Sighting(NamedTuple):
    """An object on a frame.

    Attributes:
        slot: Its place among the objects of its stream, from 0.
        prompt: Number of its prompt, from 1.
        score: 0 to 1.
        box: Left, top, right and bottom edge, pixels.
        area: Pixels.
        counts: Its mask as compressed run lengths of COCO.
    """

    slot: int
    prompt: int
    score: float
    box: tuple[int, int, int, int]
    area: int
    counts: str


@dataclass
class FoundStream:
    """What was found on one stream.

    Attributes:
        records: The frames.
        objects: Track id and prompt, from 1, of each object, in the order of appearance.
        labels: What each object is called, by track id.
    """

    records: Records
    objects: dict[int, int] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    _places: array[int] = field(default_factory=lambda: array("q"))

    def add(self, scene: Scene, place: int, pixels: Pixels) -> None:
        """Keep a frame as the ``place``-th of all records.

        Raises:
            OutputError: There are more objects than pixels have numbers.
        """
        order = sorted(scene.instances, key=lambda each: (each.instance.score, each.track_id))
        for tracked in scene.instances:
            self.objects.setdefault(tracked.track_id, tracked.instance.prompt + 1)
            self.labels.setdefault(tracked.track_id, tracked.label)
        numbers = self.objects.values() if pixels == "prompt" else [len(self.objects)]
        if max(numbers, default=0) > MOST:
            raise OutputError(
                f"{scene.stream}: a video of masks holds {MOST} numbers and there are more; ask "
                "for fewer (exporters.lerobot.pixels=prompt numbers prompts, not objects)"
            )
        slots = {track_id: slot for slot, track_id in enumerate(self.objects)}
        self.records.append([scene.index, [_sighting(each, slots) for each in order]])
        self._places.append(place)

    def frames(self) -> Iterator[tuple[int, Sequence[Sighting]]]:
        """Index of each frame and what is on it, what lies on top last."""
        for place in self._places:
            index, sightings = self.records[place]
            yield index, [Sighting(*each) for each in sightings]


def found_by(run: RunReader, file: IO[bytes], pixels: Pixels) -> dict[str, FoundStream]:
    """Everything of a run, by stream, after one pass over its Scenes; kept in ``file``."""
    records = Records(file)
    found = {stream: FoundStream(records) for stream in run.streams}
    for place, scene in enumerate(run.scenes()):
        found[scene.stream].add(scene, place, pixels)
    return found


def labels_of(sightings: Sequence[Sighting], width: int, height: int, pixels: Pixels) -> Labels:
    """A picture of numbers; where objects overlap the higher score lies on top."""
    labels = np.zeros((height, width), np.uint8)
    for each in sightings:
        mask = masks.decode_rle(each.counts, width=width, height=height)
        if mask is not None:
            x1, y1, x2, y2 = mask.crop
            labels[y1:y2, x1:x2][mask.bitmap] = each.slot + 1 if pixels == "object" else each.prompt
    return labels


def _sighting(tracked: TrackedInstance, slots: dict[int, int]) -> list[Any]:
    mask = tracked.instance.mask
    return [
        slots[tracked.track_id],
        tracked.instance.prompt + 1,
        score_of(tracked),
        list(mask.box),
        masks.area(mask),
        masks.encode_rle(mask),
    ]
