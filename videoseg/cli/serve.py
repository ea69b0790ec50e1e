"""``videoseg serve``: a model as a server that speaks as Moondream's does, and takes videos."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import ServiceOptions, ask_consent
from videoseg.cli.options.model import ModelOptions
from videoseg.cli.options.report import MessageOptions
from videoseg.cli.options.settings import SettingOptions, note_origins

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.server.access import Access
    from videoseg.server.running import Listening

EPILOG = """
It answers POST /v1/detect, /v1/point and /v1/segment as Moondream's service
does. GET /openapi.json describes everything, GET /metrics counts it.

Only this machine can reach it unless --host says otherwise; then a token is
made and printed, and every request must bring it.

Examples:

videoseg serve

videoseg serve --model sam3 --host 0.0.0.0 --port 9000
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


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("serve", epilog=EPILOG)(serve)


@expand_groups
def serve(
    *,
    address: AddressOptions,
    load: LoadOptions,
    model: ModelOptions,
    given: SettingOptions,
    messages: MessageOptions,
    service: ServiceOptions,
) -> None:
    """Answer requests over HTTP with a model, until Ctrl-C."""
    from videoseg.config.model_choice import chosen
    from videoseg.server.running import check_installed, listen

    messages.set_up()
    check_installed("videoseg serve")
    settings = chosen(service.limited(given.in_force(model)), ())
    note_origins(settings)
    ask_consent(settings, "this server's clients", lambda: None, yes=service.yes)
    listening = listen(address.host, address.port)
    with listening.socket:
        _serve(settings, address, load, listening)


def _serve(
    settings: RunConfig, address: AddressOptions, load: LoadOptions, listening: Listening
) -> None:
    """Load the model, then answer until told to end."""
    from videoseg.server.access import Access
    from videoseg.server.application import HEALTH, Service
    from videoseg.server.guard import Limits
    from videoseg.server.metrics import Metrics
    from videoseg.server.model_thread import ModelThread
    from videoseg.server.running import Running
    from videoseg.server.skills import Skills

    metrics = Metrics()
    thread = ModelThread(
        settings.part("models", settings.run.model),
        batch=settings.run.batch,
        wait=load.batch_wait / 1000,
        most_waiting=load.queue,
        on_batch=metrics.batch,
    )
    metrics.gauges.append(
        ("videoseg_queue_length", "Questions that wait for the model.", lambda: thread.waiting)
    )
    service = Service(Skills(thread, settings.outlines, load.timeout), metrics)
    access = Access.at(
        address.host, names=address.name or (), token=address.token, open_paths=[HEALTH]
    )
    app = service.app(access, Limits())
    thread.start()
    try:
        with Running(app, listening) as server:
            _say(server.url, access, settings.run.model)
            server.wait()
    finally:
        thread.close()


def _say(url: str, access: Access, model: str) -> None:
    """Where it is, and the only time that the token is said."""
    tell(f"{model} answers at {url}/v1; Ctrl-C ends it")
    if access.token is not None:
        tell(f"token: {access.token}")
    if not access.loopback:
        tell("note: it speaks HTTP without encryption; put a proxy with TLS before it", err=True)
    sys.stdout.flush()
