"""Settings that only the user may set, as layers say them (``settings.Guarded`` marks them)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from videoseg import registry
from videoseg.config.layers import Layer
from videoseg.config.tables import SINGLE, kind_of, part_class
from videoseg.config.trust import Said
from videoseg.settings import Guarded, settings_model, settings_of


def guarded(layer: Layer) -> Iterator[Said]:
    """What a layer says about settings that are guarded, harmless or not.

    Raises:
        ConfigError: It names a part that does not exist.
    """
    for name, table in layer.tables.items():
        if name in SINGLE:
            yield from _guarded(name, SINGLE[name], table)
        elif name in registry.KINDS and isinstance(table, Mapping):
            kind = kind_of(name, layer.origin)
            for part, settings in table.items():
                yield from _guarded(
                    f"{kind}.{part}", part_class(kind, part, layer.origin), settings
                )


def _guarded(path: str, cls: type[Any], settings: object) -> Iterator[Said]:
    if not isinstance(settings, Mapping):
        return
    marks, defaults = guards_of(cls), {each.name: each.default for each in settings_of(cls)}
    for name in marks.keys() & settings.keys():
        yield Said(f"{path}.{name}", settings[name], defaults[name], marks[name])


def guards_of(cls: type[Any]) -> dict[str, Guarded]:
    """The settings of a part's class that others than the user may not set, with their marks."""
    fields = settings_model(cls).model_fields
    marks = ((name, mark) for name, field in fields.items() for mark in field.metadata)
    return {name: mark for name, mark in marks if isinstance(mark, Guarded)}
