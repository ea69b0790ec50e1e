"""What decides the result of a run: its input's content, prompts, weights and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from videoseg.config.tables import output_kind
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.outputs import edge_settings
from videoseg.runlog.fingerprint import record_file
from videoseg.runlog.plan import Plan
from videoseg.system.addresses import without_secrets


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
        inputs=[record_file(Path(given), without_secrets(given)) for given in inputs],
        streams=tuple(opened.streams.values()),
        prompts=parts.questions.prompts,
        model=session.card.name,
        weights=[record_file(path, name) for name, path in session.weights()],
        settings=settings,
    )
