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

import contextlib
import dataclasses
import functools
import importlib
import inspect
import logging
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from videoseg.errors import ConfigError, MissingDependencyError, nearest, shown
from videoseg.settings import settings_fault

if TYPE_CHECKING:
    from videoseg.types import ModelCard

_log = logging.getLogger(__name__)

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

_METHODS: Mapping[Kind, tuple[str, ...]] = {
    "sources": ("accepts", "open", "frames", "close"),
    "models": ("prepare", "segment", "close"),
    "tracking": ("start", "update", "finish"),
    "writers": ("produces", "open", "write", "close"),
    "exporters": ("produces", "export"),
}
"""What a class must have, beside its settings (``protocols.py``)."""
_GROUNDER = ("prepare", "ground", "close")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Broken:
    """A part that cannot be used.

    Attributes:
        kind: Its kind.
        name: Its name.
        origin: Where it comes from: package, entry point and object.
        fault: What is wrong, in a clause.
    """

    kind: Kind
    name: str
    origin: str
    fault: str

    def __str__(self) -> str:
        fault = " ".join(self.fault.split())
        return f"{self.kind} part {self.name!r} ({self.origin}) cannot be used: {fault}"


class _Parts(dict[str, Factory]):
    """Parts by name, and those that cannot be used."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[Broken] = []

    def add(self, made: Any, seen: Broken, taken: Iterable[str] = ()) -> None:
        """Add one part; ``seen`` tells it apart and has its fault, if there is one."""
        if not seen.fault and (seen.name in self or seen.name in taken):
            seen = dataclasses.replace(seen, fault="another part has this name already")
        if seen.fault:
            self.broken.append(seen)
        else:
            self[seen.name] = made


def names(kind: Kind) -> tuple[str, ...]:
    """All names of parts of a kind that can be used, sorted."""
    return tuple(sorted({*_built_in(kind), *_outside(kind)}))


def broken(kind: Kind | None = None) -> tuple[Broken, ...]:
    """The parts that cannot be used, of one kind or of all."""
    kinds = KINDS if kind is None else (kind,)
    parts = (found for one in kinds for found in (_built_in(one), _outside(one)))
    return tuple(each for found in parts for each in getattr(found, "broken", ()))


def is_plug_in(kind: Kind, name: str) -> bool:
    """Whether a part comes from another package."""
    return name in _outside(kind)


def factory(kind: Kind, name: str) -> Factory:
    """The callable that makes the part ``name``; its keyword arguments are the part's settings.

    Raises:
        ConfigError: No part has that name.
        MissingDependencyError: It is there and cannot be used; says why.
    """
    members = pair_of(kind, name)
    if members is not None:
        from videoseg.models._pair import Pair

        return functools.partial(Pair, *(factory(kind, member)() for member in members))
    for parts in (_built_in(kind), _outside(kind)):
        if name in parts:
            return parts[name]
    for each in broken(kind):
        if each.name == name:
            raise MissingDependencyError(str(each))
    raise ConfigError(f"no {_ONE_OF[kind]} is called {name!r}; {nearest(name, names(kind))}")


def source_for(location: str) -> str:
    """The kind of source that fits a location best, of those that take it (``FrameSource``)."""
    best, most = "video", 0.0
    for name in names("sources"):
        accepts = getattr(part_class("sources", name), "accepts", None)
        try:
            fit = 0.0 if accepts is None else float(accepts(location))
        except Exception as error:  # one plug-in must not take all others with it
            if not is_plug_in("sources", name):
                raise
            fault = f"accepts: {type(error).__name__}: {error}"
            _log.warning("source %r was left out: %s", name, " ".join(fault.split()))
            continue
        if fit > most:
            best, most = name, fit
    return best


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
    found: type[Any] = _class_of(factory(kind, name))
    return found


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


def card_of(model: object) -> ModelCard:
    """The card of a model that is handed over as an object.

    Raises:
        ConfigError: It is no model; says what it lacks.
    """
    if isinstance(model, type):
        raise ConfigError(f"a model is an object, not a class: {model.__name__}()")
    fault = _lacking("models", type(model), getattr(model, "card", None))
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


def blamed(error: BaseException) -> str | None:
    """Which part from another package an error went through, or None.

    Such as ``plug-in 'tiny' (package tiny-model 1.0, videoseg.models: tiny:Tiny)``.
    """
    roots = {
        entry.module.partition(".")[0]: entry
        for kind in KINDS
        for entry in entry_points(group=f"videoseg.{kind}")
    }
    roots.pop("videoseg", None)
    trace, found = error.__traceback__, None
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        found = roots.get(module.partition(".")[0], found)
        trace = trace.tb_next
    return None if found is None else f"plug-in {found.name!r} ({_origin(found)})"


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
    found = _Parts()
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        origin = f"videoseg.{kind}.{module.name}"
        try:
            parts = getattr(importlib.import_module(origin), "PARTS", {})
        except Exception as error:  # one file must not take all others with it
            fault = f"{type(error).__name__}: {error}"
            found.broken.append(Broken(kind, module.name, origin, fault))
            continue
        if not isinstance(parts, Mapping):
            fault = f"its PARTS must map names to dataclasses, got {shown(parts)}"
            found.broken.append(Broken(kind, module.name, origin, fault))
            continue
        for name, made in parts.items():
            found.add(made, Broken(kind, name, origin, _fault(kind, name, made) or ""))
    return found


@functools.cache
def _outside(kind: Kind) -> Mapping[str, Factory]:
    """The parts that other packages add."""
    found = _Parts()
    for entry in entry_points(group=f"videoseg.{kind}"):
        made, fault = _loaded(entry)
        if fault is None:
            fault = _fault(kind, entry.name, made) or _fault_of_plug_in(kind, entry.name, made)
        found.add(made, Broken(kind, entry.name, _origin(entry), fault or ""), _built_in(kind))
    return found


def _loaded(entry: EntryPoint) -> tuple[Any, str | None]:
    """What an entry point names, or what is wrong; what it prints does not go to our output."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return entry.load(), None
    except (Exception, SystemExit) as error:
        return None, f"{type(error).__name__}: {error}"


