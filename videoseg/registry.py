"""Finds parts by name. The folder is the registry: every module in it exports ``PARTS``.

``PARTS`` maps a name to a dataclass, or to ``functools.partial(dataclass, setting=value)`` where a
family of names shares one class. Packages outside videoseg add parts through the entry-point group
``videoseg.<kind>``, for example::

    [project.entry-points."videoseg.models"]
    my-model = "my_package.my_model:MyModel"

``grounder+segmenter`` is a model too: one that finds boxes by words, and one that outlines them.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from videoseg.errors import ConfigError, MissingDependencyError
from videoseg.spelling import nearest

if TYPE_CHECKING:
    from videoseg.types import ModelCard

Kind: TypeAlias = Literal["sources", "models", "tracking", "writers", "exporters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_ONE_OF: Mapping[Kind, str] = {
    "sources": "source",
    "models": "model",
    "tracking": "tracker",
    "writers": "writer",
    "exporters": "exporter",
}
Factory: TypeAlias = Callable[..., Any]


def names(kind: Kind) -> tuple[str, ...]:
    """All part names of a kind, sorted."""
    return tuple(sorted({*_built_in(kind), *_outside(kind)}))


def factory(kind: Kind, name: str) -> Factory:
    """The callable that makes the part ``name``; its keyword arguments are the part's settings.

    Raises:
        ConfigError: No part has that name.
        MissingDependencyError: A part from another package cannot be imported.
    """
    members = pair_of(kind, name)
    if members is not None:
        from videoseg.models._pair import Pair

        return functools.partial(Pair, *(factory(kind, member)() for member in members))
    built_in = _built_in(kind)
    if name in built_in:
        return built_in[name]
    outside = _outside(kind)
    if name in outside:
        try:
            made: Factory = outside[name].load()
        except (ImportError, AttributeError) as error:
            raise MissingDependencyError(
                f"{kind} part {name!r} ({outside[name].value}) cannot be loaded: {error}"
            ) from error
        return made
    raise ConfigError(f"no {_ONE_OF[kind]} is called {name!r}; {nearest(name, names(kind))}")


def pair_of(kind: Kind, name: str) -> tuple[str, str] | None:
    """The names of grounder and segmenter where a model's name is that of a pair.

    Raises:
        ConfigError: The two do not make a pair.
    """
    if kind != "models" or "+" not in name:
        return None
    grounder, _, segmenter = name.partition("+")
    first, second = card(grounder), card(segmenter)
    if not first.grounds:
        raise ConfigError(f"{name!r}: {grounder!r} finds no boxes; {_how_to_pair()}")
    if second.grounds or "box" not in second.kinds:
        raise ConfigError(f"{name!r}: {segmenter!r} outlines no boxes; {_how_to_pair()}")
    return grounder, segmenter


def part_class(kind: Kind, name: str) -> type[Any]:
    """The dataclass behind a name."""
    if pair_of(kind, name) is not None:
        from videoseg.models._pair import Pair

        return Pair
    made = factory(kind, name)
    return made.func if isinstance(made, functools.partial) else made  # type: ignore[return-value]


def card(name: str) -> ModelCard:
    """The card of a model, read without loading it."""
    members = pair_of("models", name)
    if members is not None:
        from videoseg.models._pair import paired

        return paired(*(card(member) for member in members))
    made = factory("models", name)
    settings = made.keywords if isinstance(made, functools.partial) else {}
    found: ModelCard = settings.get("card") or part_class("models", name).card
    return found


def check_outlines(name: str) -> None:
    """Refuse to run a model that finds boxes and outlines nothing.

    Raises:
        ConfigError: It does not, or there is none of that name.
    """
    if card(name).grounds:
        raise ConfigError(
            f"model {name!r} finds boxes and outlines nothing; pair it with one that does: "
            f"--model {name}+sam2.1-tiny"
        )


def _how_to_pair() -> str:
    cards = [card(name) for name in names("models")]
    first = ", ".join(one.name for one in cards if one.grounds)
    second = ", ".join(one.name for one in cards if not one.grounds and "box" in one.kinds)
    return f"a pair is one of {first}, then +, then one of {second}"


@functools.cache
def _built_in(kind: Kind) -> Mapping[str, Factory]:
    package = importlib.import_module(f"videoseg.{kind}")
    parts: dict[str, Factory] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"videoseg.{kind}.{module.name}")
            parts.update(getattr(loaded, "PARTS", {}))
    return parts


@functools.cache
def _outside(kind: Kind) -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=f"videoseg.{kind}")}
