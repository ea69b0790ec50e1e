"""Measures the embedded model's text prompts, each frame for itself, without tracking.

    python -m benchmarks.embedded_text samples --first 1000 --count 20
    python -m benchmarks.embedded_text davis --data DATA --every 5
    python -m benchmarks.embedded_text coco --data DATA

``DATA`` holds ``davis/SEQUENCE/{frames,masks}`` with ``davis/prompts.json``, and
``images/coco_val/{images,annotations.json}`` in COCO's form.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.asking import ask
from benchmarks.spread import mean_text
from sample_media import clips
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.geometry.masks import decode_rle, to_bitmap
from videoseg.models.embedded import Embedded
from videoseg.types import Detections, Mask

_Bitmap = npt.NDArray[np.bool_]
_RIGHT = 0.5
"""A thing with this IoU is found."""
_SEVERAL = 3
"""From this number of things on their number is compared."""


def main() -> None:
    """Run one measurement and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("samples", "davis", "coco"))
    parser.add_argument("--data", type=Path, help="folder of the measuring data")
    parser.add_argument("--first", type=int, default=0, help="first seed of the sample clips")
    parser.add_argument("--count", type=int, default=10, help="number of sample clips")
    parser.add_argument("--every", type=int, default=1, help="take every n-th frame")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network")
    options = parser.parse_args()
    model = Embedded(threads=options.threads)
    if options.what == "samples":
        _samples(model, options.first, options.count, options.every)
    elif options.what == "davis":
        _davis(model, options.data / "davis", options.every)
    else:
        _coco(model, options.data / "images" / "coco_val")


def _samples(model: Embedded, first: int, count: int, every: int) -> None:
    """Mean IoU of each clip, and phrases for what is not there."""
    means, refused, asked, seconds = [], 0, 0, []
    for seed in range(first, first + count):
        clip = clips.scene(seed)
        frames = list(clips.frames(clip))[::every]
        ious, counts = [], []
        for image, truth in frames:
            started = time.monotonic()
            answer = ask(model, image, clip.phrase)
            seconds.append(time.monotonic() - started)
            ious.append(_iou(_union(answer, truth.shape), truth))
            counts.append(len(answer.instances) if answer else 0)
        means.append(float(np.mean(ious)))
        absent = clip.absent[seed % len(clip.absent)]
        answers = [ask(model, image, absent) for image, _ in frames]
        shown = sum(bool(answer and answer.instances) for answer in answers)
        asked += 1
        refused += shown == 0
        print(
            f"{seed:5d} {clip.phrase:16s} IoU {means[-1]:.3f} (min {min(ious):.3f}), "
            f"{np.mean(counts):.1f} instances; {absent!r} found {shown} of {len(frames)} times",
            flush=True,
        )
    print(f"mean IoU {mean_text(means)}, worst clip {min(means):.3f}")
    print(f"absent: {refused} of {asked} phrases not found on any frame")
    print(f"median {1000 * float(np.median(seconds)):.0f} ms a frame")


def _davis(model: Embedded, data: Path, every: int) -> None:
    """Region similarity J of the union of all instances, per sequence."""
    means = []
    for sequence, phrase in json.loads((data / "prompts.json").read_text()).items():
        ious, counts = [], []
        for path in sorted((data / sequence / "frames").iterdir())[::every]:
            image = read_image(path)
            mask = read_labels(data / sequence / "masks" / f"{path.stem}.png")
            answer = ask(model, image, phrase)
            ious.append(_iou(_union(answer, mask.shape), mask > 127))
            counts.append(len(answer.instances) if answer else 0)
        means.append(float(np.mean(ious)))
        print(
            f"{sequence:16s} {phrase:22s} J {means[-1]:.3f}, {np.mean(counts):.1f} instances",
            flush=True,
        )
    print(f"mean J {mean_text(means)} sequences, every {every} frames")


