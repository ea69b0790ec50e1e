"""Corrections of a run's tracks, as operations on one Scene after the other.

An operation is a value; ``apply`` needs nothing but it and the Scene. A list of operations holds in
its order: each one sees track ids and labels as those before it have left them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge, Lt, MinLen

from videoseg.formats.svg_path import parse_path
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.raster import rasterise
from videoseg.types import (
    Bezier,
    Instance,
    Mask,
    Part,
    Polygon,
    Ring,
    Scene,
    Shape,
    TrackedInstance,
)
from videoseg.types.shapes import corners_of

_MOST = 1 << 31
Id: TypeAlias = Annotated[int, Ge(1), Lt(_MOST)]
"""Of a track."""
Index: TypeAlias = Annotated[int, Ge(0), Lt(_MOST)]
"""Of a frame."""
Label: TypeAlias = Annotated[str, MinLen(1)]

NOT_SHAPED = Shape(())
"""The shape of an instance whose mask was changed, until it gets an outline (``with_shapes``)."""


@dataclass(frozen=True, slots=True)
class Rename:
    """A track gets another label, on all frames."""

    track: Id
    label: Label


@dataclass(frozen=True, slots=True)
class Merge:
    """``other`` becomes ``track`` on all frames; where both are on a frame, masks are united.

    Attributes:
        track: The id that is kept.
        other: The id that is no more.
        label: Label of ``track``, which frames with ``other`` alone cannot know.
        prompt: Index of the prompt of ``track``, likewise.
    """

    track: Id
    other: Id
    label: Label | None = None
    prompt: Index | None = None

    def __post_init__(self) -> None:
        if self.track == self.other:
            raise ValueError(f"track {self.track} cannot be merged with itself")


@dataclass(frozen=True, slots=True)
class Split:
    """From frame ``at`` on, a track has the id ``new``; None until it is appended to a log.

    Where another track has that id, nothing is split, so that neither is lost.
    """

    track: Id
    at: Index
    new: Id | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """A track is left out of everything.

    Attributes:
        track: Its id.
        start: The first frame on which it is left out; None = the first of all.
        stop: The frame behind the last one; None = to the end.
    """

    track: Id
    start: Index | None = None
    stop: Index | None = None

    def __post_init__(self) -> None:
        _check_range(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Hide:
    """A track is drawn nowhere; ``TrackedInstance.hidden`` says so. Frames as for ``Delete``."""

    track: Id
    start: Index | None = None
    stop: Index | None = None

    def __post_init__(self) -> None:
        _check_range(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Outline:
    """A track has this outline on one frame, drawn by hand, whether it was there before or not.

    Attributes:
        track: Its id.
        at: The frame.
        size: Width and height of the frame, pixels.
        path: SVG path data in pixels of the frame, filled by the even-odd rule; or None.
        counts: The pixels as COCO's compressed run lengths, where they are not drawn; or None.
        stream: Name of the stream that the track is in; None until it is appended to a log.
        label: Label of the track, which is needed where it was not on the frame.
        prompt: Index of its prompt, likewise.
    """

    track: Id
    at: Index
    size: tuple[Id, Id]
    path: str | None = None
    counts: str | None = None
    stream: str | None = None
    label: Label | None = None
    prompt: Index | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.counts is None):
            raise ValueError("an outline is drawn by a path or by pixels, one of the two")

    def drawn(self) -> tuple[Mask, Shape | None] | None:
        """Its pixels, with the outline where a path draws it; None where no pixel is inside.

        Raises:
            PathDataError: The path is none.
            ValueError: The run lengths are none.
        """
        width, height = self.size
        if self.path is None:
            mask = masks.decode_rle(self.counts or "", width=width, height=height)
            return None if mask is None else (mask, None)
        rings = parse_path(self.path, most=MOST_COMMANDS)
        if sum(corners_of(ring, 0.001) for ring in rings) > MOST_CORNERS:
            raise ValueError("its curves bend far beyond the frame; simplify it first")
        shape = Shape(tuple(Part(_clockwise(ring)) for ring in rings))
        mask = rasterise(shape, width, height)
        if mask is None:
            return None
        return mask, shape if _is_simple(shape, mask) else None


MOST_COMMANDS = 100_000
"""Of the path of an outline."""
MOST_CORNERS = 200_000
"""Of an outline whose curves are made straight."""
Operation: TypeAlias = Rename | Merge | Split | Delete | Hide | Outline


def apply(scene: Scene, operations: Iterable[Operation]) -> Scene:
    """A Scene after some operations, in their order; itself where they do not concern it.

    Instances whose mask has changed have the shape ``NOT_SHAPED``.
    """
    before = {each.track_id: each for each in scene.instances}
    found = dict(before)
    for operation in operations:
        _STEPS[type(operation)](found, operation, scene)
    if found == before:
        return scene
    return replace(scene, instances=tuple(found[track] for track in sorted(found)))


def with_shapes(scene: Scene, outline: Callable[[Instance], Shape]) -> Scene:
    """A Scene in which every changed instance has its outline, as ``outline`` makes it."""
    if all(each.shape is not NOT_SHAPED for each in scene.instances):
        return scene
    shaped = (
        replace(each, shape=outline(each.instance)) if each.shape is NOT_SHAPED else each
        for each in scene.instances
    )
    return replace(scene, instances=tuple(shaped))


_Found: TypeAlias = dict[int, TrackedInstance]


def _rename(found: _Found, made: Rename, _: Scene) -> None:
    if made.track in found:
        found[made.track] = replace(found[made.track], label=made.label)


def _merge(found: _Found, made: Merge, _: Scene) -> None:
    other = found.pop(made.other, None)
    if other is None:
        return
    kept = found.get(made.track)
    if kept is None:
        found[made.track] = _as_track(other, made.track, made.label, made.prompt)
        return
    mask = masks.union([kept.instance.mask, other.instance.mask])
    assert mask is not None  # noqa: S101 - neither is empty
    score = max(kept.instance.score, other.instance.score)
    instance = replace(kept.instance, mask=mask, score=score, outline=None)
    state = "matched" if "matched" in (kept.state, other.state) else kept.state
    found[made.track] = replace(kept, instance=instance, shape=NOT_SHAPED, state=state)


def _split(found: _Found, made: Split, scene: Scene) -> None:
    if made.new is None or made.new in found:  # in a run made anew, another object may have it
        return
    if scene.index >= made.at and made.track in found:
        found[made.new] = replace(found.pop(made.track), track_id=made.new)


def _delete(found: _Found, made: Delete, scene: Scene) -> None:
    if _within(scene.index, made.start, made.stop):
        found.pop(made.track, None)


def _hide(found: _Found, made: Hide, scene: Scene) -> None:
    if made.track in found and _within(scene.index, made.start, made.stop):
        found[made.track] = replace(found[made.track], hidden=True)


def _outline(found: _Found, made: Outline, scene: Scene) -> None:
    if scene.index != made.at or made.stream not in (None, scene.stream):
        return
    drawn = made.drawn()
    if drawn is None:
        return
    mask, shape = drawn
    known = found.get(made.track)
    prompt = made.prompt or 0
    instance = Instance(mask, 1.0, prompt) if known is None else known.instance
    instance = replace(instance, mask=mask, score=1.0, outline=shape)
    label = made.label or "object"
    drawn_now = TrackedInstance(made.track, instance, NOT_SHAPED, label)
    if known is not None:
        drawn_now = replace(known, instance=instance, shape=NOT_SHAPED, state="matched")
    found[made.track] = drawn_now


_STEPS: dict[type, Callable[..., None]] = {
    Rename: _rename,
    Merge: _merge,
    Split: _split,
    Delete: _delete,
    Hide: _hide,
    Outline: _outline,
}


def _as_track(
    tracked: TrackedInstance, track: int, label: str | None, prompt: int | None
) -> TrackedInstance:
    """An instance as one of another track."""
    instance = tracked.instance
    if prompt is not None and prompt != instance.prompt:
        instance = replace(instance, prompt=prompt)
    return replace(tracked, track_id=track, instance=instance, label=label or tracked.label)


def _clockwise(ring: Ring) -> Ring:
    """A ring as outer rings run here."""
    if signed_area(ring) >= 0:
        return ring
    if isinstance(ring, Polygon):
        return Polygon(ring.points[::-1].copy())
    # Backwards, a segment ends where it began: where the one before it ends.
    begins = np.roll(ring.segments[:, 2], 1, axis=0)
    segments = np.stack([ring.segments[:, 1], ring.segments[:, 0], begins], axis=1)
    return Bezier(segments[::-1].copy())


def _is_simple(shape: Shape, mask: Mask) -> bool:
    """Whether a shape can be drawn as it is: one ring inside the frame that crosses itself nowhere.

    Of any other the pixels are outlined.
    """
    if len(shape.rings) != 1:
        return False
    points = flatten(shape.rings[0])
    if not ((points >= 0).all() and (points <= (mask.frame_width, mask.frame_height)).all()):
        return False
    from shapely import LinearRing

    return bool(LinearRing(points).is_simple)


def _within(index: int, start: int | None, stop: int | None) -> bool:
    return (start is None or start <= index) and (stop is None or index < stop)


def _check_range(start: int | None, stop: int | None) -> None:
    if stop is not None and stop <= (start or 0):
        raise ValueError(f"there are no frames from {start or 0} to {stop}")
