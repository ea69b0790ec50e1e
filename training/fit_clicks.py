"""Says what the weights of ``click_choice.py`` should be, on COCO's things kept from training.

    python -m training.fit_clicks --data DATA/images [--most 200]

Each thing of 32 x 32 pixels or more is clicked once, on its innermost point. IoU of all outlines
that the click may mean is fitted by least squares. What is told is the weights in parts of the
first, and the mean IoU of the outline that is taken: by them for photographs that took no part in
their fit, by agreement alone, and of the best one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.pieces import Piece, load
from videoseg.evaluate.metrics.clicks import next_click
from videoseg.geometry import masks
from videoseg.models.embedded.grounding.detector import Detector
from videoseg.models.embedded.promptable.click_choice import click_features, holding
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter

LEAST = 32 * 32
"""Smaller things are left out, pixels."""
FOLDS = 5
Features = npt.NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of annotated images")
    parser.add_argument("--most", type=int, default=200, help="things that are clicked")
    given = parser.parse_args()
    sources = load(given.data, kept=True).by_source
    things = [
        piece
        for name, pieces in sources.items()
        if name.startswith("coco")
        for piece in pieces
        if piece.thing and piece.bitmap.sum() >= LEAST
    ]
    order = np.random.default_rng(0).permutation(len(things))[: given.most]
    chosen = sorted((things[index] for index in order), key=lambda piece: piece.photo.key)
    segmenter, detector = PromptableSegmenter(1), Detector(1)
    clicked = [each for piece in chosen if (each := clicked_once(piece, segmenter, detector))]
    keys = sorted({key for key, _, _ in clicked})
    taken, agreed, best = [], [], []
    for fold in range(FOLDS):
        held = set(keys[fold::FOLDS])
        weights = fitted([each for each in clicked if each[0] not in held])
        for _, features, ious in (each for each in clicked if each[0] in held):
            taken.append(ious[np.argmax(features @ weights)])
            agreed.append(ious[np.argmax(features[:, 0])])
            best.append(ious.max())
    weights = fitted(clicked)
    print(f"{len(clicked)} things, weights {np.round(weights / weights[0], 2).tolist()}")
    by, alone, most = (float(np.mean(each)) for each in (taken, agreed, best))
    print(f"by them {by:.3f}, by agreement {alone:.3f}, best {most:.3f}")


def clicked_once(
    piece: Piece, segmenter: PromptableSegmenter, detector: Detector
) -> tuple[str, Features, Features] | None:
    """Photograph, features and IoU of all that a click on a thing may mean."""
    image = piece.photo.image
    height, width = image.shape[:2]
    truth = np.zeros((height, width), dtype=np.bool_)
    rows, columns = piece.bitmap.shape
    truth[piece.y : piece.y + rows, piece.x : piece.x + columns] = piece.bitmap
    click, whole = next_click(None, truth), masks.from_bitmap(truth)
    assert click is not None
    assert whole is not None
    prompts = ObjectPrompts(width, height, points=((click.x, click.y, True),))
    found = segmenter.click_candidates(image, prompts)
    seen = holding(detector.detect(image).things(), prompts.clicks)
    if not found:
        return None
    ious = np.array([masks.iou(one.mask, whole) for one in found])
    return piece.photo.key, click_features(found, seen), ious


def fitted(clicked: list[tuple[str, Features, Features]]) -> Features:
    """Weights of the features that tell IoU."""
    features = np.concatenate([each for _, each, _ in clicked])
    ious = np.concatenate([each for _, _, each in clicked])
    found: Features = np.linalg.lstsq(features, ious, rcond=None)[0]
    return found


if __name__ == "__main__":
    main()
