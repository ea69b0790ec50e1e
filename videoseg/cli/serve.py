"""``videoseg serve``: a model as a server that speaks as Moondream's does, and takes videos."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import ServiceOptions, ask_consent
from videoseg.cli.options.model import ModelOptions
from videoseg.cli.options.report import MessageOptions
from videoseg.cli.options.settings import RunOptions, SettingOptions, note_origins
from videoseg.errors import OutputError, UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.server.access import Access
    from videoseg.server.application import Service
    from videoseg.server.job_requests import Settings
    from videoseg.server.job_skills import JobSkills

EPILOG = """
It answers POST /v1/detect, /v1/point and /v1/segment as Moondream's service
does. GET /openapi.json describes everything, GET /metrics counts it.

Only this machine can reach it unless --host says otherwise; then a token is
made and printed, and every request must bring it.

Examples:

videoseg serve

videoseg serve --model sam3 --host 0.0.0.0 --port 9000

videoseg serve -o results/ --allow videos/
"""


@dataclass(frozen=True)
class AddressOptions:
    """Where the server is, and who may ask it."""

    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 = all.")
    ] = "127.0.0.1"
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 = any that is free.")
    ] = 8000
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name by which it is reached; repeatable."),
    ] = None
    token: Annotated[
        bool, typer.Option("--token", help="Ask for a token on this machine, too.")
    ] = False


@dataclass(frozen=True)
class LoadOptions:
    """How much the model is asked at once."""

    batch_wait: Annotated[
        float,
        typer.Option(
            min=0, max=1000, metavar="MS", help="Wait so long for others to ask together with."
        ),
    ] = 5.0
    queue: Annotated[
        int, typer.Option(min=1, metavar="N", help="Questions that may wait; then 503.")
    ] = 128
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Longest wait for an answer.")
    ] = 120.0


@dataclass(frozen=True)
class JobOptions:
    """Whole videos: where they are, and where results go."""

    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FOLDER", help="Take jobs; results go here."),
    ] = None
    allow: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Jobs may name files below it; repeatable."),
    ] = None
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Jobs at the same time.")] = 1
    max_upload: Annotated[
        int, typer.Option(min=0, metavar="MIB", help="Largest file that may be uploaded.")
    ] = 4096

    def check(self) -> None:
        """Refuse folders without a place for results.

        Raises:
            UsageError: Some were given.
        """
        if self.allow and self.out is None:
            raise UsageError("--allow is for jobs; say with -o where their results go")


@dataclass(frozen=True)
class _Wishes(RunOptions):
    """What the request for a job says."""

    given_flags: Mapping[str, Any]
    given_assignments: Sequence[str]

    def flags(self) -> dict[str, Any]:
        """Settings of ``[run]``."""
        return dict(self.given_flags)

    def assignments(self) -> list[str]:
        """Settings of parts."""
        return list(self.given_assignments)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("serve", epilog=EPILOG)(serve)


@expand_groups
def serve(
    *,
    address: AddressOptions,
    load: LoadOptions,
    jobs: JobOptions,
    model: ModelOptions,
    given: SettingOptions,
    messages: MessageOptions,
    service: ServiceOptions,
) -> None:
    """Answer requests over HTTP with a model, until Ctrl-C."""
    from videoseg.config.model_choice import chosen
    from videoseg.server.running import Running, check_installed, listen

    messages.set_up()
    check_installed("videoseg serve")
    jobs.check()
    from videoseg.server.access import Access
    from videoseg.server.application import HEALTH
    from videoseg.server.guard import Limits
    from videoseg.server.job_skills import JOBS

    def settings_of(flags: Mapping[str, Any], assignments: Sequence[str]) -> RunConfig:
        config = given.in_force(model, _Wishes(flags, assignments))
        return chosen(service.limited(config), ())

    settings = settings_of({}, [])
    note_origins(settings)
    ask_consent(settings, "this server's clients", lambda: None, yes=service.yes)
    access = Access.at(
        address.host, names=address.name or (), token=address.token, open_paths=[HEALTH]
    )
    served = _service(settings, settings_of, load, jobs)
    app = served.app(access, Limits(upload_bytes=jobs.max_upload << 20, uploads=(JOBS,)))
    listening = listen(address.host, address.port)
    thread = served.skills.thread
    with listening.socket:
        thread.start()
        try:
            with Running(app, listening) as server:
                _say(server.url, access, settings.run.model)
                server.wait()
        finally:
            thread.close()


def _service(
    settings: RunConfig, settings_of: Settings, load: LoadOptions, jobs: JobOptions
) -> Service:
    """What is served, before anything is loaded."""
    from videoseg.server.application import Service
    from videoseg.server.metrics import Metrics
    from videoseg.server.model_thread import ModelThread
    from videoseg.server.skills import Skills

    metrics = Metrics()
    thread = ModelThread(
        settings.part("models", settings.run.model),
        batch=settings.run.batch,
        wait=load.batch_wait / 1000,
        most_waiting=load.queue,
        on_batch=metrics.batch,
    )
    skills = Skills(thread, settings.outlines, load.timeout)
    return Service(skills, metrics, _job_skills(jobs, settings_of))


def _job_skills(jobs: JobOptions, settings_of: Settings) -> JobSkills | None:
    """The jobs, where there is a place for results."""
    from videoseg.server.job_queue import JobQueue
    from videoseg.server.job_requests import JobMaker
    from videoseg.server.job_skills import JobSkills
    from videoseg.server.paths import Folders

    if jobs.out is None:
        return None
    folders = Folders.of(jobs.allow or ())
    try:
        jobs.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"-o {jobs.out}: {error.strerror}; choose another folder") from error
    queue = JobQueue(jobs.out, at_once=jobs.jobs)
    return JobSkills(queue, JobMaker(folders, settings_of))


def _say(url: str, access: Access, model: str) -> None:
    """Where it is, and the only time that the token is said."""
    tell(f"{model} answers at {url}/v1; Ctrl-C ends it")
    if access.token is not None:
        tell(f"token: {access.token}")
    if not access.loopback:
        tell("note: it speaks HTTP without encryption; put a proxy with TLS before it", err=True)
    sys.stdout.flush()
