"""What jobs can be asked: to begin, to tell how far they are, to end, and for their files."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from videoseg.errors import UsageError
from videoseg.runlog.staging import STAGING
from videoseg.server.asgi import Refusal, RefusedError, is_form
from videoseg.server.job_queue import JobQueue, QueuedJob
from videoseg.server.job_requests import JobMaker
from videoseg.server.job_schema import (
    JobList,
    JobRequest,
    JobStatus,
    ResultFile,
    ResultList,
)
from videoseg.server.operations import Operation, as_json, checked, read
from videoseg.server.paths import Folders
from videoseg.server.uploads import keep, no_room

JOBS = "/jobs"
UPLOADS = ".uploads"
"""Beside the folders of jobs: files that have come and are not done yet."""
_EVERY = 0.2
"""Seconds between two looks at a job that is followed."""
_HEARTBEAT = 15.0
"""Seconds after which a stream says that it is still there."""
_FOLLOWED = 32
"""Streams at once."""
_LISTED = 10_000
"""Files of a result that are listed."""
_MOST_NAME = 200
_ID = {"id": "Of a job, as it was answered."}


@dataclass
class JobSkills:
    """The jobs of a server.

    Attributes:
        queue: The jobs.
        maker: Makes tasks of requests.
    """

    queue: JobQueue
    maker: JobMaker
    _followed: int = field(init=False, default=0)
    _coming: int = field(init=False, default=0)

    def operations(self) -> list[Operation]:
        """What can be asked."""
        one, files = f"{JOBS}/{{id}}", f"{JOBS}/{{id}}/files"
        return [
            Operation(
                "POST",
                JOBS,
                self.begin,
                "Segment a video that is on the server, or that is uploaded.",
                JobStatus,
                JobRequest,
                status=202,
                problems=(507,),
                uploads=True,
            ),
            Operation("GET", JOBS, self.all, "All jobs.", JobList),
            Operation("GET", one, self.status, "How far a job is.", JobStatus, parameters=_ID),
            Operation(
                "DELETE",
                one,
                self.remove,
                "Cancel a job; remove one that has ended, with its results.",
                JobStatus,
                parameters=_ID,
            ),
            Operation(
                "GET",
                f"{one}/events",
                self.events,
                "Follow a job: an event for each change, and one at its end.",
                media=("text/event-stream",),
                parameters=_ID,
            ),
            Operation(
                "GET", files, self.files, "The files of a result.", ResultList, parameters=_ID
            ),
            Operation(
                "GET",
                f"{files}/{{path}}",
                self.file,
                "One file of a result.",
                media=("application/octet-stream",),
                parameters={**_ID, "path": "Of a file, as it is listed."},
            ),
        ]

    async def begin(self, request: Request) -> Response:
        """Let a job wait for its turn."""
        job = await (self._uploaded(request) if is_form(request.scope) else self._named(request))
        try:
            self.queue.add(job)
        except RefusedError:
            _remove(job.upload)
            raise
        answer = as_json(job.status, 202)
        answer.headers["location"] = f"{JOBS}/{job.id}"
        return answer

    async def all(self, _: Request) -> Response:
        """All jobs."""
        return as_json(JobList(jobs=[job.status for job in self.queue.all()]))

    async def status(self, request: Request) -> Response:
        """How far a job is."""
        return as_json(self._job(request).status)

    async def remove(self, request: Request) -> Response:
        """Cancel a job, or remove one that has ended."""
        job = self._job(request)
        await run_in_threadpool(self.queue.remove, job)
        return as_json(job.status)

    async def events(self, request: Request) -> Response:
        """Follow a job."""
        job = self._job(request)
        if self._followed >= _FOLLOWED:
            raise RefusedError(
                Refusal(503, "too many jobs are followed; ask again later", {"retry-after": "5"})
            )
        return StreamingResponse(self._lines(job), media_type="text/event-stream")

    async def files(self, request: Request) -> Response:
        """The files of a result."""
        job = self._done(request)
        return as_json(await run_in_threadpool(_listed, job.task.out))

    async def file(self, request: Request) -> Response:
        """One file of a result."""
        job = self._done(request)
        try:
            folder = Folders.of([Path(job.task.out)], "the result")
            path = folder.inside(request.path_params["path"])
        except UsageError:
            path = None
        if path is None or not path.is_file() or STAGING in path.parts:
            raise RefusedError(Refusal(404, "the result has no such file; /files lists them"))
        # Never shown by a browser: a drawing can hold scripts.
        name = f"attachment; filename*=UTF-8''{quote(path.name, safe='')}"
        headers = {"content-disposition": name}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    async def _named(self, request: Request) -> QueuedJob:
        asked = await read(request, JobRequest)
        job = self.queue.new_id()
        task = await run_in_threadpool(self.maker.task, asked, None, self.queue.out / job)
        return QueuedJob(job, task, str(asked.path))

    async def _uploaded(self, request: Request) -> QueuedJob:
        _check_letters(request)
        self.queue.check_room(self._coming)
        self._coming += 1
        try:
            return await self._received(request)
        except OSError as error:  # on its way it is in the system's temporary folder
            raise RefusedError(no_room(error)) from error
        finally:
            self._coming -= 1

    async def _received(self, request: Request) -> QueuedJob:
        job = self.queue.new_id()
        async with request.form(max_files=1, max_fields=1, max_part_size=1 << 20) as form:
            file, asked = form.get("file"), form.get("job")
            if not isinstance(file, UploadFile) or not isinstance(asked, str):
                raise RefusedError(Refusal(422, "a form has a file and, as JSON, a job"))
            given = checked(asked, JobRequest)
            name = os.path.basename(file.filename or "")[:_MOST_NAME]
            folder = self.queue.out / UPLOADS
            kept = await run_in_threadpool(keep, file.file, lambda end: folder / f"{job}{end}")
        try:
            task = await run_in_threadpool(self.maker.task, given, kept, self.queue.out / job)
        except BaseException:
            _remove(kept)
            raise
        return QueuedJob(job, task, name or "upload", kept)

    def _job(self, request: Request) -> QueuedJob:
        return self.queue.find(request.path_params["id"])

    def _done(self, request: Request) -> QueuedJob:
        job = self._job(request)
        if job.status.state != "done":
            raise RefusedError(
                Refusal(404, f"the job is {job.status.state}; there are files once it is done")
            )
        return job

    async def _lines(self, job: QueuedJob) -> AsyncIterator[str]:
        self._followed += 1
        try:
            last, silent = None, 0.0
            while not self.queue.stopping.is_set():
                status = job.status
                told = status.model_copy(update={"seconds": 0.0})
                if told != last:
                    kind = "end" if status.has_ended else "progress"
                    data = json.dumps(status.model_dump(exclude_none=True))
                    yield f"event: {kind}\ndata: {data}\n\n"
                    last, silent = told, 0.0
                elif silent >= _HEARTBEAT:
                    yield ": still at work\n\n"
                    silent = 0.0
                if status.has_ended:
                    return
                await asyncio.sleep(_EVERY)
                silent += _EVERY
        finally:
            self._followed -= 1


def _check_letters(request: Request) -> None:
    """Refuse a form in anything but UTF-8: decoders of Python's for hosts are slow, and fail.

    Raises:
        RefusedError: It is in another encoding.
    """
    _, said = parse_options_header(request.headers["content-type"])
    if said.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise RefusedError(Refusal(415, "send the form in UTF-8"))


def _listed(folder: Path) -> ResultList:
    files: list[ResultFile] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if STAGING in inside.parts or path.is_symlink() or not path.is_file():
            continue
        if len(files) == _LISTED:
            return ResultList(files=files, more=True)
        files.append(ResultFile(path=inside.as_posix(), bytes=path.stat().st_size))
    return ResultList(files=files)


def _remove(upload: Path | None) -> None:
    if upload is not None:
        upload.unlink(missing_ok=True)
