"""What goes in: streams and their frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

RgbImage: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (H, W, 3), RGB."""


@dataclass(frozen=True, slots=True)
class Colour:
    """Colour tags of a stream as integers of ITU-T H.273; ``None`` where the file says nothing.

    Attributes:
        primaries: ``colour_primaries`` (1 = BT.709, 9 = BT.2020).
        transfer: ``transfer_characteristics`` (1 = BT.709, 16 = PQ, 18 = HLG).
        matrix: ``matrix_coefficients`` (1 = BT.709, 5 and 6 = BT.601, 9 = BT.2020).
        full_range: True for full (PC) range, False for limited (TV) range.
    """

    primaries: int | None = None
    transfer: int | None = None
    matrix: int | None = None
    full_range: bool | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known about a stream of frames before its first frame.

    Attributes:
        stream: Name of the stream, unique in its source (one camera, one file).
        width: Pixels across, after rotation.
        height: Pixels down, after rotation.
        time_base: Seconds per unit of ``pts``.
        frame_rate: Nominal frames per second; describes, never times a frame. None if unknown.
        frame_count: Frames the container promises; None if unknown. May be wrong: only counting is.
        start_pts: ``pts`` of the first frame, where the container says so.
        start_number: Number of the first frame where files are numbered, else 0.
        bit_depth: Bits per colour sample in the source.
        sample_aspect_ratio: Width over height of one pixel, after rotation.
        rotation: Degrees clockwise (0, 90, 180, 270) that were applied to make frames upright.
        colour: Colour tags of the source.
        timecode: Start timecode as the container writes it, or None.
        has_audio: Whether ``location`` holds sound that a writer may copy.
        live: True when frames come at their own pace and the end is unknown.
        still: True for one photograph.
        location: File the stream was opened from (for pass-through of sound), or None.
    """

    stream: str
    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction | None = None
    frame_count: int | None = None
    start_pts: int = 0
    start_number: int = 0
    bit_depth: int = 8
    sample_aspect_ratio: Fraction = Fraction(1)
    rotation: int = 0
    colour: Colour = Colour()
    timecode: str | None = None
    has_audio: bool = False
    live: bool = False
    still: bool = False
    location: str | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a stream needs a size, got {self.width = } {self.height = }")
        if self.time_base <= 0:
            raise ValueError(f"time base must be positive, got {self.time_base = }")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270, got {self.rotation = }")


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What a log says of one of its topics.

    Attributes:
        name: As it is in the log.
        schema: Name of the type of its messages.
        encoding: How they are written: ``cdr``, ``ros1``, ``protobuf``, ``json``.
        count: Messages; None where the log does not say.
        span: When the first and the last were written, ns; None where the log does not say.
        has_pictures: Whether they hold pictures.
        size: Width and height of the first picture; None where there is none that can be read.
    """

    name: str
    schema: str
    encoding: str
    count: int | None = None
    span: tuple[int, int] | None = None
    has_pictures: bool = False
    size: tuple[int, int] | None = None

    @property
    def seconds(self) -> float | None:
        """From the first to the last; None where it is not known."""
        return None if self.span is None else (self.span[1] - self.span[0]) / 1e9

    @property
    def rate(self) -> float | None:
        """Messages a second on average; None where it is not known."""
        if self.count is None or self.count < 2 or not self.seconds:
            return None
        return (self.count - 1) / self.seconds


@dataclass(frozen=True, slots=True)
class Recorded:
    """The message of a log that a frame was in; times in ns, each of its own clock.

    Attributes:
        topic: Name of the topic.
        frame_id: Name of the camera's frame of coordinates.
        stamp: When it was taken, as its header says; 0 where it says nothing.
        log_time: When it was written to the log.
        publish_time: When it was sent; as ``log_time`` where the log does not say.
    """

    topic: str
    frame_id: str
    stamp: int
    log_time: int
    publish_time: int


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture.

    Attributes:
        stream: Name of its stream.
        index: Counts every frame of the source from its first (0), also under ``--start``.
        pts: Presentation time in units of ``time_base``.
        time_base: Seconds per unit of ``pts``.
        image: uint8 (H, W, 3) RGB, upright, full source size.
        duration: How long it is shown, in units of ``time_base``, or None.
        native: The decoder's own frame, opaque, for plates and pass-through, or None. Of a picture
            deeper than 8 bits uint16 (H, W, 3 or 4), BGR or BGRA, upright.
        name: File name of the picture in its sequence's folder; None where it has no file of its
            own.
        recorded: The message of a log that it was in; None where it is from no log.
    """

    stream: str
    index: int
    pts: int
    time_base: Fraction
    image: RgbImage
    duration: int | None = None
    native: Any = None
    name: str | None = None
    recorded: Recorded | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            raise ValueError(
                f"image must be uint8 (H, W, 3), got {self.image.dtype = } {self.image.shape = }"
            )
        if self.index < 0:
            raise ValueError(f"index counts from 0, got {self.index = }")

    @property
    def seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.image.shape[0])
