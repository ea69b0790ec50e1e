"""Edits of a run in words, and which outputs do not show them yet."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from videoseg.jobs.edits import RunEdits
    from videoseg.runlog.edits import Change, Entry

_LONGEST = 40
"""Letters of a path that are shown."""


def entry_text(entry: Entry) -> str:
    """An entry of ``edits.json`` as it is written on the command line."""
    return f"{entry.kind} {_arguments(entry.change)}"


def entry_lines(edits: RunEdits) -> Iterator[str]:
    """All entries, and which of them hold no more."""
    standing = {entry.id for entry in edits.log.in_force()}
    for entry in edits.log.entries:
        plain = entry.kind in ("undo", "redo") or entry.id in standing
        yield f"{entry.id:4}  {entry_text(entry)}{'' if plain else '  (undone)'}"


def older_line(edits: RunEdits) -> str | None:
    """Which outputs are older than the edits, and how to renew them; None where none is."""
    names = edits.older()
    if not names:
        return None
    return f"older than the edits: {', '.join(names)}; {renewal(edits.folder, names)} renews them"


def as_plain(edits: RunEdits) -> dict[str, object]:
    """Tracks, edits and older outputs as plain values."""
    standing = {entry.id for entry in edits.log.in_force()}
    return {
        "tracks": [dataclasses.asdict(track) for track in edits.tracks().values()],
        "edits": [
            {**entry.to_json(), "in_force": entry.id in standing} for entry in edits.log.entries
        ],
        "older": list(edits.older()),
    }


def renewal(folder: Path, names: tuple[str, ...]) -> str:
    """The command that writes outputs again."""
    return f"`videoseg write {shlex.quote(str(folder))} --write {','.join(names)} --overwrite`"


def _arguments(change: Change) -> str:
    from videoseg.runlog.edits import Merge, Outline, Redo, Rename, Split, Undo

    if isinstance(change, Undo | Redo):
        return f"of {change.of}"
    if isinstance(change, Rename):
        return f"{change.track} {json.dumps(change.label, ensure_ascii=False)}"
    if isinstance(change, Merge):
        return f"{change.track} {change.other}"
    if isinstance(change, Split):
        return f"{change.track} --at {change.at}f (from there on it is {change.new})"
    if isinstance(change, Outline):
        path = change.path or ""
        short = path if len(path) <= _LONGEST else f"{path[:_LONGEST]}..."
        drawn = "--mask" if change.path is None else f"--svg-path {json.dumps(short)}"
        return f"{change.track} --at {change.at}f {drawn}"
    start = "" if change.start is None else f" --from {change.start}f"
    stop = "" if change.stop is None else f" --to {change.stop}f"
    return f"{change.track}{start}{stop}"
