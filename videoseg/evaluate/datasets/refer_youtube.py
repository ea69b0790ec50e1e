"""Ref-YouTube-VOS (Seo et al., "URVOS", ECCV 2020): expressions for objects of YouTube-VOS.

The published layout is ``meta_expressions/SPLIT/meta_expressions.json`` beside
``SPLIT/JPEGImages/VIDEO/00000.jpg`` and ``SPLIT/Annotations/VIDEO/00000.png``, palette PNG, often
of every fifth frame alone. Ref-DAVIS17 is often kept in it, too. Of ``valid`` only the expressions
are published: its truth is with a server, and ``train`` or a part of it has to stand in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import ConfigError, SourceError, SourceNotFoundError
from videoseg.evaluate.datasets._label_frames import LastLabels, object_mask
from videoseg.evaluate.datasets._video_expressions import (
    Described,
    Expression,
    described_videos,
    picture_loaders,
)
from videoseg.evaluate.readers import shown
from videoseg.evaluate.samples import Media, OnBroken, VideoSample, VideoTarget, frame_rate_of

_PATTERN = "meta_expressions/*/meta_expressions.json"


@dataclass
class ReferYoutube:
    """Videos with expressions, each for one object."""

    name: ClassVar[str] = "refer-youtube"
    media: ClassVar[Media] = "videos"
    path: Path
    split: Annotated[str, Doc("train, valid or test; empty = the only one there")] = ""
    rate: Annotated[float, Gt(0), Doc("frames per second")] = 30.0

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there are expressions of a split."""
        return path.is_dir() and any(path.glob(_PATTERN))

    def truth_files(self) -> Iterable[Path]:
        """The expressions, and the masks of their videos."""
        yield self._file()
        labels = self._file().parent.name
        yield from sorted((self.path / labels / "Annotations").glob("*/*.png"))

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the videos in the order of the file.

        Raises:
            SourceError: The expressions cannot be read.
        """
        file = self._file()
        for video in described_videos(file):
            try:
                yield self._sample(video, self.path / file.parent.name)
            except SourceError as error:
                on_broken(error)

    def _sample(self, video: Described, root: Path) -> VideoSample:
        labels = root / "Annotations" / video.name
        drawn = [labels / f"{frame}.png" for frame in video.frames]
        annotated = tuple(n for n, path in enumerate(drawn) if path.is_file())
        if not annotated:
            raise SourceNotFoundError(f"{labels}: holds no masks; the truth of {root.name} is away")
        cached = LastLabels()
        targets = tuple(
            VideoTarget(
                said.key,
                said.text,
                functools.partial(object_mask, cached, drawn, _number(said)),
                phrases=(said.text,),
            )
            for said in video.expressions
        )
        return VideoSample(
            video.name,
            picture_loaders(root / "JPEGImages" / video.name, video.frames),
            targets,
            frame_rate_of(self.rate),
            annotated=None if len(annotated) == len(drawn) else annotated,
        )

    def _file(self) -> Path:
        if self.split:
            return self.path / "meta_expressions" / self.split / "meta_expressions.json"
        files = sorted(self.path.glob(_PATTERN))
        if not files:
            raise SourceNotFoundError(f"{self.path}: has no {_PATTERN}")
        if len(files) > 1:
            names = ", ".join(file.parent.name for file in files)
            raise ConfigError(f"{self.path} has several splits; --set data.split=ONE of {names}")
        return files[0]


def _number(said: Expression) -> int:
    """The object's number, which the file gives as text."""
    number = said.entry.get("obj_id")
    if not isinstance(number, str | int) or not str(number).isascii() or not str(number).isdigit():
        raise SourceError(
            f"{said.where}.obj_id: must be an object's number, got {shown(number)}; "
            "splits whose truth is not published have none"
        )
    return int(number)


DATA_SETS = {ReferYoutube.name: ReferYoutube}
