"""Settings: presets (TOML), a file of the user's, flags and ``--set`` become one frozen RunConfig.

The only place that sees raw dictionaries. Layers, the later ones win: defaults of the parts, the
preset, ``--config FILE``, flags, ``--set``. A table names a part, a key one of its settings::

    [run]
    model = "embedded"
    write = ["svg", "overlay"]

    [writers.svg]
    precision = 2
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import logging
import re
import sys
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge
from typing_extensions import Doc

from videoseg import registry
from videoseg.errors import ConfigError
from videoseg.registry import Kind

if typing.TYPE_CHECKING:
    from pydantic import BaseModel

Table: TypeAlias = Mapping[str, Any]
AUTO = "auto"
FOR_MODELS = ("device", "precision", "compile", "offline")
"""Settings of a run that are settings of its models."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run as a whole: the table ``[run]``."""

    model: Annotated[
        str, Doc("name of the model, or auto for the best that is on this machine")
    ] = "embedded"
    source: Annotated[str, Doc("kind of input, or auto to tell by its name")] = AUTO
    tracker: Annotated[str, Doc("name of the tracker")] = "iou"
    write: Annotated[
        tuple[str, ...], Doc("names of writers and exporters; auto picks what fits the input")
    ] = (AUTO,)
    batch: Annotated[int, Ge(0), Doc("frames per call of the model, 0 = as many as fit")] = 0
    device: Annotated[str, Doc("where models compute: auto, cpu, cuda, cuda:1 or mps")] = AUTO
    precision: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"], Doc("what models compute in; auto = bf16 on CUDA")
    ] = "auto"
    compile: Annotated[bool, Doc("compile networks first; pays off on long videos")] = False
    offline: Annotated[bool, Doc("never fetch weights; they must be on this machine")] = False
    start: Annotated[
        str,
        Doc("where to begin: 12.5 (seconds), 250f (frame), 1:02.5 or a timecode; empty = first"),
    ] = ""
    end: Annotated[str, Doc("where to stop, before that place, written alike; empty = last")] = ""
    repeat_prompt: Annotated[
        bool, Doc("use points and boxes as given on every frame instead of carrying them")
    ] = False


@dataclass(frozen=True)
class RunConfig:
    """Checked settings of a run and of its parts.

    Attributes:
        run: The table ``[run]``.
        tables: For each kind of part and each part's name, the settings that differ from defaults.
    """

    run: RunSettings = RunSettings()
    tables: Mapping[Kind, Mapping[str, Table]] = field(default_factory=dict)

    def part(self, kind: Kind, name: str) -> Any:
        """A new part with its settings, not yet opened.

        Raises:
            ConfigError: No part has that name, or a setting does not fit.
        """
        members = registry.pair_of(kind, name)
        if members is not None:
            return registry.part_class(kind, name)(*(self._part(kind, one) for one in members))
        return self._part(kind, name)

    def _part(self, kind: Kind, name: str) -> Any:
        """A new part by itself."""
        settings = self.tables.get(kind, {}).get(name, {})
        made = registry.factory(kind, name)
        cls = registry.part_class(kind, name)
        if kind == "models":
            settings = {**self._for_models(name, cls), **settings}
        return made(**_checked(cls, settings, f"{kind}.{name}"))

    def _for_models(self, name: str, cls: type[Any]) -> dict[str, Any]:
        """The settings of the run that every model has which runs on PyTorch."""
        default = RunSettings()
        known = {item.name for item in _fields(cls)}
        given = {
            key: getattr(self.run, key)
            for key in FOR_MODELS
            if getattr(self.run, key) != getattr(default, key)
        }
        for key in given.keys() - known:
            _log.warning("model %s has no setting %r; it is not used", name, key)
        return {key: value for key, value in given.items() if key in known}


def presets() -> Mapping[str, Path]:
    """The presets that come with videoseg: name to TOML file."""
    package = Path(__file__).parent / "configs"
    folder = package if package.is_dir() else Path(__file__).parent.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(
    *,
    preset: str | None = None,
    file: Path | None = None,
    flags: Table | None = None,
    assignments: Sequence[str] = (),
) -> RunConfig:
    """Put the layers together and check every table, key and value.

    Args:
        preset: Name of a preset.
        file: A TOML file of the user's.
        flags: Settings of ``[run]`` given as flags.
        assignments: ``part.key=value``, for example ``writers.svg.precision=2``.

    Raises:
        ConfigError: Naming the key, where it stands, and the nearest name that exists.
    """
    layers: list[tuple[str, Table]] = []
    if preset is not None:
        layers.append((f"preset {preset!r}", _read(_preset_path(preset))))
    if file is not None:
        layers.append((str(file), _read(file)))
    layers.append(("flags", {"run": dict(flags or {})}))
    layers += [(f"--set {text}", _assignment(text)) for text in assignments]

    run: dict[str, Any] = {}
    tables: dict[Kind, dict[str, dict[str, Any]]] = {}
    for origin, layer in layers:
        for name, table in layer.items():
            if name == "run":
                checked = _checked(RunSettings, _table(table, "run", origin), f"{origin}: run")
                run.update(checked)
                continue
            kind = _kind(name, origin)
            for part, settings in _table(table, name, origin).items():
                where = f"{origin}: {kind}.{part}"
                cls = registry.part_class(kind, part)
                checked = _checked(cls, _table(settings, f"{kind}.{part}", origin), where)
                tables.setdefault(kind, {}).setdefault(part, {}).update(checked)
    config = RunConfig(RunSettings(**run), tables)
    _check_names(config.run)
    return config


