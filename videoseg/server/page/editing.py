"""Corrections of the run that is shown: added to its edits, unless somebody else was quicker."""

from __future__ import annotations

from typing import Any

from videoseg.errors import OutputError, UsageError
from videoseg.jobs.edits import RunEdits
from videoseg.runlog.edits import EditLog
from videoseg.server.page.project import Project

_PATIENCE = 3.0
"""Seconds for reading a run anew; of a longer one the page asks again."""
_KINDS = ("rename", "merge", "split", "delete", "hide", "outline", "undo", "redo")


class ConflictError(UsageError):
    """The edits are not what the page has shown: another window has changed them."""


def edit(project: Project, said: dict[str, Any]) -> dict[str, Any]:
    """Add an edit, or take one back or bring it back; gives the results with it.

    Args:
        project: What is open.
        said: ``edit``, which is one of the methods of ``RunEdits``, with its arguments, and the
            ``generation`` that the page has shown.

    Raises:
        ConflictError: The edits have changed since.
        UsageError: It is none, or there is nothing to take back.
        OutputError: It cannot be written.
    """
    folder = project.results.folder
    log = EditLog.load(folder)
    if said.get("generation") != log.generation:
        raise _conflict(project)
    try:
        _made(RunEdits(folder, log), said)
    except OutputError as error:
        if EditLog.load(folder).generation != log.generation:
            raise _conflict(project) from error
        raise
    made = project.load_results()
    made.wait(_PATIENCE)
    return made.to_json()


def _made(edits: RunEdits, said: dict[str, Any]) -> RunEdits:
    kind = said.get("edit")
    if kind == "undo":
        return edits.undo()
    if kind == "redo":
        return edits.redo()
    track = _whole(said, "track")
    if kind == "rename":
        return edits.rename(track, str(said.get("label", "")))
    if kind == "merge":
        return edits.merge(track, _whole(said, "other"))
    if kind == "split":
        return edits.split(track, _whole(said, "at"))
    if kind == "outline":
        return edits.outline(track, _whole(said, "at"), str(said.get("path", "")))
    if kind == "delete":
        return edits.delete(track)
    if kind == "hide":
        return edits.hide(track)
    raise UsageError(f"an edit is one of {', '.join(_KINDS)}, got {kind!r}")


def _conflict(project: Project) -> ConflictError:
    project.load_results()
    return ConflictError("another window has edited this run; look again, and repeat the edit")


def _whole(said: dict[str, Any], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{name} is a whole number, got {value!r}")
    return value
