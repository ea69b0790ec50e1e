"""What decides the result of a run: its input's content, prompts, weights and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from videoseg.config.tables import output_kind
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.outputs import edge_settings
from videoseg.runlog.fingerprint import FileRecord, record_file, record_stream
from videoseg.runlog.plan import Plan
from videoseg.system.addresses import is_stored, without_secrets
from videoseg.system.object_store import Stored, open_ranges


def plan_of(parts: Assembly) -> Plan:
    """The plan of a run; reads an input that is a file whole, to tell it apart by its content.

    Raises:
        SourceError: It cannot be read.
    """
    run, session, opened = parts.config.run, parts.session, parts.input
    settings: dict[str, Any] = {
        "run": run,
        "outlines": parts.config.outlines,
        "sources": {opened.kind: opened.source},
        "models": {run.model: session.settings},
        "tracking": {run.tracker: parts.tracker},
    }
    for name, part in parts.outputs.items():
        settings.setdefault(output_kind(name), {})[name] = part
    settings |= edge_settings(parts.outputs, parts.config, parts.edges)
    beside = (run.ignore_mask, *opened.beside)
    inputs = [opened.location] + [str(path) for path in beside if path is not None]
    return Plan(
        inputs=[_record(given) for given in inputs],
        streams=tuple(opened.streams.values()),
        prompts=parts.questions.prompts,
        model=session.card.name,
        weights=[record_file(path, name) for name, path in session.weights()],
        settings=settings,
    )


def _record(given: str) -> FileRecord:
    """What an input is told apart by.

    The storage has read an object when it was uploaded, and knows its content by an ETag. One that
    it has no ETag of is read for its digest, as a file is.
    """
    shown = without_secrets(given)
    if not is_stored(given):
        return record_file(Path(given), shown)
    stored = Stored(given)
    etag = stored.etag()
    if etag is None:
        return record_stream(open_ranges(given), shown)
    return FileRecord(shown, stored.size(), None, etag)
