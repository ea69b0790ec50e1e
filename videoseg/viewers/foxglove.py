"""A WebSocket server to which Foxglove connects: pictures and objects while they are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from videoseg.errors import OutputError, missing_package
from videoseg.formats.robotics.foxglove_types import FoxgloveTypes
from videoseg.formats.robotics.labelled import (
    LabelledImage,
    labeller,
    mask_encoding,
    topics_of,
)
from videoseg.formats.robotics.log_messages import Channel
from videoseg.types import Frame, Prompt, Scene, StreamInfo

PORT = 8765
"""The port that Foxglove offers."""
_PACKAGES: Mapping[str, str] = {
    "mcap_protobuf": "mcap-protobuf-support",
    "foxglove_schemas_protobuf": "foxglove-schemas-protobuf",
    "foxglove": "foxglove-sdk",
}
"""What is imported, the server last -> what is installed."""
_BACKLOG = 64
"""Messages that wait for a slow program; then the oldest go."""


@dataclass
class FoxgloveServer:
    """Serves the channels that the exporter ``mcap`` writes, with the same stamps, and ``image``.

    A message is made only where somebody has subscribed to its channel. Whoever reaches the port
    can look on: there is no password.

    Attributes:
        host: Address of this machine to listen at.
        port: Port to listen at; 0 = a free one.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    _context: Any = field(init=False, repr=False, default=None)
    """Held, because the server forgets the channels of one that nobody holds."""
    _server: Any = field(init=False, repr=False, default=None)
    _types: FoxgloveTypes = field(init=False, repr=False)
    _channels: Mapping[str, Mapping[str, Any]] = field(init=False, repr=False, default_factory=dict)
    _labelled: Callable[[Scene], LabelledImage] = field(init=False, repr=False)
    _highest: int = field(init=False, repr=False, default=0)

    def open(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> str:
        """Begin to serve; see ``Viewer``."""
        del prompts
        foxglove, self._types = _foxglove(), FoxgloveTypes()
        self._context = context = foxglove.Context()
        self._labelled = labeller(streams)
        self._channels = {
            stream: {
                name: _channel(foxglove, channel, context)
                for name, channel in {
                    "image": self._types.image_channel(topic),
                    **self._types.channels(topic),
                }.items()
            }
            for stream, topic in topics_of(streams).items()
        }
        try:
            self._server = foxglove.start_server(
                name="videoseg",
                host=self.host,
                port=self.port,
                context=context,
                capabilities=[foxglove.Capability.Time],
                message_backlog_size=_BACKLOG,
            )
        except RuntimeError as error:
            why = str(error).rpartition(": ")[2]
            raise OutputError(
                f"cannot serve at {self.host}, port {self.port} ({why}); choose another one"
            ) from error
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"Foxglove can be connected to ws://{host}:{self._server.port}"

    def show(self, scene: Scene, frame: Frame) -> None:
        """Send what is on a frame; see ``Viewer``."""
        image, channels = self._labelled(scene), self._channels[scene.stream]
        time = max(0, image.recorded.log_time)
        ids = (tracked.track_id for tracked in scene.instances)
        self._highest = max(self._highest, *ids, 0)
        self._server.broadcast_time(time)
        if channels["image"].has_sinks():
            picture = self._types.image_message(image, frame.image)
            channels["image"].log(picture, log_time=time)
        wanted = {name for name, channel in channels.items() if channel.has_sinks()}
        if wanted & {"annotations", "mask", "tracks"}:
            for name, data in self._types.messages(image, mask_encoding(self._highest)):
                channels[name].log(data, log_time=time)

    def close(self) -> None:
        """Let go of all connections and of the port; see ``Viewer``."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        for channels in self._channels.values():
            for channel in channels.values():
                channel.close()
        self._channels = {}


def _foxglove() -> Any:
    """The package, once all that is needed beside it is there, too.

    Raises:
        MissingDependencyError: One is not installed.
    """
    for module, package in _PACKAGES.items():
        try:
            found = import_module(module)
        except ImportError as error:
            raise missing_package("--serve", package, extra="foxglove") from error
    return found


def _channel(foxglove: Any, channel: Channel, context: Any) -> Any:
    """A channel of the server like one of a file."""
    return foxglove.Channel(
        channel.topic,
        message_encoding=channel.encoding,
        schema=foxglove.Schema(
            name=channel.schema, encoding=channel.schema_encoding, data=channel.definition
        ),
        context=context,
    )
