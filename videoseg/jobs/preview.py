"""A contact sheet of what a run would find, from a few frames.

Words are asked about on each frame separately. What is marked by hand is followed from the first
frame that it is marked on, through a bounded number of frames.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from videoseg.drawing.contact_sheet import GROUND, INK, grid
from videoseg.drawing.labels import fitting_text
from videoseg.drawing.outlines import Painter
from videoseg.drawing.planes import RGB
from videoseg.drawing.ruler import with_ruler
from videoseg.errors import SourceError
from videoseg.formats.clock import clock_text
from videoseg.geometry.rings import scaled
from videoseg.jobs.job import Job
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.prompts import is_carried
from videoseg.types import (
    Detections,
    Frame,
    Part,
    Prompt,
    RgbImage,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)

_log = logging.getLogger(__name__)

DEFAULT = Vectorizer()
"""What makes outlines of masks by the defaults of runs."""
_COLUMNS = 3
"""Pictures side by side."""
_GAP = 12
"""Pixels between pictures."""
_LETTERS = 16
"""Size of letters, pixels."""
_LINE = 24
"""Height of a line of text, pixels."""
_PALE = 150
"""Grey level of the lines that matter less."""
_OPACITY = 0.35
"""Of the colour inside an outline, 0 to 1."""
_STEPS = 24
"""Most frames that marks are followed through; a few seconds with the embedded model."""
_STRIDE = 4
"""Most frames from one of them to the next: what moves must still be recognised."""


@dataclass(frozen=True, slots=True, eq=False)
class PreviewedFrame:
    """What was found on one frame.

    Attributes:
        reasons: Why it is shown: ``first``, ``middle``, ``last``, ``marked``, ``at 12.5``,
            ``followed to here``.
        frame: The frame.
        detections: What the model answered.
        followed: Whether what is marked on a frame before was followed to this one.
    """

    reasons: tuple[str, ...]
    frame: Frame
    detections: Detections
    followed: bool = False

    def scores(self, prompt: int) -> tuple[float, ...]:
        """Scores of what was found for a prompt, best first."""
        found = (each.score for each in self.detections.instances if each.prompt == prompt)
        return tuple(sorted(found, reverse=True))


def looks(job: Job, at: Sequence[str] = ()) -> tuple[PreviewedFrame, ...]:
    """Ask about the first, middle and last frame, frames with marks, and places in the clip.

    Only these frames are decoded where the source can seek, and those through which marks are
    followed. Nothing is smoothed. Without prompts no model is asked.

    Raises:
        UsageError: A place lies behind the end.
        UnknownPhraseError: The model cannot ground a phrase.
        SourceError: No frame can be shown.
    """
    wanted: dict[int, list[str]] = {}

    def want(index: int, place: str) -> None:
        wanted.setdefault(index, []).append(place)

    first, last = job.ends
    want(first, "first")
    if last is not None and last > first:
        want((first + last) // 2, "middle")
        want(last, "last")
    walk = _walk(job, last if last is not None else first, [job.index_of(place) for place in at])
    if walk.end is not None:
        want(walk.end, "followed to here")
    for cue in (cue for prompt in job.prompts for cue in prompt.cues):
        if cue.frame is not None:
            want(cue.frame, "marked")
    for place in at:
        want(job.index_of(place), f"at {place}")
    shown = tuple(_followed(job, list(_asked(job, wanted)), walk))
    missing = wanted.keys() - {look.frame.index for look in shown}
    if not shown:
        raise SourceError(f"{job.location}: holds no frame {first}")
    if missing:
        _log.warning("not in the file, though it promises as many frames: %s", sorted(missing))
    return shown


@dataclass(frozen=True, slots=True)
class _Walk:
    """The frames through which marks are followed; none where there are no marks.

    Attributes:
        start: The first frame that is marked.
        stop: The frame behind the last.
        stride: Distance between frames.
        end: The last frame, where it comes before the last one that is shown, else None.
    """

    start: int = 0
    stop: int = 0
    stride: int = 1
    end: int | None = None

    def takes(self, index: int) -> bool:
        """Whether a frame that need not be shown is walked through."""
        return (index - self.start) % self.stride == 0


def _walk(job: Job, last: int, places: Sequence[int]) -> _Walk:
    """Where to follow marks to: what is shown last, or as far as a preview goes.

    A service is paid for each frame, so nothing is followed with one.
    """
    marks = {cue.frame for prompt in job.prompts for cue in prompt.cues} - {None}
    starts = [frame for frame in marks if frame is not None]
    if not starts or job.card.sends_frames_away:
        return _Walk()
    start, target = min(starts), max(last, *starts, *places, 0)
    stride = min(_STRIDE, max(1, -(-(target - start) // _STEPS)))
    end = start + stride * _STEPS
    if target <= end:
        return _Walk(start, target + 1, stride)
    return _Walk(start, end + 1, stride, end)


def _asked(job: Job, wanted: Mapping[int, Sequence[str]]) -> Iterator[PreviewedFrame]:
    """The frames to be shown, with what is found on each by itself."""
    if job.prompts:
        pairs = job.look(wanted)
    else:
        frames = (frame for index in sorted(wanted) for frame in job.frames(index, index + 1))
        pairs = ((frame, Detections(frame.stream, frame.index)) for frame in frames)
    for frame, found in pairs:
        yield PreviewedFrame(tuple(dict.fromkeys(wanted[frame.index])), frame, found)


def _followed(job: Job, shown: Sequence[PreviewedFrame], walk: _Walk) -> Iterator[PreviewedFrame]:
    """The same, with what is marked before a frame followed to it, as far as the walk goes."""
    wanted = {look.frame.index for look in shown}
    marks = {cue.frame for prompt in job.prompts for cue in prompt.cues}
    if not any(walk.start < index < walk.stop for index in wanted - marks):
        yield from shown
        return
    needed = (
        frame
        for frame in job.frames(walk.start, walk.stop)
        if frame.index in wanted or frame.index in marks or walk.takes(frame.index)
    )
    carried = {frame.index: found for frame, found in job.carry(needed) if frame.index in wanted}
    for look in shown:
        found = carried.get(look.frame.index)
        if found is None:
            yield look
            continue
        others = [
            one for one in look.detections.instances if not is_carried(job.prompts[one.prompt])
        ]
        answers = replace(look.detections, instances=(*others, *found.instances), presence=())
        yield replace(look, detections=answers, followed=True)


def draw(
    shown: Sequence[PreviewedFrame],
    prompts: Sequence[Prompt],
    streams: Mapping[str, StreamInfo],
    *,
    width: int = 640,
    ruler: bool = False,
    refused: Collection[int] = (),
    vectorizer: Vectorizer = DEFAULT,
) -> RgbImage:
    """Draw looks in the order of their frames; colours belong to prompts.

    Args:
        shown: At least one.
        prompts: What was asked.
        streams: What the input holds.
        width: Most pixels across each picture, which is never enlarged.
        refused: Places of prompts that the model does not know.
        ruler: Whether each has a ruler and lines to read coordinates by.
        vectorizer: What makes outlines of masks.
    """
    tiles = [
        _tile(look, prompts, streams[look.frame.stream], width, refused, ruler, vectorizer)
        for look in shown
    ]
    columns = _COLUMNS if len(tiles) != 4 else 2
    return grid(tiles, columns, gap=_GAP, ground=GROUND)


def _tile(
    look: PreviewedFrame,
    prompts: Sequence[Prompt],
    info: StreamInfo,
    most: int,
    refused: Collection[int],
    ruler: bool,
    vectorizer: Vectorizer,
) -> RgbImage:
    """A picture with its outlines, and under it what it is and what was found."""
    import cv2

    aspect = float(info.sample_aspect_ratio)
    wide, high = info.width * max(1.0, aspect), info.height / min(1.0, aspect)
    shrink = min(1.0, most / wide, most / high)
    size = max(1, round(wide * shrink)), max(1, round(high * shrink))
    small = cv2.resize(look.frame.image, size, interpolation=cv2.INTER_AREA)
    planes = [np.array(small[..., channel], np.uint8) for channel in range(3)]
    painter = Painter(RGB, *size, _OPACITY, labels=True, caption=_caption)
    painter.paint(planes, _scene(look, prompts, size, vectorizer))
    time = clock_text(look.frame.seconds, decimals=3)
    lines = [(" + ".join(look.reasons) + f"   frame {look.frame.index}   {time}", INK)]
    lines += [
        (f"{p.label}: not known to the model" if n in refused else _found(look, n, p), _PALE)
        for n, p in enumerate(prompts)
    ]
    picture = np.dstack(planes)
    if ruler:
        picture = with_ruler(picture, info.width, info.height)
    return np.vstack([picture, *(_line(text, picture.shape[1], ink) for text, ink in lines)])


def _scene(
    look: PreviewedFrame, prompts: Sequence[Prompt], size: tuple[int, int], vectorizer: Vectorizer
) -> Scene:
    """What was found, in the pixels of the small picture."""
    frame, found = look.frame, look.detections.instances
    factors = size[0] / frame.width, size[1] / frame.height
    drawn = []
    for each, shape in zip(found, vectorizer.shapes(found), strict=True):
        parts = tuple(
            Part(scaled(part.outer, *factors), tuple(scaled(r, *factors) for r in part.holes))
            for part in shape.parts
        )
        label = prompts[each.prompt].label
        drawn.append(TrackedInstance(each.prompt + 1, each, Shape(parts), label))
    at = (frame.stream, frame.index, frame.pts, frame.time_base)
    return Scene(*at, instances=tuple(drawn), name=frame.name)


def _caption(tracked: TrackedInstance) -> str:
    return f"{tracked.label} {tracked.instance.score:.2f}"


def _found(look: PreviewedFrame, number: int, prompt: Prompt) -> str:
    here, marks = look.frame.index, [cue.frame for cue in prompt.cues if cue.frame is not None]
    scores = ", ".join(f"{score:.2f}" for score in look.scores(number)) or "not found"
    if not is_carried(prompt) or here in marks:
        return f"{prompt.label}: {scores}"
    if here < min(marks):
        return f"{prompt.label}: marked later, on frame {min(marks)}, not followed back"
    if not look.followed:
        return f"{prompt.label}: marked on frame {max(m for m in marks if m < here)}, not followed"
    return f"{prompt.label}: followed, {scores}"


def _line(text: str, width: int, ink: int) -> RgbImage:
    """A line of text on the ground, as wide as the picture above it."""
    coverage = fitting_text(text, _LETTERS, width - 4)[:_LINE, : width - 4]
    line = np.full((_LINE, width), GROUND, np.uint8)
    top = (_LINE - coverage.shape[0]) // 2
    window = line[top : top + coverage.shape[0], 2 : 2 + coverage.shape[1]]
    window[:] = np.rint(GROUND + (ink - GROUND) * coverage)
    return np.dstack([line] * 3)
