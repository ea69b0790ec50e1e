"""HOTA, IDF1 and identity switches: by hand, and against the official evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.evaluate.metrics.intervals import bootstrap
from videoseg.evaluate.metrics.tracking import (
    ClearMot,
    FrameTracks,
    Identity,
    clear_mot,
    hota,
    hota_statistic,
    identity,
    mask_tracks,
)
from videoseg.types import Bitmap

Square = tuple[int, int]
SIDE = 20


def numbers(seed: int) -> Iterator[int]:
    """A stream that no library's release can change."""
    state = seed
    while True:
        state = (1103515245 * state + 12345) % 2**31
        yield state >> 16


def square_iou(a: Square, b: Square) -> float:
    common = max(0, SIDE - abs(a[0] - b[0])) * max(0, SIDE - abs(a[1] - b[1]))
    return common / (2 * SIDE * SIDE - common)


def frame_of(truth: Mapping[int, Square], predicted: Mapping[int, Square]) -> FrameTracks:
    similarity = [[square_iou(a, b) for b in predicted.values()] for a in truth.values()]
    return FrameTracks(
        np.array(list(truth), dtype=np.int64),
        np.array(list(predicted), dtype=np.int64),
        np.array(similarity, dtype=np.float64).reshape(len(truth), len(predicted)),
    )


