"""Settings of data sets, tasks and baselines, checked like those of parts."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from videoseg.config.layers import parse_value
from videoseg.errors import ConfigError, nearest


def made(cls: type[Any], table: str, given: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """An instance of the dataclass ``cls`` with settings converted and checked.

    Args:
        cls: A dataclass whose fields are settings.
        table: Name of the table in messages.
        given: Fields that are no settings of the user's.
        settings: Fields that are.

    Raises:
        ConfigError: A setting does not exist or does not fit.
    """
    from pydantic import TypeAdapter, ValidationError

    known = [item.name for item in dataclasses.fields(cls) if item.init and item.name not in given]
    hints = typing.get_type_hints(cls, include_extras=True)
    checked: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in known:
            raise ConfigError(f"{table} has no setting {key!r}; {nearest(key, known)}")
        try:
            checked[key] = TypeAdapter(hints[key]).validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ConfigError(f"{table}.{key} = {value!r}: {first['msg']}") from error
    return cls(**given, **checked)


def parted(
    assignments: Sequence[str], tables: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Take the assignments of some tables out of a list; a value that is not TOML is a string.

    Args:
        assignments: ``table.key=value``.
        tables: Names of tables, which may have dots.

    Returns:
        For each of the tables its settings, and the assignments that belong to none of them.
    """
    settings: dict[str, dict[str, Any]] = {table: {} for table in tables}
    others = []
    for text in assignments:
        path, equals, value = text.partition("=")
        table, _, key = path.strip().rpartition(".")
        if not equals or table not in settings:
            others.append(text)
            continue
        settings[table][key] = parse_value(value)
    return settings, others
