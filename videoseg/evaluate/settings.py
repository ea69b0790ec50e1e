"""Settings of data sets and tasks: checked like those of parts, from ``--set data.key=value``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from videoseg.errors import ConfigError


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
    for key in settings:
        if key not in known:
            raise ConfigError(f"{table} has no setting {key!r}; {nearest(key, known)}")
    try:
        return TypeAdapter(cls).validate_python({**settings, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(piece) for piece in first["loc"])
        raise ConfigError(f"{table}.{key} = {first['input']!r}: {first['msg']}") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that does not exist."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are: {', '.join(names)}" if names else "it has no settings"
