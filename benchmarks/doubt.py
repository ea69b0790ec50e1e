"""How well the built-in model's score tells frames on which an object is followed badly.

    python -m benchmarks.doubt DATA [--frames 60] [--sequences dog bmx-trees]

``DATA`` holds ``<sequence>/frames/*.jpg`` and ``<sequence>/masks/*.png`` (more than half of 255 =
object). The true mask of the first frame is carried. Prints the area under the ROC curve of the
score for frames whose J is low, and its rank correlation (Spearman's) with J. A frame on which
nothing is found has the score 0.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu, spearmanr

from benchmarks.davis import bitmap, frames, jaccard, truth_of
from videoseg.geometry import masks
from videoseg.models.embedded.memory.tracker import Memory
from videoseg.types import Detections, Instance

LOW = (0.5, 0.7)
"""A frame is followed badly below these J."""
_Values = npt.NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sequences", nargs="+", help="default: all below DATA")
    parser.add_argument("--frames", type=int, help="only so many of each sequence")
    arguments = parser.parse_args()
    found = sorted(path.name for path in arguments.data.iterdir() if (path / "masks").is_dir())
    pairs = [
        pair
        for name in arguments.sequences or found
        for pair in followed(arguments.data / name, arguments.frames)
    ]
    scores, values = (np.array(each) for each in zip(*pairs, strict=True))
    print(f"{len(pairs)} frames, rank correlation {spearmanr(scores, values).statistic:.3f}")
    for low in LOW:
        bad = values < low
        print(f"J under {low}: {bad.mean():.1%}, area under ROC {area_under(scores, bad):.3f}")


def followed(folder: Path, most: int | None) -> list[tuple[float, float]]:
    """Score and J of each frame after the first."""
    memory, pairs = Memory(threads=1), []
    memory.start(())
    for frame in islice(frames(folder), most):
        truth = truth_of(folder, frame.index)
        if frame.index == 0:
            start = masks.from_bitmap(truth)
            if start is None:
                raise SystemExit(f"{folder}: the object is not on the first frame")
            given = Detections(frame.stream, 0, (Instance(start, 1.0, 0, 0),))
            memory.step(frame, given)
            continue
        best = next(iter(memory.step(frame, None).instances), None)
        score, mask = (0.0, None) if best is None else (best.score, best.mask)
        pairs.append((score, jaccard(bitmap(mask, truth), truth)))
    return pairs


def area_under(scores: _Values, bad: npt.NDArray[np.bool_]) -> float:
    """Share of pairs of a bad and a good frame in which the bad one has the lower score."""
    if not 0 < bad.sum() < len(bad):
        return float("nan")
    pairs = int(bad.sum()) * int((~bad).sum())
    return float(mannwhitneyu(scores[~bad], scores[bad]).statistic / pairs)


if __name__ == "__main__":
    main()
