"""Recipes for short clips, and what comes of them: frames, exact truth, and MP4 files.

A clip is a photograph under a moving camera (the object is where the photographer found it), or a
cut-out of one photograph that moves over another. The truth is the outline traced by hand on the
photograph, moved as the picture is moved, and filled.

    clip = scene(7)
    for image, truth in frames(clip):
        ...
    write(clip, Path("seven.mp4"))
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from sample_media._drawing import (
    OUTLINES,
    Points,
    Pose,
    area,
    composed,
    coverage,
    cut_edges,
    outline,
    photograph,
    placed,
    transformed,
)
from sample_media._encoding import write_mp4
from videoseg.types import Bitmap, RgbImage

NAMES = {"cat": "cat", "cup": "coffee cup", "astronaut": "astronaut"}
"""Name of an outline -> what a user would call the object."""

_IN_SIGHT = {
    "astronaut": {"astronaut"},
    "chelsea": {"cat"},
    "coffee": {"coffee cup", "spoon"},
    "rocket": set[str](),
}
"""Photograph -> which of ``_NAMEABLE`` it shows."""
_NAMEABLE = (
    "cat", "coffee cup", "astronaut", "spoon", "dog", "bicycle", "elephant", "sports car",
    "umbrella", "banana", "piano", "zebra", "laptop", "pizza",
)  # fmt: skip
_NOTES = (60, 62, 64, 67, 69, 72, 74, 76)
_RATES = (Fraction(24), Fraction(25), Fraction(30000, 1001))
_WIDE = ((640, 360), (480, 360))
_TALL = ((480, 480), (400, 480))
_MIN_INSIDE = 0.6
_MIN_AREA = 0.05
"""Least share of the frame that an object covers."""
_MAX_AREA = 0.82
"""Largest share of the frame that an object covers."""


@dataclass(frozen=True)
class Layer:
    """One photograph and its smooth way through a clip.

    Attributes:
        photo: Name of the photograph.
        start: Where it lies on the first frame.
        end: Where it lies on the last frame.
        sway: Added on top, as ``sway * sin``: x, y in pixels, degrees.
        cycles: Full swings of ``sway`` over the clip.
    """

    photo: str
    start: Pose
    end: Pose
    sway: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cycles: float = 1.0

    def pose(self, time: float) -> Pose:
        """Where it lies at ``time`` in [0, 1]: eased between start and end, plus the sway."""
        eased = 0.5 * time + 0.5 * time * time * (3 - 2 * time)
        swing = math.sin(2 * math.pi * self.cycles * time)

        def between(a: float, b: float) -> float:
            return a + (b - a) * eased

        return Pose(
            x=between(self.start.x, self.end.x) + self.sway[0] * swing,
            y=between(self.start.y, self.end.y) + self.sway[1] * swing,
            scale=self.start.scale * (self.end.scale / self.start.scale) ** eased,
            degrees=between(self.start.degrees, self.end.degrees) + self.sway[2] * swing,
        )


@dataclass(frozen=True)
class Clip:
    """Everything that determines a clip.

    Attributes:
        name: Short name, for files and tables.
        subject: The outline that is the truth: cat, cup or astronaut.
        phrase: Names the subject as a user would.
        absent: Phrases for things that are nowhere in the clip.
        width: Pixels across.
        height: Pixels down.
        frame_rate: Frames per second.
        frame_count: Number of frames.
        background: The photograph that fills the frame.
        cutout: The subject's photograph where it is cut out and moved over the background; None
            where the subject is the one that the background shows.
        melody: MIDI notes of the sound, evenly spaced over the clip.
    """

    name: str
    subject: str
    phrase: str
    absent: tuple[str, ...]
    width: int
    height: int
    frame_rate: Fraction
    frame_count: int
    background: Layer
    cutout: Layer | None
    melody: tuple[int, ...]

    @property
    def times(self) -> list[float]:
        """Time of each frame in [0, 1]."""
        return [index / max(1, self.frame_count - 1) for index in range(self.frame_count)]

    def outline(self, time: float) -> Points:
        """The subject's polygon in pixels of the frame; may leave the frame."""
        layer = self.cutout or self.background
        return transformed(outline(self.subject), layer.pose(time).matrix(layer.photo))


def scene(seed: int) -> Clip:
    """A random, smooth and plausible clip; every seed gives another one, always the same.

    Seeds in a row take turns with the three subjects, and with camera motion and moving cut-out.
    On each frame at least 60 % of the subject is inside, it covers 5 to 82 % of the frame, no
    border of the background shows, and no edge where a photograph cut the subject off.
    """
    rng = np.random.default_rng(seed)
    subject = sorted(OUTLINES)[seed % len(OUTLINES)]
    moved = seed // len(OUTLINES) % 2 == 1
    backgrounds = [photo for photo in sorted(_IN_SIGHT) if photo != OUTLINES[subject]]
    behind = str(rng.choice(backgrounds)) if moved else OUTLINES[subject]
    sizes = _TALL if subject == "astronaut" and not moved else _WIDE
    width, height = sizes[rng.integers(len(sizes))]
    frame_rate = _RATES[rng.integers(len(_RATES))]
    frame_count = int(rng.integers(44, 57))
    melody = tuple(int(note) for note in rng.choice(_NOTES, size=rng.integers(4, 8)))
    for _ in range(10_000):
        background = _camera(rng, behind, width, height, roomy=moved)
        clip = Clip(
            name=f"scene-{seed}",
            subject=subject,
            phrase=f"the {NAMES[subject]}",
            absent=absent_phrases({behind, OUTLINES[subject]}),
            width=width,
            height=height,
            frame_rate=frame_rate,
            frame_count=frame_count,
            background=background,
            cutout=_mover(rng, subject, width, height) if moved else None,
            melody=melody,
        )
        if is_plausible(clip):
            return clip
    raise AssertionError(f"seed {seed} found no plausible composition")


