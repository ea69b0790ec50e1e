"""The addresses of the page: its files, frames, outlines, runs, results, edits and exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from videoseg.errors import MissingDependencyError, UsageError, VideosegError
from videoseg.server.page import exports
from videoseg.server.page.asking import EXTENTS, Extent
from videoseg.server.page.editing import ConflictError, edit
from videoseg.server.page.leaving import GoneError, leaving
from videoseg.server.page.project import Project
from videoseg.server.page.work import sentence
from videoseg.server.paths import Folders

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

Said: TypeAlias = dict[str, Any]
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CONFLICT, _UNUSABLE, _MISSING, _NOT_FOUND, _GONE = 409, 422, 424, 404, 499


def page_app(project: Project) -> Starlette:
    """The application, without its guard.

    Args:
        project: What is open; the caller closes it.
    """
    from starlette.applications import Starlette
    from starlette.routing import Route

    asked: dict[str, Callable[[Said], Any]] = {
        "look-ahead": lambda said: project.look_ahead(_whole(said, "frame")),
        "said": lambda said: project.said(_list(said, "prompts")),
        "run": lambda said: project.run(
            said.get("prompts"),
            overwrite=bool(said.get("overwrite")),
            resume=bool(said.get("resume")),
        ),
        "work": lambda said: _steered(project, str(said.get("do"))),
        "edits": lambda said: edit(project, said),
        "recompute": lambda said: project.recompute(_whole(said, "prompt"), said.get("cues")),
        "export": lambda said: project.export(
            [str(name) for name in _list(said, "names")],
            {str(key): str(value) for key, value in dict(said.get("settings", {})).items()},
        ),
    }
    told: dict[str, Callable[[], Any]] = {
        "project": project.to_json,
        "work": lambda: _work(project),
        "results": project.results_now,
        "outputs": lambda: {"outputs": exports.outputs()},
        "sound": lambda: {"start": project.sound.made()[1]},
        "files": lambda: {"outputs": exports.files(project.results.folder)},
    }
    routes = [
        *(Route(f"/api/{name}", _asking(do), methods=["POST"]) for name, do in asked.items()),
        *(Route(f"/api/{name}", _telling(do), methods=["GET"]) for name, do in told.items()),
        Route("/api/outline", _outline(project), methods=["POST"]),
        Route("/api/outlines/{start:int}/{stop:int}", _range(lambda: project.results.outlines)),
        Route("/api/found/{start:int}/{stop:int}", _range(lambda: project.results.found)),
        Route("/frames/{index:int}/near.jpg", _picture(project)),
        Route("/frames/{index:int}/{scale:int}.jpg", _picture(project)),
        Route("/sound.m4a", _sound(project)),
        Route("/files/{name:path}", _file(project)),
        Route("/", _static),
        Route("/{name}", _static),
    ]
    return Starlette(routes=routes)


Endpoint: TypeAlias = Callable[["Request"], Any]


def _asking(do: Callable[[Said], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        said = await _said(request)
        return _no_object() if said is None else await _done(lambda: do(said))

    return endpoint


def _outline(project: Project) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        said = await _said(request)
        if said is None:
            return _no_object()
        async with leaving(request) as is_gone:
            return await _done(
                lambda: project.outline(
                    _whole(said, "frame"),
                    said.get("prompts"),
                    draft=bool(said.get("draft")),
                    extent=_extent(said),
                    is_gone=is_gone,
                )
            )

    return endpoint


async def _said(request: Request) -> Said | None:
    """What a request says, which is one JSON object; None where it is none."""
    try:
        said = await request.json()
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _telling(do: Callable[[], Any]) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        return await _done(do)

    return endpoint


def _range(of: Callable[[], Callable[[int, int], Any]]) -> Endpoint:
    """What is said about frames from one to before another."""

    async def endpoint(request: Request) -> Response:
        start, stop = request.path_params["start"], request.path_params["stop"]
        return await _done(lambda: of()(start, stop))

    return endpoint


async def _done(do: Callable[[], Any]) -> Response:
    """The answer of what may take a while, or why there is none."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response

    try:
        return JSONResponse(await run_in_threadpool(do))
    except GoneError:
        return Response(status_code=_GONE)
    except ConflictError as error:
        return _refused(error, _CONFLICT)
    except MissingDependencyError as error:
        return _refused(error, _MISSING)
    except (VideosegError, MemoryError) as error:
        return _refused(error, _UNUSABLE)


def _no_object() -> Response:
    return _refused(UsageError("a request is one JSON object"), 400)


def _refused(error: BaseException, status: int) -> Response:
    from starlette.responses import JSONResponse

    said = {"error": sentence(error), "kind": type(error).__name__}
    return JSONResponse(said, status_code=status)


def _picture(project: Project) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import Response

        index, scale = request.path_params["index"], request.path_params.get("scale")
        give = (
            project.frames.near if scale is None else partial(project.frames.picture, scale=scale)
        )
        try:
            async with leaving(request) as is_gone:
                made = await run_in_threadpool(give, index, is_gone=is_gone)
        except UsageError as error:
            return _refused(error, _NOT_FOUND)
        except VideosegError as error:
            return _refused(error, _UNUSABLE)
        except GoneError:
            return Response(status_code=_GONE)
        headers = {"x-frame-seconds": repr(made.seconds), "x-frame-index": str(made.index)}
        return Response(made.jpeg, media_type="image/jpeg", headers=headers)

    return endpoint


def _sound(project: Project) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import FileResponse

        try:
            path, _start = await run_in_threadpool(project.sound.made)
        except UsageError as error:
            return _refused(error, _NOT_FOUND)
        return FileResponse(path, media_type="audio/mp4")

    return endpoint


def _file(project: Project) -> Endpoint:
    """Files of the run, for saving: a browser shows none of them as a page of this server."""

    async def endpoint(request: Request) -> Response:
        from starlette.responses import FileResponse

        try:
            path = Folders.of([project.results.folder]).inside(request.path_params["name"])
        except VideosegError as error:
            return _refused(error, _NOT_FOUND)
        if not path.is_file():
            return _refused(UsageError("that is a folder"), _NOT_FOUND)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream")

    return endpoint


async def _static(request: Request) -> Response:
    from starlette.responses import Response

    name = request.path_params.get("name", "index.html")
    found = files(__package__).joinpath("static", name)
    kind = _TYPES.get(name[name.rfind(".") :])
    if kind is None or "/" in name or "\\" in name or not found.is_file():
        return _refused(UsageError(f"there is no page {name!r} here"), _NOT_FOUND)
    return Response(found.read_bytes(), headers={"content-type": kind})


def _work(project: Project) -> Said:
    work = project.worker.work
    return {"work": None if work is None else work.to_json()}


def _steered(project: Project, do: str) -> Said:
    work = project.worker.work
    if work is not None:
        known = {"pause": work.pause, "resume": work.go_on, "cancel": work.stop}
        if do not in known:
            raise UsageError(f"work is told to {', '.join(known)}, not {do!r}")
        known[do]()
    return _work(project)


def _whole(said: Said, name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{name} is a whole number")
    return value


def _extent(said: Said) -> Extent | None:
    value = said.get("extent")
    for known in EXTENTS:
        if value == known:
            return known
    if value is not None:
        raise UsageError(f"extent is {' or '.join(EXTENTS)}")
    return None


def _list(said: Said, name: str) -> list[Any]:
    value = said.get(name)
    if not isinstance(value, list):
        raise UsageError(f"{name} is a list")
    return value