@dataclass(frozen=True)
class Setting:
    """One setting of a part, for tables and help."""

    name: str
    type: str
    default: Any
    doc: str


def settings_of(cls: type[Any]) -> tuple[Setting, ...]:
    """The settings of a part's class, in the order of its fields."""
    hints = _hints(cls)
    found = []
    for item in _fields(cls):
        base, *extras = typing.get_args(hints[item.name]) or (hints[item.name],)
        if typing.get_origin(hints[item.name]) is not Annotated:
            base, extras = hints[item.name], []
        doc = next((extra.documentation for extra in extras if isinstance(extra, Doc)), "")
        name = getattr(base, "__name__", None) if not typing.get_args(base) else None
        shown = name or re.sub(r"\w+\.", "", str(base))
        found.append(Setting(item.name, shown, _default(item), doc))
    return tuple(found)


def _fields(cls: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(item for item in dataclasses.fields(cls) if item.init)


def _default(item: dataclasses.Field[Any]) -> Any:
    """The default of a setting; None for one that must be given."""
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return None if item.default is dataclasses.MISSING else item.default


def _hints(cls: type[Any]) -> dict[str, Any]:
    """Annotations of the settings alone; state fields may name types that are not imported."""
    wanted = {item.name for item in _fields(cls)}
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = {k: v for k, v in inspect.get_annotations(base).items() if k in wanted}
        holder = type("Settings", (), {"__annotations__": own})
        scope = vars(sys.modules[base.__module__])
        hints.update(typing.get_type_hints(holder, globalns=scope, include_extras=True))
    return hints


def _model(cls: type[Any]) -> type[BaseModel]:
    """A pydantic model of a part's settings: strict about names, and the JSON Schema's source."""
    from pydantic import ConfigDict, create_model

    fields: dict[str, Any] = {name: (hint, ...) for name, hint in _hints(cls).items()}
    for item in _fields(cls):
        default: Any = item.default
        if default is dataclasses.MISSING:
            default = None
        fields[item.name] = (fields[item.name][0], default)
    return create_model(cls.__name__, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _checked(cls: type[Any], settings: Table, where: str) -> dict[str, Any]:
    """The settings given, converted and checked; nothing that was not given."""
    from pydantic import ValidationError

    known = [item.name for item in _fields(cls)]
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            have = f"there are: {', '.join(known)}" if known else "it has no settings"
            hint = f"did you mean {near[0]!r}?" if near else have
            raise ConfigError(f"{where} has no setting {key!r}; {hint}")
    try:
        model = _model(cls).model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(piece) for piece in first["loc"])
        raise ConfigError(f"{where}.{key} = {first['input']!r}: {first['msg']}") from error
    return {name: getattr(model, name) for name in settings}


def _check_names(run: RunSettings) -> None:
    if run.model != AUTO:
        registry.check_outlines(run.model)
    registry.factory("tracking", run.tracker)
    if run.source != AUTO:
        registry.factory("sources", run.source)
    for name in run.write:
        if name != AUTO:
            output_kind(name)


def output_kind(name: str) -> Kind:
    """Whether an output is made by a writer or by an exporter.

    Raises:
        ConfigError: It is neither.
    """
    if name in registry.names("exporters"):
        return "exporters"
    if name in registry.names("writers"):
        return "writers"
    known = sorted({*registry.names("writers"), *registry.names("exporters")})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"no output is called {name!r}; {hint}")


def _kind(name: str, origin: str) -> Kind:
    for kind in registry.KINDS:
        if kind == name:
            return kind
    known = ["run", *registry.KINDS]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"{origin}: unknown table {name!r}; {hint}")


def _preset_path(name: str) -> Path:
    found = presets()
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(found)}"
    raise ConfigError(f"no preset is called {name!r}; {hint}")


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read settings from {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _table(value: object, name: str, origin: str) -> Table:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{origin}: {name} must be a table of settings, got {value!r}")
    return value


def _assignment(text: str) -> Table:
    """``writers.svg.precision=2`` as nested tables; a value that is not TOML is a string."""
    path, equals, value = text.partition("=")
    kind, *name, key = path.strip().split(".") if "." in path else ("", "")
    # The name of a part may have dots of its own: models.sam2.1-tiny.device
    keys = [kind, ".".join(name), key] if name else [kind, key]
    if not equals or not all(keys) or len(keys) != (2 if kind == "run" else 3):
        raise ConfigError(
            "--set takes part.key=value such as writers.svg.precision=2 or run.batch=8, "
            f"got {text!r}"
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    for key in reversed(keys):
        parsed = {key: parsed}
    nested: Table = parsed
    return nested
