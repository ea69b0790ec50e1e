"""Whether who has asked for something still waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


class GoneError(Exception):
    """Who has asked for something does not wait for it any more."""


@asynccontextmanager
async def leaving(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """Within, a function says whether the client of a request has left; any thread may call it.

    Args:
        request: One whose body was read, or that has none.
    """
    has_left = False

    async def listen() -> None:
        nonlocal has_left
        for _ in range(2):  # a request without a body says first that it has none
            has_left = has_left or (await request.receive())["type"] == "http.disconnect"

    listening = asyncio.ensure_future(listen())
    try:
        yield lambda: has_left
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
