"""Brings the curves of whole rings as close to their points as they can come.

All handles of a ring are unknowns of one least-squares problem. Where two curves meet
smoothly, the handles mirror each other, so that the ring has a continuous tangent there and its
text needs only one of the two. Distances are measured across the curve (the tangent distance of
H. Pottmann, S. Leopoldseder and M. Hofer, "Approximation with active B-spline curves and
surfaces", 2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Flags, Indices, Points, Values
from videoseg.outlines.cubics import as_complex, bernstein, newton_step

_ROUNDS = 2
"""Steps of Gauss and Newton."""
_ALONG = 0.02
"""Weight of distances along the curve, beside those across it."""
_DAMPING = 0.05
"""Weight that holds each handle where it was, in pixels of ring."""


@dataclass(slots=True, eq=False)
class FittedRings:
    """Rings of lines and curves, and the points that they are to follow.

    Attributes:
        knots: float64 (K, 2), where pieces meet.
        out: float64 (K, 2), handle of the piece that begins at each knot, relative to it.
        into: float64 (K, 2), handle of the piece that ends there.
        smooth: bool (K,), whether ``into`` is ``-out``.
        following: int64 (K,), the knot at the end of the piece that begins at each.
        curved: bool (K,), whether the piece that begins there is a curve.
        points: float64 (N, 2), of piece after piece.
        weights: float64 (N,), pixels of ring that each stands for.
        t: float64 (N,), where on its piece each one is.
        heads: int64 (K,), first point of each piece.
    """

    knots: Points
    out: Points
    into: Points
    smooth: Flags
    following: Indices
    curved: Flags
    points: Points
    weights: Values
    t: Values
    heads: Indices

    def piece(self) -> Indices:
        """The piece that each point belongs to."""
        return np.repeat(np.arange(len(self.knots)), np.diff(np.append(self.heads, len(self.t))))

    def previous(self) -> Indices:
        """The knot before each."""
        before = np.empty_like(self.following)
        before[self.following] = np.arange(len(before))
        return before

    def control(self) -> Points:
        """float64 (K, 4, 2), control points of each piece."""
        end = self.knots[self.following]
        bent = self.curved[:, None]
        out = np.where(bent, self.knots + self.out, self.knots)
        into = np.where(bent, end + self.into[self.following], end)
        return np.stack([self.knots, out, into, end], axis=1)

    def distances(self) -> Values:
        """float64 (N,), how far each point is from its piece; moves ``t`` to the nearest place."""
        control = self.control()[self.piece()]
        self.t = newton_step(self.t, as_complex(control).T, as_complex(self.points))
        offsets: Values = np.linalg.norm(_at(self.t, control) - self.points, axis=1)
        return offsets


def refine(pieces: FittedRings) -> None:
    """Move the handles, in place."""
    piece = pieces.piece()
    for _ in range(_ROUNDS):
        control = pieces.control()[piece]
        pieces.t = newton_step(pieces.t, as_complex(control).T, as_complex(pieces.points))
        _solve(pieces, piece, control)


def _at(t: Values, control: Points) -> Points:
    made: Points = np.einsum("kn,nkc->nc", np.stack(bernstein(t)), control)
    return made


def _solve(pieces: FittedRings, piece: Indices, control: Points) -> None:
    """One step of Gauss and Newton."""
    import scipy.sparse
    import scipy.sparse.linalg

    matrix, target = _normal_equations(pieces, piece, control)
    begin, end = np.arange(len(pieces.knots)), pieces.following
    # Unknowns of a knot: its handle out, and its handle in, which is free at corners only.
    slots = np.stack([2 * begin, 2 * end, 2 * end + 1], axis=1)
    unknowns = (2 * slots[:, :, None] + (0, 1)).reshape(len(begin), 6)
    size = 4 * len(begin)
    rows = np.repeat(unknowns, 6, axis=1).ravel()
    columns = np.tile(unknowns, (1, 6)).ravel()
    before = np.stack([pieces.out, pieces.into], axis=1).ravel()
    right = np.bincount(unknowns.ravel(), target.ravel(), minlength=size) + _DAMPING * before
    whole = scipy.sparse.coo_matrix((matrix.ravel(), (rows, columns)), shape=(size, size)).tocsc()
    whole += scipy.sparse.identity(size, format="csc") * _DAMPING
    found = scipy.sparse.linalg.spsolve(whole, right).reshape(-1, 2, 2)
    pieces.out = found[:, 0]
    pieces.into = np.where(pieces.smooth[:, None], -pieces.out, found[:, 1])


def _normal_equations(
    pieces: FittedRings, piece: Indices, control: Points
) -> tuple[Values, Values]:
    """float64 (K, 6, 6) and (K, 6) of each piece; unknowns by slot, x before y."""
    t = pieces.t
    b0, b1, b2, b3 = bernstein(t)
    bent = pieces.curved[piece]
    smooth = pieces.smooth[pieces.following[piece]]
    shares = np.stack(
        [np.where(bent, b1, 0), np.where(bent & smooth, -b2, 0), np.where(bent & ~smooth, b2, 0)]
    )
    rest = pieces.points - (b0 + b1)[:, None] * control[:, 0] - (b2 + b3)[:, None] * control[:, 3]
    across = _across(t, control) * pieces.weights
    upper = np.triu_indices(3)
    products = shares[upper[0]] * shares[upper[1]]
    terms = (products[:, None] * across).reshape(18, -1)
    sums = np.add.reduceat(terms, pieces.heads, axis=1).reshape(6, 3, -1)
    count = sums.shape[-1]
    matrix = np.empty((3, 2, 3, 2, count))
    for a, b, (xx, xy, yy) in zip(*upper, sums, strict=True):
        for i, j in {(a, b), (b, a)}:
            matrix[i, 0, j, 0], matrix[i, 1, j, 1] = xx, yy
            matrix[i, 0, j, 1] = matrix[i, 1, j, 0] = xy
    x, y = rest.T
    wanted = np.stack([across[0] * x + across[1] * y, across[1] * x + across[2] * y])
    target = np.add.reduceat((shares[:, None] * wanted).reshape(6, -1), pieces.heads, axis=1)
    return matrix.transpose(4, 0, 1, 2, 3).reshape(count, 6, 6), target.T


def _across(t: Values, control: Points) -> Values:
    """float64 (3, N), the xx, xy and yy of the weight of distances: much across, little along."""
    u, v = (1 - t)[:, None], t[:, None]
    first, second, third = (control[:, k + 1] - control[:, k] for k in range(3))
    slope = u * u * first + 2 * u * v * second + v * v * third
    length = np.linalg.norm(slope, axis=1)
    tangent = slope / np.maximum(length, 1e-6)[:, None]
    x, y = -tangent[:, 1], tangent[:, 0]
    return np.stack([x * x + _ALONG, x * y, y * y + _ALONG])
