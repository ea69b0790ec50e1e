"""Phrases and how much of them a network can read."""

from __future__ import annotations

from videoseg.errors import PromptError


def check_length(model: str, phrase: str, count: int, most: int) -> None:
    """Refuse a phrase that a network has no room for.

    Args:
        model: Name of the model.
        phrase: As the user wrote it.
        count: Pieces of words that it has, its ends included.
        most: As many as there is room for.

    Raises:
        PromptError: It is too long.
    """
    if count > most:
        raise PromptError(
            f"{phrase!r} is too long for model {model!r}: {count} pieces of words, at most {most}; "
            "name the thing in fewer words"
        )
