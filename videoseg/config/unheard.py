"""What a layer of settings says to a model that is not asked, where the user must hear of it."""

from __future__ import annotations

from videoseg import registry
from videoseg.config.run_config import RunConfig


def unheard_picks(config: RunConfig) -> tuple[str, ...]:
    """Settings ``pick``, which say what is meant, of models that the run does not ask.

    Tables of other models are no fault: a project's file has one for each. But who has said which
    of several things is meant takes it for granted that it counts.
    """
    asked = config.run.model
    found = registry.find("models", asked)
    names = {found.name, *(one.name for one in found.members)}
    lines = []
    for name, table in config.tables.get("models", {}).items():
        if "pick" in table and name not in names:
            said = config.origins.get(f"models.{name}.pick", "a setting")
            lines.append(
                f"{said}: models.{name}.pick = {table['pick']!r} does not count, since {asked} is "
                "asked, which takes no such setting; name a place in the phrase, or mark the "
                "object with --box or --point"
            )
    return tuple(lines)
