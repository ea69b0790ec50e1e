"""Spoils true masks as models do: rough edges, misses, false blobs, leaps, merged neighbours.

Nothing tells which mask is whose: the answers are shuffled and carry no identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from videoseg.geometry import masks
from videoseg.types import Bitmap, Instance, Mask

GRAIN = 12
"""Pixels over which the error of an edge is about the same."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often, and how badly, one model fails on one sequence.

    Attributes:
        edge: Standard deviation of an edge's error, pixels.
        misses: Share of sightings that are missing, one by one.
        blackouts: Chance that an object goes missing for several frames, each frame.
        false: False blobs that begin, each frame.
        leaps: Share of sightings that are displaced.
        merges: Chance that touching neighbours begin to come as one, each frame.
        pieces: Chance that an object comes in two pieces, each frame.
        doubles: Share of sightings that come twice.
    """

    edge: float
    misses: float
    blackouts: float
    false: float
    leaps: float
    merges: float
    pieces: float
    doubles: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Failures:
        """A model, between good and bad."""
        bad = float(rng.uniform(0.1, 1))
        return cls(
            edge=2.5 * bad,
            misses=0.10 * bad,
            blackouts=0.012 * bad,
            false=0.15 * bad,
            leaps=0.03 * bad,
            merges=0.05 * bad,
            pieces=0.02 * bad,
            doubles=0.05 * bad,
        )


def degrade(
    truth: Sequence[dict[int, Mask]],
    whole: Sequence[dict[int, int]],
    shots: Sequence[int],
    failures: Failures,
    rng: np.random.Generator,
) -> list[list[Instance]]:
    """What a failing model answers on each frame.

    Args:
        truth: The visible pixels of each object.
        whole: The pixels that each object would have if nothing hid it.
        shots: The shot of each frame.
        failures: How the model fails.
        rng: What is drawn from.
    """
    dark: dict[int, int] = {}
    merged: dict[tuple[int, int], int] = {}
    ghosts: list[tuple[Mask, float, int]] = []
    answers = []
    for index, seen in enumerate(truth):
        if index and shots[index] != shots[index - 1]:
            ghosts.clear()
        found: list[Instance] = []
        shown = dict(seen)
        for pair in _touching(seen):
            if merged.get(pair, -1) < index and rng.random() < failures.merges:
                merged[pair] = index + int(rng.integers(1, 12))
            if merged.get(pair, -1) >= index and all(key in shown for key in pair):
                both = _union(shown.pop(pair[0]), shown.pop(pair[1]))
                shown[pair[0]] = both
        for identity, mask in shown.items():
            if rng.random() < failures.blackouts:
                dark[identity] = index + int(rng.integers(3, 16))
            hidden = 1 - min(1.0, masks.area(mask) / max(1, whole[index].get(identity, 1)))
            missed = rng.random() < failures.misses + 0.5 * max(0.0, hidden - 0.5)
            if dark.get(identity, -1) >= index or missed:
                continue
            score = float(np.clip(rng.normal(0.88, 0.05) - 0.4 * hidden**2, 0.05, 0.99))
            found += _sightings(mask, score, failures, rng)
        ghosts = [ghost for ghost in ghosts if ghost[2] >= index]
        if rng.random() < failures.false and seen:
            ghosts.append(_ghost(seen, index, rng))
        for blob, score, _ in ghosts:
            spoiled = rough(blob, failures.edge, rng)
            if spoiled is not None:
                found.append(Instance(spoiled, score, 0))
        answers.append([found[n] for n in rng.permutation(len(found))])
    return answers


def _sightings(
    mask: Mask, score: float, failures: Failures, rng: np.random.Generator
) -> list[Instance]:
    """One object as it is answered: once, displaced, in pieces or twice."""
    spread = np.sqrt(masks.area(mask))
    if rng.random() < failures.leaps:
        moved = _moved(mask, *np.rint(rng.normal(0, 0.3 * spread, 2)).astype(int))
        mask = moved or mask
    parts: list[Mask | None] = [mask]
    if rng.random() < failures.pieces:
        parts = _pieces(mask, rng)
    if rng.random() < failures.doubles:
        parts.append(mask)
    spoiled = [rough(part, failures.edge, rng) for part in parts if part is not None]
    scores = [score * (1.0 if n == 0 else 0.85) for n in range(len(spoiled))]
    return [Instance(m, s, 0) for m, s in zip(spoiled, scores, strict=True) if m is not None]


def _touching(seen: dict[int, Mask]) -> list[tuple[int, int]]:
    """Pairs of objects whose masks come within a few pixels."""
    kernel = np.ones((5, 5), np.uint8)
    wide = {
        k: np.asarray(cv2.dilate(masks.to_bitmap(m).astype(np.uint8), kernel)) > 0
        for k, m in seen.items()
    }
    keys = sorted(seen)
    return [(a, b) for n, a in enumerate(keys) for b in keys[n + 1 :] if (wide[a] & wide[b]).any()]


def _union(a: Mask, b: Mask) -> Mask:
    both = masks.from_bitmap(masks.to_bitmap(a) | masks.to_bitmap(b))
    assert both is not None
    return both


def _moved(mask: Mask, dx: int, dy: int) -> Mask | None:
    full = masks.to_bitmap(mask).astype(np.uint8)
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    size = (mask.frame_width, mask.frame_height)
    return masks.from_bitmap(np.asarray(cv2.warpAffine(full, shift, size)) > 0)


def _pieces(mask: Mask, rng: np.random.Generator) -> list[Mask | None]:
    """An object parted by a band across its middle."""
    full = masks.to_bitmap(mask)
    x1, y1, x2, y2 = masks.bounding_box(mask)
    share = rng.uniform(0.35, 0.65)
    upper, lower = full.copy(), full.copy()
    if rng.random() < 0.5:
        at = int(x1 + share * (x2 - x1))
        upper[:, max(0, at - 2) :] = False
        lower[:, : at + 2] = False
    else:
        at = int(y1 + share * (y2 - y1))
        upper[max(0, at - 2) :] = False
        lower[: at + 2] = False
    return [masks.from_bitmap(upper), masks.from_bitmap(lower)]


def rough(mask: Mask, edge: float, rng: np.random.Generator) -> Mask | None:
    """A mask with an edge that errs by some pixels, about alike over ``GRAIN`` pixels."""
    margin = int(3 * edge) + 2
    x1, y1, x2, y2 = masks.bounding_box(mask)
    left, top = max(0, x1 - margin), max(0, y1 - margin)
    right = min(mask.frame_width, x2 + margin)
    bottom = min(mask.frame_height, y2 + margin)
    full: Bitmap = masks.to_bitmap(mask)[top:bottom, left:right]
    inside = full.astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    depth = np.asarray(depth - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5))
    height, width = full.shape
    coarse = rng.normal(0, edge, (height // GRAIN + 2, width // GRAIN + 2)).astype(np.float32)
    error = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    crop = masks.from_bitmap(np.asarray(depth + error > 0))
    if crop is None:
        return None
    return Mask(left + crop.x, top + crop.y, mask.frame_width, mask.frame_height, crop.bitmap)


def _ghost(seen: dict[int, Mask], index: int, rng: np.random.Generator) -> tuple[Mask, float, int]:
    """A blob where nothing is, of the size of what is there, for a few frames."""
    like = seen[sorted(seen)[int(rng.integers(len(seen)))]]
    high, wide = like.frame_height, like.frame_width
    axes = rng.uniform(0.5, 1.2, 2) * np.sqrt(masks.area(like) / np.pi)
    canvas = np.zeros((high, wide), np.uint8)
    centre = (int(rng.integers(wide)), int(rng.integers(high)))
    size = (int(axes[0]) + 2, int(axes[1]) + 2)
    cv2.ellipse(canvas, centre, size, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    mask = masks.from_bitmap(canvas > 0)
    assert mask is not None
    lasts = 1 if rng.random() < 0.7 else int(rng.integers(2, 7))
    return mask, float(rng.uniform(0.25, 0.75)), index + lasts - 1
