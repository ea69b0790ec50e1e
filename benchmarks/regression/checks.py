"""What the guard measures: a few samples of each kind of work, about ten minutes in all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sample_media import clips, make
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.samples import (
    DataSet,
    ImageSample,
    Media,
    OnBroken,
    VideoSample,
    VideoTarget,
)
from videoseg.geometry import masks
from videoseg.types import Mask, RgbImage

Group = tuple[str, str]
"""A line of a task's table: group and figure."""


@dataclass
class SampleClips:
    """The first frames of the clips that come with the project, with exact truth."""

    name: ClassVar[str] = "sample-clips"
    media: ClassVar[Media] = "videos"
    path: Path = make.FOLDER
    frames: int = 24

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the outlines lie there."""
        return (path / "outlines").is_dir()

    def truth_files(self) -> Iterable[Path]:
        """The outlines, and the recipes by which they move."""
        return [*sorted((self.path / "outlines").glob("*.svg")), self.path / "make.py"]

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:  # noqa: ARG002 - none is
        """Yield the clips."""
        for clip in make.committed().values():
            short = dataclasses.replace(clip, frame_count=min(self.frames, clip.frame_count))
            drawn = _Drawn(short)
            target = VideoTarget("1", clip.phrase, drawn.truth, phrases=(clip.phrase,))
            pictures = [functools.partial(drawn.image, n) for n in range(short.frame_count)]
            yield VideoSample(clip.name, pictures, (target,), clip.frame_rate)


class _Drawn:
    """The frames of a clip, drawn when the first is asked for."""

    def __init__(self, clip: clips.Clip) -> None:
        self._clip = clip

    @functools.cached_property
    def _frames(self) -> list[tuple[RgbImage, Mask | None]]:
        return [(image, masks.from_bitmap(truth)) for image, truth in clips.frames(self._clip)]

    def image(self, index: int) -> RgbImage:
        return self._frames[index][0]

    def truth(self, index: int) -> Mask | None:
        return self._frames[index][1]


@dataclass
class FirstFrames:
    """The first frames of each video of another set, or its images as they are."""

    whole: DataSet
    frames: int

    @property
    def name(self) -> str:
        """Of the other set's layout."""
        return self.whole.name

    @property
    def media(self) -> Media:
        """Of the other set."""
        return self.whole.media

    @property
    def path(self) -> Path:
        """Of the other set."""
        return self.whole.path

    def truth_files(self) -> Iterable[Path]:
        """Those of the other set."""
        return self.whole.truth_files()

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample | VideoSample]:
        """Yield the samples, videos cut short."""
        for sample in self.whole.samples(on_broken):
            if isinstance(sample, VideoSample):
                yield dataclasses.replace(sample, pictures=sample.pictures[: self.frames])
            else:
                yield sample


@dataclass(frozen=True)
class Check:
    """One task over one data set.

    Attributes:
        name: Of the check.
        folder: Below the folder of data; None = comes with the project.
        layout: How it is read.
        task: What is asked.
        watched: The figures that are compared.
        settings: Of the task.
        limit: Samples at most.
        origin: Where to get the data.
    """

    name: str
    folder: str | None
    layout: str
    task: str
    watched: tuple[Group, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    origin: str = ""

    def open(self, data: Path | None) -> DataSet | None:
        """The data; None where it is not there."""
        if self.folder is None:
            made: DataSet = SampleClips()
            return made
        if data is None or not (data / self.folder).exists():
            return None
        cut: DataSet = FirstFrames(open_data_set(data / self.folder, self.layout), 24)  # type: ignore[assignment]
        return cut


_VIDEO = (("all", "J"), ("all", "F"), ("all", "instability, px"))
_COCO = "COCO val2017 (cocodataset.org), in one of the layouts of `videoseg eval --help`"
CHECKS = (
    Check("clips by phrase", None, "", "text-video", _VIDEO, {"tracked": True}),
    Check("clips by box", None, "", "carried", _VIDEO, {"tracked": True}),
    Check(
        "DAVIS by box",
        "davis",
        "davis",
        "carried",
        _VIDEO,
        {"tracked": True},
        origin="DAVIS 2016 or 2017 (davischallenge.org), sequences with masks",
    ),
    Check(
        "COCO by name",
        "images/coco_val",
        "coco",
        "names",
        (
            ("things", "mIoU"),
            ("stuff", "mIoU"),
            ("absent", "false-alarm rate"),
            ("all names", "presence MCC"),
        ),
        limit=15,
        origin=_COCO,
    ),
    Check(
        "COCO by box",
        "images/coco_val",
        "coco",
        "boxes",
        (("all", "mIoU"), ("all", "boundary F")),
        limit=15,
        origin=_COCO,
    ),
    Check(
        "GrabCut by clicks",
        "clicks/grabcut",
        "grabcut",
        "clicks",
        (("all", "IoU@1"), ("all", "IoU@5")),
        origin="the GrabCut benchmark (microsoft.com/research, image segmentation)",
    ),
)
