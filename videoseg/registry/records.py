"""What the registry knows of parts: those that can be used, and those that cannot."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from videoseg.settings import settings_fields

if TYPE_CHECKING:
    from videoseg.types import ModelCard

Kind: TypeAlias = Literal["sources", "models", "tracking", "matting", "writers", "exporters"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ONE_OF: Mapping[Kind, str] = {
    "sources": "source",
    "models": "model",
    "tracking": "tracker",
    "matting": "matting engine",
    "writers": "writer",
    "exporters": "exporter",
}
Factory: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that can be used.

    Attributes:
        kind: Its kind.
        name: Its name.
        make: Makes one; its keyword arguments are the settings. That of a pair takes the two
            members, as by default they are with their defaults.
        cls: The dataclass behind it.
        origin: Where it comes from: a module, or package, entry point and object.
        is_plug_in: Whether another package has added it.
        card: The card of a model; None for other kinds.
        members: Grounder and segmenter of a pair, each with settings of its own; else empty.
    """

    kind: Kind
    name: str
    make: Factory
    cls: type[Any]
    origin: str
    is_plug_in: bool = False
    card: ModelCard | None = None
    members: tuple[Part, ...] = ()

    @property
    def settings(self) -> tuple[dataclasses.Field[Any], ...]:
        """The fields of its class that are settings; a pair has none of its own."""
        return () if self.members else settings_fields(self.cls)


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


class Factories(dict[str, Factory]):
    """What makes parts, by name, with where it comes from, and the parts that cannot be used."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: dict[str, str] = {}
        self.broken: list[Broken] = []

    def add(self, made: Any, seen: Broken, taken: Iterable[str] = ()) -> None:
        """Add one part; ``seen`` tells it apart and has its fault, if there is one."""
        if not seen.fault and (seen.name in self or seen.name in taken):
            seen = dataclasses.replace(seen, fault="another part has this name already")
        if seen.fault:
            self.broken.append(seen)
        else:
            self[seen.name] = made
            self.origins[seen.name] = seen.origin


def class_of(made: Any) -> Any:
    """The class that makes a part, also where some of its settings are bound."""
    return made.func if isinstance(made, functools.partial) else made


def card_in(made: Any) -> Any:
    """The card that a model is made with, or that its class has; None where there is none."""
    bound = made.keywords if isinstance(made, functools.partial) else {}
    return bound.get("card") or getattr(class_of(made), "card", None)
