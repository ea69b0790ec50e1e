"""Bytes that each memory of the open models holds while frames stream by, two objects followed.

    python -m benchmarks.held [NAME ...] [--lengths 30 300 3000]

Networks are tiny, of the real classes, with random weights. One object is marked at first, another
comes later, and one is corrected on the way. Exits with 1 where what is held grows by more than a
hundredth from the first of the lengths to the last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.memory_models import held
from tests.support.reference_memory import MEMORIES
from tests.support.reference_models import MARKED, frame, model
from tests.support.torch_models import save
from videoseg.types import Prompt

MOST_GROWTH = 0.01
"""Bar: largest share by which the bytes may grow."""
OTHER_FRAMES = 50
"""Frames after which the same ones come again."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *MEMORIES], help="default: all")
    parser.add_argument("--lengths", type=int, nargs="+", default=[30, 300, 3000])
    arguments = parser.parse_args()
    print(f"{'model':14}" + "".join(f"{length:>12}" for length in arguments.lengths))
    worst = 0.0
    for name in arguments.names or MEMORIES:
        found = measure(name, arguments.lengths)
        print(f"{name:14}" + "".join(f"{bytes_held:12,}" for bytes_held in found), flush=True)
        worst = max(worst, found[-1] / found[0] - 1)
    print(f"growth at most {worst:+.2%}")
    sys.exit(0 if worst <= MOST_GROWTH else 1)


def measure(name: str, lengths: Sequence[int]) -> list[int]:
    """Bytes that a model's memory holds after so many frames."""
    with tempfile.TemporaryDirectory() as folder:
        part: Any = model(name, save(MEMORIES[name](), Path(folder)))
        memory = part.video_segmenter()
        memory.start((Prompt("a", text="a"), Prompt("b", text="b")))
        found = []
        for index in range(max(lengths)):
            memory.step(frame(index % OTHER_FRAMES), MARKED.get(index))
            if index + 1 in lengths:
                found.append(held(memory))
        return found


if __name__ == "__main__":
    main()