def _coco(model: Embedded, data: Path) -> None:
    """Class name to union mask over things and stuff, each thing, and three absent names."""
    scores: dict[bool, list[float]] = defaultdict(list)
    per_class: dict[str, list[float]] = defaultdict(list)
    unknown, alarms, asked, counted = set(), 0, 0, Counted()
    for image, truths, absent in _coco_images(data):
        for name, truth in truths.items():
            answer = ask(model, image, name)
            if answer is None:
                unknown.add(name)
            iou = _iou(_union(answer, truth.union.shape), truth.union)
            scores[truth.thing].append(iou)
            per_class[name].append(iou)
            if truth.thing:
                counted.add([each.mask for each in answer.instances] if answer else [], truth.each)
        for name in absent:
            answer = ask(model, image, name)
            asked += 1
            alarms += bool(answer and answer.instances)
    for name, values in sorted(per_class.items(), key=lambda item: -len(item[1])):
        print(f"{name:20s} {np.mean(values):.3f} ({len(values)})")
    for thing, values in scores.items():
        found = np.mean([value > 0 for value in values])
        print(
            f"{'things' if thing else 'stuff'}: mean IoU {np.mean(values):.3f} over "
            f"{len(values)} names in images, {found:.0%} with any overlap"
        )
    print(f"false alarms {alarms} of {asked} absent names ({alarms / asked:.1%})")
    print(counted)
    print("unknown names: " + (", ".join(sorted(unknown)) or "none"))


@dataclass
class Counted:
    """Things found by their name beside those that are there.

    Attributes:
        right: Found, with an IoU of a half.
        found: Found at all.
        there: Annotated.
        errors: Difference of both numbers, of names with three things or more.
        numbers: How many there are of those.
    """

    right: int = 0
    found: int = 0
    there: int = 0
    errors: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def add(self, found: list[Mask], there: list[Mask]) -> None:
        """One name on one photograph; the surest of what is found first."""
        left = list(there)
        for mask in found:
            best = max(left, key=lambda other: masks.iou(mask, other), default=None)
            if best is not None and masks.iou(mask, best) >= _RIGHT:
                left = [other for other in left if other is not best]
        self.right += len(there) - len(left)
        self.found += len(found)
        self.there += len(there)
        if len(there) >= _SEVERAL:
            self.errors.append(abs(len(found) - len(there)))
            self.numbers.append(len(there))

    def __str__(self) -> str:
        """The figures as a line."""
        f1 = 2 * self.right / max(self.found + self.there, 1)
        return (
            f"instances: F1 {f1:.3f} ({self.right} right of {self.found} found, {self.there} "
            f"there); count error {np.mean(self.errors):.2f} of {np.mean(self.numbers):.1f} where "
            f"there are {_SEVERAL} or more ({len(self.errors)} names)"
        )


@dataclass
class Truth:
    """All things of one name on a photograph: together, and each."""

    thing: bool
    union: _Bitmap
    each: list[Mask] = field(default_factory=list)


def _coco_images(
    data: Path,
) -> Iterator[tuple[npt.NDArray[np.uint8], dict[str, Truth], list[str]]]:
    notes: dict[str, Any] = json.loads((data / "annotations.json").read_text())
    categories = {entry["id"]: entry for entry in notes["categories"]}
    things = sorted(
        {categories[n["category_id"]]["name"] for n in notes["annotations"]}
        & {entry["name"] for entry in notes["categories"] if entry["isthing"]}
    )
    random = np.random.default_rng(0)
    for entry in notes["images"]:
        image = read_image(data / "images" / entry["file_name"])
        size = {"width": entry["width"], "height": entry["height"]}
        truths: dict[str, Truth] = {}
        for note in notes["annotations"]:
            if note["image_id"] != entry["id"]:
                continue
            mask = decode_rle(note["segmentation"]["counts"], **size)
            if mask is None:
                continue
            category = categories[note["category_id"]]
            name = _plain(category["name"])
            blank = np.zeros(image.shape[:2], dtype=np.bool_)
            truth = truths.setdefault(name, Truth(bool(category["isthing"]), blank))
            truth.union = truth.union | to_bitmap(mask)
            if not note.get("iscrowd"):
                truth.each.append(mask)
        missing = [name for name in things if name not in truths]
        yield image, truths, [str(name) for name in random.choice(missing, 3, replace=False)]


def _plain(name: str) -> str:
    """COCO's stuff names as a user would say them: ``sky-other-merged`` is sky."""
    for ending in ("-merged", "-other", "-stuff"):
        name = name.removesuffix(ending)
    before, dash, after = name.partition("-")
    return f"{after} {before}" if dash else name


def _union(answer: Detections | None, shape: Iterable[int]) -> _Bitmap:
    union = np.zeros(tuple(shape), dtype=np.bool_)
    for instance in answer.instances if answer else ():
        union |= to_bitmap(instance.mask)
    return union


def _iou(found: _Bitmap, truth: _Bitmap) -> float:
    either = int(np.count_nonzero(found | truth))
    return int(np.count_nonzero(found & truth)) / either if either else 1.0


if __name__ == "__main__":
    main()
