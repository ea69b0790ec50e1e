"""Rings of points turned into rings of lines and cubic curves."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from videoseg.outlines.refine import Pieces, refine
from videoseg.outlines.simplify import douglas_peucker
from videoseg.outlines.spans import (
    Chain,
    Indices,
    Points,
    Values,
    Ways,
    cheapest,
    fit_spans,
    ranges,
    ways,
)
from videoseg.types import Bezier, Polygon, Ring

_CANDIDATES = 0.35
_SEARCH = 0.85
_STEP = 2.0
_CORNER = 40.0
_EVEN = 6


def fit(points: Points, starts: Indices, turning: Indices, tolerance: float) -> list[Ring]:
    tolerances = np.full(len(starts) - 1, tolerance * _CANDIDATES)
    kept = douglas_peucker(points, starts, turning, tolerances)
    kept = np.unique(np.concatenate([kept, _even(starts)]))
    step = min(max(_STEP * tolerance, 0.75), 3.0)
    way = ways(points, starts, kept, step)
    lines_only = np.zeros(2 * len(way.knots), dtype=np.bool_)
    for _ in range(4):
        reach = _SEARCH * tolerance
        spans = list(fit_spans(way, reach, lines_only=lines_only))
        chains = [cheapest(way, spans, reach, ring) for ring in range(len(starts) - 1)]
        pieces, origin = assemble(way, chains)
        refine(pieces)
        decimals = 1
        pieces.knots = np.round(pieces.knots, decimals)
        pieces.out = np.round(pieces.out, decimals)
        pieces.into = np.round(pieces.into, decimals)
        far = np.maximum.reduceat(pieces.distances(), pieces.heads)
        break
    return rings(pieces, np.cumsum([0, *(len(chain.stretches) for chain in chains)]))


def _even(starts: Indices) -> Indices:
    ring, place = ranges(np.zeros(len(starts) - 1, np.int64), np.full(len(starts) - 1, _EVEN))
    return starts[ring] + place * np.diff(starts)[ring] // _EVEN


def assemble(way: Ways, chains: list[Chain]) -> tuple[Pieces, Indices]:
    sizes = np.array([len(chain.stretches) for chain in chains])
    begins = np.cumsum(sizes) - sizes
    following = np.arange(1, sizes.sum() + 1)
    following[begins + sizes - 1] = begins
    previous = np.empty_like(following)
    previous[following] = np.arange(len(following))
    stretches = np.concatenate([chain.stretches for chain in chains])
    reaches = np.concatenate([chain.reaches for chain in chains])
    curved = np.concatenate([chain.curved for chain in chains])
    handles = np.concatenate([chain.handles for chain in chains])
    first, last = way.firsts[stretches], way.firsts[stretches + reaches]
    piece, chosen = ranges(first, last - first)
    knots = way.points[first]
    out = np.where(curved[:, None], handles[:, 0] - knots, 0)
    into = np.where(curved[:, None], handles[:, 1] - knots[following], 0)[previous]
    cosine = -(out * into).sum(axis=1)
    size = np.linalg.norm(out, axis=1) * np.linalg.norm(into, axis=1)
    smooth = curved & curved[previous] & (cosine > np.cos(np.radians(_CORNER)) * size) & (size > 0)
    mean = (out - into) / 2
    out = np.where(smooth[:, None], mean, out)
    into = np.where(smooth[:, None], -mean, into)
    extent = way.along[last] - way.along[first]
    return Pieces(
        knots=knots, out=out, into=into, smooth=smooth,
        fixed=np.zeros(len(knots), dtype=np.bool_), following=following, curved=curved,
        points=way.points[chosen], weights=way.weights[chosen],
        t=(way.along[chosen] - way.along[first][piece]) / extent[piece],
        heads=np.cumsum(last - first) - (last - first),
    ), stretches


def rings(pieces: Pieces, firsts: Indices) -> list[Ring]:
    control = pieces.control()
    made: list[Ring] = []
    for a, b in itertools.pairwise(firsts.tolist()):
        if pieces.curved[a:b].any() or b - a < 3:
            made.append(Bezier(control[a:b, 1:].astype(np.float32)))
        else:
            made.append(Polygon(pieces.knots[a:b].astype(np.float32)))
    return made
