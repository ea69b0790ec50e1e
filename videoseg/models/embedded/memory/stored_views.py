"""Remembered views of an object, and what they say of the cells of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.memory.feature_view import FeatureView, Pose
from videoseg.models.embedded.memory.softmax_means import softmax_means
from videoseg.types import Mask
from videoseg.types.snapshot import Snapshot

_FEATURE_TEMPERATURE = 0.06
"""Temperature of feature similarity: a cosine this much smaller weighs 1/e."""
_POSITION_STD = 0.5
"""Standard deviation of position similarity, in object sizes."""
_TURNS = (0, 3, 1, 2)
"""Which cell of four is compared in which view: top left, bottom right, top right, bottom left."""
_MAX_CHANGED = 2.0
"""An object that has changed is allowed these log odds against all of it, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredView:
    """What is kept of one view.

    Attributes:
        keys: float32 (N, C).
        places: float32 (N, 2).
        labels: float32 (N,) in [0, 1].
        columns: Cells across.
    """

    keys: FloatMap
    places: FloatMap
    labels: FloatMap
    columns: int

    @classmethod
    def of(cls, view: FeatureView, mask: Mask) -> StoredView:
        """A view in which the object is at a mask."""
        return cls(view.keys, view.positions(Pose.of(mask)), view.labels(mask), view.columns)

    def thinned(self, number: int) -> StoredView:
        """A quarter of the cells: one of each four, by turns that go with the view's number."""
        row, column = np.divmod(np.arange(len(self.labels)), self.columns)
        kept = row % 2 * 2 + column % 2 == _TURNS[number % len(_TURNS)]
        return StoredView(self.keys[kept], self.places[kept], self.labels[kept], self.columns)

    def snapshot(self) -> Snapshot:
        """The view as plain arrays."""
        columns = np.array(self.columns)
        return {
            "keys": self.keys,
            "places": self.places,
            "labels": self.labels,
            "columns": columns,
        }

    @classmethod
    def restored(cls, state: Snapshot) -> StoredView:
        """The view that ``snapshot`` was taken of."""
        columns = int(state["columns"])
        return cls(state["keys"], state["places"], state["labels"], columns)


def propagated(
    view: FeatureView,
    pose: Pose,
    given: Sequence[StoredView],
    recent: Sequence[StoredView] = (),
    near: Mask | None = None,
    doubt: float = 1.0,
) -> FloatMap:
    """Log odds of each cell from similar remembered cells close to it, float32 (N,).

    The given views speak alone, and then together with the recent ones, if there are any: what is
    found wrongly is remembered, and by itself would be found again and again. An object that has
    changed as a whole since then is no longer like the given views anywhere, which says nothing of
    any part of it: so they are heard beside what they say of most of it.

    Args:
        view: The cells.
        pose: Where the object is thought to be.
        given: Views in which it was shown, at least one.
        recent: Views in which it was found.
        near: Where it is thought to be, with recent views.
        doubt: How much counts what given views alone say against a cell, 0 to 1, with recent views.
    """
    views = [stored.thinned(number) for number, stored in enumerate([*given, *recent])]
    labels = np.concatenate([stored.labels for stored in views])
    places = np.concatenate([stored.places for stored in views]) / _POSITION_STD
    keys = np.concatenate([stored.keys for stored in views])
    # q.k / softness - |p - p'|^2 / 2, up to a term that is the same for a whole row.
    one = np.ones((len(view.keys), 1), dtype=np.float32)
    query = np.concatenate(
        [view.keys / _FEATURE_TEMPERATURE, view.positions(pose) / _POSITION_STD, one],
        axis=1,
        dtype=np.float32,
    )
    distance_term = -(places**2).sum(axis=1, keepdims=True) / 2
    memory = np.concatenate([keys, places, distance_term], axis=1, dtype=np.float32)
    known = sum(len(stored.labels) for stored in views[: len(given)])
    alone, together = softmax_means(query, memory, labels, known)
    odds = _odds(alone)
    if not recent:
        return odds
    inside = None if near is None else view.labels(near) > 0.5
    if inside is not None and inside.any():
        odds += min(max(-float(np.median(odds[inside])), 0.0), _MAX_CHANGED)
    return np.where(odds < 0, np.float32(doubt) * odds, odds) + _odds(together)


def _odds(probability: FloatMap) -> FloatMap:
    return np.log((probability + 0.01) / (1.01 - probability))
