"""``videoseg config``: the settings in force, the presets, and what settings there can be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.settings import SettingOptions

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.registry import Kind

EPILOG = """
Each layer overrides those before it: defaults, --preset, videoseg.toml of the project, --config,
the environment, --set. The environment variable for the setting writers.svg.precision is
VIDEOSEG_WRITERS_SVG_PRECISION. videoseg.toml is searched for in the working folder and above it,
up to the top of the repository or the home folder. A preset can also be chosen by VIDEOSEG_PRESET,
or by preset = "fast" at the top of either file.

videoseg.toml may have come with a project from anybody, so an address, a key, weights, or a path
outside of its folder counts only from a file of your own, the environment or --set, or once you
trust the file as it is: `videoseg config trust`.

Examples:

videoseg config show --origin

videoseg config show --preset fast > mine.toml

videoseg config schema > videoseg.config.json_schema.json
"""
TRUST_EPILOG = """
Examples:

videoseg config trust

videoseg config trust shots/ --remove

videoseg config trust --list
"""
DEFAULT = "default"
Tables = dict[str, dict[str, Any]]


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    verbs = typer.Typer(no_args_is_help=True, epilog=EPILOG)
    verbs.callback()(config)
    verbs.command("show", epilog="Example: videoseg config show --origin --preset fast")(show)
    verbs.command("presets", epilog="Example: videoseg config presets")(presets)
    verbs.command("trust", epilog=TRUST_EPILOG)(trust)
    verbs.command("schema", epilog="Example: videoseg config schema > schema.json")(schema)
    app.add_typer(verbs, name="config")


def config() -> None:
    """Show the current settings, the presets and the schema of settings; trust a project's file."""


@expand_groups
def show(
    *,
    given: SettingOptions,
    origin: Annotated[
        bool, typer.Option("--origin", help="Show where each setting comes from.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of TOML.")] = False,
) -> None:
    """Print the settings that `segment` would use here, in the form that `--config` reads."""
    found = given.in_force()
    tables = _tables(found)
    if not as_json:
        origins = found.origins if origin else None
        text = "\n\n".join("\n".join(_toml(*table, origins)) for table in tables.items())
        tell(*text.split("\n"))
        return
    made: dict[str, Any] = {}
    for path, settings in tables.items():
        at = made
        for name in path.split("."):
            at = at.setdefault(name, {})
        for key, value in settings.items():
            said = {"value": value, "origin": found.origins.get(f"{path}.{key}", DEFAULT)}
            at[key] = said if origin else value
    print_json(made)


def presets() -> None:
    """List the presets and whom they are for."""
    from videoseg.config.layers import preset_summaries

    found = preset_summaries()
    width = max(map(len, found))
    for name, summary in found.items():
        tell(f"{name:{width}}  {summary}")


def schema() -> None:
    """Print a JSON Schema of settings files, for editors and checks."""
    from videoseg.config.json_schema import settings_schema

    print_json(settings_schema())


def trust(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The project, or a folder in it.")
    ] = Path(),
    remove: Annotated[bool, typer.Option("--remove", help="Trust it no longer.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Print the files you trust.")] = False,
) -> None:
    """Let the `videoseg.toml` of a folder name addresses, keys, weights and paths.

    What it names is printed. Once the file changes, it is not trusted any more.
    """
    from videoseg.config.guards import guarded
    from videoseg.config.layers import PROJECT_FILE, file_layer, project_file
    from videoseg.config.trust import digest_of, distrust, trusted
    from videoseg.config.trust import trust as note
    from videoseg.errors import ConfigError

    if listed:
        for name, digest in trusted().items():
            path = Path(name)
            current = path.is_file() and digest_of(file_layer(path).tables) == digest
            tell(name if current else f"{name} (gone or changed; not trusted)")
        return
    file = project_file(folder)
    if file is None:
        if remove and distrust(folder / PROJECT_FILE):
            return
        raise ConfigError(f"no {PROJECT_FILE} in {folder} or above it in its project")
    if remove:
        if not distrust(file):
            raise ConfigError(f"{file} is not trusted")
        tell(f"not trusted any more: {file}")
        return
    layer = file_layer(file)
    named = [each for each in guarded(layer) if not each.is_harmless(file.parent)]
    note(file, layer.tables)
    tell(f"trusted as it is now: {file}")
    for each in sorted(named, key=lambda one: one.path):
        tell(f"  {each.path} = {json.dumps(each.value, default=str)}")


def _tables(config: RunConfig) -> Tables:
    """The tables of the run, and those of the parts it names or that something is said about."""
    from videoseg.config.run_settings import AUTO
    from videoseg.config.tables import SINGLE, output_kind
    from videoseg.jobs.outputs import VIDEO_OUTPUTS
    from videoseg.runlog.fingerprint import plain

    run = config.run
    outputs = [n for name in run.write for n in (VIDEO_OUTPUTS if name == AUTO else (name,))]
    named: list[tuple[Kind, str]] = [
        ("sources", "video" if run.source == AUTO else run.source),
        ("models", run.model),
        ("tracking", run.tracker),
        *((output_kind(name), name) for name in outputs),
        *((kind, part) for kind, parts in config.tables.items() for part in parts),
    ]
    tables: Tables = {name: plain(getattr(config, name)) for name in SINGLE}
    for kind, part in dict.fromkeys(named):
        settings = plain(config.part(kind, part))
        if settings:
            tables[f"{kind}.{part}"] = settings
    return tables


def _toml(
    path: str, settings: Mapping[str, Any], origins: Mapping[str, str] | None
) -> Iterator[str]:
    yield f"[{path}]"
    for key, value in settings.items():
        # TOML knows no null; such a setting is left as it is by leaving it out.
        line = f"# {key} =" if value is None else f"{key} = {_toml_value(value)}"
        if origins is not None:
            # A file may be called anything, but a comment is one line.
            line = f"{line}  # {' '.join(origins.get(f'{path}.{key}', DEFAULT).split())}"
        yield line


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml_value(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, float):
        return repr(value)
    # Strings and truth values are written alike, but for one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
