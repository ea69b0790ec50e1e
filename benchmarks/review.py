"""How often the review list is right: alarms on good tracks, and the share of known losses found.

    python -m benchmarks.review DATA [--model embedded] [--times 4]

``DATA`` holds ``<sequence>/frames/*.jpg`` and ``<sequence>/masks/*.png`` (more than half of 255 =
object). Alarms are counted on the true masks, and with ``--model`` on what a model carries from
the true box of the first frame. Losses are made of the true masks, each from some frame on, at
places drawn with a fixed seed; one counts as found if it is listed within eight frames.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from videoseg import registry
from videoseg.config.run_settings import RunSettings
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.runlog.findings import Finding
from videoseg.runlog.review import Limits, Reviewer
from videoseg.stages.propagated import Propagated
from videoseg.types import (
    Bitmap,
    Box,
    Cue,
    Frame,
    Instance,
    Mask,
    Prompt,
    Scene,
    Shape,
    TrackedInstance,
)

RATE = 24
WITHIN = 8
"""A loss must be listed within so many frames."""
Seen = Sequence[tuple[Mask | None, float]]
"""For each frame the object's mask and score."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="also look at what this model carries")
    parser.add_argument("--times", type=int, default=4, help="losses of a kind for each sequence")
    arguments = parser.parse_args()
    folders = sorted(path for path in arguments.data.iterdir() if (path / "masks").is_dir())
    truth = {folder.name: _truth(folder) for folder in folders}
    frames = sum(map(len, truth.values()))
    spent = time.process_time()
    alarms = {name: review([(mask, 1.0) for mask in seen]) for name, seen in truth.items()}
    spent = (time.process_time() - spent) / frames
    _say_alarms("true masks", alarms, frames)
    print(f"{1000 * spent:.3f} ms a frame of one object")
    if arguments.model:
        carried = {folder.name: review(carry(folder, arguments.model)) for folder in folders}
        _say_alarms(f"carried by {arguments.model}", carried, frames)
    chance = random.Random(1)  # noqa: S311 - places, no secrets
    for kind, damage in LOSSES.items():
        found = made = 0
        for seen in truth.values():
            for _ in range(arguments.times):
                at = chance.randrange(WITHIN, len(seen) - WITHIN)
                listed = review([(mask, 1.0) for mask in lost(seen, damage, at)])
                found += any(at <= (each.frame or 0) <= at + WITHIN for each in listed)
                made += 1
        print(f"{kind:22} {found} of {made} found")


def review(seen: Seen) -> list[Finding]:
    """What is listed of one track, with the default settings."""
    run = RunSettings()
    limits = Limits(run.review_gap, run.review_shrink, run.review_jump, run.review_score)
    reviewer = Reviewer((Prompt("object", "object"),), limits)
    for index, (mask, score) in enumerate(seen):
        instances: tuple[TrackedInstance, ...] = ()
        if mask is not None:
            instances = (TrackedInstance(1, Instance(mask, score, 0), Shape(()), "object"),)
        reviewer.add(Scene("a", index, index, Fraction(1, RATE), instances=instances))
    return reviewer.finish()


def carry(folder: Path, model: str) -> Seen:
    """What a model finds from the true box of the first frame on."""
    first = _truth(folder)[0]
    assert first is not None
    x1, y1, x2, y2 = map(float, masks.bounding_box(first))
    prompts = (Prompt("object", cues=(Cue(frame=0, boxes=((x1, y1, x2, y2, True),)),)),)
    part = registry.find("models", model).make()
    part.prepare(prompts)
    pictures = sorted((folder / "frames").glob("*.jpg"))
    frames = (
        Frame(folder.name, index, index, Fraction(1, RATE), read_image(path))
        for index, path in enumerate(pictures)
    )
    seen: list[tuple[Mask | None, float]] = []
    for _, answer in Propagated(part, prompts).run(frames):
        found = answer.instances[:1]
        seen.append((found[0].mask, found[0].score) if found else (None, 0.0))
    part.close()
    return seen


def lost(
    seen: Sequence[Mask | None], damage: Callable[[Bitmap, Box], Bitmap], at: int
) -> Iterator[Mask | None]:
    """True masks that are damaged from a frame on."""
    for index, mask in enumerate(seen):
        if mask is None or index < at:
            yield mask
        else:
            whole = masks.to_bitmap(mask)
            yield masks.from_bitmap(damage(whole, masks.bounding_box(mask)))


def _kept(share: float) -> Callable[[Bitmap, Box], Bitmap]:
    def damage(whole: Bitmap, box: Box) -> Bitmap:
        whole[box[1] + round(share * (box[3] - box[1])) :] = False
        return whole

    return damage


def _gone(whole: Bitmap, box: Box) -> Bitmap:
    del box
    return np.zeros_like(whole)


def _elsewhere(whole: Bitmap, box: Box) -> Bitmap:
    """The same shape 1.5 times its size further on, towards the frame's middle."""
    by = int(1.5 * np.sqrt(whole.sum()))
    if box[0] + box[2] > whole.shape[1]:
        return np.pad(whole, ((0, 0), (0, by)))[:, by:]
    return np.pad(whole, ((0, 0), (by, 0)))[:, :-by]


def _leaking(whole: Bitmap, box: Box) -> Bitmap:
    """Grown on all sides by 0.4 of its size."""
    del box
    by = int(0.4 * np.sqrt(whole.sum()))
    return cv2.dilate(whole.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)) > 0


LOSSES: dict[str, Callable[[Bitmap, Box], Bitmap]] = {
    "upper half left": _kept(0.5),
    "upper third left": _kept(1 / 3),
    "gone": _gone,
    "on something else": _elsewhere,
    "leaking": _leaking,
}


def _truth(folder: Path) -> list[Mask | None]:
    paths = sorted((folder / "masks").glob("*.png"))
    return [masks.from_bitmap(np.asarray(read_labels(path) > 127)) for path in paths]


def _say_alarms(what: str, found: dict[str, list[Finding]], frames: int) -> None:
    count = sum(map(len, found.values()))
    print(f"{what}: {count} alarms on {frames} frames, {100 * count / frames:.2f} in 100")
    for name, listed in found.items():
        for each in listed:
            print(f"  {name}: {each}")


if __name__ == "__main__":
    main()
