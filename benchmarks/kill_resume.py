"""Kills runs at random points and resumes them: the result must be that of an unbroken run.

    python -m benchmarks.kill_resume CLIP [--times 50] [--seed 1] [ARGUMENTS OF SEGMENT]

The run is killed (SIGKILL) after a random part of the time that an unbroken one takes, then resumed
with ``--resume``; every second one is killed a second time while it is being resumed. Files must be
the same to the byte (the overlay when decoded). Answers of the model that were logged before a kill
must stand at the head of the resumed log as they were: no frame was asked again. Exits with 1 where
one run of them differs.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "videoseg")
DEFAULT = ("the cat",)
STAGED_ANSWERS = Path(".videoseg-part", "notes", "detections.jsonl")
ANSWERS = Path("run", "detections.jsonl")


@dataclass(frozen=True)
class Outcome:
    """What became of one run that was killed.

    Attributes:
        after: Seconds after which it was killed, each time.
        answered: Answers that were logged when it was killed last.
        differs: Names of files that are not those of the unbroken run.
        again: Whether an answer that was logged before was not taken over as it was.
    """

    after: tuple[float, ...]
    answered: int
    differs: tuple[str, ...]
    again: bool

    @property
    def good(self) -> bool:
        """Whether nothing tells the run from an unbroken one."""
        return not self.differs and not self.again


def trials(
    command: Sequence[str], folder: Path, times: int, seed: int, program: Sequence[str] = PROGRAM
) -> Iterator[Outcome]:
    """Run once unbroken, and then killed and resumed, several times.

    Args:
        command: Arguments of ``segment`` but for the output folder.
        folder: An empty folder to work in.
        times: How many runs are killed.
        seed: Of the points in time.
        program: How videoseg is started.
    """
    whole = folder / "whole"
    start = time.perf_counter()
    subprocess.run([*program, "segment", *command, "-q", "-o", str(whole)], check=True)
    took = time.perf_counter() - start
    expected = contents(whole)
    chance = random.Random(seed)  # noqa: S311
    for number in range(times):
        out = folder / f"killed-{number}"
        arguments = [*program, "segment", *command, "-q", "--resume", "-o", str(out)]
        kills = 1 + number % 2
        after = tuple(chance.uniform(0.02, 1) * took for _ in range(kills))
        kept = [_killed(arguments, out, seconds) for seconds in after]
        subprocess.run(arguments, check=True)
        made, final = contents(out), (out / ANSWERS).read_bytes()
        names = sorted({*made, *expected})
        differs = tuple(name for name in names if made.get(name) != expected.get(name))
        # What stood in the log may be given up by the one answer whose state was not kept.
        again = any(not final.startswith(b"".join(lines[:-1])) for lines in kept)
        answered = max(0, len(kept[-1]) - 1)
        yield Outcome(after, answered, differs, again)
        shutil.rmtree(out)


def _killed(arguments: Sequence[str], out: Path, seconds: float) -> list[bytes]:
    """Start, kill, and give the whole lines of the answers that were logged."""
    process = subprocess.Popen(arguments)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    for path in (out / STAGED_ANSWERS, out / ANSWERS):
        if path.exists():
            return [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]
    return []


def contents(folder: Path) -> dict[str, str]:
    """Digests of all that a run has made, by name; a video's pictures, times and packets of sound.

    What says how long things took, or where they were, is left out.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "run.json":
            found[name] = _decoded(path) if path.suffix == ".mp4" else _digest(path.read_bytes())
    return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _decoded(path: Path) -> str:
    import av

    whole = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type != "video":
                whole.update(f"{packet.pts}".encode() + bytes(packet))
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                whole.update(f"{frame.pts}".encode() + frame.to_ndarray(format="rgb24").tobytes())
    return whole.hexdigest()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, help="a video")
    parser.add_argument("--times", type=int, default=50, help="runs that are killed")
    parser.add_argument("--seed", type=int, default=1, help="of the points in time")
    given, rest = parser.parse_known_args()
    good = 0
    with tempfile.TemporaryDirectory() as folder:
        command = [str(given.clip), *(rest or DEFAULT)]
        outcomes = trials(command, Path(folder), given.times, given.seed)
        for number, outcome in zip(itertools.count(1), outcomes, strict=False):
            good += outcome.good
            moments = " and ".join(f"{seconds:.2f} s" for seconds in outcome.after)
            state = "same" if outcome.good else f"differs: {outcome.differs} {outcome.again = }"
            print(f"{number:3}  killed after {moments}, {outcome.answered} answers: {state}")
    print(f"{good} of {given.times} resumed to the same")
    sys.exit(0 if good == given.times else 1)


if __name__ == "__main__":
    main()
