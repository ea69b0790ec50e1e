"""What shells offer after an option: names with what they are, none of which loads a package.

Typer asks these with the beginning of a word; ``videoseg --install-completion`` sets a shell up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videoseg.registry import Kind

Offer = tuple[str, str]
_OF_THE_RUN: tuple[Offer, ...] = (
    ("run", "the run as a whole"),
    ("outlines", "how masks become outlines"),
)


def models(incomplete: str) -> list[Offer]:
    """Names of models."""
    from videoseg import registry

    named = ((name, registry.card(name).summary) for name in registry.names("models"))
    return _beginning(incomplete, named)


def presets(incomplete: str) -> list[Offer]:
    """Names of presets."""
    from videoseg.config.layers import preset_summaries

    return _beginning(incomplete, preset_summaries().items())


def outputs(incomplete: str) -> list[Offer]:
    """Names of writers and exporters; after a comma, one more that is not in the list."""
    from videoseg import registry

    kinds: tuple[Kind, ...] = ("writers", "exporters")
    before, comma, last = incomplete.rpartition(",")
    parts = sorted((name, kind) for kind in kinds for name in registry.names(kind))
    named = ((name, _summary(kind, name)) for name, kind in parts if name not in before.split(","))
    return [(f"{before}{comma}{name}", what) for name, what in _beginning(last, named)]


def parts(incomplete: str) -> list[Offer]:
    """Names of all parts, and of the tables of the run itself."""
    from videoseg import registry

    named = ((name, kind) for kind in registry.KINDS for name in registry.names(kind))
    return _beginning(incomplete, [*_OF_THE_RUN, *sorted(named)])


def _beginning(incomplete: str, offers: Iterable[Offer]) -> list[Offer]:
    return [(name, what) for name, what in offers if name.startswith(incomplete)]


def _summary(kind: Kind, name: str) -> str:
    from videoseg import registry

    return (registry.find(kind, name).cls.__doc__ or "").strip().partition("\n")[0]
