"""Outlines of one frame while somebody marks it: a draft at once, then what a run would find."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from videoseg import registry
from videoseg.config.model_choice import chosen
from videoseg.config.run_config import RunConfig
from videoseg.errors import UnknownPhraseError, UsageError
from videoseg.formats.svg_path import format_path
from videoseg.prompts import check_kinds, check_prompts, in_pixels, prompt_on
from videoseg.protocols import Segmenter, destinations_of
from videoseg.server.page.leaving import GoneError
from videoseg.stages.known_phrases import prepare_known
from videoseg.stages.mask_cues import ask
from videoseg.types import Detections, Frame, Prompt, StreamInfo


@runtime_checkable
class Drafts(Protocol):
    """A model that can answer somebody who waits sooner, and less exactly.

    These two may be called while another thread is in ``segment``; not both at once.
    """

    def draft(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        """As ``Segmenter.segment`` of one frame."""
        ...

    def look_ahead(self, frame: Frame) -> None:
        """Do what every click on a frame needs once."""
        ...


Extent: TypeAlias = Literal["part", "whole"]
"""What clicks may mean beside what they most likely do."""
EXTENTS: tuple[Extent, ...] = ("part", "whole")
"""All of them."""


@runtime_checkable
class Extents(Protocol):
    """A model that can give other extents of what clicks mean."""

    def extent(self, frame: Frame, prompts: Sequence[Prompt], extent: Extent) -> Detections:
        """A part, or the whole, of what each prompt most likely means; none where none is seen."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was found on a frame.

    Attributes:
        found: For each outline its prompt, score, box and path in pixels of the frame.
        refused: By place of the prompt, why the model does not know it.
        is_draft: Whether a better answer can be had.
        seconds: What it took.
    """

    found: list[dict[str, Any]]
    refused: dict[int, str]
    is_draft: bool
    seconds: float


class Asker(AbstractContextManager["Asker"]):
    """A model that is loaded once and asked about one frame at a time.

    Args:
        config: The settings.
        info: The stream that is shown.
    """

    def __init__(self, config: RunConfig, info: StreamInfo) -> None:
        self._config = chosen(config, ())
        self._info = info
        # Who waits for a draft does not wait for exact answers, which take several times as long.
        self._drafting, self._exact = threading.Lock(), threading.Lock()
        self._model: Segmenter = self._config.part("models", self._config.run.model)
        self.card = registry.card(self._config.run.model)

    def __exit__(self, *_: object) -> None:
        registry.release(self._model, "the model")

    @property
    def has_extents(self) -> bool:
        """Whether the model can give other extents of what clicks mean."""
        return isinstance(self._model, Extents)

    def check_stays_here(self) -> None:
        """Refuse to go on with a model that is a service.

        Raises:
            UsageError: It is one.
        """
        check_stays_here(self._model)

    def look_ahead(self, frame: Frame) -> None:
        """Get ready for clicks on a frame; while the model is at work nothing is done."""
        model = self._model
        if isinstance(model, Drafts) and self._drafting.acquire(blocking=False):
            try:
                model.look_ahead(frame)
            finally:
                self._drafting.release()

    def answer(
        self,
        frame: Frame,
        prompts: Sequence[Prompt],
        *,
        draft: bool,
        extent: Extent | None = None,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """What the model finds on a frame by itself; marks count on their own frame alone.

        Args:
            frame: The frame.
            prompts: What is marked.
            draft: Whether somebody waits for it.
            extent: What clicks mean, if it is not what they most likely do.
            is_gone: Whether nobody wants it any more.

        Raises:
            PromptError: A prompt does not fit the model or the frame.
            UsageError: The model is a service, which is paid for every question; or it cannot give
                another extent.
            GoneError: Nobody wants it any more.
        """
        check_kinds(prompts, self.card)
        shown = in_pixels(prompts, self._info)
        check_prompts(shown, self._info)
        asked = {n: p for n, each in enumerate(shown) if (p := prompt_on(each, frame.index))}
        begun = time.perf_counter()
        model = self._model
        is_draft = draft and isinstance(model, Drafts)
        with self._drafting if is_draft else self._exact:
            if is_gone():
                raise GoneError
            check_stays_here(model)
            refused = _refused(model, shown)
            known = {n: prompt for n, prompt in asked.items() if n not in refused}
            if extent is not None:
                answered = _extents_of(model).extent(frame, list(known.values()), extent)
                places = list(known)
            elif is_draft and isinstance(model, Drafts):
                answered = model.draft(frame, list(known.values()))
                places = list(known)
            else:
                answered = ask(model, frame, known, len(shown))
                places = list(range(len(shown)))
            found = self._as_json(answered, places)
        return Answer(found, refused, is_draft, time.perf_counter() - begun)

    def _as_json(self, answered: Detections, places: Sequence[int]) -> list[dict[str, Any]]:
        """What was found, with its outlines; ``places`` are the prompts that were asked."""
        outlines = self._config.outlines.shapes(answered.instances)
        return [
            {
                "prompt": places[instance.prompt],
                "score": round(instance.score, 3),
                "box": instance.mask.box,
                "path": format_path(shape),
            }
            for instance, shape in zip(answered.instances, outlines, strict=True)
        ]


def _extents_of(model: Segmenter) -> Extents:
    if isinstance(model, Extents):
        return model
    raise UsageError(f"{model.card.name} gives one extent of what is clicked; click more of it")


def _refused(model: Segmenter, prompts: Sequence[Prompt]) -> dict[int, str]:
    """By place of the prompt, why the model does not know it; it is ready for the others."""
    try:
        return {each.prompt: each.reason for each in prepare_known(model, prompts)}
    except UnknownPhraseError as error:  # it knows none
        return dict.fromkeys(range(len(prompts)), str(error))


def check_stays_here(model: Segmenter) -> None:
    """Refuse a model that sends frames away: the page cannot ask whether that is wanted.

    Raises:
        UsageError: It does.
    """
    if destinations_of(model):
        raise UsageError(
            f"{model.card.name} is a service, to which frames are sent and which may be paid for "
            "each; the page asks models on this machine alone: use the command line"
        )
