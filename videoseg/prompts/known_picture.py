"""The photograph that models are tried on, and what is asked about it: a cup on its saucer."""

from __future__ import annotations

from pathlib import Path

from videoseg.types import Cue, Prompt

QUESTIONS = {
    "text": Prompt("text", text="coffee cup"),
    "point": Prompt("point", cues=(Cue(points=((300.0, 130.0, True),)),)),
    "box": Prompt("box", cues=(Cue(boxes=((170.0, 15.0, 480.0, 320.0, True),)),)),
}
"""What is asked, by the kind of prompt."""


def known_picture() -> Path:
    """The file, 600 x 400 pixels, in the package or a copy of the repository; maybe not there."""
    package = Path(__file__).parents[1] / "sample.jpg"
    if package.is_file():
        return package
    beside = Path(__file__).parents[2] / "sample_media" / "coffee.jpg"
    return beside if beside.is_file() else package
