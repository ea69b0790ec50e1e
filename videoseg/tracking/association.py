"""Which detection is which track: overlap under predicted motion, looks, and an optimal assignment.

Detections are matched in stages, the surest first, as in ByteTrack (Zhang et al., "ByteTrack:
Multi-Object Tracking by Associating Every Detection Box", ECCV 2022), with the overlap of masks in
place of boxes. Enlarged boxes count beside it (C-BIoU: Yang et al., "Hard to Track Objects with
Irregular Motions and Similar Appearances?", WACV 2023), for objects that move further than their
own size between two frames, and so do looks, which part neighbours and refuse strangers. What was
hidden is looked for around where it ought to be, the further the longer it is gone. Only detections
of the same prompt are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.tracking.tracks import Candidate, Track
from videoseg.types import Mask

Pair: TypeAlias = tuple[Track, Candidate]
Table: TypeAlias = npt.NDArray[np.float64]

MIN_IOU = 0.2
"""Least overlap of a predicted and a found mask that are the same object."""
BUFFER = 0.5
"""Each side of a box is moved out by this share of its size before boxes are compared."""
MIN_NEAR = 0.3
"""Least overlap of two enlarged boxes that are the same object."""
MAX_GROWTH = 2.0
"""An object's area changes by no more than this factor where only enlarged boxes overlap."""
MIN_APPEARANCE = 0.65
"""Looks less alike than this are of different objects, unless ``IOU_ONLY`` says otherwise."""
IOU_ONLY = 0.6
"""Overlap of masks from which it decides alone, whatever the looks."""
NEAR_WEIGHT = 0.3
"""Weight of the overlap of enlarged boxes, where that of masks has 1."""
APPEARANCE_WEIGHT = 0.6
"""Weight of looks, where the overlap of masks has 1."""
FAMILIAR = 0.7
"""Least likeness of what was hidden and comes back."""
REACH = 1.0
"""How far what comes back may be from where it ought to be, in its own size."""
DRIFT = 2.0
"""How much further it may be for each second that it was gone, in its own size."""


def associate(
    tracks: Sequence[Track],
    found: Sequence[Candidate],
    *,
    activation_score: float,
    seconds: Fraction,
) -> tuple[list[Pair], list[Candidate]]:
    """Match detections to tracks that carry no identity of the model's own.

    Args:
        tracks: Confirmed and unconfirmed ones, moved to the present frame.
        found: The detections of the present frame.
        activation_score: Detections below this score may go on a track in view, and nothing else.
        seconds: Time of the present frame.

    Returns:
        The matched pairs, and the detections that belong to no track yet.
    """
    round_ = _Round(tracks, found)
    strong = np.array([f.instance.score >= activation_score for f in found], dtype=np.bool_)
    trusted = np.array([t.confirmed for t in tracks], dtype=np.bool_)
    in_view = np.array([t.in_view for t in tracks], dtype=np.bool_)
    beside = round_.beside()
    round_.assign(lambda: beside, trusted & in_view, strong)
    round_.assign(lambda: beside, trusted, strong)
    round_.assign(lambda: beside, ~trusted, strong)
    round_.assign(lambda: np.where(round_.overlap >= MIN_IOU, round_.overlap, 0), in_view, ~strong)
    round_.assign(lambda: round_.returning(seconds), trusted & ~in_view, strong)
    pairs = [(tracks[i], found[j]) for i, j in round_.pairs]
    taken = {j for _, j in round_.pairs}
    return pairs, [one for j, one in enumerate(found) if j not in taken]