def _origin(entry: EntryPoint) -> str:
    package = "an unknown package" if entry.dist is None else entry.dist.name
    version = "" if entry.dist is None else f" {entry.dist.version}"
    return f"package {package}{version}, {entry.group}: {entry.value}"


def _fault(kind: Kind, name: str, made: Any) -> str | None:
    """What is wrong with a part, in a clause; None where nothing is."""
    if not _NAME.fullmatch(str(name)):
        return f"a name is letters, digits, '.', '_' and '-', got {shown(name)}"
    cls = _class_of(made)
    if not isinstance(cls, type):
        return f"it must be a dataclass, or functools.partial of one, got {shown(made)}"
    if not dataclasses.is_dataclass(cls):
        return f"the class {cls.__name__} is not a dataclass; put @dataclass above it"
    settings = made.keywords if isinstance(made, functools.partial) else {}
    return _lacking(kind, cls, settings.get("card") or getattr(cls, "card", None))


def _lacking(kind: Kind, cls: type[Any], card: object) -> str | None:
    """What a class lacks, in a clause."""
    wanted = _METHODS[kind]
    if kind == "models":
        from videoseg.types import ModelCard

        if not isinstance(card, ModelCard):
            return f"its card must be a ModelCard that the class has, got {shown(card)}"
        wanted = _GROUNDER if card.grounds else wanted
    if kind == "writers" and not (
        hasattr(cls, "needs_image") or "needs_image" in getattr(cls, "__dataclass_fields__", {})
    ):
        return f"the class {cls.__name__} has no needs_image (see videoseg/protocols.py)"
    lacking = [each for each in wanted if not callable(getattr(cls, each, None))]
    if lacking:
        return (
            f"the class {cls.__name__} lacks the methods {', '.join(lacking)} (see "
            "videoseg/protocols.py)"
        )
    return None


def _fault_of_plug_in(kind: Kind, name: str, made: Any) -> str | None:
    """What is wrong with a part of another package beside what its own tests would show."""
    cls = _class_of(made)
    if inspect.isabstract(cls):
        return f"the class {cls.__name__} is abstract"
    if kind == "models":
        settings = made.keywords if isinstance(made, functools.partial) else {}
        called = (settings.get("card") or cls.card).name
        if called != name:
            return f"its card is called {called!r}, and the entry point {name!r}"
    return settings_fault(cls)


def _class_of(made: Any) -> Any:
    return made.func if isinstance(made, functools.partial) else made
