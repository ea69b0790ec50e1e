"""Asks an ASGI application without a server: one request, and all of its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videoseg.server.asgi import App, Message, Receive, Scope, Send

HOST = "127.0.0.1:8000"


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str = "GET",
    path: str = "/",
    *,
    query: str = "",
    client: str = "127.0.0.1",
    **headers: str | Sequence[str],
) -> Scope:
    """A request to this machine; ``host=()`` leaves a header out."""
    named: Mapping[str, str | Sequence[str]] = {"host": HOST, **headers}
    fields = [
        (name.replace("_", "-").encode(), one.encode())
        for name, value in named.items()
        for one in ([value] if isinstance(value, str) else value)
    ]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": fields,
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8000),
    }


def ask(app: App, scope: Scope, *pieces: bytes, stall: bool = False) -> Answered:
    """What an application answers; with ``stall`` the body never ends."""
    sent: list[Message] = []
    waiting = list(pieces)

    async def receive() -> Message:
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting) or stall}
        if stall:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    start = sent[0]
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answered(start["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the body that it got."""
    if scope["type"] == "lifespan":
        for part in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{part}.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": body})
