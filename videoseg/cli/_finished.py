"""What a finished run has found, for ``videoseg info OUT``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.cli._edits import as_plain, entry_lines, older_line
from videoseg.cli._streams import print_json
from videoseg.cli._summary import count
from videoseg.cli._terminal import tell
from videoseg.system.addresses import is_address, local_path, without_secrets

if TYPE_CHECKING:
    from videoseg.jobs.edits import RunEdits, Track

MOST_TRACKS = 50
"""So many tracks are listed on the terminal."""


def is_finished(location: str, kind: str | None) -> bool:
    """Whether a location is the folder of a finished run, and not to be read as an input."""
    if kind is not None or is_address(location):
        return False
    return (Path(local_path(location)) / "run.json").is_file()


def show_finished(location: str, *, as_json: bool) -> None:
    """Print what a finished run has found, and what was corrected about it.

    Raises:
        RunLogError: The folder, or its edits, are damaged.
    """
    from videoseg.jobs.edits import RunEdits

    edits = RunEdits(Path(local_path(location)))
    if as_json:
        print_json(_as_plain(edits))
        return
    tell(str(edits.folder), *(f"  {name:15} {value}" for name, value in _rows(edits)))


def _rows(edits: RunEdits) -> Iterator[tuple[str, str]]:
    made = edits.manifest
    yield "input", ", ".join(without_secrets(each["name"]) for each in made["inputs"])
    yield "model", made["model"]["name"]
    yield "frames", str(made["counts"]["frames"])
    yield "outputs", ", ".join(made["outputs"])
    tracks = [*edits.tracks().values()]
    for track in tracks[:MOST_TRACKS]:
        yield f"track {track.id}", _track_text(track)
    if len(tracks) > MOST_TRACKS:
        yield "", f"and {len(tracks) - MOST_TRACKS} more; --json lists all"
    for line in entry_lines(edits):
        number, _, text = line.strip().partition("  ")
        yield f"edit {number}", text
    if (older := older_line(edits)) is not None:
        yield "", older


def _track_text(track: Track) -> str:
    hidden = ", hidden" if track.hidden else ""
    return (
        f"{track.label}, {count(track.frames, 'frame')} from {track.first} to {track.last} of "
        f"{track.stream}{hidden}"
    )


def _as_plain(edits: RunEdits) -> dict[str, object]:
    made = edits.manifest
    return {
        "out": str(edits.folder),
        "inputs": [without_secrets(each["name"]) for each in made["inputs"]],
        "model": made["model"]["name"],
        "frames": made["counts"]["frames"],
        "outputs": made["outputs"],
        **as_plain(edits),
    }
