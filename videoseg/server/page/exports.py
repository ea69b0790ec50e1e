"""Outputs that a finished run can be written to, with the settings that ``--set`` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg import registry
from videoseg.config.json_schema import settings_schema
from videoseg.jobs.rerun import Finished
from videoseg.runlog.manifest import read_manifest
from videoseg.server.page.work import Work

_KINDS: tuple[registry.Kind, ...] = ("writers", "exporters")


def outputs() -> list[dict[str, Any]]:
    """Every output by name: what it is and its settings, as JSON Schema describes them."""
    schema = settings_schema()["properties"]
    found = []
    for kind in _KINDS:
        for name, table in schema[kind]["properties"].items():
            settings = [
                {"name": key, "path": f"{kind}.{name}.{key}", **_plain(each)}
                for key, each in table["properties"].items()
            ]
            summary = table.get("description", "").replace("``", "")
            found.append({"name": name, "summary": summary, "settings": settings})
    return sorted(found, key=lambda each: str(each["name"]))


def write(
    work: Work, folder: Path, names: Sequence[str], settings: Mapping[str, str], location: str
) -> dict[str, Any]:
    """Add outputs to a run's folder, as ``videoseg write`` does; replaces earlier ones.

    Args:
        work: Is told how far it is.
        folder: The run's.
        names: The outputs.
        settings: Those that are changed, by path; values as ``--set`` takes them.
        location: Where the input is now.
    """
    assignments = [f"{path}={value}" for path, value in settings.items()]
    run = Finished(folder, assignments=assignments, location=location)
    work.total = run.frame_count
    summary = run.write(names, overwrite=True, clock=work.clock, on_frame=work.step)
    return {"outputs": described(folder, summary.outputs)}


def files(folder: Path) -> list[dict[str, Any]]:
    """What a run has made in its folder until now."""
    return described(folder, read_manifest(folder)["outputs"])


def described(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """What of a run's folder is a file, with its size, and what is a folder of files."""
    found = []
    for name in names:
        path = folder / name
        if path.is_file():
            found.append({"name": name, "bytes": path.stat().st_size})
        elif path.is_dir():
            found.append({"name": name, "files": sum(1 for _ in path.iterdir())})
    return found


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a form needs of the schema of one setting."""
    kinds = [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))]
    known = [kind for kind in kinds if kind not in (None, "null")]
    inner: Mapping[str, Any] = next(
        (each for each in schema.get("anyOf", ()) if each.get("type") != "null"), {}
    )
    said = {**inner, **schema}
    kept = ("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "description")
    return {
        "type": known[0] if known else "string",
        "default": schema.get("default"),
        **{key: said[key] for key in kept if key in said},
    }
