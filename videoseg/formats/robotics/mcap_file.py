"""An MCAP as it is written: messages of any channels, which are declared at their first message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from videoseg.formats.robotics.log_messages import Channel, LogMessage

_LIBRARY = "videoseg"


class McapFile:
    """Writes an MCAP in chunks compressed by zstd; the same calls make the same bytes.

    Args:
        file: Where to.
        profile: ``ros2`` where all that is written is of ROS 2, else empty.
    """

    def __init__(self, file: IO[bytes], profile: str = "") -> None:
        from mcap.writer import Writer

        self._writer: Any = Writer(file)
        self._writer.start(profile, _LIBRARY)
        self._schemas: dict[tuple[str, str, bytes], int] = {}
        self._channels: dict[int, tuple[Channel, int]] = {}

    def _declared(self, channel: Channel) -> int:
        """The number of a channel, which is declared if it is new."""
        known = self._channels.get(id(channel))
        if known is not None:
            return known[1]
        number = self._writer.register_channel(
            channel.topic, channel.encoding, self._schema(channel), dict(channel.metadata)
        )
        self._channels[id(channel)] = channel, number
        return int(number)

    def write(self, message: LogMessage) -> None:
        """Write a message; times before 0, which no MCAP holds, become 0."""
        self._writer.add_message(
            self._declared(message.channel),
            log_time=max(0, message.log_time),
            data=message.data,
            publish_time=max(0, message.publish_time),
            sequence=message.sequence,
        )

    def note(self, name: str, texts: Mapping[str, str]) -> None:
        """Write a record of metadata."""
        self._writer.add_metadata(name, dict(texts))

    def finish(self) -> None:
        """Write the summary."""
        self._writer.finish()

    def _schema(self, channel: Channel) -> int:
        """Number of its schema; 0 where there is none."""
        key = channel.schema, channel.schema_encoding, channel.definition
        if not any(key):
            return 0
        if key not in self._schemas:
            self._schemas[key] = self._writer.register_schema(*key)
        return self._schemas[key]
