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
from videoseg.system.object_store import open_ranges


def plan_of(parts: Assembly) -> Plan:
    """The plan of a run; reads the whole input, to tell it apart by its content.

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
    """What an input is told apart by; one in object storage is read for it like a file."""
    if not is_stored(given):
        return record_file(Path(given), without_secrets(given))
    return record_stream(open_ranges(given), without_secrets(given))
