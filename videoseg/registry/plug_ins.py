"""Parts that other packages add, through entry points of the group ``videoseg.<kind>``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from videoseg.registry.faults import fault_of, fault_of_plug_in
from videoseg.registry.records import KINDS, Broken, Factories, Kind

_BLAMED = "videoseg_blamed"
"""Attribute of an error whose traceback is in another process."""


def plug_ins(kind: Kind, taken: Iterable[str]) -> Factories:
    """The parts of a kind that other packages add; ``taken`` are names that they may not have."""
    found = Factories()
    for entry in entry_points(group=f"videoseg.{kind}"):
        made, fault = _loaded(entry)
        if fault is None:
            fault = fault_of(kind, entry.name, made) or fault_of_plug_in(kind, entry.name, made)
        found.add(made, Broken(kind, entry.name, _origin(entry), fault or ""), taken)
    return found


def blamed(error: BaseException) -> str | None:
    """Which part from another package an error went through, or None.

    Such as ``plug-in 'tiny' (package tiny-model 1.0, videoseg.models: tiny:Tiny)``.
    """
    known: str | None = error.__dict__.get(_BLAMED)
    if known is not None:
        return known
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


def blame_on(error: BaseException, part: str | None) -> None:
    """Note on an error what ``blamed`` says of it, for another process, which sees no traceback."""
    if part is not None:
        error.__dict__[_BLAMED] = part


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
