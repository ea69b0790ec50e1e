"""Brings whole rings of lines and curves as close to their points as they can come.

All knots and handles of a ring are unknowns of one least-squares problem. Where two curves meet
smoothly, the handles mirror each other, so that the ring has a continuous tangent there and its
text needs only one of the two. Distances are measured across the curve (the tangent distance of
H. Pottmann, S. Leopoldseder and M. Hofer, "Approximation with active B-spline curves and
surfaces", 2002), so knots are free to slide along the ring to where they serve best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.outlines.spans import Flags, Indices, Points, Values, basis, nearer

_ROUNDS = 4
_ALONG = 0.02
"""Weight of distances along the curve, beside those across it."""
_DAMPING = 0.05
"""Weight that holds each unknown where it was, in pixels of ring."""


@dataclass(slots=True, eq=False)
class Pieces:
    """Rings of lines and curves, and the points that they are to follow.

    Attributes:
        knots: float64 (K, 2), where pieces meet.
        out: float64 (K, 2), handle of the piece that begins at each knot, relative to it.
        into: float64 (K, 2), handle of the piece that ends there.
        smooth: bool (K,), whether ``into`` is ``-out``.
        fixed: bool (K,), whether the knot must stay where it is.
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
    fixed: Flags
    following: Indices
    curved: Flags
    points: Points
    weights: Values
    t: Values
    heads: Indices

    def piece(self) -> Indices:
        """The piece that each point belongs to."""
        return np.repeat(np.arange(len(self.knots)), np.diff(np.append(self.heads, len(self.t))))

    def control(self) -> Points:
        """float64 (K, 4, 2), control points of each piece."""
        end = self.knots[self.following]
        third = (end - self.knots) / 3
        bent = self.curved[:, None]
        out = np.where(bent, self.knots + self.out, self.knots + third)
        into = np.where(bent, end + self.into[self.following], end - third)
        return np.stack([self.knots, out, into, end], axis=1)

    def distances(self) -> Values:
        """float64 (N,), how far each point is from its piece; moves ``t`` to the nearest place."""
        control = self.control()[self.piece()]
        self.t = nearer(self.t, control, self.points)
        return np.linalg.norm(_at(self.t, control) - self.points, axis=1)


def refine(pieces: Pieces) -> None:
    """Move knots and handles, in place."""
    piece = pieces.piece()
    for _ in range(_ROUNDS):
        control = pieces.control()[piece]
        pieces.t = nearer(pieces.t, control, pieces.points)
        _solve(pieces, piece, control)


def _at(t: Values, control: Points) -> Points:
    made: Points = np.einsum("kn,nkc->nc", np.stack(basis(t)), control)
    return made


def _solve(pieces: Pieces, piece: Indices, control: Points) -> None:
    """One step of Gauss and Newton."""
    import scipy.sparse
    import scipy.sparse.linalg

    shares = _shares(pieces, piece)
    matrix, target = _normal_equations(pieces, shares, control)
    begin = np.arange(len(pieces.knots))
    end = pieces.following
    # Unknowns of a knot: its place, its handle out, its handle in (free at corners only).
    slots = np.stack([3 * begin, 3 * begin + 1, 3 * end, 3 * end + 1, 3 * end + 2], axis=1)
    unknowns = (2 * slots[:, :, None] + (0, 1)).reshape(len(begin), 10)
    size = 6 * len(begin)
    rows = np.repeat(unknowns, 10, axis=1).ravel()
    columns = np.tile(unknowns, (1, 10)).ravel()
    before = np.stack([pieces.knots, pieces.out, pieces.into], axis=1)
    hold = np.full((len(begin), 3, 2), _DAMPING)
    hold[pieces.fixed, 0] = 1e9
    right = np.bincount(unknowns.ravel(), target.ravel(), minlength=size)
    right += (hold * before).ravel()
    whole = scipy.sparse.coo_matrix((matrix.ravel(), (rows, columns)), shape=(size, size)).tocsc()
    whole += scipy.sparse.diags(hold.ravel(), format="csc")
    found = scipy.sparse.linalg.spsolve(whole, right).reshape(-1, 3, 2)
    pieces.knots, pieces.out = found[:, 0], found[:, 1]
    pieces.into = np.where(pieces.smooth[:, None], -pieces.out, found[:, 2])


def _shares(pieces: Pieces, piece: Indices) -> Values:
    """float64 (5, N), how far each point moves with each of the unknowns around its piece."""
    b0, b1, b2, b3 = basis(pieces.t)
    bent = pieces.curved[piece]
    smooth = pieces.smooth[pieces.following[piece]]
    return np.stack(
        [
            np.where(bent, b0 + b1, 1 - pieces.t),
            np.where(bent, b1, 0),
            np.where(bent, b2 + b3, pieces.t),
            np.where(bent & smooth, -b2, 0),
            np.where(bent & ~smooth, b2, 0),
        ]
    )


def _normal_equations(
    pieces: Pieces, shares: Values, control: Points
) -> tuple[Values, Values]:
    """float64 (K, 10, 10) and (K, 10) of each piece; unknowns by slot, x before y."""
    t = pieces.t
    u, v = (1 - t)[:, None], t[:, None]
    first, second, third = (control[:, k + 1] - control[:, k] for k in range(3))
    slope = u * u * first + 2 * u * v * second + v * v * third
    length = np.linalg.norm(slope, axis=1)
    good = length > 1e-6
    tangent = np.where(good[:, None], slope / np.maximum(length, 1e-6)[:, None], 0)
    x, y = -tangent[:, 1], tangent[:, 0]
    weights = pieces.weights
    across = np.stack(
        [weights * (x * x + _ALONG), weights * x * y, weights * (y * y + _ALONG)]
    )
    upper = np.triu_indices(5)
    products = shares[upper[0]] * shares[upper[1]]
    terms = (products[:, None] * across).reshape(45, -1)
    sums = np.add.reduceat(terms, pieces.heads, axis=1).reshape(15, 3, -1)
    count = sums.shape[-1]
    matrix = np.empty((5, 2, 5, 2, count))
    for (a, b), (xx, xy, yy) in zip(zip(*upper, strict=True), sums, strict=True):
        for i, j in {(a, b), (b, a)}:
            matrix[i, 0, j, 0], matrix[i, 1, j, 1] = xx, yy
            matrix[i, 0, j, 1] = matrix[i, 1, j, 0] = xy
    px, py = pieces.points.T
    wanted = np.stack([across[0] * px + across[1] * py, across[1] * px + across[2] * py])
    target = np.add.reduceat(
        (shares[:, None] * wanted).reshape(10, -1), pieces.heads, axis=1
    )
    return matrix.transpose(4, 0, 1, 2, 3).reshape(count, 10, 10), target.T
