"""Other machines, or the GPUs of this one, that answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from videoseg.errors import UsageError

LOCAL = "local"


@dataclass(frozen=True)
class ClusterOptions:
    """Where models are at work, and how many."""

    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS|local",
            help="Spread the work over a Ray cluster (auto, HOST:PORT), or over this machine.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            metavar="N",
            help="Models at work on the cluster (default: as many as it has room for).",
        ),
    ] = None
    gpus_per_worker: Annotated[
        float,
        typer.Option(
            "--gpus-per-worker", min=0, metavar="N", help="GPUs of each worker; 0.5 shares one."
        ),
    ] = 0.0

    def check(self, jobs: int) -> None:
        """Refuse what goes with no cluster.

        Raises:
            UsageError: One of the others is given without ``--cluster``, or with ``--jobs``.
        """
        if self.cluster is None and (self.workers is not None or self.gpus_per_worker):
            raise UsageError("--workers and --gpus-per-worker are for --cluster; give it, too")
        if self.cluster is not None and jobs > 1:
            raise UsageError("--jobs is for one machine, --cluster for several; give one of them")

    @property
    def is_remote(self) -> bool:
        """Whether Ray is wanted."""
        return self.cluster not in (None, LOCAL)

    def processes(self, jobs: int) -> int:
        """Processes of this machine."""
        from videoseg.system.workers import core_count

        return jobs if self.cluster is None else self.workers or core_count()
