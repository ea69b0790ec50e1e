"""Stands before an application: who may ask, how much, how fast, and what browsers may do with it.

Pure ASGI: it knows no framework, and every request of a server goes through it.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from videoseg.server.access import Access, without_token
from videoseg.server.asgi import (
    App,
    Message,
    Receive,
    Refusal,
    RefusedError,
    Scope,
    Send,
    is_form,
    values_of,
)

_log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""No inline script, nothing of other servers, in nobody's frame; applications cannot loosen it."""
_BUSY = Refusal(503, "the server is busy; ask again later", {"retry-after": "1"})
_NO_STORE = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes of its clients.

    Attributes:
        body_bytes: Of one request.
        upload_bytes: Of one form that is sent to a path of ``uploads``.
        uploads: Paths that take more in forms, whose files go to the disk.
        grace_seconds: For a body, before its rate counts.
        least_rate: Bytes a second, on average, with which a body must come after that.
        requests: That are worked on at once; further ones are sent away.
        held_bytes: Of all bodies together that are in memory; uploads are not.
    """

    body_bytes: int = 32 << 20
    upload_bytes: int = 4 << 30
    uploads: tuple[str, ...] = ()
    grace_seconds: float = 20.0
    least_rate: float = 50_000.0
    requests: int = 256
    held_bytes: int = 256 << 20

    def is_upload(self, scope: Scope) -> bool:
        """Whether a request may bring a file."""
        return scope["path"] in self.uploads and is_form(scope)


class Guard:
    """An application behind its guard.

    Args:
        app: The application. Errors that it lets out become an answer of one sentence.
        access: Who may ask.
        limits: How much, and how fast.
    """

    def __init__(self, app: App, access: Access, limits: Limits | None = None) -> None:
        self._app, self._access = app, access
        self._limits = limits or Limits()
        self._load = _Load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI says."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        exchange = _Exchange(scope, receive, send, self._limits, self._load)
        refusal = self._access.check(scope) or exchange.too_large() or self._busy()
        if refusal is not None:
            await refusal.send(exchange.send)
            return
        self._load.requests += 1
        try:
            await self._answer(without_token(scope), exchange)
        finally:
            self._load.requests -= 1
            self._load.held -= exchange.held

    def _busy(self) -> Refusal | None:
        return _BUSY if self._load.requests >= self._limits.requests else None

    async def _answer(self, scope: Scope, exchange: _Exchange) -> None:
        refusal: Refusal | None = None
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except RefusedError as error:
            refusal = error.refusal
        except Exception as error:
            if exchange.left:  # nobody waits for an answer, and it is no fault
                return
            if exchange.refused is None:
                # Nothing of the request is named, for a token may stand in it.
                _log.exception("a request failed: %s", _fault(error))
            if exchange.started and not exchange.ended:  # it cannot be taken back: break it off
                raise
            refusal = Refusal(500, "the server failed; its log says more")
        refusal = exchange.refused or refusal
        if refusal is not None and not exchange.started:
            await refusal.send(exchange.deliver)


def _fault(error: Exception) -> str:
    """An error with its place, on one line."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(each.filename).name}:{each.lineno})" for each in place)
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


@dataclass(slots=True)
class _Load:
    """What a server is at work on: requests, and bytes of their bodies in memory."""

    requests: int = 0
    held: int = 0


class _Exchange:
    """One request and its answer, watched on their way."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limits: Limits, load: _Load
    ) -> None:
        self.held = 0
        self._load, self._is_upload = load, limits.is_upload(scope)
        self.started = self.ended = self.left = False
        self.refused: Refusal | None = None
        self._receive, self._send, self._limits = receive, send, limits
        self._most = limits.upload_bytes if self._is_upload else limits.body_bytes
        self._claimed = values_of(scope, "content-length")
        self._bytes, self._whole = 0, False
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + limits.grace_seconds

    def too_large(self) -> Refusal | None:
        """A body that says itself that it is too large."""
        over = any(each.isdecimal() and int(each) > self._most for each in self._claimed)
        return self._too_many_bytes() if over else None

    async def receive(self) -> Message:
        """The next piece of the body, in time and within its size."""
        if self._whole:
            return await self._receive()
        if self.refused is not None:
            raise RefusedError(self.refused)
        until = self._until + self._bytes / self._limits.least_rate
        try:
            async with asyncio.timeout(max(0.0, until - self._clock())):
                message = await self._receive()
        except TimeoutError:
            self.refused = Refusal(
                HTTPStatus.REQUEST_TIMEOUT, "the request came too slowly; send it faster"
            )
            raise RefusedError(self.refused) from None
        self.left = message["type"] == "http.disconnect"
        self._bytes += len(message.get("body", b""))
        self._hold(len(message.get("body", b"")))
        if self._bytes > self._most:
            self.refused = self._too_many_bytes()
        elif self._load.held > self._limits.held_bytes:
            self.refused = _BUSY
        if self.refused is not None:
            raise RefusedError(self.refused)
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """A piece of the answer; none of an application whose request was refused meanwhile."""
        if self.refused is None or self.started:
            await self.deliver(message)

    async def deliver(self, message: Message) -> None:
        """A piece of the answer, with what browsers are told about it."""
        if message["type"] == "http.response.start":
            self.started = True
            own = [(name.lower(), value) for name, value in message.get("headers", [])]
            kept = [(name, value) for name, value in own if name.decode() not in SECURITY_HEADERS]
            if all(name != _NO_STORE[0] for name, _ in own):
                kept.append(_NO_STORE)
            added = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
            message = {**message, "headers": [*kept, *added]}
        elif message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
        await self._send(message)

    def _hold(self, count: int) -> None:
        """Count bytes that stay in memory until the answer is sent."""
        if not self._is_upload:
            self.held += count
            self._load.held += count

    def _too_many_bytes(self) -> Refusal:
        most = f"{self._most >> 20} MiB" if self._most >> 20 else f"{self._most} bytes"
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request is larger than {most}; send less"
        )
