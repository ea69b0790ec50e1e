"""Several clips one after another and two at once, side by side, and with too many threads.

python -m benchmarks.many CLIP... --text "the cat" --rounds 3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MANNERS = {
    "one after another": ("--jobs", "1"),
    "two at once": ("--jobs", "2"),
    "two at once, each with threads for all cores": (
        *("--jobs", "2"),
        *("--set", f"models.embedded.threads={os.cpu_count() or 1}"),
    ),
}


def main() -> None:
    """Measure and print seconds, and the ratio to the first manner in each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--text", required=True)
    parser.add_argument("--end", default="40f")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    spent: dict[str, list[float]] = {manner: [] for manner in MANNERS}
    for _ in range(given.rounds):
        for manner, flags in MANNERS.items():
            spent[manner].append(_seconds(given.clips, given.text, given.end, flags))
    first = spent[next(iter(MANNERS))]
    print(f"{len(given.clips)} clips, {given.rounds} rounds")
    for manner, seconds in spent.items():
        ratios = [each / base for each, base in zip(seconds, first, strict=True)]
        print(
            f"{manner:46} {statistics.median(seconds):6.1f} s, "
            f"{statistics.median(ratios):.2f} of the first "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


def _seconds(clips: list[Path], text: str, end: str, flags: tuple[str, ...]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with tempfile.TemporaryDirectory() as folder:
        out = ("-o", f"{folder}/{{index}}", "--end", end, "-q")
        command = [sys.executable, "-m", "videoseg", "segment", *map(str, clips), "--text", text]
        begun = time.perf_counter()
        subprocess.run([*command, *out, *flags], check=True, env=environment)
        return time.perf_counter() - begun


if __name__ == "__main__":
    main()
