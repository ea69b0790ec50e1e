"""The settings of a part: the fields of its dataclass that its constructor takes."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from typing_extensions import Doc

if typing.TYPE_CHECKING:
    from pydantic import BaseModel

RENAMED: Mapping[str, str] = {
    "confident": "activation_score",
    "confirm": "min_hits",
    "confirm_misses": "max_birth_misses",
    "bridge": "max_gap_frames",
    "lost": "max_lost_seconds",
    "remember": "reid_seconds",
}
"""Settings of trackers: the name of earlier versions to that of now. Of other parts none is."""
SINGLE_TABLES = ("run", "outlines", "edges")
"""Tables of settings that are of the run itself; all others are of a kind of parts, by name."""
MOVED: Mapping[str, Mapping[str, str]] = {
    "tracking": {"tolerance": "outlines.tolerance", "curves": "outlines.curves"}
}
"""Settings of a kind of parts that a single table has now: earlier name to table and name."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """Marks a setting that the ``videoseg.toml`` of a project may not set by itself.

    Such a file may have been received with the project. Put it beside the setting's ``Doc``::

        url: Annotated[str, Doc("address of the service"), Guarded("an address")] = ""

    Attributes:
        what: What it names, with an article, for messages.
        harmless: Values that anybody may set; the default is always one.
        inside: Whether it is a path that anybody may set to what lies in the project's folder.
    """

    what: str
    harmless: tuple[object, ...] = ()
    inside: bool = False


@dataclass(frozen=True)
class Setting:
    """One setting of a part, for tables and help."""

    name: str
    type: str
    default: Any
    doc: str


def renamed(name: str, known: Collection[str]) -> str | None:
    """What an old name of a setting is called now, in a part that knows these; None for others."""
    now = RENAMED.get(name)
    return now if now in known and name not in known else None


def moved(kind: str, name: str, known: Collection[str]) -> str | None:
    """Where a setting of a part is now, such as ``outlines.curves``; None where it has not moved.

    Args:
        kind: The kind of the part.
        name: The name that the setting had.
        known: The names that the part has now.
    """
    return None if name in known else MOVED.get(kind, {}).get(name)


def brought_up_to_date(
    tables: Mapping[str, Any], known: Callable[[str, str], Collection[str]]
) -> dict[str, Any]:
    """The settings that an earlier version has written down, by their names and places of now.

    Args:
        tables: All tables, as ``run.json`` has them; what is no table stays as it is.
        known: The names of a part's settings now, by kind and name of the part.
    """
    made = dict(tables)
    for kind, parts in tables.items():
        if kind not in SINGLE_TABLES and isinstance(parts, Mapping):
            made[kind] = {
                part: _brought_up_to_date(kind, table, known(kind, part), made)
                if isinstance(table, Mapping)
                else table
                for part, table in parts.items()
            }
    return made


def _brought_up_to_date(
    kind: str, table: Mapping[str, Any], known: Collection[str], tables: dict[str, Any]
) -> dict[str, Any]:
    """One part's settings by their names of now; those that have moved go into ``tables``."""
    made: dict[str, Any] = {}
    for name, value in table.items():
        place = moved(kind, name, known)
        if place is None:
            made[renamed(name, known) or name] = value
        else:
            single, _, now = place.partition(".")
            there = tables.get(single, {})
            if isinstance(there, Mapping):
                tables[single] = {now: value, **there}
    return made


def settings_of(cls: type[Any]) -> tuple[Setting, ...]:
    """The settings of a part's class, in the order of its fields."""
    hints = _hints(cls)
    found = []
    for item in settings_fields(cls):
        base, *extras = typing.get_args(hints[item.name]) or (hints[item.name],)
        if typing.get_origin(hints[item.name]) is not Annotated:
            base, extras = hints[item.name], []
        doc = next((extra.documentation for extra in extras if isinstance(extra, Doc)), "")
        name = getattr(base, "__name__", None) if not typing.get_args(base) else None
        shown = name or re.sub(r"\w+\.", "", str(base))
        found.append(Setting(item.name, shown, _default(item), doc))
    return tuple(found)


def settings_fields(cls: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a part's class that are settings; the others are its state."""
    return tuple(item for item in dataclasses.fields(cls) if item.init)


def _default(item: dataclasses.Field[Any]) -> Any:
    """The default of a setting; None for one that must be given."""
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return None if item.default is dataclasses.MISSING else item.default


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Annotations of the settings alone; state fields may name types that are not imported."""
    wanted = {item.name for item in settings_fields(cls)}
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = {k: v for k, v in inspect.get_annotations(base).items() if k in wanted}
        holder = type("Settings", (), {"__annotations__": own})
        scope = vars(sys.modules[base.__module__])
        hints.update(typing.get_type_hints(holder, globalns=scope, include_extras=True))
    return hints


def settings_model(cls: type[Any]) -> type[BaseModel]:
    """A pydantic model of a part's settings: strict about names, and the JSON Schema's source."""
    from pydantic import ConfigDict, create_model

    fields: dict[str, Any] = {name: (hint, ...) for name, hint in _hints(cls).items()}
    for item in settings_fields(cls):
        fields[item.name] = (fields[item.name][0], _default(item))
    return create_model(
        cls.__name__,
        __config__=ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True),
        **fields,
    )


def settings_fault(cls: type[Any]) -> str | None:
    """What is wrong with the settings of a class, in a clause; None where nothing is."""
    from pydantic import TypeAdapter

    try:
        hints, found = _hints(cls), settings_of(cls)
    except Exception as error:  # whatever stands in another package's annotations
        return f"the types of its settings cannot be read: {type(error).__name__}: {error}"
    for item, setting in zip(settings_fields(cls), found, strict=True):
        if not setting.doc:
            return f"its setting {item.name!r} has no Doc(...) that says what it means"
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            return f"its setting {item.name!r} has no default"
        try:
            adapter = TypeAdapter(hints[item.name])
            adapter.json_schema()
        except Exception as error:
            said = str(error).partition("\n")[0]
            return f"its setting {item.name!r} has a type that settings cannot have: {said}"
        try:
            adapter.validate_python(_default(item))
        except ValueError as error:
            said = "; ".join(str(error).splitlines()[1:2]).strip()
            return f"the default of its setting {item.name!r} does not fit: {said}"
    return None
