"""Memory of a run by its length: ten objects, every output, clips of 300, 3,000 and 30,000 frames.

    python -m benchmarks.memory [--lengths 300 3000 30000] [--objects 10] [--size 320x180]

Each length is a process of its own, over a clip made for it, with a model whose answers are ready:
what is measured is everything else. What is seen repeats every 300 frames, so that nothing but the
length differs. Peak resident memory of each, and of the longest over the
shortest. Exits with 1 where that is over the bar.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np

from videoseg import Job, Prompt, load_config, registry
from videoseg.geometry import masks
from videoseg.system.addresses import for_ffmpeg
from videoseg.types import Detections, Frame, Instance, ModelCard

BAR = 1.05
RATE = 25
PERIOD = 300


@dataclass
class Discs:
    """A model that finds discs on their ways, one a prompt; each is away at times."""

    card: ClassVar[ModelCard] = ModelCard(
        "discs", "finds discs", frozenset({"text"}), True, "Apache-2.0", 0.0
    )

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to do."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """The discs of these frames."""
        return [
            Detections(frame.stream, frame.index, _discs(frame, len(asked)))
            for frame, asked in zip(frames, prompts, strict=True)
        ]

    def close(self) -> None:
        """Nothing to do."""


def _discs(frame: Frame, count: int) -> tuple[Instance, ...]:
    found = []
    for number in range(count):
        if (frame.index // 10 + number) % 6 == 0:
            continue
        canvas = np.zeros(frame.image.shape[:2], dtype=np.uint8)
        turn = 2 * np.pi * frame.index / PERIOD
        x = frame.width * (0.5 + 0.4 * np.sin(2 * turn + number))
        y = frame.height * (0.5 + 0.4 * np.sin(3 * turn + 2 * number))
        cv2.circle(canvas, (int(x), int(y)), frame.height // 12, 1, -1)
        mask = masks.from_bitmap(canvas.astype(np.bool_))
        if mask is not None:
            found.append(Instance(mask, 0.9, number))
    return tuple(found)


def make_clip(path: Path, frames: int, width: int, height: int) -> None:
    """A clip with motion and cuts."""
    rng = np.random.default_rng(0)
    grounds = [
        cv2.resize(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8), (width + 64, height))
        for _ in range(2)
    ]
    with av.open(for_ffmpeg(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for index in range(frames):
            left = index % 60
            moved = grounds[index // 75 % 2][:, left : left + width]
            image = np.ascontiguousarray(moved, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def measure(clip: Path, out: Path, objects: int, write: Sequence[str]) -> dict[str, float]:
    """Run once, in this process, with these outputs or all there are."""
    real = registry._built_in
    registry._built_in = lambda kind: {  # type: ignore[assignment]
        **real(kind),
        **({"discs": Discs} if kind == "models" else {}),
    }
    outputs = [name for name in registry.names("writers") if name != "overlay-png"]
    outputs += registry.names("exporters")
    prompts = [Prompt(f"disc {number}", f"disc {number}") for number in range(objects)]
    flags: dict[str, Any] = {"model": "discs", "write": tuple(write or outputs)}
    start = time.perf_counter()
    with Job(clip, prompts, load_config(flags=flags)) as job:
        summary = job.run(out)
    took = time.perf_counter() - start
    if sys.platform == "win32":
        raise NotImplementedError("memory is measured on POSIX systems")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"frames": summary.frames, "peak": peak, "fps": summary.frames / took}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[300, 3000, 30000])
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--size", default="320x180", help="of the clip, pixels")
    parser.add_argument("--write", nargs="*", default=[], help="outputs, if not all")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        clip, out = given.one
        print(json.dumps(measure(clip, out, given.objects, given.write)))
        return
    width, height = map(int, given.size.split("x"))
    peaks = []
    for frames in given.lengths:
        with tempfile.TemporaryDirectory() as folder:
            clip, out = Path(folder, "clip.mp4"), Path(folder, "out")
            make_clip(clip, frames, width, height)
            command = [sys.executable, "-m", "benchmarks.memory", "--objects", str(given.objects)]
            command += ["--one", str(clip), str(out), "--write", *given.write]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            found = json.loads(done.stdout)
        peaks.append(found["peak"])
        print(f"{found['frames']:6} frames: {found['peak']:.1f} MiB, {found['fps']:.1f} fps")
    ratio = peaks[-1] / peaks[0]
    print(f"longest over shortest: {ratio:.3f} (at most {BAR})")
    sys.exit(0 if ratio <= BAR else 1)


if __name__ == "__main__":
    main()