def messy_sequence(seed: int, length: int, objects: int) -> list[FrameTracks]:
    """Moving squares, some hidden; predictions shaken, missed, invented, with swapped names."""
    draw = numbers(seed)
    starts = [
        (next(draw) % 60, next(draw) % 60, next(draw) % 7 - 3, next(draw) % 7 - 3)
        for _ in range(objects)
    ]
    names = list(range(objects))
    frames = []
    for time in range(length):
        places = {i: (x + u * time, y + v * time) for i, (x, y, u, v) in enumerate(starts)}
        truth = {i: place for i, place in places.items() if next(draw) % 10}
        if next(draw) % 4 == 0:
            i, j = next(draw) % objects, next(draw) % objects
            names[i], names[j] = names[j], names[i]
        predicted = {}
        for i, (x, y) in places.items():
            if next(draw) % 6:
                shaken = (x + next(draw) % 9 - 4, y + next(draw) % 9 - 4)
                predicted[100 + names[i]] = shaken
        if next(draw) % 3 == 0:
            predicted[200 + time // 3] = (next(draw) % 80, next(draw) % 80)
        frames.append(frame_of(truth, predicted))
    return frames


def steady(names: Sequence[int], similarity: float = 1.0) -> list[FrameTracks]:
    """One true object, found on every frame under these names."""
    return [
        FrameTracks(np.array([7]), np.array([name]), np.array([[similarity]])) for name in names
    ]


def test_perfect_tracks() -> None:
    result = hota(steady([1] * 5))
    assert (result.hota, result.det_a, result.ass_a, result.loc_a) == (1, 1, 1, 1)
    assert identity(steady([1] * 5)).f1 == 1
    assert clear_mot(steady([1] * 5)) == ClearMot(5, 0, 0, 0)


def test_a_track_that_breaks_in_two_by_hand() -> None:
    # Every detection is right. Each of the halves shares 5 of 10 + 5 - 5 frames with the truth.
    frames = steady([1] * 5 + [2] * 5)
    result = hota(frames)
    assert (result.det_a, result.ass_a) == (1, 0.5)
    assert result.hota == pytest.approx(np.sqrt(0.5))
    assert identity(frames) == Identity(5, 5, 5)
    assert identity(frames).f1 == 0.5
    assert clear_mot(frames) == ClearMot(10, 0, 0, 1)
    assert clear_mot(frames).mota == pytest.approx(0.9)


def test_a_loose_track_counts_only_where_it_is_close_enough() -> None:
    # IoU 0.6 reaches the alphas 0.05 ... 0.60, 12 of 19.
    result = hota(steady([1] * 4, similarity=0.6))
    assert result.hota == pytest.approx(12 / 19)
    assert result.loc_a == pytest.approx((12 * 0.6 + 7) / 19)
    assert identity(steady([1] * 4, similarity=0.49)).f1 == 0


def test_a_switch_is_counted_across_a_gap() -> None:
    gap = [FrameTracks(np.array([7]), np.empty(0, np.int64), np.zeros((1, 0)))]
    assert clear_mot(steady([1, 1]) + gap + steady([2, 1])) == ClearMot(4, 1, 0, 2)
    assert clear_mot(steady([1, 1]) + gap + steady([1, 1])).switches == 0


def test_a_match_is_kept_while_it_is_close_enough() -> None:
    # On the second frame another prediction is closer; the first still reaches 0.5.
    rival = FrameTracks(np.array([7]), np.array([1, 2]), np.array([[0.6, 0.9]]))
    assert clear_mot([*steady([1]), rival]) == ClearMot(2, 0, 1, 0)
    assert clear_mot([rival, *steady([1])]).switches == 1
    # While it was away something else was seen, so it starts anew with the closest.
    other = FrameTracks(np.array([8]), np.array([3]), np.ones((1, 1)))
    assert clear_mot([*steady([1]), other, rival]) == ClearMot(3, 0, 1, 1)


# HOTA, DetA, AssA, LocA, then CLEAR TP, FN, FP, IDSW, MOTA, then IDTP, IDFN, IDFP, IDF1: what
# TrackEval 1.3.0 (PyPI) gives for these sequences, and for all three together.
OFFICIAL = {
    (3, 12, 4): [0.3115, 0.410468, 0.239697, 0.72602, 30, 13, 9, 4, 0.395349, 20, 23, 19, 0.487805],
    (8, 20, 3): [
        0.394062,
        0.377141,
        0.414371,
        0.746836,
        42,
        10,
        20,
        5,
        0.326923,
        34,
        18,
        28,
        0.596491,
    ],
    (21, 25, 6): [
        0.349654,
        0.448613,
        0.276341,
        0.732957,
        102,
        30,
        31,
        10,
        0.462121,
        69,
        63,
        64,
        0.520755,
    ],
}
COMBINED = [
    0.355962,
    0.422916,
    0.304447,
    0.733851,
    174,
    53,
    60,
    19,
    0.418502,
    123,
    104,
    111,
    0.533623,
]


def values(sequences: Sequence[Sequence[FrameTracks]]) -> list[float]:
    first, *others = sequences
    whole, clear, ids = hota(first), clear_mot(first), identity(first)
    for sequence in others:
        whole, clear = whole + hota(sequence), clear + clear_mot(sequence)
        ids = ids + identity(sequence)
    return [
        *(whole.hota, whole.det_a, whole.ass_a, whole.loc_a),
        *(clear.true_positives, clear.false_negatives, clear.false_positives),
        *(clear.switches, clear.mota),
        *(ids.true_positives, ids.false_negatives, ids.false_positives, ids.f1),
    ]


@pytest.mark.parametrize("arguments", OFFICIAL)
def test_the_official_evaluation_agrees(arguments: tuple[int, int, int]) -> None:
    assert values([messy_sequence(*arguments)]) == pytest.approx(OFFICIAL[arguments], abs=1e-6)


def test_the_official_evaluation_agrees_on_all_together() -> None:
    together = [messy_sequence(*arguments) for arguments in OFFICIAL]
    assert values(together) == pytest.approx(COMBINED, abs=1e-6)


@examples(30)
@given(st.integers(0, 2**31 - 1), st.integers(1, 10), st.integers(1, 4))
def test_bounds_and_freedom_of_names(seed: int, length: int, objects: int) -> None:
    frames = messy_sequence(seed, length, objects)
    result = values([frames])
    for value in [*result[:4], result[-1]]:
        assert 0 <= value <= 1
    assert result[8] <= 1
    backwards = [
        FrameTracks(-frame.truth[::-1], 999 - frame.predicted[::-1], frame.similarity[::-1, ::-1])
        for frame in frames
    ]
    assert values([backwards])[:4] == pytest.approx(result[:4])
    assert values([backwards])[-4:] == pytest.approx(result[-4:])
    truth_found = [
        FrameTracks(frame.truth, frame.truth, np.eye(len(frame.truth))) for frame in frames
    ]
    if any(len(frame.truth) for frame in frames):
        assert hota(truth_found).hota == pytest.approx(1)


def test_nothing_found_and_nothing_there() -> None:
    missed = [FrameTracks(np.array([7]), np.empty(0, np.int64), np.zeros((1, 0)))] * 3
    invented = [FrameTracks(np.empty(0, np.int64), np.array([7]), np.zeros((0, 1)))] * 3
    for frames in (missed, invented, []):
        result = hota(frames)
        assert (result.hota, result.det_a, result.ass_a, result.loc_a) == (0, 0, 0, 1)
        assert identity(frames).f1 == 0
    assert clear_mot(missed) == ClearMot(0, 3, 0, 0)
    assert clear_mot(invented) == ClearMot(0, 0, 3, 0)


def test_masks_by_identity() -> None:
    def bar(x: int) -> Bitmap:
        bitmap = np.zeros((4, 12), dtype=np.bool_)
        bitmap[:, x : x + 4] = True
        return bitmap

    frame = mask_tracks({1: bar(0), 2: None, 3: bar(6)}, {8: bar(2), 9: bar(6), 10: None})
    assert frame.truth.tolist() == [1, 3]
    assert frame.predicted.tolist() == [8, 9]
    assert frame.similarity == pytest.approx(np.array([[1 / 3, 0], [0, 1]]))
    assert mask_tracks({}, {}).similarity.shape == (0, 0)


def test_intervals_over_sequences() -> None:
    results = [hota(messy_sequence(seed, 8, 3)) for seed in range(20)]
    interval = bootstrap([result.totals.ravel() for result in results], hota_statistic)
    whole = sum(results[1:], start=results[0])
    assert interval.value == pytest.approx(whole.hota)
    assert interval.low < interval.value < interval.high


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="true identity occurs twice"):
        FrameTracks(np.array([1, 1]), np.array([1]), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="do not fit"):
        FrameTracks(np.array([1]), np.array([1]), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="outside"):
        FrameTracks(np.array([1]), np.array([1]), np.array([[1.5]]))