def absent_phrases(photos: set[str]) -> tuple[str, ...]:
    """Phrases for things that none of these photographs shows."""
    seen = set().union(*(_IN_SIGHT[photo] for photo in photos))
    return tuple(f"the {name}" for name in _NAMEABLE if name not in seen)


def is_plausible(clip: Clip) -> bool:
    """Whether every frame keeps what ``scene`` promises."""
    subject_area = area(outline(clip.subject))
    for time in (0.0, 1.0, *clip.times):
        if not _fills_frame(clip.background, time, clip.width, clip.height):
            return False
        layer = clip.cutout or clip.background
        pose = layer.pose(time)
        quarter = coverage(clip.outline(time) / 4, clip.width // 4, clip.height // 4)
        if quarter.sum() * 16 < _MIN_INSIDE * subject_area * pose.scale**2:
            return False
        if not _MIN_AREA <= quarter.mean() <= _MAX_AREA:
            return False
        if clip.cutout and _shows_cut(clip, pose):
            return False
    return True


def frames(clip: Clip) -> Iterator[tuple[RgbImage, Bitmap]]:
    """Each frame, uint8 (H, W, 3) RGB, and its truth, bool (H, W): pixels covered half or more."""
    width, height = clip.width, clip.height
    for time in clip.times:
        covered = coverage(clip.outline(time), width, height)
        image = placed(clip.background.photo, clip.background.pose(time), width, height)
        if clip.cutout:
            cutout = placed(clip.cutout.photo, clip.cutout.pose(time), width, height)
            image = composed(image, cutout, covered)
        yield image, covered >= 0.5


def write(clip: Clip, path: Path) -> None:
    """Encode the clip as H.264 and AAC in MP4. The same clip gives the same bytes."""
    write_mp4(
        path,
        (image for image, _ in frames(clip)),
        width=clip.width,
        height=clip.height,
        frame_rate=clip.frame_rate,
        seconds=clip.frame_count / clip.frame_rate,
        melody=clip.melody,
    )


def _camera(rng: np.random.Generator, photo: str, width: int, height: int, *, roomy: bool) -> Layer:
    """A camera that pans, zooms and turns a little over a photograph.

    Behind a cut-out (``roomy``) it looks closer, so that it can move further.
    """
    photo_height, photo_width = photograph(photo).shape[:2]
    smallest = max(width / photo_width, height / photo_height)
    low, high = (1.15, 1.8) if roomy else (1.02, 1.4)

    def pose() -> Pose:
        zoom = rng.uniform(low, high)
        scale = smallest * zoom
        slack_x = max(0.0, scale * photo_width - width) / 2
        slack_y = max(0.0, scale * photo_height - height) / 2
        return Pose(
            x=width / 2 + rng.uniform(-slack_x, slack_x),
            y=height / 2 + rng.uniform(-slack_y, slack_y),
            scale=scale,
            degrees=rng.uniform(-1, 1) * min(3, 30 * (zoom - 1)),
        )

    return Layer(photo, pose(), pose(), _sway(rng, 4, 0.5), float(rng.uniform(0.5, 2)))


def _mover(rng: np.random.Generator, subject: str, width: int, height: int) -> Layer:
    """A cut-out that crosses part of the frame, grows or shrinks, and turns."""
    photo = OUTLINES[subject]
    photo_height, photo_width = photograph(photo).shape[:2]
    turn = 20 if subject == "cup" else 3

    def pose(scale: float) -> Pose:
        # The cup is whole. The others go on beyond their photographs: the astronaut's lower border
        # stays below the frame, the cat's left, upper and lower borders stay outside it.
        x = width * rng.uniform(0.2, 0.8)
        y = height * rng.uniform(0.35, 0.65)
        if subject == "astronaut":
            y = height + scale * photo_height * (rng.uniform(0.05, 0.4) - 0.5)
        if subject == "cat":
            x = scale * photo_width * (0.5 - rng.uniform(0.03, 0.35))
            y = height / 2 + rng.uniform(-0.4, 0.4) * (scale * photo_height - height)
        return Pose(float(x), float(y), scale, float(rng.uniform(-turn, turn)))

    low, high = {"cup": (0.7, 1.2), "cat": (1.06, 1.25), "astronaut": (0.85, 1.3)}[subject]
    start, end = (pose(float(height / photo_height * rng.uniform(low, high))) for _ in range(2))
    return Layer(photo, start, end, _sway(rng, 6, 1), float(rng.uniform(0.5, 2)))


def _sway(rng: np.random.Generator, pixels: float, degrees: float) -> tuple[float, float, float]:
    x, y, turn = rng.uniform(-1, 1, 3)
    return (float(x) * pixels, float(y) * pixels, float(turn) * degrees)


def _fills_frame(layer: Layer, time: float, width: int, height: int) -> bool:
    """Whether the photograph reaches every corner of the frame."""
    matrix = layer.pose(time).matrix(layer.photo)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    inside = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    photo_height, photo_width = photograph(layer.photo).shape[:2]
    return bool((inside >= 0).all() and (inside <= [photo_width, photo_height]).all())


def _shows_cut(clip: Clip, pose: Pose) -> bool:
    """Whether an edge at which the photograph cut the subject off can be seen."""
    matrix = pose.matrix(OUTLINES[clip.subject])
    for stretch in cut_edges(clip.subject):
        points = transformed(stretch, matrix)
        if ((points > -1) & (points < [clip.width + 1, clip.height + 1])).all(axis=1).any():
            return True
    return False
