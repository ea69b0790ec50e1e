"""Servers of the extra ``web``, run for a test, and clients that behave badly."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import pytest

from tests.support.waiting import PATIENCE
from videoseg.protocols import Segmenter
from videoseg.server.access import Access
from videoseg.server.asgi import App
from videoseg.server.guard import Limits
from videoseg.server.metrics import Metrics
from videoseg.server.model_thread import ModelThread
from videoseg.server.running import Running, listen
from videoseg.types import RgbImage

if TYPE_CHECKING:
    from videoseg.server.job_skills import JobSkills

PACKAGES = ("starlette", "uvicorn", "python_multipart")


def need_web() -> None:
    """Skip a test, or a module of tests, where the extra is not installed."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package} (videoseg[web])", allow_module_level=True)


@contextmanager
def running(app: App) -> Iterator[str]:
    """An application on a free port of this machine; gives ``host:port``."""
    with Running(app, listen("127.0.0.1", 0)) as server:
        yield server.url.removeprefix("http://")


def send(
    place: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    with closing(http.client.HTTPConnection(place, timeout=PATIENCE)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()


def post_json(place: str, path: str, value: Any, **headers: str) -> tuple[int, Any]:
    """Post JSON and read JSON."""
    given = {"content_type": "application/json", **headers}
    status, _, body = send(place, "POST", path, json.dumps(value).encode(), **given)
    return status, json.loads(body)


@contextmanager
def raw(place: str) -> Iterator[socket.socket]:
    """A connection without any manners."""
    host, port = place.split(":")
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE)) as client:
        yield client


def all_of(client: socket.socket) -> bytes:
    """Everything until the other side ends."""
    found = b""
    try:
        while piece := client.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@contextmanager
def answering(
    model: Segmenter,
    access: Access | None = None,
    *,
    seconds: float = 120.0,
    limits: Limits | None = None,
    jobs: JobSkills | None = None,
    **load: Any,
) -> Iterator[str]:
    """The skills of a model, and jobs, behind a guard; ``load`` as ``ModelThread`` takes it."""
    from videoseg.outlines.vectorizer import Vectorizer
    from videoseg.server.application import Service
    from videoseg.server.skills import Skills

    metrics = Metrics()
    thread = ModelThread(model, on_batch=metrics.batch, **load)
    service = Service(Skills(thread, Vectorizer(), seconds), metrics, jobs)
    app = service.app(access or Access.at("127.0.0.1"), limits or Limits())
    thread.start()
    try:
        with running(app) as place:
            yield place
    finally:
        thread.close()


def data_uri(image: RgbImage, kind: str = "png") -> str:
    """A picture as requests hold it."""
    done, data = cv2.imencode(f".{kind}", image[..., ::-1])
    assert done
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode()}"
