"""Boundary F, J, J&F and their statistics, against values derived by hand from the definitions."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from tests.support.examples import examples
from videoseg.evaluate.metrics.boundary import (
    ObjectScore,
    boundary_f,
    counted_frames,
    score_object,
    statistics,
    thin_boundary,
    tolerance_pixels,
)
from videoseg.types import Bitmap


def rectangle(shape: tuple[int, int], x1: int, y1: int, x2: int, y2: int) -> Bitmap:
    bitmap = np.zeros(shape, dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = True
    return bitmap


def test_tolerance_of_common_sizes() -> None:
    # 480p: hypot(854, 480) = 979.66, times 0.008 = 7.84; 1080p: 2202.91 -> 17.62.
    assert tolerance_pixels(854, 480) == 8
    assert tolerance_pixels(1920, 1080) == 18
    # hypot(300, 400) = 500 exactly: 4, nothing to round up.
    assert tolerance_pixels(300, 400) == 4


def test_thin_boundary_of_a_square_lies_half_a_pixel_up_and_left() -> None:
    # Pixels 2..3 each way: windows starting at 1..3 touch it, the one starting at 2 is constant.
    expected = np.zeros((6, 6), dtype=np.bool_)
    expected[1:4, 1:4] = True
    expected[2, 2] = False
    assert (thin_boundary(rectangle((6, 6), 2, 2, 4, 4)) == expected).all()


def test_thin_boundary_along_the_frame() -> None:
    # The lower right quarter: its cut-off sides have none, and the corner pixel has none.
    expected = np.zeros((4, 4), dtype=np.bool_)
    expected[1, 1:] = True
    expected[1:, 1] = True
    assert (thin_boundary(rectangle((4, 4), 2, 2, 4, 4)) == expected).all()
    # The upper left quarter: boundary inside it, nothing at rows and columns 0 but their ends.
    expected = np.zeros((4, 4), dtype=np.bool_)
    expected[1, :2] = True
    expected[:2, 1] = True
    assert (thin_boundary(rectangle((4, 4), 0, 0, 2, 2)) == expected).all()


def test_shifted_square_by_hand() -> None:
    # 300 x 400: tolerance 4. A 20 px square has 4 * 20 boundary pixels (see above): a ring whose
    # rows and columns are 21 long. Shifted right by 6, the two rings share their top and bottom
    # rows' columns; a column of one is 6 px from the nearest column of the other, too far, except
    # near the rows that match.
    a, b = rectangle((300, 400), 100, 100, 120, 120), rectangle((300, 400), 106, 100, 126, 120)
    # Ring a: columns 99 and 119, rows 99 and 119; ring b: columns 105 and 125, the same rows.
    # Of a, the pixels of the rows at columns 101..119 lie within 4 px of columns 105.. of the same
    # row: 19 * 2. Its column 119 meets b's rows within 4 px: rows 99..103 and 115..119, of which
    # 99 and 119 are counted already: 8. Its column 99 is 6 px from the nearest: 0. So 46 of 80.
    # Of b, by symmetry the same 46 of 80.
    assert boundary_f(a, b) == pytest.approx(46 / 80)


def test_a_shift_within_the_tolerance_is_free_and_one_beyond_all_costs_everything() -> None:
    a = rectangle((300, 400), 100, 100, 120, 120)
    assert boundary_f(a, rectangle((300, 400), 104, 100, 124, 120)) == 1
    assert boundary_f(a, rectangle((300, 400), 200, 200, 220, 220)) == 0


def test_precision_and_recall_differ() -> None:
    # Truth: one square; predicted: it and another far away with twice the boundary (40 px side).
    truth = rectangle((300, 400), 20, 20, 40, 40)
    predicted = truth | rectangle((300, 400), 200, 200, 240, 240)
    # P = 80 / 240, R = 1: F = 2 (1/3) / (4/3) = 1/2; the other way round as well.
    assert boundary_f(predicted, truth) == pytest.approx(0.5)
    assert boundary_f(truth, predicted) == pytest.approx(0.5)


def test_empty_masks() -> None:
    square = rectangle((30, 40), 10, 10, 20, 20)
    assert boundary_f(None, None) == 1
    assert boundary_f(None, square) == 0
    assert boundary_f(square, None) == 0
    # A mask that fills the frame has no boundary either, as in the published program.
    assert boundary_f(np.ones((30, 40), dtype=np.bool_), None) == 1


def reference_f(a: Bitmap, b: Bitmap, tolerance: float) -> float:
    """The definition on the whole frame, with a dilation by a disc."""
    radius = tolerance_pixels(a.shape[1], a.shape[0], tolerance)
    across, down = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    element = across**2 + down**2 <= radius**2
    edge_a, edge_b = thin_boundary(a), thin_boundary(b)
    near_a, near_b = (binary_dilation(edge, element) for edge in (edge_a, edge_b))
    precision = (edge_a & near_b).sum() / edge_a.sum() if edge_a.any() else 1.0
    recall = (edge_b & near_a).sum() / edge_b.sum() if edge_b.any() else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))
sparse = st.one_of(st.just(False), st.just(False), st.just(False), st.booleans())


@pytest.mark.slow
@examples(150)
@given(
    sizes.flatmap(lambda s: st.tuples(*[arrays.arrays(np.bool_, s, elements=sparse)] * 2)),
    st.sampled_from([0.008, 0.1, 0.2]),
)
def test_windows_and_distances_give_the_definition(
    pair: tuple[Bitmap, Bitmap], tolerance: float
) -> None:
    a, b = pair
    value = boundary_f(a, b, tolerance=tolerance)
    assert value == pytest.approx(reference_f(a, b, tolerance))
    assert value == pytest.approx(boundary_f(b, a, tolerance=tolerance))
    assert boundary_f(a, a) == 1


def test_void_pixels_are_taken_out_of_both() -> None:
    void = rectangle((30, 40), 20, 0, 40, 30)
    a = rectangle((30, 40), 5, 5, 15, 15)
    assert boundary_f(a | rectangle((30, 40), 25, 5, 30, 10), a, ignore=void) == 1


def test_frames_that_count() -> None:
    assert list(counted_frames(5)) == [1, 2, 3]
    assert list(counted_frames(3, "unsupervised")) == [0, 1, 2]
    truth = [rectangle((30, 40), 5, 5, 15, 15)] * 5
    wrong_ends = [None, *truth[1:4], None]
    assert score_object(wrong_ends, truth).j_frames.tolist() == [1, 1, 1]
    score = score_object(wrong_ends, truth, protocol="unsupervised")
    assert score.j_frames.tolist() == score.f_frames.tolist() == [0, 1, 1, 1, 0]
    with pytest.raises(ValueError, match="no frame counts"):
        score_object(truth[:2], truth[:2])
    with pytest.raises(ValueError, match="1 predicted masks for 5"):
        score_object(truth[:1], truth)


def test_statistics_by_hand() -> None:
    # n = 6: linspace(1, 6, 5) = 1, 2.25, 3.5, 4.75, 6 -> 1, 2, 4, 5, 6; the first bin is frames
    # 1 and 2, the last frames 5 and 6.
    result = statistics([1.0, 0.8, 0.6, 0.5, 0.4, 0.2])
    assert result.mean == pytest.approx(3.5 / 6)
    assert result.recall == pytest.approx(3 / 6)
    assert result.decay == pytest.approx(0.9 - 0.3)
    # n = 3: 1, 1.5, 2, 2.5, 3 -> 1, 2, 2, 3, 3: frames 1 and 2, and frame 3.
    assert statistics([0.9, 0.7, 0.3]).decay == pytest.approx(0.8 - 0.3)
    assert statistics([0.9]).decay == 0
    # n = 401: 1, 101, 201, 301, 401, beyond eight bits.
    ramp = np.arange(401.0)
    assert statistics(ramp).decay == pytest.approx(50 - 350)
    with pytest.raises(ValueError, match="at least one frame"):
        statistics([])


def test_j_and_f_is_the_mean_of_the_means() -> None:
    score = ObjectScore(np.array([0.5, 0.7]), np.array([0.9, 0.9]))
    assert score.j_and_f == pytest.approx(0.75)
    assert (score.j.recall, score.f.recall) == (0.5, 1.0)
