"""Makes a whole picture of every field of interlaced video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

FIELDS = 2
"""Pictures that come of one frame, and how much finer their time base is."""


def bob(
    frames: Iterable[tuple[VideoFrame, int]], time_base: Fraction, *, only_flagged: bool
) -> Iterator[tuple[VideoFrame, int]]:
    """Yield two pictures for each frame, by FFmpeg's ``bwdif`` (after BBC R&D's w3fdif and yadif).

    Args:
        frames: Frames with their times.
        time_base: Seconds per unit of those times; the times yielded count units of half of it.
        only_flagged: Leave frames that are not marked as interlaced as they are.
    """
    graph: Graph | None = None
    shape: tuple[int, int, str] | None = None
    for frame, pts in frames:
        if shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph)
            graph = _graph(frame, time_base, only_flagged=only_flagged)
            shape = (frame.width, frame.height, frame.format.name)
        assert graph is not None  # noqa: S101 (the shape was unknown before)
        frame.pts, frame.time_base = pts, time_base
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph is not None:
        yield from _drained(graph)


def _graph(frame: VideoFrame, time_base: Fraction, *, only_flagged: bool) -> Graph:
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    entry = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    which = "interlaced" if only_flagged else "all"
    bwdif = graph.add("bwdif", f"mode=send_field:parity=auto:deint={which}")
    graph.link_nodes(entry, bwdif, graph.add("buffersink")).configure()
    return graph


def _drained(graph: Graph) -> Iterator[tuple[VideoFrame, int]]:
    graph.vpush(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[tuple[VideoFrame, int]]:
    while True:
        try:
            picture = graph.vpull()
        except (BlockingIOError, EOFError):
            return
        yield picture, picture.pts or 0
