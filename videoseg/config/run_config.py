"""Settings: layers of tables become one frozen RunConfig, checked.

Layers (``layers.py``), the later ones win: defaults of the parts, the preset, the project's file,
``--config FILE``, the environment, flags, ``--set``. A table names a part, a key one of its
settings; two tables are of the run itself::

    [run]
    model = "embedded"
    write = ["svg", "overlay"]

    [outlines]
    tolerance = 1.0

    [writers.svg]
    precision = 2
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg import registry
from videoseg.config.guards import guarded
from videoseg.config.layers import (
    PRESET_VARIABLE,
    Layer,
    Table,
    assignment_layer,
    environment_layers,
    file_layer,
    preset_layer,
    project_file,
)
from videoseg.config.run_settings import AUTO, FOR_MODELS, RunSettings
from videoseg.config.tables import SINGLE, as_table, kind_of, output_kind, part_class
from videoseg.config.trust import check_project
from videoseg.edges.soft_edges import HARD, EdgeSettings
from videoseg.errors import ConfigError, nearest, shown
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.protocols import Composite
from videoseg.registry import Kind
from videoseg.settings import brought_up_to_date, moved, renamed, settings_fields, settings_model
from videoseg.types.values import setting

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunConfig:
    """Checked settings of a run and of its parts.

    Attributes:
        run: The table ``[run]``.
        tables: For each kind of part and each part's name, the settings that differ from defaults.
        origins: Where each setting was said, by its path such as ``writers.svg.precision``; one
            that is not here has its default.
        outlines: The table ``[outlines]``.
        edges: The table ``[edges]``.
    """

    run: RunSettings = field(default_factory=RunSettings)
    tables: Mapping[Kind, Mapping[str, Table]] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    outlines: Vectorizer = field(default_factory=Vectorizer)
    edges: EdgeSettings = field(default_factory=EdgeSettings)

    def part(self, kind: Kind, name: str) -> Any:
        """A new part with its settings, not yet opened.

        Raises:
            ConfigError: No part has that name, or a setting does not fit.
        """
        return self._made(registry.find(kind, name))

    def _made(self, found: registry.Part) -> Any:
        """A new part with its settings; a pair's members have their own."""
        if found.members:
            return found.make(*(self._made(one) for one in found.members))
        settings = self.tables.get(found.kind, {}).get(found.name, {})
        if found.kind in ("models", "matting"):
            settings = {**self._for_networks(found), **settings}
        where = f"{found.kind}.{found.name}"
        part = found.make(**_checked(found.cls, settings, where, kind=found.kind))
        if isinstance(part, Composite):
            part.compose(functools.partial(self.part, "models"))
        return part

    def _for_networks(self, part: registry.Part) -> dict[str, Any]:
        """The settings of the run that every model and engine has which runs on PyTorch."""
        default = RunSettings()
        known = {item.name for item in part.settings}
        given = {
            key: getattr(self.run, key)
            for key in FOR_MODELS
            if getattr(self.run, key) != getattr(default, key)
        }
        if part.kind == "models":
            for key in given.keys() - known:
                _log.warning("model %s has no setting %r; it is not used", part.name, key)
        return {key: value for key, value in given.items() if key in known}


def load(
    *,
    preset: str | None = None,
    file: str | os.PathLike[str] | None = None,
    flags: Table | None = None,
    assignments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    recorded: Table | None = None,
) -> RunConfig:
    """Put the layers together and check every table, key and value.

    Args:
        preset: Name of a preset. Without it, ``VIDEOSEG_PRESET``, ``file`` and the project's file
            may name one, the first of them that does.
        file: A TOML file of the user's.
        flags: Settings of ``[run]``, by name; numbers may be of any type.
        assignments: ``part.key=value``, for example ``writers.svg.precision=2``.
        environment: Variables to look for settings in; none by default.
        folder: A folder whose project may have a file of settings; none by default.
        recorded: The settings of an earlier run. Only what is said for this one call, by flags and
            assignments, changes them.

    Raises:
        ConfigError: Naming the key, where it stands, and the nearest name that exists; or a key
            of the project's file that the user's own word is needed for.
    """
    _check_arguments(preset, file, flags, assignments)
    found: list[Layer] = []
    if recorded is not None:
        found.append(_recorded(recorded))
    else:
        variables = environment or {}
        project = None if folder is None else project_file(folder)
        own = None if file is None else Path(os.fsdecode(file))
        files = [file_layer(path) for path in (project, own) if path is not None]
        # A file that the user names is their own word, whichever it is.
        if project is not None and (own is None or own.resolve() != project.resolve()):
            check_project(project, files[0].tables, guarded(files[0]))
        found += [*_preset(preset, variables, files), *files]
        found += environment_layers(variables)
    given = {name: setting(value) for name, value in (flags or {}).items()}
    found += [Layer(_flag(name), {"run": {name: value}}) for name, value in given.items()]
    found += [assignment_layer(text) for text in assignments]
    return _stacked(found)


