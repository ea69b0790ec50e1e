"""How an input is played, and who looks on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from videoseg.cli._terminal import tell
from videoseg.cli.options.settings import RunOptions
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.jobs.job import Job
    from videoseg.jobs.replay import Pace
    from videoseg.protocols import Viewer

_LOCAL = "127.0.0.1"
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class PaceOptions:
    """How an input is played."""

    rate: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="FACTOR",
            help="Speed, 1 = the input's own (default); 0 = as fast as possible.",
        ),
    ] = None
    drop: Annotated[
        Literal["oldest", "newest", "none"] | None,
        typer.Option(
            help="Frame to drop when too many wait: oldest (default), newest, or none; at --rate "
            "0, none is the default."
        ),
    ] = None
    queue: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Frames of a stream that may wait (default: 1)."),
    ] = None

    def pace(self) -> Pace:
        """The same as the run takes it.

        Raises:
            UsageError: The rate is no number.
        """
        from math import isfinite

        from videoseg.jobs.replay import QUEUE, Pace

        if self.rate is not None and not isfinite(self.rate):
            raise UsageError(f"--rate takes a number from 0, got {self.rate}")
        return Pace(self.rate, self.drop, self.queue or QUEUE)


@dataclass(frozen=True)
class FollowOptions(RunOptions):
    """Whether an input is read while it is written."""

    follow: Annotated[
        bool, typer.Option("--follow", help="Go on reading an MCAP that is still recorded.")
    ] = False
    idle: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="With --follow, end when nothing was added for so long (default: wait).",
        ),
    ] = None

    def assignments(self) -> list[str]:
        """What the source of MCAP is told.

        Raises:
            UsageError: A time is given for nothing.
        """
        if self.idle is not None and not self.follow:
            raise UsageError("--idle goes with --follow; add it, or leave --idle out")
        idle = [] if self.idle is None else [f"sources.mcap.idle={self.idle}"]
        return ["sources.mcap.follow=true", *idle] if self.follow else []

    def check(self, location: str, settings: RunConfig) -> None:
        """Refuse to follow what is no MCAP.

        Raises:
            UsageError: It is none.
        """
        from videoseg.jobs.inputs import location_of, source_name
        from videoseg.system.addresses import without_secrets

        kind = source_name(location_of(location), settings)
        if self.follow and kind != "mcap":
            raise UsageError(
                f"--follow is for MCAP files, and {without_secrets(location)} is read as {kind}; "
                "leave it out, or give the .mcap file itself"
            )


@dataclass(frozen=True)
class ViewerOptions:
    """Who looks on while objects are found."""

    serve: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Let Foxglove look on at ws://127.0.0.1:PORT; 0 = any free port.",
        ),
    ] = None
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Start the viewer of Rerun and let it look on.")
    ] = False
    rerun_connect: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Use a viewer of Rerun that runs: rerun+http://HOST:PORT/proxy."
        ),
    ] = None

    @contextmanager
    def opened(self, job: Job, *, quiet: bool) -> Iterator[Sequence[Viewer]]:
        """The programs that look on at a run, which within are open.

        Raises:
            UsageError: An address is none.
            MissingDependencyError: A package is not installed.
            OutputError: There is no way to the program.
        """
        viewers = self._made()
        try:
            for viewer in viewers:
                said = viewer.open(job.streams, job.prompts)
                if not quiet:
                    tell(f"note: {said}", err=True)
            yield viewers
        finally:
            for viewer in viewers:
                viewer.close()

    def _made(self) -> list[Viewer]:
        from videoseg.viewers.foxglove import FoxgloveServer
        from videoseg.viewers.rerun import RerunViewer

        if self.rerun and self.rerun_connect is not None:
            raise UsageError("--rerun starts a viewer, and --rerun-connect takes one; choose one")
        made: list[Viewer] = []
        if self.serve is not None:
            made.append(FoxgloveServer(*_host_and_port(self.serve)))
        if self.rerun or self.rerun_connect is not None:
            made.append(RerunViewer(self.rerun_connect))
        return made


def _host_and_port(text: str) -> tuple[str, int]:
    """Where to listen: this machine alone where no other address is given.

    Raises:
        UsageError: It is no port, or no address and port.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdecimal() and int(port) <= _HIGHEST_PORT):
        raise UsageError(f"--serve takes PORT or HOST:PORT, such as 8765, got {text!r}")
    return host or _LOCAL, int(port)
