"""The log of a finished run as it is shown, with what users have corrected."""

from __future__ import annotations

from pathlib import Path

from videoseg.config.run_config import load
from videoseg.jobs.carried_edits import edited
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.codec import Json
from videoseg.runlog.edits import NAME, EditLog
from videoseg.runlog.findings import Finding
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.plan import made_with
from videoseg.runlog.reader import RunFolder, read_run


def run_of(folder: Path, manifest: Json, edits: EditLog, vectorizer: Vectorizer) -> RunFolder:
    """The log in the folder of a finished run.

    Args:
        folder: The output folder.
        manifest: What its ``run.json`` says.
        edits: What was corrected.
        vectorizer: Makes the outlines of masks that were corrected.

    Raises:
        RunLogError: There is none, or a damaged one.
    """
    review = tuple(map(Finding.from_json, manifest.get("review", ())))
    edit = edited(edits, vectorizer) if edits.active() else None
    kept = review if edit is None else tuple(edit.findings(review))
    return read_run(folder, kept, made_with(manifest), edit)


def shown_run(folder: Path) -> RunFolder:
    """The log in an output folder, or in the folder ``run`` of one; with hidden tracks, too.

    The latter is as it was tracked: edits are beside it.

    Raises:
        RunLogError: There is none, or a damaged one.
    """
    if not (folder / NAME).exists():
        return read_run(folder)
    manifest = read_manifest(folder)
    tables = {name: table for name, table in manifest["settings"].items() if name == "outlines"}
    outlines = load(recorded=tables).outlines
    return run_of(folder, manifest, EditLog.load(folder), outlines).with_hidden()
