"""MeViS (Ding et al., ICCV 2023): expressions about motion, for one object or several of a video.

The published layout of a split is ``meta_expressions.json``, ``mask_dict.json`` (run lengths of
each annotation, one a frame or null) and ``JPEGImages/VIDEO/00000.jpg``. ``valid_u`` has its truth.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.datasets._video_expressions import (
    Described,
    Expression,
    described_videos,
    picture_loaders,
)
from videoseg.evaluate.readers import field, read_json, shown
from videoseg.evaluate.regions import region
from videoseg.evaluate.samples import Media, OnBroken, VideoSample, VideoTarget, frame_rate_of
from videoseg.geometry import masks
from videoseg.types import Mask

_META = "meta_expressions.json"
_MASKS = "mask_dict.json"


@dataclass
class Mevis:
    """Videos with expressions, each for all the objects that it means together."""

    name: ClassVar[str] = "mevis"
    media: ClassVar[Media] = "videos"
    path: Path
    rate: Annotated[float, Gt(0), Doc("frames per second")] = 6.0

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether expressions and masks lie there."""
        return (path / _META).is_file() and (path / _MASKS).is_file()

    def truth_files(self) -> Iterable[Path]:
        """Expressions and masks."""
        return (self.path / _META, self.path / _MASKS)

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the videos in the order of the file.

        Raises:
            SourceError: The files cannot be read.
        """
        file = self.path / _MASKS
        drawn = read_json(file)
        if not isinstance(drawn, dict):
            raise SourceError(f"{file}: must be an object with annotations by number")
        for video in described_videos(self.path / _META):
            try:
                yield self._sample(video, drawn)
            except SourceError as error:
                on_broken(error)

    def _sample(self, video: Described, drawn: Mapping[str, Any]) -> VideoSample:
        folder = self.path / "JPEGImages" / video.name
        return VideoSample(
            video.name,
            picture_loaders(folder, video.frames),
            tuple(self._target(said, drawn, len(video.frames)) for said in video.expressions),
            frame_rate_of(self.rate),
        )

    def _target(self, said: Expression, drawn: Mapping[str, Any], length: int) -> VideoTarget:
        numbers = field(said.entry, "anno_id", list, said.where)
        parts = []
        for number in numbers:
            where = f"{self.path / _MASKS}: {number}"
            if str(number) not in drawn:
                raise SourceError(f"{where}: there is no such annotation ({said.where})")
            part = drawn[str(number)]
            if not isinstance(part, list) or len(part) != length:
                raise SourceError(f"{where}: must be a list of {length} masks, got {shown(part)}")
            parts.append((where, part))
        load = functools.partial(_union, parts)
        return VideoTarget(said.key, said.text, load, phrases=(said.text,))


def _union(parts: Sequence[tuple[str, Sequence[Any]]], index: int) -> Mask | None:
    found = []
    for where, masks_of in parts:
        encoded, place = masks_of[index], f"{where}[{index}]"
        if encoded is not None:
            height, width = size_of(encoded, place)
            mask = region(encoded, width=width, height=height, where=place)
            found += [] if mask is None else [mask]
    return masks.union(found)


def size_of(encoded: object, where: str) -> tuple[int, int]:
    """Height and width that run lengths name.

    Raises:
        SourceError: They name none.
    """
    size = field(encoded, "size", list, where)
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise SourceError(f"{where}.size: must be [height, width], got {shown(size)}")
    return size[0], size[1]


DATA_SETS = {Mevis.name: Mevis}
