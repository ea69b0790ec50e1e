"""Carries the first frame's true box through DAVIS sequences, beside two baselines.

    python benchmarks/davis.py DATA [--sequences blackswan dog] [--overlays FOLDER]
    python benchmarks/davis.py DATA --boxes 10     # the true box of every tenth frame, uncarried

``DATA`` holds ``<sequence>/frames/*.jpg`` and ``<sequence>/masks/*.png`` (more than half of 255 =
object). J is the intersection over union with the true mask, 1 where both are empty, averaged over
the frames of a sequence without the first, then over sequences. The run is the stage and the model
that ``videoseg segment --box`` uses. The baselines: the box itself on every frame, and the TRUE
first mask moved along the optical flow and never looked at again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from benchmarks.spread import mean_text
from videoseg import registry
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.motion.flow import carry_mask, flow_between
from videoseg.stages.propagated import Propagated
from videoseg.types import Bitmap, Cue, Detections, Frame, Mask, Prompt, RgbImage


@dataclass(frozen=True)
class Result:
    """Mean J of one sequence and the time per frame."""

    sequence: str
    carried: float
    first: float
    box: float
    flow: float
    milliseconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sequences", nargs="+", help="default: all below DATA")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, default 1")
    parser.add_argument("--boxes", type=int, metavar="N", help="only ask N-th frames by their box")
    parser.add_argument("--overlays", type=Path, help="folder for pictures of every tenth frame")
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    found = sorted(path.name for path in arguments.data.iterdir() if (path / "masks").is_dir())
    if arguments.boxes:
        measure_boxes(arguments, arguments.sequences or found)
        return
    print(f"{'sequence':20} {'carried':>8} {'first':>8} {'box':>8} {'flow':>8} {'ms/frame':>9}")
    results = []
    for sequence in arguments.sequences or found:
        result = measure(arguments.data / sequence, arguments)
        results.append(result)
        print_row(result)
    means = np.mean([(r.carried, r.first, r.box, r.flow, r.milliseconds) for r in results], axis=0)
    print_row(Result("mean", *means.tolist()))
    print(f"mean J, carried {mean_text([each.carried for each in results])}")


def measure_boxes(arguments: argparse.Namespace, sequences: list[str]) -> None:
    """Mean J of each sequence where the true box is given on every frame that is asked."""
    model = registry.find("models", arguments.model).make(threads=arguments.threads)
    means = []
    for sequence in sequences:
        folder, scores = arguments.data / sequence, []
        for frame in frames(folder):
            truth = truth_of(folder, frame.index) if frame.index % arguments.boxes == 0 else None
            start = masks.from_bitmap(truth) if truth is not None else None
            if truth is None or start is None:
                continue
            box = tuple(map(float, masks.bounding_box(start)))
            prompt = Prompt(sequence, cues=(Cue(boxes=((*box, True),)),))
            model.prepare((prompt,))
            (answer,) = model.segment([frame], [(prompt,)])
            scores.append(jaccard(bitmap(best(answer), truth), truth))
        means.append(float(np.mean(scores)))
        print(f"{sequence:20} {means[-1]:8.3f}", flush=True)
    model.close()
    print(f"mean J {mean_text(means)}")


def truth_of(folder: Path, index: int) -> Bitmap:
    """The true mask of one frame."""
    return read_labels(sorted((folder / "masks").glob("*.png"))[index]) > 127


def print_row(row: Result) -> None:
    """Print one line of the table."""
    print(
        f"{row.sequence:20} {row.carried:8.3f} {row.first:8.3f} {row.box:8.3f} {row.flow:8.3f} "
        f"{row.milliseconds:9.0f}",
        flush=True,
    )


def measure(folder: Path, arguments: argparse.Namespace) -> Result:
    """Run the stage and the baselines over one sequence."""
    truths = [read_labels(path) > 127 for path in sorted((folder / "masks").glob("*.png"))]
    start = masks.from_bitmap(truths[0])
    if start is None:
        raise SystemExit(f"{folder}: the object is not on the first frame")
    box = masks.bounding_box(start)
    cue = Cue(frame=0, boxes=((*map(float, box), True),))
    prompts = (Prompt(folder.name, cues=(cue,)),)
    model = registry.find("models", arguments.model).make(threads=arguments.threads)
    model.prepare(prompts)
    carried: list[float] = []
    moved: list[float] = []
    flown: Mask | None = start
    last: RgbImage | None = None
    seconds = 0.0
    steps = Propagated(model, prompts).run(frames(folder))
    while True:
        began = time.perf_counter()
        step = next(steps, None)
        seconds += time.perf_counter() - began
        if step is None:
            break
        frame, detections = step
        truth = truths[frame.index]
        answer = bitmap(best(detections), truth)
        carried.append(jaccard(answer, truth))
        if last is not None:
            flown = carry_mask(flown, flow_between(last, frame.image)) if flown else None
        moved.append(jaccard(bitmap(flown, truth), truth))
        last = frame.image
        if arguments.overlays and frame.index % 10 == 0:
            draw(frame, answer, truth, arguments.overlays / f"{folder.name}_{frame.index:05}.png")
    model.close()
    static = np.zeros_like(truths[0])
    static[box[1] : box[3], box[0] : box[2]] = True
    return Result(
        folder.name,
        float(np.mean(carried[1:])),
        carried[0],
        float(np.mean([jaccard(static, truth) for truth in truths[1:]])),
        float(np.mean(moved[1:])),
        1000 * seconds / len(carried),
    )


def frames(folder: Path) -> Iterator[Frame]:
    """The sequence's pictures, 24 a second."""
    for index, path in enumerate(sorted((folder / "frames").glob("*.jpg"))):
        yield Frame(folder.name, index, index, Fraction(1, 24), read_image(path))


def best(detections: Detections) -> Mask | None:
    """The best instance's mask."""
    ranked = sorted(detections.instances, key=lambda instance: instance.score)
    return ranked[-1].mask if ranked else None


def bitmap(mask: Mask | None, like: Bitmap) -> Bitmap:
    """The mask on the whole frame; nothing where there is none."""
    return np.zeros_like(like) if mask is None else masks.to_bitmap(mask)


def jaccard(answer: Bitmap, truth: Bitmap) -> float:
    """Intersection over union; 1 where both are empty."""
    union = np.count_nonzero(answer | truth)
    return np.count_nonzero(answer & truth) / union if union else 1.0


def draw(frame: Frame, answer: Bitmap, truth: Bitmap, path: Path) -> None:
    """Write the frame with the answer in red and the truth's outline in green."""
    picture = frame.image.copy()
    picture[answer] = picture[answer] // 2 + np.array([127, 0, 0], dtype=np.uint8)
    rings, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, rings, -1, (0, 255, 0), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]))


if __name__ == "__main__":
    main()
