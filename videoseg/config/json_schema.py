"""All settings as one JSON Schema (draft 2020-12), for editors and checks of settings files."""

from __future__ import annotations

from typing import Any

from videoseg import registry
from videoseg.config.layers import PRESET, presets
from videoseg.config.run_settings import AUTO
from videoseg.config.tables import SINGLE
from videoseg.settings import settings_model, settings_of

Schema = dict[str, Any]


def settings_schema() -> Schema:
    """What a file of settings may hold with the parts that are installed here."""
    shared: Schema = {}
    kinds = {kind: _kind(kind, shared) for kind in registry.KINDS}
    single = {name: _table(cls, name, shared) for name, cls in SINGLE.items()}
    run = single["run"]
    outputs = sorted({*registry.names("writers"), *registry.names("exporters")})
    run["properties"]["model"]["enum"] = list(registry.names("models"))
    run["properties"]["tracker"]["enum"] = list(registry.names("tracking"))
    run["properties"]["source"]["enum"] = [AUTO, *registry.names("sources")]
    run["properties"]["write"]["items"]["enum"] = [AUTO, *outputs]
    preset = {
        "enum": list(presets()),
        "description": "name of the preset that this file is on top of",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "videoseg settings",
        "type": "object",
        "properties": {PRESET: preset, **single, **kinds},
        "additionalProperties": False,
        **({"$defs": shared} if shared else {}),
    }


def _kind(kind: registry.Kind, shared: Schema) -> Schema:
    tables = {
        name: _table(registry.find(kind, name).cls, f"{kind}.{name}", shared)
        for name in registry.names(kind)
    }
    return {"type": "object", "properties": tables, "additionalProperties": False}


def _table(cls: type[Any], path: str, shared: Schema) -> Schema:
    """The schema of one table; what pydantic defines beside it goes into ``shared``."""
    made = settings_model(cls).model_json_schema(ref_template=f"#/$defs/{path}.{{model}}")
    shared |= {f"{path}.{name}": each for name, each in made.pop("$defs", {}).items()}
    for setting in settings_of(cls):
        made["properties"][setting.name]["description"] = setting.doc
    summary = (cls.__doc__ or "").strip().splitlines()
    return {**made, "title": path, "description": summary[0] if summary else ""}
