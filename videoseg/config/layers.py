"""Where settings come from: presets, files, the environment and ``--set``, each a table by itself.

A layer is what one of these says, unchecked: tables of settings as TOML has them, and a name for
messages. Nothing here knows what a setting means; ``run_config.py`` puts layers together and checks
them.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from videoseg import registry
from videoseg.errors import ConfigError, nearest
from videoseg.registry import KINDS, Kind
from videoseg.settings import SINGLE_TABLES
from videoseg.system.text_files import read_text

Table: TypeAlias = Mapping[str, Any]

PROJECT_FILE = "videoseg.toml"
PREFIX = "VIDEOSEG_"
_ROOTS = (".git", ".hg", ".svn")
"""What the top folder of a project holds."""
_VARIABLE = re.compile(rf"{PREFIX}[A-Z0-9_]+")
PRESET = "preset"
PRESET_VARIABLE = f"{PREFIX}PRESET"
_NEARLY = 0.75
"""Words this much alike, from 0 to 1, are taken for mistakes in writing."""
_SHOWN = 80
"""Letters of a ``--set`` that stand in a message."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says.

    Attributes:
        origin: The place, for messages.
        tables: ``run``, ``outlines`` and kinds of parts to their tables; not checked.
        preset: Name of the preset that it is on top of, if it names one.
        text: What was written, where that is the value of one setting.
    """

    origin: str
    tables: Table
    preset: str | None = None
    text: str | None = None


def presets() -> Mapping[str, Path]:
    """The presets that come with videoseg: name to TOML file."""
    package = Path(__file__).parents[1] / "configs"
    folder = package if package.is_dir() else Path(__file__).parents[2] / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def preset_summaries() -> Mapping[str, str]:
    """The presets and whom each is for: the first line of its file."""
    lines = {n: p.read_text(encoding="utf-8").partition("\n")[0] for n, p in presets().items()}
    return {name: line.removeprefix("#").strip() for name, line in lines.items()}


def preset_layer(name: str) -> Layer:
    """A preset by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    found = presets()
    if name not in found:
        raise ConfigError(f"no preset is called {name!r}; {nearest(name, found)}")
    return Layer(f"preset {name!r}", _read(found[name]))


def file_layer(path: Path) -> Layer:
    """A TOML file; ``preset = "fast"`` at its top names the preset that it is on top of.

    Raises:
        ConfigError: It cannot be read, or is not TOML.
    """
    tables = dict(_read(path))
    preset = tables.pop(PRESET, None)
    if preset is not None and not isinstance(preset, str):
        raise ConfigError(f"{path}: {PRESET} must be the name of a preset, got {preset!r}")
    return Layer(str(path), tables, preset)


def project_file(folder: Path) -> Path | None:
    """The file of settings that a project has for all that is done inside it, or None.

    It is looked for in ``folder``, and in the folders above it up to the top of the project (where
    ``.git``, ``.hg`` or ``.svn`` is) or the home folder. Outside of both only ``folder`` itself
    counts: what lies further up may be anybody's.
    """
    folder = folder.resolve()
    above = [folder, *folder.parents]
    end = next((n for n, each in enumerate(above, 1) if _is_top(each)), 1)
    found = (each / PROJECT_FILE for each in above[:end])
    return next((path for path in found if path.is_file()), None)


def environment_layers(environment: Mapping[str, str]) -> list[Layer]:
    """Variables such as ``VIDEOSEG_RUN_MODEL`` and ``VIDEOSEG_WRITERS_ANIMATED_SVG_PRECISION``.

    The name is that of ``--set`` in capitals, with ``_`` for each point and dash. Values are read
    as ``--set`` reads them; an empty one is as good as none. Variables that are not even near to
    ``RUN``, ``OUTLINES`` or a kind of part are for others.

    Raises:
        ConfigError: A variable names a kind of part, but no part, or nearly a kind.
    """
    return [
        Layer(name, _nested(_variable(name), parse_value(text)), text=text)
        for name, text in sorted(environment.items())
        if text and _VARIABLE.fullmatch(name) and _is_setting(name)
    ]


def assignment_layer(text: str) -> Layer:
    """``writers.svg.precision=2``.

    Raises:
        ConfigError: It is not of that form.
    """
    path, equals, given = text.partition("=")
    kind, *name, key = path.strip().split(".") if "." in path else ("", "")
    # The name of a part may have dots of its own: models.sam2.1-tiny.device
    keys = [kind, ".".join(name), key] if name else [kind, key]
    if not equals or not all(keys) or len(keys) != (2 if keys[0] in SINGLE_TABLES else 3):
        raise ConfigError(
            "--set takes part.key=value such as run.batch=8 or, with the kind of the part, "
            f"writers.svg.precision=2 (`videoseg show svg` lists these), got {text!r}"
        )
    shown = text if len(text) <= _SHOWN and text.isprintable() else f"{text[:_SHOWN]!r}"
    return Layer(f"--set {shown}", _nested(keys, parse_value(given)), text=given.strip())


def parse_value(text: str) -> Any:
    """A value as TOML has it; what is not TOML is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text.strip()


def _is_top(folder: Path) -> bool:
    # Unlike Path.home(), this takes a user without a home folder.
    home = Path(os.path.expanduser("~"))
    return folder == home or any((folder / name).exists() for name in _ROOTS)


def _is_setting(name: str) -> bool:
    """Whether a variable is meant for us.

    Raises:
        ConfigError: It seems to be, but would not count.
    """
    kind, _, rest = name.removeprefix(PREFIX).lower().partition("_")
    kinds = (*SINGLE_TABLES, *KINDS)
    if kind in kinds and rest:
        return True
    if difflib.get_close_matches(kind, kinds, n=1, cutoff=_NEARLY):
        known = ", ".join(f"{PREFIX}{each.upper()}_" for each in kinds)
        raise ConfigError(f"{name} is not a setting; names of settings begin with one of {known}")
    return False


def _variable(name: str) -> list[str]:
    """The keys that a variable of the environment stands for."""
    kind, _, rest = name.removeprefix(PREFIX).lower().partition("_")
    if kind in SINGLE_TABLES:
        return [kind, rest]
    found = _part(_kind(kind), rest)
    if found is None:
        known = (each.replace("-", "_").upper() for each in registry.names(_kind(kind)))
        raise ConfigError(
            f"{name} does not name a part; it must begin with {PREFIX}{kind.upper()}_ and one of "
            f"{', '.join(known)}"
        )
    return [kind, found, rest[len(found) + 1 :]]


def _kind(name: str) -> Kind:
    return next(kind for kind in KINDS if kind == name)


def _part(kind: Kind, rest: str) -> str | None:
    """The part whose name is at the head of what is left of a variable's name; the longest one."""
    fitting = (
        n for n in registry.names(kind) if rest.startswith(f"{n.replace('-', '_')}_".lower())
    )
    return max(fitting, key=len, default=None)


def _nested(keys: Sequence[str], given: Any) -> Table:
    for key in reversed(keys):
        given = {key: given}
    nested: Table = given
    return nested


def _read(path: Path) -> Table:
    text = read_text(path, "settings", ConfigError)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}") from error
