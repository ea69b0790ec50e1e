"""``videoseg open``: a clip or a finished run in the browser, to see, click, correct and export."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli import _inputs
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.model import ModelOptions
from videoseg.cli.options.outputs import Moved, OutputOptions
from videoseg.cli.options.prompts import PromptOptions, Text
from videoseg.cli.options.report import MessageOptions
from videoseg.cli.options.settings import SettingOptions, note_origins
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.server.page.project import Project

EPILOG = """
The page asks the model about the frame that is shown, runs it over the clip,
and shows what a run found. It is served on this machine, to this machine
alone; Ctrl-C ends it.

Examples:

videoseg open clip.mp4

videoseg open clip.mp4 --text "the dog" -o out/

videoseg open out/
"""
_HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("open", epilog=EPILOG)(open_page)


@expand_groups
def open_page(
    *,
    target: Annotated[
        str, typer.Argument(metavar="CLIP|OUT", help="A clip, or the folder of a finished run.")
    ],
    text: Text = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help=f"Output folder (default: {_inputs.DEFAULT_OUT})."),
    ] = None,
    marks: PromptOptions,
    model: ModelOptions,
    outputs: OutputOptions,
    given: SettingOptions,
    source: Moved = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0 = any that is free.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Show the page in your browser.")
    ] = True,
    messages: MessageOptions,
) -> None:
    """Show a clip or a finished run in the browser: click objects, run, correct, export."""
    from videoseg.jobs.outputs import folder_of
    from videoseg.server.running import check_installed

    messages.set_up()
    check_installed("videoseg open")
    settings = given.in_force(marks, model, outputs)
    note_origins(settings)
    folder = Path(target)
    if (folder / "run.json").is_file():
        if text or marks.any_given() or out is not None:
            raise UsageError(f"{target} holds a finished run; open the clip to mark it anew")
        location, where = source or _input_of(folder), folder
    else:
        location = _only_input(target, settings)
        inputs = _inputs.Inputs((location,), several=False)
        (place,) = _inputs.output_folders(inputs, out, settings.run.model)
        where = folder_of(place)
    from videoseg.server.page.project import Project

    prompts = marks.with_texts(text or ())
    shows_run = (folder / "run.json").is_file()
    with Project(location, where, settings, prompts, shows_run=shows_run) as project:
        _serve(project, port, browser=browser)


def _serve(project: Project, port: int, *, browser: bool) -> None:
    """Answer until Ctrl-C."""
    from videoseg.server.access import Access
    from videoseg.server.guard import Guard
    from videoseg.server.page.app import page_app
    from videoseg.server.running import Running, listen

    listening = listen(_HOST, port)
    app = Guard(page_app(project), Access.at(_HOST))
    with Running(app, listening) as running:
        tell(f"{project.location} is open at {running.url} (Ctrl-C ends)", err=True)
        if browser:
            _show(running.url)
        running.wait()


def _show(url: str) -> None:
    """Show a page in the browser, where there is one on a screen."""
    import webbrowser

    always = sys.platform in ("win32", "darwin")
    if always or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def _only_input(target: str, settings: RunConfig) -> str:
    found = _inputs.expand((target,), settings.run.source)
    if len(found.locations) != 1 or found.locations[0] == _inputs.PIPE:
        raise UsageError(f"{target} is not one clip; `videoseg open` shows one at a time")
    return found.locations[0]


def _input_of(folder: Path) -> str:
    """The input of a finished run, where it was.

    Raises:
        UsageError: It is an address, which the user has not named.
    """
    from videoseg.runlog.manifest import read_manifest
    from videoseg.system.addresses import is_address

    location = str(read_manifest(folder)["inputs"][0]["name"])
    if is_address(location):
        # The folder may have come from anybody, and so may the address.
        raise UsageError(
            f"{folder} says that it was made from {location}; to open that address, name it with "
            "--input"
        )
    return location
