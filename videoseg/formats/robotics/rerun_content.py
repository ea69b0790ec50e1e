"""Objects of a frame as the viewer of Rerun shows them, in a file or while they are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from videoseg.formats.images.jpeg import jpeg
from videoseg.formats.images.label_png import LARGEST, labels_of
from videoseg.formats.outline_polygons import polygons_of
from videoseg.formats.palette import colour_of
from videoseg.formats.robotics.labelled import LabelledImage, caption_of, topics_of
from videoseg.types import RgbImage

MOST_CLASSES = LARGEST
"""How many classes there are beside 0, which is nothing."""


def new_recording(name: str) -> Any:
    """A recording without the times of its writing.

    Raises:
        ImportError: rerun-sdk is not installed.
    """
    import rerun

    made = rerun.RecordingStream("videoseg", recording_id=name, send_properties=False)
    made.set_log_time_enabled(False)
    made.set_log_tick_enabled(False)
    return made


def stream_names_of(streams: Iterable[str]) -> dict[str, str]:
    """What each stream is called in a recording."""
    return {stream: PurePath(topic).name for stream, topic in topics_of(streams).items()}


def class_context(numbers: Mapping[int, int], labels: Mapping[int, str]) -> Any:
    """Name and colour of each track; 0 is nothing and not drawn."""
    import rerun

    nothing = rerun.AnnotationInfo(0, "", (0, 0, 0, 0))
    shown = (
        rerun.AnnotationInfo(number, f"{labels[track]} #{track}", colour_of(track))
        for track, number in numbers.items()
    )
    return rerun.AnnotationContext([nothing, *shown])


def set_time(recording: Any, image: LabelledImage) -> None:
    """Say when what follows was taken.

    The timelines are ``frame``, of a log ``stamp`` and ``time``, which rises where stamps do not,
    and of a video ``video_time``.
    """
    stamp, time = image.recorded.stamp, round(image.scene.seconds * 10**9)
    recording.set_time("frame", sequence=image.scene.index)
    if image.recorded.topic:
        recording.set_time("stamp", timestamp=np.datetime64(stamp, "ns"))
        recording.set_time("time", timestamp=np.datetime64(time, "ns"))
    else:
        recording.set_time("video_time", duration=np.timedelta64(time, "ns"))


def picture_content(picture: RgbImage) -> Any:
    """A picture, uint8 (H, W, 3)."""
    import rerun

    return rerun.EncodedImage(contents=jpeg(picture), media_type="image/jpeg")


def frame_content(
    image: LabelledImage, numbers: Mapping[int, int], *, masks: bool = True
) -> Iterator[tuple[str, Any]]:
    """What is shown of a frame, by the last part of its path.

    Args:
        image: The frame.
        numbers: Number of each track as a class.
        masks: Whether to show masks, too.
    """
    import rerun

    found = image.scene.instances
    rings = [
        (np.concatenate([ring, ring[:1]]), numbers[tracked.track_id])
        for tracked in found
        for outer, holes in polygons_of(tracked)
        for ring in (outer, *holes)
    ]
    yield (
        "outlines",
        rerun.LineStrips2D([ring for ring, _ in rings], class_ids=[n for _, n in rings]),
    )
    boxes = np.array([tracked.instance.mask.box for tracked in found], np.float32)
    boxes = boxes.reshape(-1, 4)
    yield (
        "boxes",
        rerun.Boxes2D(
            mins=boxes[:, :2],
            sizes=boxes[:, 2:] - boxes[:, :2],
            labels=[caption_of(tracked) for tracked in found],
            class_ids=[numbers[tracked.track_id] for tracked in found],
        ),
    )
    if masks:
        numbered = [(tracked, numbers[tracked.track_id]) for tracked in found]
        wide = max(numbers.values(), default=0) > np.iinfo(np.uint8).max
        info = image.info
        mask = labels_of(numbered, info.width, info.height, wide=wide)
        yield "mask", rerun.SegmentationImage(mask)
