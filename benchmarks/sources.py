"""What reading video costs: beside bare PyAV, by kind of threads, and with decord.

    python benchmarks/sources.py CLIP_OR_FOLDER [--rounds N] [--long SECONDS]

Everything is timed in turn, in one process, and told as the median of the rounds in milliseconds
per frame: on the wall, and of CPU. The second table reads a long film made of the first clip, its
packets repeated: all of it, its end alone, and few frames far apart, and ends with how much faster
decord is at each. It is left out where decord is not installed.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import VideoReformatter

from videoseg.protocols import FrameSource
from videoseg.sources.decord import DecordSource
from videoseg.sources.video import VideoSource
from videoseg.system.addresses import for_ffmpeg

CLIPS = (".mp4", ".mov", ".mkv", ".webm")
THREADS = ("AUTO", "SLICE", "NONE")
SPARSE = (10, 100, 1000)


def bare(clip: Path, threads: str) -> Iterator[Any]:
    """Decode and convert to RGB with PyAV alone."""
    with av.open(for_ffmpeg(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = threads
        reformatter = VideoReformatter()
        for frame in container.decode(stream):
            yield reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()


def ours(clip: Path) -> Iterator[Any]:
    """The same through a source, opening it included."""
    yield from read(VideoSource(), clip)


def read(source: FrameSource, clip: Path, start: int = 0) -> Iterator[Any]:
    """Frames of a source that is opened for them."""
    source.open(str(clip))
    yield from source.frames(start)
    source.close()


def timed(make: Callable[[], Iterable[Any]]) -> tuple[float, float, int]:
    """Seconds on the wall, seconds of CPU, and number of frames."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in make())
    return time.perf_counter() - wall, time.process_time() - cpu, count


def table(
    rows: dict[str, Callable[[], Iterable[Any]]], rounds: int, *, each: bool
) -> dict[str, tuple[float, float]]:
    """Time every row in turn and print medians, per frame or for all frames together.

    Returns:
        Medians on the wall and of CPU, by row.
    """
    times: dict[str, list[tuple[float, float, int]]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, make in rows.items():
            times[name].append(timed(make))
    medians: dict[str, tuple[float, float]] = {}
    for name, found in times.items():
        count = found[0][2]
        share = count if each else 1
        wall, cpu = (1000 / share * statistics.median(run[i] for run in found) for i in (0, 1))
        unit = "ms/frame" if each else "ms"
        print(f"  {name:34} {count:6} frames {wall:9.2f} {unit} {cpu:9.2f} {unit} CPU")
        medians[name] = wall, cpu
    return medians


def lengthened(clip: Path, folder: Path, seconds: int) -> Path:
    """A film of at least this length: the clip's packets again and again, not encoded anew."""
    path = folder / "long.mp4"
    with av.open(for_ffmpeg(path), "w") as sink:
        target: Any = None
        shift = Fraction(0)
        while shift < seconds:
            with av.open(for_ffmpeg(clip)) as source:
                stream = source.streams.video[0]
                target = target or sink.add_stream_from_template(stream)
                base = Fraction(stream.time_base or 1)
                offset, end = round(shift / base), 0
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = target
                    sink.mux(packet)
                shift += end * base
    return path


def sparse(clip: Path, rounds: int) -> None:
    """Where random access pays."""
    plain = VideoSource()
    (info,) = plain.open(str(clip)).values()
    plain.close()
    last = (info.frame_count or 0) - 10
    rows: dict[str, Callable[[], Iterable[Any]]] = {}
    ways = ("all", "the last 10", *(f"every {step}th" for step in SPARSE))
    for name, kind in (("video", VideoSource), ("decord", DecordSource)):
        rows[f"{name}: {ways[0]}"] = functools.partial(read, kind(), clip)
        rows[f"{name}: {ways[1]}"] = functools.partial(read, kind(), clip, last)
        for way, step in zip(ways[2:], SPARSE, strict=True):
            rows[f"{name}: {way}"] = functools.partial(read, kind(every=step), clip)
    spent = table(rows, rounds, each=False)
    print("  decord's speed beside video's, on the wall and of CPU; above 1 it pays:")
    for way in ways:
        (wall, cpu), (other_wall, other_cpu) = spent[f"video: {way}"], spent[f"decord: {way}"]
        print(f"    {way:16} {wall / other_wall:6.2f} {cpu / other_cpu:6.2f}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, help="a clip, or a folder of clips")
    parser.add_argument("--rounds", type=int, default=3, help="times that everything is timed")
    parser.add_argument("--long", type=int, default=60, help="seconds of the long film")
    given = parser.parse_args()
    folder = given.clips.is_dir()
    clips = (
        sorted(p for p in given.clips.iterdir() if p.suffix in CLIPS) if folder else [given.clips]
    )
    for clip in clips:
        print(clip.name)
        rows: dict[str, Callable[[], Iterable[Any]]] = {
            f"bare, {threads}": functools.partial(bare, clip, threads) for threads in THREADS
        }
        table({**rows, "source": functools.partial(ours, clip)}, given.rounds, each=True)
    if importlib.util.find_spec("decord") is None:
        print("decord is not installed: pip install 'videoseg[decord]' to compare it")
        return
    with tempfile.TemporaryDirectory() as place:
        print(f"{clips[0].name}, {given.long} s of it")
        sparse(lengthened(clips[0], Path(place), given.long), given.rounds)


if __name__ == "__main__":
    main()
