"""A connection of uvicorn's that slow clients cannot hold open.

Uvicorn waits as long as a client likes for its headers, and for it to take its answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from videoseg.server.asgi import Refusal

HEAD_SECONDS = 15.0
"""For the head of a request, from the connection's begin or from the first byte of a later one."""
STALL_SECONDS = 30.0
"""For an answer to move on, once a client takes none of it."""
CONNECTIONS = 512
"""At once; further ones are closed unheard."""


class TimedConnection(H11Protocol):  # type: ignore[misc]
    """Closes a connection whose head does not come, or whose answer is not taken."""

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a head."""
        if len(self.connections) >= CONNECTIONS:
            transport.abort()
            return
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget_head()
        self.resume_writing()
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece of a head or of a body."""
        if self.transport is None:
            return
        if self._head is None and not self._is_answering():
            self._expect_head()
        super().data_received(data)
        if self._is_answering():
            self._forget_head()

    def pause_writing(self) -> None:
        """The client takes less than is sent."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(STALL_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """It has taken it."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if self.flow is not None:
            super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Say in JSON that this is no HTTP, and close."""
        body = Refusal(400, " ".join(msg.split())).body
        headers = [("content-type", "application/json"), ("connection", "close")]
        try:
            events: tuple[Any, ...] = (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            )
            for event in events:
                self.transport.write(self.conn.send(event))
        except h11.LocalProtocolError:  # an answer is under way
            pass
        self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        self._forget_head()
        self._head = self.loop.call_later(HEAD_SECONDS, self._abort)

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _abort(self) -> None:
        self.transport.abort()
