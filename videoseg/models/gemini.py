"""Gemini: a phrase in, boxes and masks out as JSON, in one call a frame and phrase.

Which model gives masks in which form, as its documents and answers have it:

====================================  ==========================================================
gemini-2.5-*, gemini-robotics-er-1.5  pictures of the box; thinking is off, as the guide asks for
gemini-3-*                            no masks, says the guide; polygons are asked for all the same
gemini-3.5-* and later, robotics-er-  polygons
1.6 and later
====================================  ==========================================================

Every form is read from every model (``models/_hosted/boxes_and_masks.py``).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.models._hosted.boxes_and_masks import read_entries
from videoseg.models._hosted.google import (
    GOOGLE,
    TOKENS_OF_A_PICTURE,
    body_of,
    path_of,
    picture_part,
    text_of,
    text_part,
    turn,
)
from videoseg.models._hosted.pictures import jpeg
from videoseg.models._hosted.prices import Counted, Tokens
from videoseg.models._hosted.reading import Tally, UnreadableError
from videoseg.models._hosted.settings import Hosted, Provider
from videoseg.types import Detections, Frame, Instance, ModelCard, Prompt

_PICTURES = re.compile(r"gemini-(2\.5-|robotics-er-1\.5)")
_NO_MASKS = re.compile(r"gemini-3-")
_ASK_PICTURES = (
    "Give the segmentation masks for {}. Output a JSON list of segmentation masks where each entry "
    'contains the 2D bounding box in the key "box_2d", the segmentation mask in key "mask", and '
    'the text label in the key "label". Use descriptive labels. If there is none, output [].'
)
_ASK_POLYGONS = (
    "Find every instance of {} in the picture. Output JSON: an object with the one key "
    '"boxes", a list with one entry for each instance. Each entry has "box_2d" as '
    '[y_min, x_min, y_max, x_max], "mask" as a list of polygons that follow the visible outline '
    'closely, each a list of [x, y], and "label". All coordinates are normalized to 0-1000 over '
    "the whole picture. A hole in an instance is a polygon of its own in its mask. If there is no "
    'such thing, output {{"boxes": []}}.'
)
_log = logging.getLogger(__name__)


@dataclass
class Gemini(Hosted):
    """Google's Gemini, asked for boxes and masks."""

    card: ClassVar[ModelCard] = ModelCard(
        name="gemini",
        summary="Google Gemini: any phrase to boxes and masks",
        kinds=frozenset({"text"}),
        open_vocabulary=True,
        licence="Google's Gemini API terms of service",
        megabytes=0,
        extra="hosted",
        sends_frames_away=True,
    )

    model: Annotated[str, Doc("name of the model")] = "gemini-2.5-flash"
    form: Annotated[
        Literal["auto", "picture", "polygon"],
        Doc("how masks are asked for; auto = as the model is known to give them"),
    ] = "auto"
    max_tokens: Annotated[int, Doc("tokens of one answer, at least 256"), Ge(256)] = 8192
    temperature: Annotated[float, Doc("how freely it answers, 0 to 2"), Ge(0), Le(2)] = 0.5

    @property
    def provider(self) -> Provider:
        """Who runs it."""
        return GOOGLE

    def prepare(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - any phrase is taken
        """Connect.

        Raises:
            UsageError: A setting makes no sense.
            MissingDependencyError: There is no key, or the package for HTTP is not installed.
        """
        self.connect()
        if _NO_MASKS.match(self.model):
            _log.warning("%s gives no masks, says its guide; gemini-2.5-flash does", self.model)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer each frame for itself.

        Raises:
            ModelError: The service refuses or fails.
            LimitReachedError: A limit of the user's does not allow a call.
        """
        answers = []
        for frame, asked in zip(frames, prompts, strict=True):
            picture = jpeg(frame.image, long_side=self.long_side, quality=self.quality)
            found: list[Instance] = []
            for number, prompt in enumerate(asked):
                found += self._found(frame, picture, prompt, number)
            answers.append(Detections(frame.stream, frame.index, tuple(found)))
        return answers

    def request(self, picture: bytes, phrase: str) -> bytes:
        """The body that asks for a phrase on a picture."""
        pictures = self.form == "picture" or (
            self.form == "auto" and _PICTURES.match(self.model) is not None
        )
        question = (_ASK_PICTURES if pictures else _ASK_POLYGONS).format(phrase)
        generation: dict[str, Any] = {
            "temperature": self.temperature,
            "maxOutputTokens": self.max_tokens,
        }
        if _PICTURES.match(self.model):
            generation["thinkingConfig"] = {"thinking_budget": 0}
        return body_of([turn("user", [text_part(question), picture_part(picture)])], generation)

    def _found(
        self, frame: Frame, picture: bytes, prompt: Prompt, place: int
    ) -> tuple[Instance, ...]:
        """What one phrase names, best first. What cannot be read is left out, and counted."""

        def read(body: bytes) -> tuple[tuple[tuple[Instance, ...], int], Counted | None]:
            text, tokens = text_of(body)
            return self._instances(text, frame, prompt, place), tokens

        phrase = json.dumps(prompt.text or prompt.label, ensure_ascii=False)
        worst = Tokens(TOKENS_OF_A_PICTURE + 1_000, self.max_tokens)
        service = self.connect()
        try:
            found, lost = service.ask(
                path_of(self.model), self.request(picture, phrase), read, worst=worst
            )
        except UnreadableError:
            return ()
        service.meter.count(unreadable=lost)
        return found

    def _instances(
        self, text: str, frame: Frame, prompt: Prompt, place: int
    ) -> tuple[tuple[Instance, ...], int]:
        """The objects of an answer, best first, and how many more could not be read."""
        width, height = frame.width, frame.height
        entries, lost = read_entries(text, self.limits)
        best = sorted(entries, key=lambda entry: -entry.score)[: prompt.max_instances]
        found, tally = [], Tally(self.limits)
        for rank, entry in enumerate(best):
            try:
                tally.add("pixels", entry.size(width, height), least=4 * width * height)
            except UnreadableError as error:
                self.leave_out(error, len(best) - rank)
                break
            try:
                one = entry.instance(place, width=width, height=height)
            except UnreadableError as error:
                self.leave_out(error)
                continue
            found += [one] if one is not None else []
        return tuple(found), lost


PARTS = {"gemini": Gemini}
