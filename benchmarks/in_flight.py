"""How near to the ideal a run comes when a service takes its time.

    python benchmarks/in_flight.py [--frames N] [--latency SECONDS] [--at-once N] [--rounds N]

A server on this machine speaks Moondream's protocol and waits before each answer. Frames go through
``stages/concurrent.py``: with one call each, and with two, one that detects and one that outlines.
Ideal is the number of calls times the latency, over the calls at once. The work for a call is part
of what is timed, and told beside. Exits with 1 where a chain is more than 15 % slower than ideal.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np

from tests.support import hosted_servers as servers
from videoseg.models.moondream import Moondream
from videoseg.stages.concurrent import Concurrent, most_ahead
from videoseg.types import Frame, Prompt

BAR = 1.15
WIDTH = 1280
"""Of the frames, pixels."""
HEIGHT = 720
"""Of the frames, pixels."""
CHAINS = {"one call a frame": ("one", 1), "detect, then outline": ("detect", 2)}


def frames(count: int) -> list[Frame]:
    """Frames with noise, so that JPEG has something to do, and a red thing that moves."""
    noise = np.random.default_rng(0).integers(60, 120, (HEIGHT, WIDTH, 1), dtype=np.uint8)
    made = []
    for index in range(count):
        image = np.repeat(noise, 3, axis=2)
        image[200:400, 100 + 3 * index : 300 + 3 * index] = (230, 30, 30)
        made.append(Frame("cam", index, index, Fraction(1, 25), image))
    return made


def run(url: str, several: str, given: list[Frame], at_once: int) -> tuple[float, float, int]:
    """Seconds on the wall, seconds of CPU here, and frames with exactly one thing found."""
    model = Moondream(url=url, several=several, concurrency=at_once, cache="off")  # type: ignore[arg-type]
    prompts = (Prompt("red", text="red thing"),)
    model.prepare(prompts)
    wall, cpu = time.perf_counter(), time.process_time()
    answers = [answer for _, answer in Concurrent(model, prompts, most_ahead(at_once)).run(given)]
    spent = time.perf_counter() - wall, time.process_time() - cpu
    model.close()
    assert [answer.index for answer in answers] == [frame.index for frame in given]
    return *spent, sum(len(answer.instances) == 1 for answer in answers)


def serve(latency: float) -> None:
    """The server, in a process of its own: print its address, and stay until stdin ends."""
    with servers.serving(canned(), latency=latency) as server:
        print(server.url, flush=True)
        sys.stdin.read()


def canned() -> servers.Speak:
    """The service with its answers ready, so that it takes no CPU from what is measured."""
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[200:400, 100:300] = True
    outline = servers.encoded_path(bitmap)
    ready = {
        "segment": servers.answer(outline),
        "detect": servers.answer({"objects": [outline["bbox"]]}),
    }
    return lambda request: ready[request.path.rpartition("/")[2]]


def main() -> int:
    """Measure and print; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.latency)
        return 0
    given = frames(options.frames)
    command = [sys.executable, "-m", "benchmarks.in_flight", "--serve"]
    command += ["--latency", str(options.latency)]
    missed = False
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        for name, (several, calls) in CHAINS.items():
            ideal = options.frames * calls * options.latency / options.at_once
            rounds = [run(url, several, given, options.at_once) for _ in range(options.rounds)]
            ratios = sorted(wall / ideal for wall, _, _ in rounds)
            cpu = statistics.median(spent for _, spent, _ in rounds)
            assert all(found == options.frames for _, _, found in rounds)
            middle = statistics.median(ratios)
            print(
                f"{name}: {middle * ideal:.2f} s, ideal {ideal:.2f} s, ratio {middle:.3f} "
                f"({ratios[0]:.3f} to {ratios[-1]:.3f}); CPU here {cpu:.2f} s"
            )
            missed |= middle > BAR
        server.communicate("")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
