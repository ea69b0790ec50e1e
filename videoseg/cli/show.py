"""``videoseg show``: the settings of a part, with what they mean."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from videoseg.cli import _completion
from videoseg.cli._terminal import tell
from videoseg.errors import ConfigError, MissingDependencyError

_log = logging.getLogger(__name__)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("show", epilog="Example: videoseg show svg")(show)


def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="PART",
            help="Name of a part, `run` or `outlines`; without it, list all.",
            autocompletion=_completion.parts,
        ),
    ] = None,
) -> None:
    """Show what a part does, and its settings as `--set` takes them."""
    from videoseg import registry
    from videoseg.config.tables import SINGLE
    from videoseg.errors import nearest

    if name is None:
        for kind in registry.KINDS:
            tell(f"{kind:10} {', '.join(registry.names(kind))}")
        for each in registry.broken():
            _log.warning("%s", each)
        return
    if name in SINGLE:
        _settings(name, SINGLE[name])
        return
    kinds = [kind for kind in registry.KINDS if name in registry.names(kind)]
    for each in registry.broken() if not kinds else ():
        if each.name == name:
            raise MissingDependencyError(str(each))
    if not kinds:
        known = {each for kind in registry.KINDS for each in registry.names(kind)}
        raise ConfigError(f"no part is called {name!r}; {nearest(name, sorted(known))}")
    for kind in kinds:
        found = registry.find(kind, name)
        _settings(f"{kind}.{name}", found.cls)
        if (card := found.card) is not None:
            tell(f"  takes {', '.join(sorted(card.kinds))}; weights under {card.licence}")
            if card.about:
                _tell(found.cls, card.about)


def _tell(cls: type, file: str) -> None:
    from importlib import resources

    package = cls.__module__.rpartition(".")[0]
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    tell("", *text.strip().split("\n"))


def _settings(path: str, cls: type) -> None:
    from videoseg.settings import settings_of

    summary = (cls.__doc__ or "").strip().splitlines()
    tell(f"{path}: {summary[0] if summary else ''}")
    for setting in settings_of(cls):
        tell(f"  {path}.{setting.name} = {setting.default!r}  ({setting.type})")
        if setting.doc:
            tell(f"      {setting.doc}")
