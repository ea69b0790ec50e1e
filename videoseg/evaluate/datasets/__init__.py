"""Data sets in their published layouts. The folder is the registry: a file exports ``DATA_SETS``.

To add one, write a file with a dataclass that fits ``samples.DataSet`` and export it by name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from videoseg.errors import ConfigError, SourceError, SourceNotFoundError, nearest
from videoseg.evaluate.samples import DataSet
from videoseg.evaluate.settings import made


@functools.cache
def data_set_classes() -> Mapping[str, type[Any]]:
    """All layouts: name to class."""
    layouts: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            layouts.update(importlib.import_module(f"{__name__}.{module.name}").DATA_SETS)
    return layouts


def open_data_set(
    path: Path, name: str | None = None, settings: Mapping[str, Any] | None = None
) -> DataSet:
    """The data set at ``path`` in the layout ``name``, or in the one that it looks like.

    Raises:
        ConfigError: No layout has that name, or a setting does not fit.
        SourceError: There is nothing at ``path``, or it looks like no layout.
    """
    layouts = data_set_classes()
    if name is not None and name not in layouts:
        raise ConfigError(f"no data set layout is called {name!r}; {nearest(name, layouts)}")
    if not path.exists():
        raise SourceNotFoundError(f"{path}: there is no data set")
    if name is None:
        name = next((known for known, cls in layouts.items() if cls.accepts(path)), None)
    if name is None:
        raise SourceError(
            f"{path}: looks like no data set layout that is known; name one with --data-set "
            f"({', '.join(layouts)})"
        )
    data_set: DataSet = made(layouts[name], "data", {"path": path}, settings or {})
    return data_set
