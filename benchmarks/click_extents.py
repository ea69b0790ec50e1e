"""One click on each thing of a data set: what it is taken for, and the part and the whole of that.

    python -m benchmarks.click_extents DATA/images/coco_val [--every 5] [--least 32]

``DATA`` is a folder in COCO's form. Each thing is clicked on its innermost point. What is told is
the IoU of the answer, that of the best of answer, part and whole (which somebody who looks would
choose), with 95 % bootstrap intervals over photographs, and how often there is a part and a whole.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.spread import mean_text
from videoseg.evaluate.datasets.coco import Coco
from videoseg.evaluate.metrics.clicks import next_click
from videoseg.geometry import masks
from videoseg.models.embedded import Embedded
from videoseg.types import Cue, Detections, Frame, Mask, Prompt, RgbImage


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder in COCO's form")
    parser.add_argument("--every", type=int, default=1, help="one thing of so many is clicked")
    parser.add_argument("--least", type=int, default=32, help="side of the smallest thing, pixels")
    given = parser.parse_args()
    model = Embedded(threads=1)
    rows = [
        (photograph, clicked(model, image, mask))
        for photograph, image, mask in list(_things(given.data, given.least**2))[:: given.every]
    ]
    model.close()
    photographs = [photograph for photograph, _ in rows]
    ious = np.array([each for _, each in rows])
    best = np.nanmax(ious, axis=1)
    there = np.isfinite(ious).mean(axis=0)
    print(f"{len(rows)} things on {len(set(photographs))} photographs")
    print(f"one click {mean_text(ious[:, 0].tolist(), photographs)}")
    print(f"best of it, its part and its whole {mean_text(best.tolist(), photographs)}")
    print(f"a part is there for {there[1]:.2f}, a whole for {there[2]:.2f}")


def clicked(model: Embedded, image: RgbImage, truth: Mask) -> tuple[float, float, float]:
    """IoU of the answer to one click, and of its part and its whole; NaN where there is none."""
    click = next_click(None, masks.to_bitmap(truth))
    assert click is not None
    prompts = (Prompt("it", cues=(Cue(points=((click.x, click.y, True),)),)),)
    model.prepare(prompts)
    frame = Frame("benchmark", 0, 0, Fraction(1, 25), np.ascontiguousarray(image))
    (answer,) = model.segment([frame], [prompts])
    own = _iou(answer, truth)
    part, whole = (model.extent(frame, prompts, each) for each in ("part", "whole"))
    return 0.0 if np.isnan(own) else own, _iou(part, truth), _iou(whole, truth)


def _iou(answer: Detections, truth: Mask) -> float:
    return masks.iou(answer.instances[0].mask, truth) if answer.instances else float("nan")


def _things(data: Path, least: int) -> Iterator[tuple[str, RgbImage, Mask]]:
    """Key of the photograph, the photograph and mask of each thing of so many pixels."""
    for sample in Coco(data).samples(_broken):
        image = sample.image()
        for target in sample.targets:
            mask = target.mask() if target.thing and not target.crowd else None
            if mask is not None and masks.area(mask) >= least:
                yield sample.key, image, mask


def _broken(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    main()
