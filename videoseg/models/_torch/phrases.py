"""What models that are asked by words alone share: their cards, and how much they can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from videoseg.errors import PromptError
from videoseg.networks.device import PACKAGES
from videoseg.types import ModelCard, Prompt


def worded_card(
    name: str,
    summary: str,
    hub: str,
    *,
    megabytes: float,
    memory: float,
    licence: str = "Apache-2.0",
    rank: int = 0,
    grounds: bool = False,
) -> ModelCard:
    """The card of a model that takes any phrase and nothing else."""
    return ModelCard(
        name=name,
        summary=summary,
        kinds=frozenset({"text"}),
        open_vocabulary=True,
        licence=licence,
        megabytes=megabytes,
        extra="models",
        weights=(hub,),
        packages=PACKAGES,
        memory=memory,
        rank=rank,
        grounds=grounds,
    )


def check_words(model: str, prompt: Prompt) -> None:
    """Refuse a prompt without words.

    Raises:
        PromptError: It has none.
    """
    if prompt.text is None:
        raise PromptError(f"model {model!r} finds by words, but prompt {prompt.label!r} has none")


def check_lengths(
    model: str, phrases: Iterable[str], count: Callable[[str], int], most: int
) -> None:
    """Refuse phrases that a network has no room for.

    Args:
        model: Name of the model.
        phrases: As the user wrote them.
        count: Says of how many pieces of words one is made, its ends included.
        most: As many as there is room for.

    Raises:
        PromptError: One is too long.
    """
    for phrase in phrases:
        pieces = count(phrase)
        if pieces > most:
            raise PromptError(
                f"{phrase!r} is too long for model {model!r}: {pieces} pieces of words, at most "
                f"{most}; name the thing in fewer words"
            )
