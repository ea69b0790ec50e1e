"""The types of ASGI, and a refusal: an answer of one sentence that any middleware can give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says in one sentence why a request is not met.

    Attributes:
        status: The HTTP status.
        sentence: What was wrong, and what to do.
        headers: Further headers, by name in lower case.
        after: Seconds until it is sent, for those who must not ask quickly.
    """

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0

    @property
    def body(self) -> bytes:
        """The sentence as JSON."""
        return json.dumps({"error": self.sentence}).encode()

    async def send(self, send: Send) -> None:
        """Answer with it."""
        if self.after:
            await asyncio.sleep(self.after)
        body = self.body
        fields = {"content-type": "application/json", "content-length": str(len(body))}
        start = {
            "type": "http.response.start",
            "status": self.status,
            "headers": [(k.encode(), v.encode()) for k, v in {**fields, **self.headers}.items()],
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})


class RefusedError(Exception):
    """Raised where a request is not met; whoever answers it says so."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


def values_of(scope: Scope, name: str) -> list[str]:
    """All values of a header of a request, by its name in lower case."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]


def is_form(scope: Scope) -> bool:
    """Whether a request is a form, whose files go to the disk and not into memory."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in values_of(scope, "content-type")]
    return kinds == ["multipart/form-data"]
