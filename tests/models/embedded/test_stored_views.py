"""What remembered views say of the cells of another one."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.memory.feature_view import FeatureNorm, FeatureView, Pose
from videoseg.models.embedded.memory.stored_views import StoredView, propagated
from videoseg.types import Mask

ROWS = COLUMNS = 16
SIDE = ROWS * 10


def _view(looks: FloatMap) -> FeatureView:
    """A view of cells that look one of two ways."""
    one = np.ones(1, dtype=np.float32)
    keys = np.stack([looks, 1 - looks], axis=-1).reshape(-1, 2).astype(np.float32)
    norm = FeatureNorm((one, one), (one, one))
    return FeatureView((0, 0, SIDE, SIDE), SIDE, SIDE, ROWS, COLUMNS, keys, norm)


def _looks(left: int, right: int) -> FloatMap:
    looks = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    looks[4:12, left:right] = 1
    return looks


OBJECT = Mask(40, 40, SIDE, SIDE, np.ones((80, 40), dtype=np.bool_))
LEAKED = Mask(40, 40, SIDE, SIDE, np.ones((80, 80), dtype=np.bool_))


def test_cells_that_look_like_the_object_and_lie_like_it_are_its() -> None:
    given = StoredView.of(_view(_looks(4, 8)), OBJECT)
    odds = propagated(_view(_looks(4, 8)), Pose.of(OBJECT), [given]).reshape(ROWS, COLUMNS)
    assert odds[4:12, 4:8].min() > 0
    assert odds[:, 12:].max() < -2


def test_what_is_found_wrongly_again_and_again_is_denied_by_what_was_given() -> None:
    view = _view(_looks(4, 8))
    given = StoredView.of(view, OBJECT)
    wrong = StoredView(given.keys, given.places, view.labels(LEAKED), COLUMNS)
    odds = propagated(view, Pose.of(OBJECT), [given], [wrong] * 3).reshape(ROWS, COLUMNS)
    alone = propagated(view, Pose.of(OBJECT), [given]).reshape(ROWS, COLUMNS)
    together = odds - alone
    leak = np.s_[6:10, 9:11]
    assert together[leak].mean() > alone[leak].mean() + 1
    assert odds[leak].mean() < together[leak].mean() - 1
    assert odds[6:10, 4:7].mean() > 2


def test_an_object_that_has_changed_as_a_whole_is_not_denied_by_what_was_given() -> None:
    now, given = _view(_looks(4, 8)), StoredView.of(_view(_looks(10, 14)), LEAKED)
    recent = StoredView.of(now, OBJECT)
    given = StoredView(given.keys, given.places, 1 - given.labels, COLUMNS)  # denies all of it
    plain = propagated(now, Pose.of(OBJECT), [given], [recent]).reshape(ROWS, COLUMNS)
    beside = propagated(now, Pose.of(OBJECT), [given], [recent], OBJECT).reshape(ROWS, COLUMNS)
    assert (beside - plain)[6:10, 5:7].min() > 0.3
    assert (beside - plain).max() <= 2.0 + 1e-5


def test_less_doubt_leaves_more_of_what_was_found_lately() -> None:
    view = _view(_looks(4, 8))
    given = StoredView.of(view, OBJECT)
    wrong = StoredView(given.keys, given.places, view.labels(LEAKED), COLUMNS)
    pose = Pose.of(OBJECT)
    full, half = (
        propagated(view, pose, [given], [wrong] * 3, doubt=doubt).reshape(ROWS, COLUMNS)
        for doubt in (1.0, 0.5)
    )
    leak, inside = np.s_[6:10, 9:11], np.s_[6:10, 5:7]
    assert half[leak].mean() > full[leak].mean() + 0.5
    assert np.allclose(half[inside], full[inside])
