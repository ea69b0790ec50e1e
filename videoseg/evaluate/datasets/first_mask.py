"""MOSE (Ding et al., ICCV 2023), LVOS (Hong et al., ICCV 2023) and YouTube-VOS, by first masks.

The published layouts are ``JPEGImages/VIDEO/00000.jpg`` with ``Annotations/VIDEO/00000.png``,
palette PNG. Objects begin on whatever frame they are first marked on, and frames without a mask
image, as most are in LVOS, are not scored. Where first masks alone are published there is no truth.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.evaluate.datasets._label_frames import (
    VOID,
    LastLabels,
    lacks_masks,
    object_mask,
)
from videoseg.evaluate.readers import read_image
from videoseg.evaluate.samples import Media, OnBroken, VideoSample, VideoTarget, frame_rate_of
from videoseg.formats.file_names import is_picture


@dataclass
class FirstMask:
    """Videos with a mask of every object on some frames."""

    name: ClassVar[str] = "first-mask"
    media: ClassVar[Media] = "videos"
    path: Path
    rate: Annotated[float, Gt(0), Doc("frames per second")] = 6.0

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there are videos without a folder for the resolution, with unmarked frames."""
        return lacks_masks(path)

    def truth_files(self) -> Iterable[Path]:
        """All masks."""
        return sorted((self.path / "Annotations").glob("*/*.png"))

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the videos by name.

        Raises:
            SourceError: There is no video at all.
        """
        labels = self.path / "Annotations"
        names = sorted(each.name for each in labels.glob("*") if each.is_dir())
        if not names:
            raise SourceNotFoundError(f"{labels}: holds no videos")
        for name in names:
            try:
                yield self._sample(name)
            except SourceError as error:
                on_broken(error)

    def _sample(self, name: str) -> VideoSample:
        pictures = self.path / "JPEGImages" / name
        frames = sorted(file for file in pictures.glob("*") if is_picture(file))
        if not frames:
            raise SourceNotFoundError(f"{pictures}: holds no frames")
        drawn = [self.path / "Annotations" / name / f"{frame.stem}.png" for frame in frames]
        annotated = tuple(n for n, path in enumerate(drawn) if path.is_file())
        if len(annotated) < 2:
            raise SourceError(f"{drawn[0].parent}: holds first masks alone, no truth")
        cached = LastLabels()
        targets = tuple(
            VideoTarget(
                str(number),
                f"{name} {number}",
                functools.partial(object_mask, cached, drawn, number),
                first=first,
            )
            for number, first in _first_seen(cached, drawn, annotated).items()
        )
        if not targets:
            raise SourceError(f"{drawn[annotated[0]]}: shows no object")
        return VideoSample(
            name,
            [functools.partial(read_image, frame) for frame in frames],
            targets,
            frame_rate_of(self.rate),
            annotated=None if len(annotated) == len(drawn) else annotated,
        )


def _first_seen(
    cached: LastLabels, drawn: Sequence[Path], annotated: Sequence[int]
) -> dict[int, int]:
    """For each object's number the frame that it is first marked on."""
    found: dict[int, int] = {}
    for index in annotated:
        for number in np.unique(cached.read(drawn[index])).tolist():
            if number not in (0, VOID):
                found.setdefault(number, index)
    return found


DATA_SETS = {FirstMask.name: FirstMask}