def _check_arguments(preset: object, file: object, flags: object, assignments: object) -> None:
    """Whether a caller's arguments are of the types that ``load`` takes."""
    wanted = (
        ("preset", preset, str, "a name"),
        ("file", file, str | bytes | os.PathLike, "a path"),
        ("flags", flags, Mapping, "a mapping"),
        ("assignments", assignments, list | tuple, "a list of part.key=value"),
    )
    for name, value, kind, what in wanted:
        if value is not None and not isinstance(value, kind):
            raise ConfigError(f"{name} must be {what}, got {shown(value)}")


def _preset(
    given: str | None, variables: Mapping[str, str], files: Sequence[Layer]
) -> Iterator[Layer]:
    """The preset that the nearest place names, if any does."""
    if given is not None:
        yield preset_layer(given)
        return
    places = [(file.origin, file.preset) for file in reversed(files)]
    for origin, name in ((PRESET_VARIABLE, variables.get(PRESET_VARIABLE)), *places):
        if name:
            try:
                yield preset_layer(name)
            except ConfigError as error:
                raise ConfigError(f"{origin}: {error}") from error
            return


def _stacked(found: Sequence[Layer]) -> RunConfig:
    """Every layer checked by itself, and the later on top of the earlier."""
    single: dict[str, dict[str, Any]] = {name: {} for name in SINGLE}
    tables: dict[Kind, dict[str, dict[str, Any]]] = {}
    origins: dict[str, str] = {}
    for layer in found:
        origin = layer.origin
        for name, table in layer.tables.items():
            if name in SINGLE:
                given = as_table(table, name, origin)
                checked = _checked(SINGLE[name], given, f"{origin}: {name}", layer.text)
                _check_names(name, checked, origin)
                single[name].update(checked)
                origins.update({f"{name}.{key}": origin for key in checked})
                continue
            kind = kind_of(name, origin)
            for part, settings in as_table(table, name, origin).items():
                path = f"{kind}.{part}"
                cls = part_class(kind, part, origin)
                given = as_table(settings, path, origin)
                checked = _checked(cls, given, f"{origin}: {path}", layer.text, kind)
                tables.setdefault(kind, {}).setdefault(part, {}).update(checked)
                origins.update({f"{path}.{key}": origin for key in checked})
    return RunConfig(
        RunSettings(**single["run"]),
        tables,
        origins,
        Vectorizer(**single["outlines"]),
        EdgeSettings(**single["edges"]),
    )


def _recorded(tables: Table) -> Layer:
    """The settings of an earlier run, which an earlier version may have written down."""
    origin = "run.json"

    def known(kind: str, part: str) -> list[str]:
        cls = part_class(kind_of(kind, origin), part, origin)
        return [item.name for item in settings_fields(cls)]

    return Layer(origin, brought_up_to_date(tables, known))


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _checked(
    cls: type[Any],
    settings: Table,
    where: str,
    text: str | None = None,
    kind: Kind | None = None,
) -> dict[str, Any]:
    """The settings given, converted and checked; nothing that was not given.

    Args:
        cls: The class that has them.
        settings: Their values.
        where: Where they stand, for messages.
        text: What was written for the only one; it counts where what it reads as does not fit,
            as with ``run.start=12.5``, a place that looks like a number.
        kind: The kind of part that they are of, if they are of one.
    """
    from pydantic import ValidationError

    known = [item.name for item in settings_fields(cls)]
    for key in settings:
        now = renamed(key, known) or moved(kind or "", key, known)
        if now is not None:
            raise ConfigError(f"{where} has no setting {key!r} any more; it is called {now!r} now")
        if key not in known:
            raise ConfigError(f"{where} has no setting {key!r}; {nearest(str(key), known)}")
    try:
        model = settings_model(cls).model_validate(dict(settings))
    except ValidationError as error:
        if text is not None:
            with contextlib.suppress(ConfigError):
                return _checked(cls, dict.fromkeys(settings, text), where, kind=kind)
        first = error.errors(include_url=False)[0]
        key = ".".join(str(piece) for piece in first["loc"])
        message = f"{where}.{key} = {first['input']!r}: {first['msg']}"
        raise ConfigError(" ".join(message.split())) from error
    return {name: getattr(model, name) for name in settings}


def _check_engine(name: str) -> None:
    """Whether there is a matting engine of this name; hard edges need none."""
    if name == HARD:
        return
    try:
        registry.find("matting", name)
    except ConfigError as error:
        engines = [*registry.names("matting"), HARD]
        said = f"no matting engine is called {name!r}; {nearest(name, engines)}"
        raise ConfigError(said) from error


def _check_names(table: str, settings: Table, origin: str) -> None:
    """Whether all parts exist that a table of a layer names."""
    try:
        if table == "edges":
            _check_engine(settings.get("engine", HARD))
        if table != "run":
            return
        run = RunSettings(**settings)
        if run.model != AUTO:
            registry.check_outlines(registry.card(run.model))
        registry.find("tracking", run.tracker)
        if run.source != AUTO:
            registry.find("sources", run.source)
        for name in run.write:
            if name != AUTO:
                output_kind(name)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error
