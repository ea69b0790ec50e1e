"""Phrases on video as a run gives them: how steadily what is there is shown, how well, how fast.

    python -m benchmarks.text_on_video DATA/davis [--most 24] [--sequences dog ...]
        [--set models.embedded.redetect=5 ...] [--set ...]
    python -m benchmarks.text_on_video --clip DATA/videos/dog.mp4 "dog" "ball" [--most 48]

Each ``--set`` is one more way, measured beside the settings as they are. Of a sequence with true
masks: J of all that is shown together, the share of frames with the object on which a tenth of it
or more is shown (presence), and how often it goes out. Of a clip without them: the share of frames
on which anything is shown, and how often it goes out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from benchmarks.davis import jaccard
from videoseg.config.run_config import load
from videoseg.evaluate.readers import read_labels
from videoseg.geometry.masks import to_bitmap
from videoseg.jobs.job import Job
from videoseg.types import Bitmap, Frame, Scene

_SHOWN = 0.1
"""Share of the true object that must be shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one phrase on one clip comes to.

    Attributes:
        j: Mean J over all frames, or None without true masks.
        present: Share of the frames with the object on which it is shown.
        gone: How often it is shown on one of those frames and not on the next.
        tracks: Number of identities.
        milliseconds: CPU time of a frame.
    """

    j: float | None
    present: float
    gone: int
    tracks: int
    milliseconds: float

    def __str__(self) -> str:
        quality = "" if self.j is None else f"J {self.j:.3f}, "
        return (
            f"{quality}present {self.present:.3f}, gone out {self.gone}, {self.tracks} tracks, "
            f"{self.milliseconds:.0f} ms"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder of sequences with prompts.json")
    parser.add_argument("phrases", nargs="*", help="with --clip: what is asked")
    parser.add_argument("--clip", type=Path, help="a video without true masks")
    parser.add_argument("--sequences", nargs="+", help="default: all below DATA")
    parser.add_argument("--most", type=int, default=24, help="frames of a sequence at most")
    parser.add_argument("--set", action="append", default=[], help="settings of one more way")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    ways = ["", *given.set]
    rows: dict[str, list[Row]] = {way: [] for way in ways}
    for name, location, phrase, truths in _questions(given):
        for way in ways:
            rows[way].append(measure(location, phrase, way.split(), given.most, truths))
            print(f"{name:18} {phrase:20} {way or 'as it is':32} {rows[way][-1]}", flush=True)
    for way, every in rows.items():
        print(f"{way or 'as it is':32} {_mean(every)}; n = {len(every)}")


def measure(
    location: Path, phrase: str, settings: Sequence[str], most: int, truths: list[Bitmap]
) -> Row:
    """One phrase on the first frames of one clip; ``truths`` may be empty."""
    assignments = ["models.embedded.threads=1", *settings]
    config = load(flags={"end": f"{most}f"}, assignments=assignments)
    started = time.process_time()
    with Job(location, phrase, config) as job:
        shown = [_union(step.frame, step.scene) for step in job.steps()]
    spent = 1000 * (time.process_time() - started) / len(shown)
    tracks = len({track for _, ids in shown for track in ids})
    unions = [bitmap for bitmap, _ in shown]
    if not truths:
        seen = [bool(bitmap.any()) for bitmap in unions]
        return Row(None, float(np.mean(seen)), _gone(seen), tracks, spent)
    scores, seen = [], []
    for bitmap, truth in zip(unions, truths, strict=False):
        scores.append(jaccard(bitmap, truth))
        if truth.any():
            seen.append(bool((bitmap & truth).sum() >= _SHOWN * truth.sum()))
    return Row(float(np.mean(scores)), float(np.mean(seen)), _gone(seen), tracks, spent)


def _questions(given: argparse.Namespace) -> Iterator[tuple[str, Path, str, list[Bitmap]]]:
    if given.clip is not None:
        asked = [str(given.data), *given.phrases] if given.data else given.phrases
        for phrase in asked:
            yield given.clip.stem, given.clip, phrase, []
        return
    for name, phrase in json.loads((given.data / "prompts.json").read_text()).items():
        if not given.sequences or name in given.sequences:
            folder = given.data / name
            paths = sorted((folder / "masks").glob("*.png"))[: given.most]
            yield name, folder / "frames", phrase, [read_labels(path) > 127 for path in paths]


def _union(frame: Frame, scene: Scene) -> tuple[Bitmap, frozenset[int]]:
    union = np.zeros(frame.image.shape[:2], dtype=np.bool_)
    drawn = [item for item in scene.instances if item.state != "held"]
    for item in drawn:
        union |= to_bitmap(item.instance.mask)
    return union, frozenset(item.track_id for item in drawn)


def _gone(seen: Sequence[bool]) -> int:
    return sum(before and not after for before, after in pairwise(seen))


def _mean(rows: Sequence[Row]) -> Row:
    qualities = [row.j for row in rows if row.j is not None]
    return Row(
        float(np.mean(qualities)) if qualities else None,
        float(np.mean([row.present for row in rows])),
        sum(row.gone for row in rows),
        sum(row.tracks for row in rows),
        float(np.mean([row.milliseconds for row in rows])),
    )


if __name__ == "__main__":
    main()
