"""What was found as a recording for the viewer of Rerun, ``NAME.segmented.rrd``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.exporters._labelled_images import (
    Tracked,
    labelled_images,
    stem_of,
    tracked_in,
)
from videoseg.exporters._needs import check_installed
from videoseg.formats.images.label_png import LARGEST
from videoseg.formats.robotics.rerun_content import (
    class_context,
    frame_content,
    new_recording,
    set_time,
    stream_names_of,
)
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_LARGEST_VIDEO = 1 << 30
"""Bytes of a video that is put into the file; it is held in memory at once."""


@dataclass
class Rerun:
    """Writes outlines, boxes and masks over time; needs ``videoseg[rerun]``.

    Each stream has ``STREAM/outlines``, ``STREAM/boxes`` and ``STREAM/mask``. A class is a track:
    its number is the track id, or where ids pass 65535 its place among the tracks. The timelines of
    a robot's log are ``stamp``, as headers say, and ``time``, which rises also where stamps are all
    the same or run backwards; that of a video is ``video_time``. Both have ``frame``, the number of
    the frame in its stream. A video is put into the file where the viewer can show it: H.264 in
    MP4, up to 1 GiB. Pictures of a log are opened beside it.

    Such a file is a view, not a record: a later viewer may not read it, and it holds random ids.
    """

    masks: Annotated[bool, Doc("write masks as pictures, too")] = True
    video: Annotated[bool, Doc("show a video of H.264 in MP4 behind the objects")] = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file.

        Raises:
            MissingDependencyError: rerun-sdk is not installed.
        """
        check_installed("rerun", "rerun", "rerun")
        return (f"{stem_of(streams)}.segmented.rrd",)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the file from two passes over the run's Scenes."""
        path = folder / self.produces(run.streams)[0]
        tracks = tracked_in(run)
        numbers = _numbers_of(tracks)
        names = stream_names_of(run.streams)
        with writing(path), _recording(path) as recording:
            recording.log("/", class_context(numbers, tracks.labels), static=True)
            for stream, info in run.streams.items():
                if self.video and _is_shown(info):
                    _log_video(recording, names[stream], info)
            for image in labelled_images(run):
                set_time(recording, image)
                for part, content in frame_content(image, numbers, masks=self.masks):
                    recording.log(f"{names[image.scene.stream]}/{part}", content)


@contextmanager
def _recording(path: Path) -> Iterator[Any]:
    """A recording without the times of its writing."""
    made = new_recording(path.stem)
    made.save(path)
    try:
        yield made
    finally:
        made.flush()
        made.disconnect()


def _numbers_of(tracks: Tracked) -> dict[int, int]:
    """Number of each track as a class, of which there are 65535.

    Raises:
        OutputError: There are more tracks.
    """
    if tracks.highest <= LARGEST:
        return {track: track for track in tracks.labels}
    if len(tracks.labels) > LARGEST:
        raise OutputError(f"Rerun has {LARGEST} classes, the run {len(tracks.labels)} tracks")
    return {track: place for place, track in enumerate(tracks.labels, 1)}


def _is_shown(info: StreamInfo) -> bool:
    """Whether a stream is a file of H.264 in MP4 that is as it was recorded, and not too large."""
    path = Path(info.location or "")
    if info.rotation or path.suffix.lower() != ".mp4" or not path.is_file():
        return False
    import av

    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context.name
    return codec == "h264" and path.stat().st_size <= _LARGEST_VIDEO


def _log_video(recording: Any, name: str, info: StreamInfo) -> None:
    """A video, and which frame of it is shown at which time."""
    import rerun

    asset = rerun.AssetVideo(path=info.location)
    recording.log(f"{name}/video", asset, static=True)
    times = asset.read_frame_timestamps_nanos()
    shown = times + round(info.start_pts * info.time_base * 10**9) - times[0]
    recording.send_columns(
        f"{name}/video",
        indexes=[
            rerun.TimeColumn("video_time", duration=shown.astype("timedelta64[ns]")),
            rerun.TimeColumn("frame", sequence=np.arange(len(times))),
        ],
        columns=rerun.VideoFrameReference.columns_nanos(times),
    )


PARTS = {"rerun": Rerun}
