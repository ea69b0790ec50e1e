"""A log of what was found, ``NAME.segmented.mcap``, for Foxglove, Rerun and ROS 2."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from typing_extensions import Doc

from videoseg.exporters._labelled_images import facts_of, labelled_images, stem_of, tracked_in
from videoseg.exporters._needs import check_installed
from videoseg.formats.robotics.foxglove_types import FoxgloveTypes
from videoseg.formats.robotics.labelled import mask_encoding, topics_of
from videoseg.formats.robotics.log_messages import LogMessage
from videoseg.formats.robotics.mcap_file import McapFile
from videoseg.formats.robotics.recordings import channels_of, is_recording, recorded
from videoseg.formats.robotics.ros2_types import Ros2Types
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_log = logging.getLogger(__name__)

Types: TypeAlias = FoxgloveTypes | Ros2Types


@dataclass
class Mcap:
    """Writes a new MCAP; a log that was the input is never touched. Needs ``videoseg[robotics]``.

    For each stream there is, on ``/videoseg/STREAM/``, a message for each picture, with the
    picture's own stamp and ``frame_id``, recorded when the picture was:

    * ``annotations``: outlines and captions (``foxglove.ImageAnnotations``); with ``types=ros2``
      ``detections``, the boxes (``vision_msgs/Detection2DArray``)
    * ``mask``: track ids as pixels, ``mono8``, where an id passes 255 ``mono16``, and past 65535
      ``32FC1``; where objects overlap the higher score lies on top
    * ``tracks``: JSON of every track with label, score, box and area; its schema is in the file

    Of a video stamps are the times of its frames. The records of metadata ``videoseg``,
    ``videoseg.classes`` and ``videoseg.tracks`` say what was asked, of which model, and which label
    a class and a track have.
    """

    types: Annotated[
        Literal["foxglove", "ros2"], Doc("schemas of the messages: Foxglove's, or those of ROS 2")
    ] = "foxglove"
    passthrough: Annotated[
        Literal["none", "images", "all"],
        Doc("messages of the input that are copied as they are: none, the pictures, or all"),
    ] = "none"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file.

        Raises:
            MissingDependencyError: A package is not installed.
        """
        for package in ("mcap", "mcap_protobuf", "foxglove_schemas_protobuf", "rosbags"):
            check_installed(package, "mcap", "robotics")
        return (f"{stem_of(streams)}.segmented.mcap",)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the file from two passes over the run's Scenes."""
        path = folder / self.produces(run.streams)[0]
        with writing(path), path.open("wb") as file:
            types = FoxgloveTypes() if self.types == "foxglove" else Ros2Types()
            tracks = tracked_in(run)
            encoding = mask_encoding(tracks.highest)
            copied = self._copied(run, tracks.topics)
            log = McapFile(file, types.profile if _all_of_ros2(copied) else "")
            made = _made(run, types, encoding)
            every = (*(recorded(place, topics) for place, topics in copied.items()), made)
            for message in heapq.merge(*every, key=lambda each: each.log_time):
                log.write(message)
            for name, texts in facts_of(run, tracks, encoding).items():
                log.note(name, texts)
            log.finish()

    def _copied(self, run: RunReader, topics: Set[str]) -> dict[str, Set[str] | None]:
        """Logs to copy from, each with its topics, or None for all."""
        if self.passthrough == "none":
            return {}
        places = [info.location for info in run.streams.values() if info.location]
        logs = [place for place in dict.fromkeys(places) if topics and is_recording(place)]
        if not logs:
            _log.warning("mcap: the input is no log, or is gone: there is nothing to copy")
        return dict.fromkeys(logs, topics if self.passthrough == "images" else None)


def _all_of_ros2(copied: Mapping[str, Container[str] | None]) -> bool:
    """Whether all that is copied is in CDR: readers of ROS 2 want nothing else in a file."""
    channels = (
        channel
        for log, topics in copied.items()
        for channel in channels_of(log)
        if topics is None or channel.topic in topics
    )
    return all(channel.encoding == "cdr" for channel in channels)


def _made(run: RunReader, types: Types, encoding: str) -> Iterator[LogMessage]:
    """The messages of all frames in the order of the run."""
    channels = {stream: types.channels(topic) for stream, topic in topics_of(run.streams).items()}
    for image in labelled_images(run):
        source = image.recorded
        for name, data in types.messages(image, encoding):
            channel = channels[image.scene.stream][name]
            yield LogMessage(channel, source.log_time, source.publish_time, 0, data)


PARTS = {"mcap": Mcap}
