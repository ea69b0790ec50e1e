"""Keeps what is decoded at once within the memory that is meant for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class PixelBudget:
    """Pixels that may be in memory at once; whoever wants more waits for those before to end.

    Attributes:
        most: Pixels of all pictures together. A single picture may have that many.
    """

    most: int
    _taken: int = field(init=False, default=0)
    _waiting: deque[tuple[int, asyncio.Future[None]]] = field(init=False, default_factory=deque)

    @asynccontextmanager
    async def take(self, pixels: int) -> AsyncIterator[None]:
        """Within, so many pixels are ours; first come, first served."""
        pixels = min(pixels, self.most)
        if self._waiting or self._taken + pixels > self.most:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            place = (pixels, turn)
            self._waiting.append(place)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._give_back(pixels)
                else:
                    self._waiting.remove(place)
                    self._give_back(0)
                raise
        else:
            self._taken += pixels
        try:
            yield
        finally:
            self._give_back(pixels)

    def _give_back(self, pixels: int) -> None:
        self._taken -= pixels
        while self._waiting and self._taken + self._waiting[0][0] <= self.most:
            wanted, turn = self._waiting.popleft()
            if not turn.done():
                self._taken += wanted
                turn.set_result(None)
