"""The application behind ``videoseg serve``: skills, jobs, and what is told about them."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from videoseg.errors import VideosegError
from videoseg.server.access import Access
from videoseg.server.asgi import App, Refusal, RefusedError
from videoseg.server.guard import Guard, Limits
from videoseg.server.job_skills import JobSkills
from videoseg.server.metrics import CONTENT_TYPE, Measured, Metrics
from videoseg.server.operations import Operation, as_json, document, routes_of
from videoseg.server.skills import Skills, refusal_of

HEALTH = "/healthz"
_TITLE = "videoseg"
_ABOUT = "Outlines of what words, points and boxes name, in pictures and in videos."
_FAILED = Refusal(500, "the server failed; its log says more")


class Health(BaseModel):
    """Whether the server answers."""

    status: str


class ApiDocument(BaseModel):
    """This document."""

    openapi: str


@dataclass
class Service:
    """What one server serves.

    Attributes:
        skills: A model's skills.
        metrics: What is counted.
        jobs: Runs over whole videos; None = there are none.
    """

    skills: Skills
    metrics: Metrics
    jobs: JobSkills | None = None

    def __post_init__(self) -> None:
        # It writes of what clients send into the log, line after line.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        thread = self.skills.thread
        self.metrics.gauges.append(
            ("videoseg_queue_length", "Questions that wait for the model.", lambda: thread.waiting)
        )
        if self.jobs is not None:
            queue = self.jobs.queue
            self.metrics.gauges += [
                ("videoseg_jobs_queued", "Jobs that wait.", lambda: queue.count("queued")),
                ("videoseg_jobs_running", "Jobs at work.", lambda: queue.count("running")),
            ]

    def operations(self) -> list[Operation]:
        """All that can be asked."""
        own = [
            Operation("GET", HEALTH, self.health, "Whether the server answers.", Health),
            Operation(
                "GET",
                "/metrics",
                self.counts,
                "What was counted, for Prometheus.",
                media=("text/plain",),
            ),
            Operation("GET", "/openapi.json", self.described, "This document.", ApiDocument),
        ]
        jobs = [] if self.jobs is None else self.jobs.operations()
        return [*self.skills.operations(), *jobs, *own]

    def app(self, access: Access, limits: Limits) -> App:
        """All of it behind its guard."""
        operations = self.operations()
        inner = Starlette(
            routes=routes_of(operations),
            lifespan=self._lifespan,
            exception_handlers={
                HTTPException: _http,
                RefusedError: _refused,
                VideosegError: _failed,
                MemoryError: _failed,
                Exception: _unexpected,
            },
        )
        paths = {_counted(one.path) for one in operations}
        return Measured(Guard(inner, access, limits), self.metrics, paths)

    async def health(self, _: Request) -> Response:
        """Whether questions are answered."""
        if not self.skills.thread.is_alive:
            raise RefusedError(Refusal(503, "the model has ended; start the server again"))
        return as_json(Health(status="ok"))

    async def counts(self, _: Request) -> Response:
        """What was counted."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def described(self, _: Request) -> Response:
        """The OpenAPI document."""
        found = document(self.operations(), title=_TITLE, about=_ABOUT)
        return Response(json.dumps(found), media_type="application/json")

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        if self.jobs is not None:
            self.jobs.queue.start()
        try:
            yield
        finally:
            if self.jobs is not None:
                self.jobs.queue.close()
            self.skills.close()


def _counted(path: str) -> str:
    """A path as answers are counted by it."""
    return path if "{" not in path else "/" + path.lstrip("/").partition("/")[0]


def _answer(refusal: Refusal) -> Response:
    return Response(
        refusal.body, refusal.status, dict(refusal.headers), media_type="application/json"
    )


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    said = {
        404: "there is nothing at this path; /openapi.json lists what there is",
        405: "this path takes other methods; /openapi.json lists them",
    }
    text = said.get(error.status_code, error.detail)
    return _answer(Refusal(error.status_code, text, dict(error.headers or {})))


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101
    return _answer(error.refusal)


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, VideosegError | MemoryError)  # noqa: S101
    return _answer(refusal_of(error))


async def _unexpected(_: Request, __: Exception) -> Response:
    return _answer(_FAILED)  # the guard writes it into the log
