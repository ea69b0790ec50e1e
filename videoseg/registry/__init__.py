"""Finds parts by name. The folder is the registry: every module in it exports ``PARTS``.

``PARTS`` maps a name to a dataclass, or to ``functools.partial(dataclass, setting=value)`` where a
family of names shares one class. Packages outside videoseg add parts through the entry-point group
``videoseg.<kind>``, for example::

    [project.entry-points."videoseg.models"]
    my-model = "my_package.my_model:MyModel"

``grounder+segmenter`` is a model too: one that finds boxes by words, and one that outlines them.

A part that cannot be used is left out of all lists, and ``broken`` says what is wrong with it.
"""

from __future__ import annotations

import functools
import importlib
import logging
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from videoseg.errors import ConfigError, MissingDependencyError, nearest, shown
from videoseg.registry.faults import fault_of, lacking
from videoseg.registry.plug_ins import blame_on, blamed, plug_ins
from videoseg.registry.records import (
    KINDS,
    ONE_OF,
    Broken,
    Factories,
    Factory,
    Kind,
    Part,
    card_in,
    class_of,
)

if TYPE_CHECKING:
    from videoseg.types import ModelCard

__all__ = [
    "KINDS",
    "Broken",
    "Factory",
    "Kind",
    "Part",
    "blame_on",
    "blamed",
    "broken",
    "card",
    "card_of",
    "check_outlines",
    "find",
    "names",
    "release",
    "source_for",
]

_log = logging.getLogger(__name__)


def names(kind: Kind) -> tuple[str, ...]:
    """All names of parts of a kind that can be used, sorted."""
    return tuple(sorted({*_built_in(kind), *_outside(kind)}))


def broken(kind: Kind | None = None) -> tuple[Broken, ...]:
    """The parts that cannot be used, of one kind or of all."""
    kinds = KINDS if kind is None else (kind,)
    parts = (found for one in kinds for found in (_built_in(one), _outside(one)))
    return tuple(each for found in parts for each in getattr(found, "broken", ()))


def find(kind: Kind, name: str) -> Part:
    """All that is known of the part ``name``, without making it.

    Raises:
        ConfigError: No part has that name, or two names do not make a pair.
        MissingDependencyError: It is there and cannot be used; says why.
    """
    if kind == "models" and "+" in name:
        return _pair(name)
    for is_plug_in, parts in enumerate((_built_in(kind), _outside(kind))):
        if name in parts:
            made, cls = parts[name], class_of(parts[name])
            origins = parts.origins if isinstance(parts, Factories) else {}
            return Part(
                kind,
                name,
                made,
                cls,
                origin=origins.get(name, cls.__module__),
                is_plug_in=bool(is_plug_in),
                card=card_in(made) if kind == "models" else None,
            )
    for each in broken(kind):
        if each.name == name:
            raise MissingDependencyError(str(each))
    raise ConfigError(f"no {ONE_OF[kind]} is called {name!r}; {nearest(name, names(kind))}")


def _pair(name: str) -> Part:
    """The two models ``grounder+segmenter`` as one."""
    from videoseg.models._pair import Pair, paired
    from videoseg.models._pair_abilities import pair_of

    grounder, _, segmenter = name.partition("+")
    members = find("models", grounder), find("models", segmenter)
    first, second = (_card(one) for one in members)
    if not first.grounds:
        raise ConfigError(f"{name!r}: {grounder!r} finds no boxes; {_how_to_pair()}")
    if second.grounds or "box" not in second.kinds:
        raise ConfigError(f"{name!r}: {segmenter!r} outlines no boxes; {_how_to_pair()}")
    return Part(
        "models",
        name,
        lambda *made: pair_of(*(made or (one.make() for one in members))),
        Pair,
        origin=" and ".join(one.origin for one in members),
        is_plug_in=any(one.is_plug_in for one in members),
        card=paired(first, second),
        members=members,
    )


def source_for(location: str) -> str:
    """The kind of source that fits a location best, of those that take it (``FrameSource``)."""
    from videoseg.protocols import Accepts

    best, most = "video", 0.0
    for name in names("sources"):
        part = find("sources", name)
        if not isinstance(part.cls, Accepts):
            continue
        try:
            fit = float(part.cls.accepts(location))
        except Exception as error:  # one plug-in must not take all others with it
            if not part.is_plug_in:
                raise
            fault = f"accepts: {type(error).__name__}: {error}"
            _log.warning("source %r was left out: %s", name, " ".join(fault.split()))
            continue
        if fit > most:
            best, most = name, fit
    return best


def card(name: str) -> ModelCard:
    """The card of a model, read without loading it."""
    return _card(find("models", name))


def _card(model: Part) -> ModelCard:
    assert model.card is not None  # noqa: S101 - a model without one is ``Broken``
    return model.card


def card_of(model: object) -> ModelCard:
    """The card of a model that is handed over as an object.

    Raises:
        ConfigError: It is no model; says what it lacks.
    """
    if isinstance(model, type):
        raise ConfigError(f"a model is an object, not a class: {model.__name__}()")
    fault = lacking("models", type(model), getattr(model, "card", None))
    if fault is not None:
        raise ConfigError(f"{shown(model)} is no model: {fault}")
    found: ModelCard = model.card  # type: ignore[attr-defined]
    return found


def check_outlines(card: ModelCard) -> None:
    """Refuse to run a model that finds boxes and outlines nothing.

    Raises:
        ConfigError: It does not.
    """
    if card.grounds:
        raise ConfigError(
            f"model {card.name!r} finds boxes and outlines nothing; pair it with one that does: "
            f"--model {card.name}+sam2.1-tiny"
        )


def release(part: Any, what: str) -> None:
    """Close a source or a model once the work is done or has failed.

    What goes wrong then changes nothing about the results, so it is logged.

    Args:
        part: What to close.
        what: Its name for people.
    """
    try:
        part.close()
    except Exception as error:
        by, said = blamed(error) or what, " ".join(str(error).split())
        _log.warning(
            "%s could not be closed (%s: %s); results are not affected",
            by,
            type(error).__name__,
            said,
        )


def _how_to_pair() -> str:
    cards = [card(name) for name in names("models")]
    first = ", ".join(one.name for one in cards if one.grounds)
    second = ", ".join(one.name for one in cards if not one.grounds and "box" in one.kinds)
    return f"a pair is one of {first}, then +, then one of {second}"


@functools.cache
def _built_in(kind: Kind) -> Mapping[str, Factory]:
    """The parts of this package."""
    package = importlib.import_module(f"videoseg.{kind}")
    found = Factories()
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        origin = f"videoseg.{kind}.{module.name}"
        try:
            parts = getattr(importlib.import_module(origin), "PARTS", {})
        except MemoryError:  # is no fault of this part's
            raise
        except Exception as error:  # one file must not take all others with it
            fault = f"{type(error).__name__}: {error}"
            found.broken.append(Broken(kind, module.name, origin, fault))
            continue
        if not isinstance(parts, Mapping):
            fault = f"its PARTS must map names to dataclasses, got {shown(parts)}"
            found.broken.append(Broken(kind, module.name, origin, fault))
            continue
        for name, made in parts.items():
            found.add(made, Broken(kind, name, origin, fault_of(kind, name, made) or ""))
    return found


@functools.cache
def _outside(kind: Kind) -> Mapping[str, Factory]:
    """The parts that other packages add."""
    return plug_ins(kind, _built_in(kind))
