"""What reading a LeRobot data set costs beside bare decoding of the same files.

    python benchmarks/lerobot.py DATA_SET [--rounds N]

For each camera frames a second, the median of the rounds, which take turns in one process: with
PyAV or OpenCV alone, through the source, and the share of the one that is left of the other. The
last line reads the last episode alone, as episodes are picked in practice.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from videoseg.formats.lerobot import DataSet
from videoseg.sources.lerobot import LeRobotSource
from videoseg.system.addresses import for_ffmpeg


def bare(data: DataSet, camera: str) -> Iterator[Any]:
    """Every picture of a camera as RGB, without a look at rows or times."""
    streams = list(data.streams([camera], data.episodes))
    if not data.info.is_video(camera):
        for stream in streams:
            for _, content in data.pictures(stream, range(stream.episode.length)):
                if content is not None:
                    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
                    assert image is not None
                    yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return
    for path in dict.fromkeys(map(data.file_of, streams)):
        with av.open(for_ffmpeg(path)) as container:
            container.streams.video[0].thread_type = "AUTO"
            reformatter = VideoReformatter()
            for frame in container.decode(video=0):
                yield reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()


def ours(folder: Path, **settings: str) -> Iterator[Any]:
    """The same through the source, opening it included."""
    source = LeRobotSource(**settings)  # type: ignore[arg-type]
    source.open(str(folder))
    yield from source.frames()
    source.close()


def rate(make: Callable[[], Iterator[Any]]) -> tuple[float, int]:
    """Frames a second, and their number."""
    begun = time.perf_counter()
    count = sum(1 for _ in make())
    return count / (time.perf_counter() - begun), count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_set", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    data = DataSet.at(given.data_set)
    last = str(data.episodes[-1].index)
    for camera in data.info.cameras:
        plain, through = [], []
        for _ in range(given.rounds):
            plain.append(rate(functools.partial(bare, data, camera)))
            through.append(rate(functools.partial(ours, given.data_set, cameras=camera)))
        one, other = (statistics.median(each for each, _ in took) for took in (plain, through))
        print(
            f"{camera}: {plain[0][1]} frames bare {one:.0f} a second, {through[0][1]} through the "
            f"source {other:.0f} a second, {other / one:.2f}"
        )
        alone, count = rate(functools.partial(ours, given.data_set, cameras=camera, episodes=last))
        print(f"{camera}, episode {last} alone: {count} frames, {alone:.0f} a second")


if __name__ == "__main__":
    main()
