"""``videoseg cluster``: what a Ray cluster has, and what is at work on it."""

from __future__ import annotations

from typing import Annotated

import typer

from videoseg.cli._streams import print_json
from videoseg.cli._summary import count
from videoseg.cli._terminal import tell


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    verbs = typer.Typer(help="Look at a Ray cluster.", no_args_is_help=True)
    verbs.command("status")(status)
    app.add_typer(verbs, name="cluster")


def status(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Of the cluster: auto, or HOST:PORT.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the machines of a cluster, and the runs of videoseg on it."""
    from videoseg.jobs.cluster import status as status_of

    found = status_of(address)
    if as_json:
        print_json(found)
        return
    free = f"{found['free']['cpus']:g} CPUs and {found['free']['gpus']:g} GPUs"
    tell(f"{count(len(found['nodes']), 'machine')}, {free} free")
    for node in found["nodes"]:
        tell(f"  {node['address']}: {node['cpus']:g} CPUs, {node['gpus']:g} GPUs")
    for name, run in found["runs"].items():
        tell(
            f"run {name}: {run['busy']} of {count(run['workers'], 'worker')} busy, "
            f"{count(run['ranges'], 'range')} answered, {run['asked_again']} asked again, "
            f"{count(run['deaths'], 'death')}"
        )
    if not found["runs"]:
        tell("no run of videoseg")
