"""Marks settings that name what others may not choose: an address, a key, a path, code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guarded:
    """Marks a setting that the ``videoseg.toml`` of a project may not set by itself.

    Such a file may have been received with the project. Put it beside the setting's ``Doc``::

        url: Annotated[str, Doc("address of the service"), Guarded("an address")] = ""

    Attributes:
        what: What it names, with an article, for messages.
        harmless: Values that anybody may set; the default is always one.
        inside: Whether it is a path that anybody may set to what lies in the project's folder.
    """

    what: str
    harmless: tuple[object, ...] = ()
    inside: bool = False
