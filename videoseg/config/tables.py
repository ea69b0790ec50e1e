"""What tables of settings may stand in a layer, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from videoseg import registry
from videoseg.config.layers import Table
from videoseg.config.run_settings import RunSettings
from videoseg.edges.soft_edges import EdgeSettings
from videoseg.errors import ConfigError, MissingDependencyError, nearest
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.registry import Kind

SINGLE: Mapping[str, type[Any]] = {
    "run": RunSettings,
    "outlines": Vectorizer,
    "edges": EdgeSettings,
}
"""The tables of the run itself (``settings.SINGLE_TABLES``) and their classes."""


def kind_of(name: str, origin: str) -> Kind:
    """The kind of part whose tables a table of settings holds.

    Args:
        name: The table's name.
        origin: Where it stands, for messages.

    Raises:
        ConfigError: No table has that name.
    """
    for kind in registry.KINDS:
        if kind == name:
            return kind
    hint = nearest(name, [*SINGLE, *registry.KINDS])
    raise ConfigError(f"{origin}: unknown table {name!r}; {hint}")


def part_class(kind: Kind, name: str, origin: str) -> type[Any]:
    """The class whose settings a part's table holds.

    Args:
        kind: The kind of the part.
        name: The part's name.
        origin: Where the table stands, for messages.

    Raises:
        ConfigError: No part has that name, or it is two parts with tables of their own.
    """
    try:
        found = registry.find(kind, name)
        if found.members:
            first, second = (f"{kind}.{one.name}" for one in found.members)
            raise ConfigError(
                f"{name!r} is two models with settings of their own: {first} and {second}"
            )
        return found.cls
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error


def as_table(value: object, name: str, origin: str) -> Table:
    """A value of a layer that must be a table.

    Args:
        value: What it is.
        name: How it is called.
        origin: Where it stands, for messages.

    Raises:
        ConfigError: It is something else.
    """
    if not isinstance(value, Mapping):
        raise ConfigError(f"{origin}: {name} must be a table of settings, got {value!r}")
    return value


def output_kind(name: str) -> Kind:
    """Whether an output is made by a writer or by an exporter.

    Raises:
        ConfigError: It is neither.
        MissingDependencyError: It is there and cannot be used; says why.
    """
    if name in registry.names("exporters"):
        return "exporters"
    if name in registry.names("writers"):
        return "writers"
    for each in (*registry.broken("exporters"), *registry.broken("writers")):
        if each.name == name:
            raise MissingDependencyError(str(each))
    known = sorted({*registry.names("writers"), *registry.names("exporters")})
    raise ConfigError(f"no output is called {name!r}; {nearest(name, known)}")
