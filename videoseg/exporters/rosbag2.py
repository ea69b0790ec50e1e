"""What was found as a bag of ROS 2, the folder ``NAME.segmented``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from typing_extensions import Doc

from videoseg.exporters._labelled_images import facts_of, labelled_images, stem_of, tracked_in
from videoseg.exporters._needs import check_installed
from videoseg.formats.coco import json_text
from videoseg.formats.robotics.labelled import mask_encoding, topics_of
from videoseg.formats.robotics.ros2_types import Ros2Types
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo


@dataclass
class Rosbag2:
    """Writes the messages of ``mcap`` with ``types=ros2``; needs ``videoseg[robotics]``.

    A message bears the time at which its picture was recorded. What was asked, the classes and the
    tracks are ``custom_data`` in ``metadata.yaml``, as JSON.
    """

    storage: Annotated[
        Literal["mcap", "sqlite3"],
        Doc("how messages are stored: mcap, the default since ROS 2 Iron, or sqlite3"),
    ] = "mcap"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            MissingDependencyError: rosbags is not installed.
        """
        check_installed("rosbags", "rosbag2", "robotics")
        return (f"{stem_of(streams)}.segmented",)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the folder from two passes over the run's Scenes."""
        path = folder / self.produces(run.streams)[0]
        types, tracks = Ros2Types(), tracked_in(run)
        encoding = mask_encoding(tracks.highest)
        with writing(path), self._bag(path) as bag:
            for name, texts in facts_of(run, tracks, encoding).items():
                bag.set_custom_data(name, json_text(texts))
            connections = _connections(bag, types, run.streams)
            for image in labelled_images(run):
                for name, data in types.messages(image, encoding):
                    connection = connections[image.scene.stream, name]
                    bag.write(connection, max(0, image.recorded.log_time), data)

    def _bag(self, path: Path) -> Any:
        """A writer; chunks of an MCAP are compressed, which SQLite cannot do."""
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

        if self.storage == "sqlite3":
            return Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3)
        bag = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        bag.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        return bag


def _connections(
    bag: Any, types: Ros2Types, streams: Mapping[str, StreamInfo]
) -> dict[tuple[str, str], Any]:
    """The connection of each kind of message of each stream."""
    return {
        (stream, name): bag.add_connection(channel.topic, channel.schema, typestore=types.store)
        for stream, topic in topics_of(streams).items()
        for name, channel in types.channels(topic).items()
    }


PARTS = {"rosbag2": Rosbag2}
