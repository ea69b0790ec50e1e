"""What a data set yields: images and sequences with their truth, each loaded when it is asked for.

A sample is small: pictures and masks stay on disk behind loaders, so a data set of any size streams
in constant memory. Every loader raises ``SourceError`` naming the file and the field at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeAlias

from videoseg.errors import SourceError
from videoseg.types import Bitmap, Cue, Frame, Mask, RgbImage

Media: TypeAlias = Literal["images", "videos"]
OnBroken: TypeAlias = Callable[[SourceError], None]
"""Called with what is wrong with a piece of data: raises it, or counts it so that it is skipped."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that the truth knows on an image.

    Attributes:
        key: Unique in its image.
        name: Its category or label, in words.
        mask: Loads its pixels; None where the truth is empty.
        thing: True for something countable, False for stuff (sky, grass).
        crowd: True where one mask stands for many of a kind (COCO's ``iscrowd``).
        phrases: How people refer to it, most often one phrase each.
        scribbles: Loads a set of strokes that a person drew: points inside and outside.
        ignore: Loads the pixels that are not scored, bool (H, W); None where all are.
    """

    key: str
    name: str
    mask: Callable[[], Mask | None]
    thing: bool = True
    crowd: bool = False
    phrases: tuple[str, ...] = ()
    scribbles: tuple[Callable[[], Cue], ...] = ()
    ignore: Callable[[], Bitmap] | None = None


@dataclass(frozen=True, slots=True)
class ImageSample:
    """One image with its truth.

    Attributes:
        key: Unique in its data set.
        image: Loads the picture, uint8 (H, W, 3) RGB.
        targets: What the truth knows on it.
        absent: Names that are known not to be on it, in the data set's order.
        partly: Names of which some, but perhaps not all, are marked; no fair question.
        kinds: For names a kind that they are of, for which figures are taken, too.
    """

    key: str
    image: Callable[[], RgbImage]
    targets: tuple[Target, ...]
    absent: tuple[str, ...] = ()
    partly: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)

    def frame(self) -> Frame:
        """The image as a frame of its own stream.

        Raises:
            SourceError: It cannot be read.
        """
        return Frame(self.key, 0, 0, Fraction(1), self.image())


@dataclass(frozen=True, slots=True)
class VideoTarget:
    """One object that the truth follows through a sequence.

    Attributes:
        key: Unique in its sequence.
        name: Its label, in words.
        mask: Loads its pixels on the frame with this index; None where it is not to be seen.
        phrases: How people refer to it.
        first: Index of the frame from which the truth follows it.
        crowd: True where it stands for many of a kind (COCO's ``iscrowd``).
    """

    key: str
    name: str
    mask: Callable[[int], Mask | None]
    phrases: tuple[str, ...] = ()
    first: int = 0
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class VideoSample:
    """One sequence with its truth.

    Attributes:
        key: Unique in its data set.
        pictures: Loads the picture of each frame.
        targets: The objects that the truth follows.
        frame_rate: Frames per second.
        absent: Names that are known not to be in it, in the data set's order.
        annotated: Indices of the frames that have truth, in order; None = all.
        joint: Whether the n-th phrases of all objects are one answer, in which no pixel belongs to
            two objects (``tasks._joint``).
    """

    key: str
    pictures: Sequence[Callable[[], RgbImage]]
    targets: tuple[VideoTarget, ...]
    frame_rate: Fraction = Fraction(24)
    absent: tuple[str, ...] = ()
    annotated: tuple[int, ...] | None = None
    joint: bool = False

    @property
    def scored(self) -> tuple[int, ...]:
        """Indices of the frames that have truth, in order."""
        return tuple(range(len(self.pictures))) if self.annotated is None else self.annotated

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in order, ``pts`` counting frames.

        Raises:
            SourceError: A picture cannot be read.
        """
        for index, load in enumerate(self.pictures):
            yield Frame(self.key, index, index, 1 / self.frame_rate, load())


Sample: TypeAlias = ImageSample | VideoSample


def frame_rate_of(rate: float) -> Fraction:
    """A frame rate as a setting gives it, exact to a thousandth."""
    return Fraction(rate).limit_denominator(1000)


class DataSet(Protocol):
    """A data set in one published layout: a dataclass whose fields after ``path`` are settings."""

    name: ClassVar[str]
    media: ClassVar[Media]
    path: Path

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether what lies at ``path`` looks like this layout."""
        ...

    def truth_files(self) -> Iterable[Path]:
        """The files whose contents are the truth; they tell one data set from another."""
        ...

    def samples(self, on_broken: OnBroken) -> Iterator[Sample]:
        """Yield the samples in a fixed order, handing what is broken to ``on_broken``.

        Raises:
            SourceError: The data set as a whole cannot be read.
        """
        ...
