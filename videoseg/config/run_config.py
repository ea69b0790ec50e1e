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
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from typing_extensions import Doc

from videoseg import registry
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
from videoseg.config.trust import Said, check_project
from videoseg.edges.soft_edges import HARD, EdgeSettings
from videoseg.errors import ConfigError, MissingDependencyError, nearest, shown
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.protocols import Composite
from videoseg.registry import Kind
from videoseg.settings import Guarded, brought_up_to_date, moved, renamed, settings_fields
from videoseg.settings import Setting as Setting
from videoseg.settings import settings_model as settings_model
from videoseg.settings import settings_of as settings_of
from videoseg.types import Box
from videoseg.types.values import setting

AUTO = "auto"
FOR_MODELS = ("device", "precision", "compile", "offline")
"""Settings of a run that are settings of its models."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run as a whole: the table ``[run]``."""

    model: Annotated[str, Doc("name of the model, or auto for the best one on this machine")] = (
        "embedded"
    )
    source: Annotated[str, Doc("kind of input, or auto to detect it by its name")] = AUTO
    tracker: Annotated[str, Doc("name of the tracker")] = "iou"
    write: Annotated[
        tuple[str, ...],
        Doc("names of writers and exporters; auto chooses those that fit the input"),
    ] = (AUTO,)
    batch: Annotated[int, Ge(0), Doc("frames per call of the model, 0 = as many as fit")] = 0
    device: Annotated[str, Doc("device for models: auto, cpu, cuda, cuda:1 or mps")] = AUTO
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"], Doc("number format of models; auto = bf16 on CUDA")
    ] = "auto"
    compile: Annotated[bool, Doc("compile networks first; faster on long videos")] = False
    offline: Annotated[bool, Doc("never download weights; use those on this machine")] = False
    start: Annotated[
        str,
        Doc("where to begin: 12.5 (seconds), 250f (frame), 1:02.5 or a timecode; empty = first"),
    ] = ""
    end: Annotated[
        str, Doc("stop before this time or frame, in the same form; empty = after the last")
    ] = ""
    repeat_prompt: Annotated[
        bool, Doc("use the same points and boxes on every frame instead of following them")
    ] = False
    every: Annotated[
        int,
        Ge(1),
        Doc("run the model on every n-th frame only and interpolate the others, n from 1"),
    ] = 1
    max_size: Annotated[
        int | None,
        Ge(16),
        Doc("scale frames for the model to this long side, pixels from 16; none = no limit"),
    ] = None
    roi: Annotated[
        Box | None, Doc("search only this part, x1, y1, x2, y2 in pixels of the frame")
    ] = None
    ignore_mask: Annotated[
        Path | None,
        Doc("picture of the frame's size; its pixels that are not black are excluded"),
        Guarded("a file", inside=True),
    ] = None
    backwards: Annotated[
        bool, Doc("follow what is marked on a later frame back to the first frame as well")
    ] = True
    review_gap: Annotated[
        float, Ge(0), Doc("longest absence that is not listed for review, seconds from 0")
    ] = 0.2
    review_shrink: Annotated[
        float,
        Gt(0),
        Le(1),
        Doc("list for review what keeps less than this share of its area, or grows as much; 0..1"),
    ] = 0.6
    review_jump: Annotated[
        float,
        Gt(0),
        Doc("list what jumps further than its motion explains, in sizes of the object, > 0"),
    ] = 0.5
    review_score: Annotated[
        float, Ge(0), Le(1), Doc("list what falls below this score, 0..1; 0 = nothing")
    ] = 0.6


SINGLE: Mapping[str, type[Any]] = {
    "run": RunSettings,
    "outlines": Vectorizer,
    "edges": EdgeSettings,
}
"""The tables of the run itself (``settings.SINGLE_TABLES``) and their classes."""


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

    run: RunSettings = RunSettings()
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
        if found.kind == "models":
            settings = {**self._for_models(found), **settings}
        where = f"{found.kind}.{found.name}"
        part = found.make(**_checked(found.cls, settings, where, kind=found.kind))
        if isinstance(part, Composite):
            part.compose(functools.partial(self.part, "models"))
        return part

    def _for_models(self, model: registry.Part) -> dict[str, Any]:
        """The settings of the run that every model has which runs on PyTorch."""
        default = RunSettings()
        known = {item.name for item in model.settings}
        given = {
            key: getattr(self.run, key)
            for key in FOR_MODELS
            if getattr(self.run, key) != getattr(default, key)
        }
        for key in given.keys() - known:
            _log.warning("model %s has no setting %r; it is not used", model.name, key)
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


def guarded(layer: Layer) -> Iterator[Said]:
    """What a layer says about settings that are guarded, harmless or not.

    Raises:
        ConfigError: It names a part that does not exist.
    """
    for name, table in layer.tables.items():
        if name in SINGLE:
            yield from _guarded(name, SINGLE[name], table)
        elif name in registry.KINDS and isinstance(table, Mapping):
            kind = _kind(name, layer.origin)
            for part, settings in table.items():
                yield from _guarded(
                    f"{kind}.{part}", _part_class(kind, part, layer.origin), settings
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
                given = _table(table, name, origin)
                checked = _checked(SINGLE[name], given, f"{origin}: {name}", layer.text)
                _check_names(name, checked, origin)
                single[name].update(checked)
                origins.update({f"{name}.{key}": origin for key in checked})
                continue
            kind = _kind(name, origin)
            for part, settings in _table(table, name, origin).items():
                path = f"{kind}.{part}"
                cls = _part_class(kind, part, origin)
                given = _table(settings, path, origin)
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
        cls = _part_class(_kind(kind, origin), part, origin)
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


def _check_names(table: str, settings: Table, origin: str) -> None:
    """Whether all parts exist that a table of a layer names."""
    try:
        if table == "edges" and settings.get("engine", HARD) != HARD:
            registry.find("matting", settings["engine"])
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


def _kind(name: str, origin: str) -> Kind:
    for kind in registry.KINDS:
        if kind == name:
            return kind
    hint = nearest(name, [*SINGLE, *registry.KINDS])
    raise ConfigError(f"{origin}: unknown table {name!r}; {hint}")


def _part_class(kind: Kind, name: str, origin: str) -> type[Any]:
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


def _table(value: object, name: str, origin: str) -> Table:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{origin}: {name} must be a table of settings, got {value!r}")
    return value
