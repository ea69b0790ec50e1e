"""The main job on sample clips: text in, tracked and smoothed outlines out, against exact truth.

    python -m benchmarks.sample_clips --first 1000 --count 20

Clips are made by ``sample_media.clips`` and written as files, then segmented as a user would. For
each: the mean IoU over frames of all outlines together with the truth, the number of tracks, and
how many of the frames the longest track covers; and one phrase for something that is not there.
Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import videoseg
from benchmarks.spread import mean_text
from sample_media import clips
from videoseg.errors import UnknownPhraseError
from videoseg.geometry.masks import to_bitmap
from videoseg.types import Scene

MIN_MEAN = 0.80
"""Bar: mean IoU over all clips."""
MIN_WORST = 0.60
"""Bar: IoU of the worst clip."""
MIN_REFUSED = 0.90
"""Bar: share of absent phrases that are not found."""


@dataclass(frozen=True)
class Measured:
    """One clip."""

    iou: float
    worst_frame: float
    tracks: int
    covered: float
    seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=20, help="number of clips")
    options = parser.parse_args()
    measured, refused = [], 0
    for seed in range(options.first, options.first + options.count):
        clip = clips.scene(seed)
        absent = clip.absent[seed % len(clip.absent)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mp4"
            clips.write(clip, path)
            one = measure(path, clip)
            seen = frames_with(path, absent)
        measured.append(one)
        refused += seen == 0
        print(
            f"{seed:5d} {clip.phrase:16s} IoU {one.iou:.3f} (worst frame {one.worst_frame:.3f}), "
            f"{one.tracks} tracks, longest on {one.covered:.0%} of frames, "
            f"{1000 * one.seconds:.0f} ms a frame; {absent!r} on {seen} frames",
            flush=True,
        )
    mean = float(np.mean([one.iou for one in measured]))
    worst = min(one.iou for one in measured)
    single = sum(one.tracks == 1 and one.covered == 1 for one in measured)
    told = mean_text([one.iou for one in measured])
    print(f"mean IoU {told} (bar {MIN_MEAN}), worst clip {worst:.3f} (bar {MIN_WORST})")
    print(f"one track from first to last frame: {single} of {len(measured)} clips")
    print(f"absent phrases not found: {refused} of {len(measured)}")
    sys.exit(
        0
        if mean >= MIN_MEAN and worst >= MIN_WORST and refused >= MIN_REFUSED * len(measured)
        else 1
    )


def measure(path: Path, clip: clips.Clip) -> Measured:
    """Segment one clip by its phrase and compare every frame with its truth."""
    ious: list[float] = []
    seen: Counter[int] = Counter()
    start = time.perf_counter()
    steps = videoseg.segment(path, clip.phrase)
    for (_, scene), (_, truth) in zip(steps, clips.frames(clip), strict=True):
        found = union(scene, truth.shape)
        ious.append(np.count_nonzero(found & truth) / np.count_nonzero(found | truth))
        seen.update(item.track_id for item in scene.instances)
    seconds = (time.perf_counter() - start) / len(ious)
    covered = max(seen.values(), default=0) / len(ious)
    return Measured(float(np.mean(ious)), min(ious), len(seen), covered, seconds)


def union(scene: Scene, shape: tuple[int, ...]) -> videoseg.types.Bitmap:
    """All outlines of a Scene as one bool (H, W) bitmap."""
    found = np.zeros(shape, dtype=np.bool_)
    for item in scene.instances:
        found |= to_bitmap(item.instance.mask)
    return found


def frames_with(path: Path, phrase: str) -> int:
    """On how many frames anything is found."""
    try:
        return sum(bool(scene.instances) for _, scene in videoseg.segment(path, phrase))
    except UnknownPhraseError:
        return 0


if __name__ == "__main__":
    main()
