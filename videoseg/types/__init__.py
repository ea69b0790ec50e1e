"""The values that flow through videoseg, and the conventions they share.

Conventions, written once:

* Points and boxes are ``x, y``; arrays are ``H, W`` (row, column).
* Coordinates are pixels of the upright frame, y down, on the *pixel-edge* grid: pixel
  ``(x, y)`` covers ``[x, x + 1) x [y, y + 1)``, so its centre is ``(x + 0.5, y + 0.5)`` and a
  10 x 10 square has area 100.
* Boxes are ``x1, y1, x2, y2`` with exclusive upper edges, so width is ``x2 - x1``.
* Time is an integer ``pts`` and a ``Fraction`` time base; it becomes a float only when printed.
* Sizes are named (``width``, ``height``), never bare pairs.

All types are frozen, slotted and check themselves; a violated check is a ``ValueError`` that
shows the value. Masks and outlines are in ``shapes.py``, prompts and cues in
``prompts.py``; all are found here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from videoseg.errors import MissingDependencyError, shown
from videoseg.types.prompts import Cue as Cue
from videoseg.types.prompts import Prompt as Prompt
from videoseg.types.prompts import PromptKind as PromptKind
from videoseg.types.shapes import Bezier as Bezier
from videoseg.types.shapes import Bitmap as Bitmap
from videoseg.types.shapes import Box as Box
from videoseg.types.shapes import Mask as Mask
from videoseg.types.shapes import Part as Part
from videoseg.types.shapes import Polygon as Polygon
from videoseg.types.shapes import Ring as Ring
from videoseg.types.shapes import Shape as Shape

RgbImage: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (H, W, 3), RGB."""
TrackState: TypeAlias = Literal["matched", "interpolated", "held"]
"""Where an object on a Scene comes from: the model, the frames beside it, or the one before."""


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
        native: The decoder's own frame, opaque, for plates and pass-through, or None.
        name: File name of the picture in its sequence's folder; None where it has no file of its
            own.
    """

    stream: str
    index: int
    pts: int
    time_base: Fraction
    image: RgbImage
    duration: int | None = None
    native: Any = None
    name: str | None = None

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


class Knot(NamedTuple):
    """A corner of a keyed shape, in pixels of the frame, and its two handles relative to it.

    Attributes:
        x: Position.
        y: Position.
        in_dx: Handle of the curve that ends here.
        in_dy: Handle of the curve that ends here.
        out_dx: Handle of the curve that begins here.
        out_dy: Handle of the curve that begins here.
    """

    x: float
    y: float
    in_dx: float
    in_dy: float
    out_dx: float
    out_dy: float


@dataclass(frozen=True, slots=True, eq=False)
class RotoShape:
    """One ring of a track over a span of frames, by keys; in between, knots move evenly.

    A track is the shapes that are added, without those that are subtracted from them. A hole has
    the ``part`` that it is in, and, while it is there, the key frames of that part among its own.

    Attributes:
        stream: Name of the stream.
        track_id: The track that it is part of.
        label: The track's label.
        op: ``subtract`` for a hole, else ``add``.
        part: Counts the parts of a track over the whole run from 0.
        visible: First and last frame of the span, both included.
        keys: Knots by frame index, ascending, first and last frame of the span with them; as many
            on each, and one knot the same place of the outline on all.
        closed: Whether the last knot is joined to the first.
    """

    stream: str
    track_id: int
    label: str
    op: Literal["add", "subtract"]
    part: int
    visible: tuple[int, int]
    keys: Mapping[int, tuple[Knot, ...]]
    closed: bool = True

    def __post_init__(self) -> None:
        first, last = self.visible
        frames = list(self.keys)
        if frames != sorted(frames) or frames[:1] != [first] or frames[-1:] != [last]:
            raise ValueError(f"keys rise from {first} to {last}, got {frames}")
        counts = {len(knots) for knots in self.keys.values()}
        if len(counts) != 1 or 0 in counts:
            raise ValueError(f"all keys have as many knots, got {counts}")


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One object as a model found it on one frame.

    Attributes:
        mask: Its pixels.
        score: Confidence in [0, 1].
        prompt: Index into the prompts that were asked.
        object_id: The model's or stage's own identity over time (unique within its prompt), or
            None; a tracker keeps it together.
        outline: The model's own vector, kept unless smoothing changes it, or None.
        embedding: float32 (D,), appearance, or None.
    """

    mask: Mask
    score: float
    prompt: int
    object_id: int | None = None
    outline: Shape | None = None
    embedding: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        given: object = self.mask
        if not isinstance(given, Mask):
            raise ValueError(f"mask must be a Mask (see Mask.from_array), got {shown(given)}")
        _probability(self.score, "score")
        # Models count in numbers of any kind; logs and tables need Python's.
        object.__setattr__(self, "score", float(self.score))
        object.__setattr__(self, "prompt", operator.index(self.prompt))
        if self.object_id is not None:
            object.__setattr__(self, "object_id", operator.index(self.object_id))


