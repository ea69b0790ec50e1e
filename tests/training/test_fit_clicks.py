"""The fit of what tells which outline a click means."""

from __future__ import annotations

import numpy as np
import pytest

from sample_media import clips
from training.fit_clicks import clicked_once, fitted
from training.pieces import SOURCES, Photo, Piece
from videoseg.models.embedded.grounding.detector import Detector
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter


def test_weights_that_make_an_iou_are_found() -> None:
    random = np.random.default_rng(0)
    wanted = np.array([0.6, 0.1, 0.4])
    clicked = []
    for number in range(20):
        features = random.random((15, 3))
        clicked.append((f"photograph {number}", features, features @ wanted))
    assert fitted(clicked) == pytest.approx(wanted)


def test_a_click_on_a_thing_tells_how_good_each_outline_is() -> None:
    clip = next(c for c in map(clips.scene, range(20)) if c.subject == "cat" and not c.cutout)
    image, truth = next(iter(clips.frames(clip)))
    rows, columns = np.nonzero(truth)
    top, left = int(rows.min()), int(columns.min())
    bitmap = truth[top : rows.max() + 1, left : columns.max() + 1].astype(np.uint8)
    piece = Piece(Photo("cat", image, SOURCES[0]), left, top, bitmap, thing=True)
    found = clicked_once(piece, PromptableSegmenter(1), Detector(1))
    assert found is not None
    key, features, ious = found
    assert key == "cat"
    assert features.shape == (len(ious), 3)
    assert features.min() >= 0
    assert features.max() <= 1 + 1e-6
    assert ious.max() > 0.8
