"""How soon the first frame of a run is answered, where it is asked alone and where it is not.

    python -m benchmarks.first_answer CLIP PHRASE [--batch 4] [--frames 8] [--rounds 3]

The built-in model is asked one phrase, in both ways in turn, in one process; its networks are
loaded and the frames are decoded before. Prints the seconds until the first answer and until the
last, medians with the range.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from videoseg import registry
from videoseg.protocols import Segmenter
from videoseg.sources.video import VideoSource
from videoseg.stages.batched import Batched
from videoseg.types import Frame, Prompt


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("phrase")
    parser.add_argument("--batch", type=int, default=4, help="frames that are asked at once")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    source = VideoSource()
    source.open(str(given.clip))
    frames = list(source.frames(0, given.frames))
    source.close()
    model = registry.find("models", "embedded").make()
    prompts = (Prompt(given.phrase, text=given.phrase),)
    model.prepare(prompts)
    model.segment(frames[-1:], [prompts])  # not the first: a frame is not looked at twice in a row
    taken: dict[int | None, list[tuple[float, float]]] = {0: [], None: []}
    for _ in range(given.rounds):
        for alone, times in taken.items():
            times.append(answered(model, prompts, frames, given.batch, alone))
    model.close()
    for alone, times in taken.items():
        first, last = (_shown(each) for each in zip(*times, strict=True))
        print(f"{'alone' if alone == 0 else 'in its batch'}: first {first} s, last {last} s")


def answered(
    model: Segmenter,
    prompts: Sequence[Prompt],
    frames: Sequence[Frame],
    batch: int,
    alone: int | None,
) -> tuple[float, float]:
    """Seconds until the first answer and until the last."""
    begun = time.perf_counter()
    answers = Batched(model, prompts, batch, alone=alone).run(frames)
    next(answers)
    first = time.perf_counter() - begun
    for _ in answers:
        pass
    return first, time.perf_counter() - begun


def _shown(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
