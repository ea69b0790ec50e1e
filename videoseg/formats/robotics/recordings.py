"""Messages of a log as they were recorded, byte for byte: MCAP, ROS 1 bags, rosbag2 folders."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg.formats.robotics.topics import ros1_name

_METADATA = "metadata.yaml"
"""What makes a folder a rosbag2."""
_MCAP, _ROS1 = b"\x89MCAP0\r\n", b"#ROSBAG V"
"""What files begin with."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages of one kind come from.

    Attributes:
        topic: Its topic.
        schema: Name of the schema; empty where there is none.
        schema_encoding: How the schema is written: ``protobuf``, ``ros2msg``, ``jsonschema``.
        definition: The schema.
        encoding: How messages are written: ``protobuf``, ``cdr``, ``ros1``, ``json``.
        metadata: What else the log says of it.
    """

    topic: str
    schema: str
    schema_encoding: str
    definition: bytes = field(repr=False)
    encoding: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class LogMessage:
    """A message of a log.

    Attributes:
        channel: Where it comes from; the same object for all messages of a channel.
        log_time: When it was recorded, ns.
        publish_time: When it was sent, ns; ``log_time`` where the log does not say.
        sequence: Its number as the sender counts, or 0.
        data: The message.
    """

    channel: Channel
    log_time: int
    publish_time: int
    sequence: int
    data: bytes = field(repr=False)


def is_recording(location: str) -> bool:
    """Whether a file or folder is a log that ``recorded`` reads; one that is gone is none."""
    path = Path(location)
    try:
        return (path / _METADATA).is_file() or _begin(path).startswith((_MCAP, _ROS1))
    except (OSError, ValueError):
        return False


def _begin(path: Path) -> bytes:
    """The first bytes of a file; nothing of what is none."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(_ROS1))


def recorded(location: str, topics: Container[str] | None = None) -> Iterator[LogMessage]:
    """Messages in the order of the file; what is damaged is passed over.

    Args:
        location: A log (``is_recording``).
        topics: Those that are wanted; all if None.

    Raises:
        OSError: It cannot be read.
    """
    path = Path(location)
    if _begin(path).startswith(_MCAP):
        return _from_mcap(path, topics)
    return _from_bag(path, topics)


def channels_of(location: str) -> list[Channel]:
    """What a log holds: by its summary, or where it has none by going through it.

    Raises:
        OSError: It cannot be read.
    """
    path = Path(location)
    if not _begin(path).startswith(_MCAP):
        with _bag_reader(path) as reader:
            return [_channel_of_bag(reader, each) for each in reader.connections]
    with path.open("rb") as file:
        summary = _summary_of(file)
    if summary is not None:
        return [
            _channel_of(each, summary.schemas.get(each.schema_id))
            for _, each in sorted(summary.channels.items())
        ]
    return list({id(each.channel): each.channel for each in _from_mcap(path, None)}.values())


def _summary_of(file: Any) -> Any:
    """The summary of an MCAP; None where it has none, being cut off."""
    from mcap.exceptions import McapError
    from mcap.reader import SeekingReader

    try:
        summary = SeekingReader(file).get_summary()
    except (McapError, struct.error, ValueError, OSError):
        return None
    return summary if summary is not None and summary.channels else None


def _from_mcap(path: Path, topics: Container[str] | None) -> Iterator[LogMessage]:
    from mcap.records import Channel as ChannelRecord
    from mcap.records import Message, Schema

    schemas: dict[int, Any] = {}
    channels: dict[int, Channel] = {}
    with path.open("rb") as file:
        for record in _mcap_records(file):
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, ChannelRecord) and record.id not in channels:
                channels[record.id] = _channel_of(record, schemas.get(record.schema_id))
            elif isinstance(record, Message) and record.channel_id in channels:
                channel = channels[record.channel_id]
                if topics is None or channel.topic in topics:
                    yield LogMessage(
                        channel,
                        record.log_time,
                        record.publish_time,
                        record.sequence,
                        bytes(record.data),
                    )


def _mcap_records(file: Any) -> Iterator[Any]:
    """Records of an MCAP up to its end, or to where it is cut off."""
    from mcap.exceptions import McapError
    from mcap.records import Chunk
    from mcap.stream_reader import StreamReader, breakup_chunk

    records = StreamReader(file, emit_chunks=True).records
    while True:
        try:
            record = next(records, None)
        except (McapError, struct.error, ValueError):
            return
        if record is None:
            return
        if not isinstance(record, Chunk):
            yield record
            continue
        try:
            inside = breakup_chunk(record)
        except Exception:  # noqa: S112 - every codec has errors of its own
            continue
        yield from inside


def _channel_of(record: Any, schema: Any) -> Channel:
    return Channel(
        topic=record.topic,
        schema=schema.name if schema else "",
        schema_encoding=schema.encoding if schema else "",
        definition=bytes(schema.data) if schema else b"",
        encoding=record.message_encoding,
        metadata=dict(record.metadata),
    )


def _from_bag(path: Path, topics: Container[str] | None) -> Iterator[LogMessage]:
    with _bag_reader(path) as reader:
        wanted = [each for each in reader.connections if topics is None or each.topic in topics]
        if not wanted:
            return
        channels: dict[int, Channel] = {}
        for connection, time, data in reader.messages(wanted):
            if id(connection) not in channels:
                channels[id(connection)] = _channel_of_bag(reader, connection)
            yield LogMessage(channels[id(connection)], time, time, 0, bytes(data))


def _bag_reader(path: Path) -> Any:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    return AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))


def _channel_of_bag(reader: Any, connection: Any) -> Channel:
    from rosbags.interfaces import ConnectionExtRosbag2, MessageDefinitionFormat

    two = isinstance(connection.ext, ConnectionExtRosbag2)
    found = connection.msgdef
    if found.format == MessageDefinitionFormat.NONE:
        text, _ = reader.typestore.generate_msgdef(connection.msgtype, ros_version=2 if two else 1)
    else:
        text = found.data
    idl = found.format == MessageDefinitionFormat.IDL
    return Channel(
        topic=connection.topic,
        schema=connection.msgtype if two else ros1_name(connection.msgtype),
        schema_encoding=("ros2idl" if idl else "ros2msg") if two else "ros1msg",
        definition=text.encode(),
        encoding="cdr" if two else "ros1",
    )
