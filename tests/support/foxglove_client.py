"""What connects to a server of Foxglove's WebSocket protocol, as its app does."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

PROTOCOL = "foxglove.sdk.v1"
_MESSAGE, _TIME = 1, 2
"""First bytes of what the server sends in binary."""


@dataclass
class Client:
    """A program that looks on.

    Attributes:
        socket: The connection.
        info: What the server says of itself.
        channels: What it offers, by topic.
        times: The times that it has said.
    """

    socket: Any
    info: dict[str, Any] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    _subscribed: dict[int, str] = field(default_factory=dict)

    def wait_for_channels(self, count: int) -> None:
        """Read until so many channels are offered."""
        while len(self.channels) < count or not self.info:
            assert self._received() is None

    def until_time(self, time: int) -> list[tuple[str, int, bytes]]:
        """What comes (``messages``) until the server has said a time."""
        found = []
        while time not in self.times:
            found.append(self._received())
        return [each for each in found if each is not None]

    def subscribe(self, topics: Iterable[str]) -> None:
        """Want the messages of some topics."""
        wanted = []
        for topic in topics:
            number = len(self._subscribed) + 1
            self._subscribed[number] = topic
            wanted.append({"id": number, "channelId": self.channels[topic]["id"]})
        self.socket.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))

    def messages(self) -> Iterator[tuple[str, int, bytes]]:
        """Topic, time and content of each message, as they come."""
        while True:
            found = self._received()
            if found is not None:
                yield found

    def _received(self) -> tuple[str, int, bytes] | None:
        said = self.socket.recv(timeout=30)
        if isinstance(said, str):
            told = json.loads(said)
            if told["op"] == "serverInfo":
                self.info = told
            elif told["op"] == "advertise":
                self.channels |= {each["topic"]: each for each in told["channels"]}
        elif said[0] == _MESSAGE:
            number, time = struct.unpack_from("<IQ", said, 1)
            return self._subscribed[number], time, said[13:]
        elif said[0] == _TIME:
            self.times.append(*struct.unpack_from("<Q", said, 1))
        return None


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of a server at ``ws://HOST:PORT``."""
    websockets = pytest.importorskip("websockets.sync.client")
    with websockets.connect(address, subprotocols=[PROTOCOL], max_size=None) as socket:
        assert socket.subprotocol == PROTOCOL
        yield Client(socket)
