"""How fast films of mattes are written at 1080p, beside an encoder alone that is handed the same.

usage: python -m benchmarks.video_mattes [--frames 24] [--objects 3]

The objects are those of ``matte_writers``, cut out of a photograph together, which comes as a
decoder gives it (yuv420p, 8 bits). The encoder alone is PyAV's with the same options and threads,
on pictures that are ready. Milliseconds are of CPU, so that other work on the machine does not
count.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.matte_writers import HEIGHT, INFO, WIDTH, photograph, step
from benchmarks.writing import written
from videoseg.geometry.alphas import alpha_of
from videoseg.system.threads import opencv_unthreaded
from videoseg.system.workers import core_count
from videoseg.types import Frame, Scene
from videoseg.writers._matte_films.writer import MatteFilms
from videoseg.writers.ffv1 import Ffv1
from videoseg.writers.png_mov import PngMov
from videoseg.writers.prores4444 import Prores4444
from videoseg.writers.qtrle import Qtrle
from videoseg.writers.vp9_alpha import Vp9Alpha


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--objects", type=int, default=3)
    given = parser.parse_args()
    native = av.VideoFrame.from_ndarray(photograph(), "rgb24").reformat(format="yuv420p")
    image = np.asarray(native.to_ndarray(format="rgb24"), np.uint8)
    steps = []
    for index in range(given.frames):
        scene, frame = step(index, given.objects, image)
        steps.append((scene, replace(frame, native=native)))
    cores = core_count()
    print(f"{given.objects} objects, {WIDTH} x {HEIGHT}, {cores} threads")
    with opencv_unthreaded():
        for kind in (Prores4444, Ffv1, Vp9Alpha, Qtrle, PngMov):
            for content in ("cutout", "matte"):
                maker = kind(content=content, threads=cores)
                alone = encoded(maker, steps)
                worked, rate, size = written(maker, {"clip": INFO}, steps)
                print(
                    f"{kind.top + ', ' + content:20} encoder alone {alone:5.0f} ms a frame, writer "
                    f"{worked:5.0f} ms; {rate:5.1f} frames a second; {size:.2f} MB a frame"
                )


def encoded(maker: MatteFilms, steps: Sequence[tuple[Scene, Frame]]) -> float:
    """Milliseconds of CPU that the encoder alone takes for a frame."""
    pictures = maker.pictures(INFO, steps[0][1])
    plate = pictures.plate(steps[0][1])
    ready = [
        pictures.picture(plate, [alpha_of(each) for each in scene.instances]) for scene, _ in steps
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / f"a{maker.suffix}")
        with av.open(path, "w", format=maker.container) as sink:
            stream: Any = sink.add_stream(
                maker.encoder, rate=INFO.frame_rate, options=dict(maker.options(INFO))
            )
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pictures.samples
            stream.codec_context.thread_count = maker.threads
            begun = time.process_time()
            for index, picture in enumerate(ready):
                picture.pts, picture.time_base = index, Fraction(1, 25)
                sink.mux(stream.encode(picture))
            sink.mux(stream.encode(None))
            return 1000 * (time.process_time() - begun) / len(steps)


if __name__ == "__main__":
    main()
