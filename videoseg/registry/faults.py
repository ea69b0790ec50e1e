"""What is wrong with a part that cannot be used."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import Any

from videoseg.errors import shown
from videoseg.registry.records import Kind, card_in, class_of
from videoseg.settings import settings_fault

_METHODS: Mapping[Kind, tuple[str, ...]] = {
    "sources": ("accepts", "open", "frames", "close"),
    "models": ("prepare", "segment", "close"),
    "tracking": ("start", "update", "finish"),
    "matting": ("alpha",),
    "writers": ("produces", "open", "write", "close"),
    "exporters": ("produces", "export"),
}
"""What a class must have, beside its settings (``protocols``)."""
_GROUNDER = ("prepare", "ground", "close")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def fault_of(kind: Kind, name: str, made: Any) -> str | None:
    """What is wrong with a part, in a clause; None where nothing is."""
    if not _NAME.fullmatch(str(name)):
        return f"a name is letters, digits, '.', '_' and '-', got {shown(name)}"
    cls = class_of(made)
    if not isinstance(cls, type):
        return f"it must be a dataclass, or functools.partial of one, got {shown(made)}"
    if not dataclasses.is_dataclass(cls):
        return f"the class {cls.__name__} is not a dataclass; put @dataclass above it"
    return lacking(kind, cls, card_in(made))


def lacking(kind: Kind, cls: type[Any], card: object) -> str | None:
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
        return f"the class {cls.__name__} has no needs_image (see videoseg/protocols/)"
    missing = [each for each in wanted if not callable(getattr(cls, each, None))]
    if missing:
        return (
            f"the class {cls.__name__} lacks the methods {', '.join(missing)} (see "
            "videoseg/protocols/)"
        )
    return None


def fault_of_plug_in(kind: Kind, name: str, made: Any) -> str | None:
    """What is wrong with a part of another package beside what its own tests would show."""
    cls = class_of(made)
    if inspect.isabstract(cls):
        return f"the class {cls.__name__} is abstract"
    if kind == "models":
        called = card_in(made).name
        if called != name:
            return f"its card is called {called!r}, and the entry point {name!r}"
    return settings_fault(cls)
