"""What a server counts, as text for Prometheus."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from videoseg.server.asgi import App, Message, Receive, Scope, Send

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
"""The path of requests to what is not there; else anybody could make rows without end."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BATCHES = (1, 2, 4, 8, 16, 32)
_METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})


@dataclass
class Histogram:
    """How often values lay below each of some bounds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def lines(self, name: str, labels: str = "") -> list[str]:
        """Its rows."""
        rows, below = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            below += count
            shown = "+Inf" if bound == float("inf") else f"{bound:g}"
            rows.append(f'{name}_bucket{{{labels}{"," if labels else ""}le="{shown}"}} {below}')
        braced = f"{{{labels}}}" if labels else ""
        return [*rows, f"{name}_sum{braced} {self.total:.6f}", f"{name}_count{braced} {below}"]


@dataclass
class Metrics:
    """Counts of one server; any thread may add to them.

    Attributes:
        gauges: What is asked for when it is read: a name, what it is, and its value.
    """

    gauges: list[tuple[str, str, Callable[[], float]]] = field(default_factory=list)
    _requests: Counter[tuple[str, str, int]] = field(init=False, default_factory=Counter)
    _latency: dict[str, Histogram] = field(init=False, default_factory=dict)
    _batches: Histogram = field(init=False, default_factory=lambda: Histogram(_BATCHES))
    _model_seconds: float = field(init=False, default=0.0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        with self._lock:
            self._requests[path, method, status] += 1
            self._latency.setdefault(path, Histogram(_SECONDS)).add(seconds)

    def batch(self, size: int, seconds: float) -> None:
        """Count a call of the model."""
        with self._lock:
            self._batches.add(size)
            self._model_seconds += seconds

    def text(self) -> str:
        """All of it."""
        rows: list[str] = []

        def family(name: str, kind: str, about: str) -> str:
            rows.extend((f"# HELP {name} {about}", f"# TYPE {name} {kind}"))
            return name

        with self._lock:
            name = family("videoseg_requests_total", "counter", "Requests that were answered.")
            for (path, method, status), count in sorted(self._requests.items()):
                labels = f'path="{path}",method="{method}",status="{status}"'
                rows.append(f"{name}{{{labels}}} {count}")
            name = family("videoseg_request_seconds", "histogram", "Time until an answer was sent.")
            for path, histogram in sorted(self._latency.items()):
                rows += histogram.lines(name, f'path="{path}"')
            name = family("videoseg_batch_size", "histogram", "Pictures in a call of the model.")
            rows += self._batches.lines(name)
            name = family("videoseg_model_seconds_total", "counter", "Time the model was at work.")
            rows.append(f"{name} {self._model_seconds:.6f}")
        for name, about, value in self.gauges:
            rows.append(f"{family(name, 'gauge', about)} {value():g}")
        return "\n".join(rows) + "\n"


class Measured:
    """An application whose answers are counted.

    Args:
        app: The application.
        metrics: Where.
        paths: Paths by which answers are counted; others are one.
    """

    def __init__(self, app: App, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 499  # the client left before it was answered

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            path = self._known(scope["path"])
            method = scope["method"] if scope["method"] in _METHODS else OTHER
            self._metrics.request(path, method, status, time.perf_counter() - begun)

    def _known(self, path: str) -> str:
        """A path as it is counted: what names one job or file is left out."""
        if path in self._paths:
            return path
        first = "/" + path.lstrip("/").partition("/")[0]
        return f"{first}/..." if first in self._paths else OTHER
