"""Whole tracks as layers: the keyed shapes of a track, and how it moves as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from videoseg.roto.ring_tracks import roto_shapes
from videoseg.types import RotoLayer, RotoShape, Scene


def roto_layers(scenes: Iterable[Scene], tolerance: float) -> Iterator[RotoLayer]:
    """Tracks of Scenes as layers, by stream and track id.

    The keys of all tracks are held in memory until the last Scene is read.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: On each frame 95 % of the boundary is no further off, pixels.
    """
    tracks: dict[tuple[str, int], list[RotoShape]] = {}
    for shape in roto_shapes(scenes, tolerance):
        tracks.setdefault((shape.stream, shape.track_id), []).append(shape)
    for (stream, track_id), shapes in sorted(tracks.items()):
        shapes.sort(key=lambda shape: (shape.part, shape.op == "subtract", shape.visible))
        yield RotoLayer(stream, track_id, shapes[0].label, tuple(shapes))