@dataclass(slots=True)
class _Round:
    """What is compared of one frame's tracks (rows) and detections (columns).

    Attributes:
        overlap: IoU of expected and found mask, (T, D); 0 where they cannot be a pair.
        near: IoU of the enlarged boxes, 0 where the sizes do not fit, (T, D).
        likeness: How alike they look, (T, D); only known where they may be a pair.
        pairs: Rows and columns that belong together.
    """

    tracks: Sequence[Track]
    found: Sequence[Candidate]
    overlap: Table
    near: Table
    likeness: Table
    pairs: list[tuple[int, int]]

    def __init__(self, tracks: Sequence[Track], found: Sequence[Candidate]) -> None:
        self.tracks, self.found, self.pairs = tracks, found, []
        shape = (len(tracks), len(found))
        self.overlap, self.near, self.likeness = (np.zeros(shape) for _ in range(3))
        if not tracks or not found:
            return
        expected = [
            (i, mask)
            for i, track in enumerate(tracks)
            for mask in (track.predicted, track.coasting)
            if mask is not None
        ]
        if expected:
            self._compare(*zip(*expected, strict=True))
        for i, track in enumerate(tracks):
            for j in np.flatnonzero(self._possible(i)).tolist():
                self.likeness[i, j] = track.appearance.similarity(found[j].appearance)

    def _compare(self, rows: Sequence[int], expected: Sequence[Mask]) -> None:
        """Fill in rows by where tracks are expected; the better of two expectations counts."""
        boxes = np.array([one.box for one in self.found], dtype=np.float64)
        own = np.array([masks.bounding_box(mask) for mask in expected], dtype=np.float64)
        area_of = [masks.area(mask) for mask in expected]
        areas = np.array([one.area for one in self.found], dtype=np.float64)
        own_areas = np.array(area_of, dtype=np.float64)[:, None]
        prompts = np.array([one.instance.prompt for one in self.found])
        asked = np.array([self.tracks[i].prompt for i in rows])[:, None] == prompts
        fits = (areas <= MAX_GROWTH * own_areas) & (own_areas <= MAX_GROWTH * areas) & asked
        common, total = _box_overlap(_buffered(own), _buffered(boxes))
        np.maximum.at(self.near, np.array(rows), np.where(fits, common / (total - common), 0))
        # Masks that have less in common than this are no pair, and it takes time to look.
        most, _ = _box_overlap(own, boxes)
        most = np.where(asked, most / np.maximum(areas, own_areas), 0)
        seen = (most >= MIN_IOU) | ((most > 0) & (self.near[list(rows)] >= MIN_NEAR))
        for n, j in np.argwhere(seen).tolist():
            both = masks.intersection(expected[n], self.found[j].instance.mask)
            value = both / (area_of[n] + self.found[j].area - both)
            self.overlap[rows[n], j] = max(self.overlap[rows[n], j], value)

    def _possible(self, rows: int | slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Which pairs overlap or lie near."""
        return np.asarray((self.overlap[rows] >= MIN_IOU) | (self.near[rows] >= MIN_NEAR))

    def beside(self) -> Table:
        """Worth of each pair that overlaps or lies near, and does not look like a stranger."""
        possible = self._possible()
        possible &= (self.likeness >= MIN_APPEARANCE) | (self.overlap >= IOU_ONLY)
        worth = self.overlap + NEAR_WEIGHT * self.near + APPEARANCE_WEIGHT * self.likeness
        return np.where(possible, worth, 0)

    def returning(self, seconds: Fraction) -> Table:
        """Worth of each pair of what was hidden and what looks like it within its reach."""
        worth = np.zeros_like(self.overlap)
        for i, track in enumerate(self.tracks):
            if track.missed_since is None:
                continue
            gone = float(seconds - track.missed_since)
            reach = math.sqrt(track.area) * (REACH + DRIFT * gone)
            for j, one in enumerate(self.found):
                if one.instance.prompt != track.prompt or one.area > MAX_GROWTH * track.area:
                    continue
                x1, y1, x2, y2 = one.box
                away = math.dist(track.centre, ((x1 + x2) / 2, (y1 + y2) / 2)) / reach
                if away < 1:
                    likeness = track.appearance.similarity(one.appearance)
                    if likeness >= FAMILIAR:
                        worth[i, j] = likeness - away / 2
        return worth

    def assign(
        self,
        worth: Callable[[], Table],
        rows: npt.NDArray[np.bool_],
        columns: npt.NDArray[np.bool_],
    ) -> None:
        """Pair what is not yet taken, of the greatest summed worth; 0 is no pair."""
        if len(self.pairs) == min(self.overlap.shape):
            return
        free = _without(rows, (i for i, _ in self.pairs))
        open_ = _without(columns, (j for _, j in self.pairs))
        if not len(free) or not len(open_):
            return
        table = worth()[np.ix_(free, open_)]
        self.pairs += [(int(free[i]), int(open_[j])) for i, j in best_pairs(table)]


def best_pairs(worth: Table) -> list[tuple[int, int]]:
    """Rows and columns of the greatest summed worth, each at most once; 0 is no pair."""
    possible = worth > 0
    if possible.sum(axis=0).max() > 1 or possible.sum(axis=1).max() > 1:
        flipped = worth.shape[0] > worth.shape[1]
        table = worth.T if flipped else worth
        pairs = [(row, column) for column, row in enumerate(_rows_of(table.tolist())) if row >= 0]
        if flipped:
            pairs = [(column, row) for row, column in pairs]
        return sorted(pair for pair in pairs if possible[pair])
    return [(int(i), int(j)) for i, j in np.argwhere(possible)]


def _rows_of(worth: list[list[float]]) -> list[int]:
    """For each column its row in an assignment of the greatest sum, or -1.

    There are no more rows than columns, and every row gets one. Rows are added one after the other
    along shortest augmenting paths (R. Jonker and A. Volgenant, "A shortest augmenting path
    algorithm for dense and sparse linear assignment problems", 1987). The tables are small, and
    importing SciPy's solver takes longer than hours of video take here.
    """
    rows, columns = len(worth), len(worth[0])
    row_price, column_price = [0.0] * rows, [0.0] * columns
    row_of = [-1] * columns
    for added in range(rows):
        least, before = [math.inf] * columns, [-1] * columns
        reached: list[int] = []
        row, column = added, -1
        while True:
            for j in range(columns):
                if j in reached:
                    continue
                cost = -worth[row][j] - row_price[row] - column_price[j]
                if cost < least[j]:
                    least[j], before[j] = cost, column
            column = min((j for j in range(columns) if j not in reached), key=least.__getitem__)
            step = least[column]
            row_price[added] += step
            for j in reached:
                row_price[row_of[j]] += step
                column_price[j] -= step
            for j in range(columns):
                if j not in reached:
                    least[j] -= step
            reached.append(column)
            row = row_of[column]
            if row < 0:
                break
        while column >= 0:
            row_of[column] = added if before[column] < 0 else row_of[before[column]]
            column = before[column]
    return row_of


def _without(chosen: npt.NDArray[np.bool_], taken: Iterable[int]) -> npt.NDArray[np.intp]:
    left = chosen.copy()
    left[list(taken)] = False
    return np.flatnonzero(left)


def _buffered(boxes: Table) -> Table:
    sides = BUFFER * (boxes[:, 2:] - boxes[:, :2])
    return np.hstack([boxes[:, :2] - sides, boxes[:, 2:] + sides])


def _box_overlap(own: Table, boxes: Table) -> tuple[Table, Table]:
    """Area that each of (N, 4) and each of (D, 4) boxes have in common, and both areas' sum."""
    own = own[:, None]
    sides = np.minimum(own[..., 2:], boxes[:, 2:]) - np.maximum(own[..., :2], boxes[:, :2])
    sides = np.maximum(sides, 0)
    first, second = (each[..., 2:] - each[..., :2] for each in (own, boxes))
    total = first[..., 0] * first[..., 1] + second[..., 0] * second[..., 1]
    return sides[..., 0] * sides[..., 1], np.asarray(total)
