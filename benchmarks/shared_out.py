"""One clip with one process and with several, side by side, with a model that only takes its time.

    python -m benchmarks.shared_out [--frames N] [--seconds S] [--jobs N] [--rounds N]

The model sleeps before each answer, so that what is measured is how well a clip is shared out and
not how many cores there are. Files must be the same to the byte. Exits with 1 where they are not.
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

from benchmarks.kill_resume import contents
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models


def main() -> int:
    """Measure and print; 1 where results differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=0.1, help="time for a frame")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ratios, same = [], True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install_models(folder)
        film = clip(frames=given.frames, width=96, height=64)
        for number in range(given.rounds):
            spent, made = [], []
            for jobs in (1, given.jobs):
                out = folder / f"out-{number}-{jobs}"
                spent.append(_seconds(folder, film, out, jobs, given.seconds))
                made.append(contents(out))
            ratios.append(spent[0] / spent[1])
            same &= made[0] == made[1]
            print(f"1: {spent[0]:.1f} s, {given.jobs}: {spent[1]:.1f} s, {ratios[-1]:.2f} times")
    middle = statistics.median(ratios)
    equal = "the same files" if same else "files that differ"
    print(f"median {middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {equal}")
    return 0 if same else 1


def _seconds(folder: Path, film: Path, out: Path, jobs: int, seconds: float) -> float:
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "videoseg", "segment", str(film), "red", "--model", "slow"]
    command += ["--set", f"models.slow.seconds={seconds}", "--write", "svg", "-q"]
    begun = time.perf_counter()
    subprocess.run(
        [*command, "--jobs", str(jobs), "-o", str(out)],
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