@dataclass(frozen=True, slots=True)
class Grounding:
    """One place in a frame that a phrase means, before anybody has outlined it.

    Attributes:
        prompt: Index into the prompts that were asked.
        box: x1, y1, x2, y2 in source pixels, inside the frame.
        score: Confidence in [0, 1].
    """

    prompt: int
    box: tuple[float, float, float, float]
    score: float

    def __post_init__(self) -> None:
        _probability(self.score, "score")
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(f"a box is x1 < x2 and y1 < y2, got {self.box = }")


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a model answered for one frame. Instances may overlap.

    Attributes:
        stream: Name of the frame's stream.
        index: The frame's index.
        instances: In no promised order.
        presence: For each prompt the probability that it is in the frame, None where unknown;
            empty if the model says nothing at all about presence.
    """

    stream: str
    index: int
    instances: tuple[Instance, ...] = ()
    presence: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrackedInstance:
    """An instance with an identity and the outline that is drawn.

    Attributes:
        track_id: From 1, never reused in a run.
        instance: What the model found, with the mask that ``shape`` outlines: the model's own, or
            the smoothed one. The run log keeps the model's in its Detections.
        shape: The outline to draw, after smoothing.
        label: The prompt's label.
        state: ``matched`` (seen), ``interpolated`` (between two sightings) or ``held`` (no
            evidence on this frame; not written unless asked).
    """

    track_id: int
    instance: Instance
    shape: Shape
    label: str
    state: TrackState = "matched"

    def __post_init__(self) -> None:
        if self.track_id < 1:
            raise ValueError(f"track ids count from 1, got {self.track_id = }")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All tracked objects of one frame, ready to be written.

    Attributes:
        stream: Name of the frame's stream.
        index: The frame's index.
        pts: The frame's time in units of ``time_base``.
        time_base: Seconds per unit of ``pts``.
        duration: How long the frame is shown, in units of ``time_base``, or None.
        shot: Counts shots from 0; a cut starts the next.
        instances: In ascending ``track_id``.
        name: As in the ``Frame``.
    """

    stream: str
    index: int
    pts: int
    time_base: Fraction
    duration: int | None = None
    shot: int = 0
    instances: tuple[TrackedInstance, ...] = ()
    name: str | None = None

    @property
    def seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    def to_supervision(self) -> Any:
        """The objects as ``supervision.Detections``, of the package supervision.

        Boxes are tight, masks bool (N, H, W) of the whole frame; ``tracker_id`` is the track,
        ``class_id`` the index of the prompt, ``data["class_name"]`` the label.

        Raises:
            MissingDependencyError: supervision is not installed.
        """
        try:
            from supervision import Detections as Supervised
        except ImportError as error:
            raise MissingDependencyError(
                "to_supervision() needs the package supervision: pip install supervision"
            ) from error
        found = [tracked.instance for tracked in self.instances]
        masks = [one.mask.to_array() for one in found]
        return Supervised(
            xyxy=np.array([one.mask.box for one in found], np.float32).reshape(-1, 4),
            mask=np.stack(masks) if masks else None,
            confidence=np.array([one.score for one in found], np.float32),
            class_id=np.array([one.prompt for one in found], np.int64),
            tracker_id=np.array([tracked.track_id for tracked in self.instances], np.int64),
            data={"class_name": np.array([tracked.label for tracked in self.instances], str)},
        )


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is and takes, readable without loading it.

    Attributes:
        name: Name under which ``--model`` finds it.
        summary: One line for a table.
        kinds: Kinds of prompt it understands.
        open_vocabulary: Whether it takes any phrase rather than a fixed list of things.
        licence: Licence of the weights.
        megabytes: Size of the weights on disk.
        extra: The extra to install (``videoseg[extra]``), or None for the core.
        packages: Packages that the extra brings and the model cannot do without.
        weights: Hub ids with pinned revisions (``org/name@commit``), or files of the package.
        memory: Megabytes that asking one frame takes in fp32, weights included; 0 = hardly any.
        rank: ``--model auto`` takes the highest of those on this machine; 0 = never.
        sends_frames_away: True when frames leave this machine.
        grounds: True for a ``Grounder``, which finds boxes and is asked together with a segmenter:
            ``grounder+segmenter``.
        about: File of the package, in the folder of the model's module, that tells more: what it
            learned from, what it knows, where it fails, figures.
    """

    name: str
    summary: str
    kinds: frozenset[PromptKind]
    open_vocabulary: bool
    licence: str
    megabytes: float
    extra: str | None = None
    weights: tuple[str, ...] = field(default=())
    sends_frames_away: bool = False
    packages: tuple[str, ...] = ()
    memory: float = 0
    rank: int = 0
    grounds: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        known = get_args(PromptKind)
        if not self.kinds or not set(self.kinds) <= set(known):
            raise ValueError(f"kinds must be some of {', '.join(known)}, got {shown(self.kinds)}")
        object.__setattr__(self, "kinds", frozenset(self.kinds))
        for name in ("weights", "packages"):
            given: object = getattr(self, name)
            if not isinstance(given, Iterable) or isinstance(given, str):
                raise ValueError(f"{name} must be a tuple of names, got {shown(given)}")
            object.__setattr__(self, name, tuple(given))


def _probability(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{what} must lie in [0, 1], got {value}")
