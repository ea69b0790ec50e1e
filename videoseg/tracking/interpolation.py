"""Draws an object on frames between two sightings, carried by the picture's motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from videoseg.geometry import masks
from videoseg.motion import distance_fields as fields
from videoseg.tracking.pending import PendingFrame, SmoothedInstance
from videoseg.tracking.tracks import Track
from videoseg.types import Box, Instance


def interpolate(track: Track, smoothed: SmoothedInstance, path: Sequence[PendingFrame]) -> None:
    """Draw a track on pending frames, on the way to the last of them, where it is seen.

    It is carried from both sides, and each counts the more the nearer it is.

    Args:
        track: The track; it is noted in ``PendingFrame.filled``.
        smoothed: How it was drawn on the frame before.
        path: At least two frames, the first of which comes after ``smoothed``.
    """
    before, after = smoothed.instance, path[-1].seen[track]
    start, end = fields.field_of(before.mask), fields.field_of(after.mask)
    box = _way(start, end)
    forward: list[fields.Field] = []
    for pending in path[:-1]:
        start = fields.warped(start, pending.flow, box)
        forward.append(start)
    backward: list[fields.Field] = []
    for earlier, later in zip(path[-2::-1], path[:0:-1], strict=True):
        end = fields.warped(end, earlier.flow_ahead(later), box)
        backward.append(end)
    misses = smoothed.misses
    for step, (one, other) in enumerate(zip(forward, reversed(backward), strict=True)):
        misses += path[step].misses(track)
        mask = fields.mask_of(fields.interpolated(one, other, (step + 1) / len(path)))
        if mask is not None:
            score = min(before.score, after.score)
            instance = Instance(mask, score, track.prompt, track.object_id)
            path[step].filled[track] = SmoothedInstance(instance, misses=misses)


def _way(start: fields.Field, end: fields.Field) -> Box:
    """A window in which an object stays on its way from one place to another."""
    boxes = np.array([start.box, end.box])
    x1, y1 = (int(value) for value in boxes[:, :2].min(axis=0))
    x2, y2 = (int(value) for value in boxes[:, 2:].max(axis=0))
    detour = max(x2 - x1, y2 - y1) // 4
    return masks.padded((x1, y1, x2, y2), detour, end.frame_width, end.frame_height)
