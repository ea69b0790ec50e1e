"""A language model finds out which masks of a promptable model a phrase means.

It has four tools, the idea of the agent in the SAM 3 repository: it asks for all things of a simple
name, sees them outlined and numbered, may look at each closely, and ends by choosing some or by
saying that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from videoseg.models._hosted.chat import Chat, Tool, ToolCall
from videoseg.models._hosted.google import JsonObject
from videoseg.models._hosted.marks import close_up, marked
from videoseg.models._hosted.pictures import jpeg
from videoseg.models._hosted.reading import whole
from videoseg.types import Instance, RgbImage

FindAll: TypeAlias = Callable[[str], Sequence[Instance]]
"""All things of a simple name on the frame; raises ``LookupError`` with a reason if it cannot."""

_SYSTEM = """\
You find what a phrase means in a picture, with the help of a segmentation model that understands \
only short and simple nouns.

First say to yourself what in the picture the phrase means: one thing, several, or none. Then ask \
the model for a simple noun phrase that covers it, such as "person" for "the man who is about to \
throw". Every mask that it finds is shown outlined, with a number on it. A phrase that found too \
little or the wrong things can be followed by another, more general or more specific, but never by \
the same one again; only the masks of the last phrase count. If it is hard to tell from the \
numbered picture which masks are right, examine each. End with select_masks_and_return and the \
numbers of all masks that the phrase means, and no others; or with report_no_mask if nothing in \
the picture is what the phrase means. Always call exactly one tool."""
_JUDGE = """\
You judge one mask. The first picture shows the whole scene with the mask outlined, the second \
shows it closely. Accept it only if it covers a thing that the phrase means, all of it and little \
else. Call judge_mask."""
_TOOLS = (
    Tool(
        "segment_phrase",
        "Finds all things that a short noun phrase names. Earlier masks are dropped.",
        {"text_prompt": {"description": "A short, simple noun phrase.", "type": "string"}},
    ),
    Tool("examine_each_mask", "Looks at each mask closely and drops those that are wrong.", {}),
    Tool(
        "select_masks_and_return",
        "Ends with the masks that the phrase means.",
        {
            "final_answer_masks": {
                "description": "Numbers of the masks.",
                "items": {"type": "integer"},
                "type": "array",
            }
        },
    ),
    Tool("report_no_mask", "Ends, for the picture holds nothing that the phrase means.", {}),
)
_VERDICT = (
    Tool(
        "judge_mask",
        "Says whether the mask is right.",
        {"accept": {"description": "Whether it is right.", "type": "boolean"}},
    ),
)
_LONGEST_NAME = 200
"""Characters of a simple noun phrase."""
_MOST_MASKS = 60
"""More numbers than that in one picture cannot be told apart."""


@dataclass(slots=True)
class Grounding:
    """One phrase on one picture.

    Attributes:
        chat: The language model.
        image: uint8 (H, W, 3).
        phrase: What is meant.
        find_all: The promptable model.
        turns: Turns that the language model may take.
        long_side: Of the pictures that it is shown, pixels.
        quality: Of them, as JPEG.
    """

    chat: Chat
    image: RgbImage
    phrase: str
    find_all: FindAll
    turns: int
    long_side: int
    quality: int
    _found: list[Instance] = field(init=False, default_factory=list)
    _asked: set[str] = field(init=False, default_factory=set)

    def run(self) -> tuple[Instance, ...] | None:
        """The instances that are meant; None where the language model came to no end.

        Raises:
            UnreadableError: An answer of the language model cannot be read.
            ModelError: A service or the promptable model fails.
        """
        messages = self.chat.user(f"The phrase: {self.phrase}", [self._picture(self.image)])
        for _ in range(self.turns):
            answer = self.chat.ask(_SYSTEM, messages, _TOOLS)
            call = answer.call
            if call.name == "report_no_mask":
                return ()
            if call.name == "select_masks_and_return":
                chosen = self._chosen(call)
                if chosen is not None:
                    return chosen
            messages += [answer.message, *self._answer(call)]
        return None

    def _answer(self, call: ToolCall) -> list[JsonObject]:
        """What the language model is told about its call."""
        if call.name == "segment_phrase":
            return self._segment(call)
        if call.name == "examine_each_mask":
            return self._examine(call)
        if call.name == "select_masks_and_return":
            numbers = f"1 to {len(self._found)}" if self._found else "none yet"
            return self.chat.result(call, f"No such masks. Their numbers are {numbers}.")
        if call.name:
            return self.chat.result(call, "There is no such tool.")
        return self.chat.user("Call one of the tools.")

    def _segment(self, call: ToolCall) -> list[JsonObject]:
        given = call.arguments.get("text_prompt", "")
        name = " ".join(given.split()) if isinstance(given, str) else ""
        if not name:
            return self.chat.result(call, "text_prompt is empty.")
        if len(name) > _LONGEST_NAME or not name.isprintable():
            return self.chat.result(call, f"text_prompt is {_LONGEST_NAME} plain letters at most.")
        if name.lower() in self._asked:
            return self.chat.result(call, f"{name!r} was asked already. Use another phrase.")
        self._asked.add(name.lower())
        try:
            self._found = list(self.find_all(name))[:_MOST_MASKS]
        except LookupError as error:
            self._found = []
            return self.chat.result(call, f"The model cannot look for {name!r}: {error}")
        return self._shown(call, f"{_count(len(self._found))} found for {name!r}.")

    def _examine(self, call: ToolCall) -> list[JsonObject]:
        if not self._found:
            return self.chat.result(call, "There are no masks. Use segment_phrase first.")
        before = len(self._found)
        self._found = [instance for instance in self._found if self._accepted(instance)]
        return self._shown(
            call, f"{len(self._found)} of {before} masks were accepted and numbered anew."
        )

    def _accepted(self, instance: Instance) -> bool:
        pictures = [
            self._picture(marked(self.image, [instance], long_side=self.long_side)),
            self._picture(close_up(self.image, instance)),
        ]
        messages = self.chat.user(f"The phrase: {self.phrase}", pictures)
        verdict = self.chat.ask(_JUDGE, messages, _VERDICT).call
        return verdict.arguments.get("accept") is True

    def _shown(self, call: ToolCall, text: str) -> list[JsonObject]:
        if not self._found:
            return self.chat.result(call, f"{text} Use segment_phrase with another phrase.")
        picture = marked(self.image, self._found, long_side=self.long_side)
        return self.chat.result(call, text, [self._picture(picture)])

    def _chosen(self, call: ToolCall) -> tuple[Instance, ...] | None:
        """The masks of the given numbers, each once; None where any of them does not exist."""
        numbers: Any = call.arguments.get("final_answer_masks")
        if not isinstance(numbers, list) or not numbers:
            return None
        try:
            chosen = dict.fromkeys(whole(n, 1, len(self._found)) for n in numbers)
        except ValueError:
            return None
        return tuple(self._found[n - 1] for n in chosen)

    def _picture(self, image: RgbImage) -> bytes:
        return jpeg(image, long_side=self.long_side, quality=self.quality)


def _count(masks: int) -> str:
    return "1 mask was" if masks == 1 else f"{masks} masks were"
