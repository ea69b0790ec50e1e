"""A language model that grounds and a promptable model that segments, together.

The language model understands any phrase and outlines nothing; the promptable one, such as SAM 3,
outlines all things of a simple name and understands nothing more. ``models/_hosted/grounding.py``
lets the first ask the second. Because that takes many seconds, it is done on keyframes
(``stages/keyframed.py``), and what was chosen is followed in between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import PromptError, UsageError
from videoseg.models._hosted.chat import OPENAI, Chat, GeminiChat, OpenAiChat
from videoseg.models._hosted.google import GOOGLE
from videoseg.models._hosted.grounding import Grounding
from videoseg.models._hosted.reading import UnreadableError
from videoseg.models._hosted.settings import Hosted, Provider
from videoseg.protocols import Follows, Segmenter, VideoSegmenter, destinations_of
from videoseg.types import Detections, Frame, Instance, ModelCard, Prompt
from videoseg.types.usage import Destination


@dataclass
class Agent(Hosted):
    """A language model chooses among the masks of a local model."""

    card: ClassVar[ModelCard] = ModelCard(
        name="agent",
        summary="A language model (Gemini, or any OpenAI-compatible one) directs a local segmenter",
        kinds=frozenset({"text"}),
        open_vocabulary=True,
        licence="the terms of the language model's service; the segmenter's own licence",
        megabytes=0,
        extra="hosted",
        sends_frames_away=True,
    )

    language: Annotated[
        Literal["gemini", "openai"],
        Doc("protocol of the language model: Gemini's, or OpenAI's chat completions"),
    ] = "gemini"
    model: Annotated[str, Doc("name of the language model")] = "gemini-2.5-pro"
    segmenter: Annotated[str, Doc("name of the model that outlines; it must take text")] = "sam3"
    every: Annotated[
        int, Doc("frames from one question to the next; what was chosen is followed between"), Ge(1)
    ] = 30
    turns: Annotated[int, Doc("turns of the language model for one answer, 1 to 100"), Ge(1)] = 20
    max_tokens: Annotated[int, Doc("tokens of one turn, at least 64"), Ge(64)] = 4096
    concurrency: Annotated[int, Doc("questions at once, 1 to 64"), Ge(1), Le(64)] = 4
    most_bytes: Annotated[
        int,
        Doc("bytes of one turn, which is sent back with the next; one that is longer is not read"),
        Ge(1024),
        Le(2**26),
    ] = 2**20

    _part: Callable[[str], Segmenter] | None = field(init=False, repr=False, default=None)
    _segmenter: Segmenter | None = field(init=False, repr=False, default=None)
    _one_at_a_time: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    @property
    def provider(self) -> Provider:
        """Who runs the language model."""
        return GOOGLE if self.language == "gemini" else OPENAI

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next (``protocols.Keyframed``)."""
        return self.every

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where frames go: to the language model, and to a segmenter that is a service, too."""
        return super().destinations + destinations_of(self._local())

    def compose(self, part: Callable[[str], Segmenter]) -> None:
        """Take the way to other models by name (``protocols.Composite``)."""
        self._part = part

    def prepare(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - any phrase is taken
        """Connect, and make the local model; its weights are loaded with the first phrase.

        Raises:
            UsageError: A setting makes no sense.
            MissingDependencyError: There is no key, or the package for HTTP is not installed.
        """
        self.connect()
        self._local()

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer each frame for itself.

        Raises:
            ModelError: A service refuses or fails.
            LimitReachedError: A limit of the user's does not allow a call.
        """
        answers = []
        for frame, asked in zip(frames, prompts, strict=True):
            found: list[Instance] = []
            for number, prompt in enumerate(asked):
                chosen = sorted(self._chosen(frame, prompt), key=lambda one: -one.score)
                chosen = chosen[: prompt.max_instances]
                found += [replace(one, prompt=number, object_id=None) for one in chosen]
            answers.append(Detections(frame.stream, frame.index, tuple(found)))
        return answers

    def video_segmenter(self) -> VideoSegmenter | None:
        """The local model's own memory for following objects, where it has one."""
        local = self._local()
        return local.video_segmenter() if isinstance(local, Follows) else None

    def close(self) -> None:
        """Let go of connections and of the local model. A second call does nothing."""
        super().close()
        if self._segmenter is not None:
            self._segmenter.close()
            self._segmenter = None

    def _chosen(self, frame: Frame, prompt: Prompt) -> tuple[Instance, ...]:
        """What the language model chose; what came to no end is left out, and counted."""
        grounding = Grounding(
            chat=self._chat(),
            image=frame.image,
            phrase=prompt.text or prompt.label,
            find_all=lambda name: self._find_all(frame, name),
            turns=self.turns,
            long_side=self.long_side,
            quality=self.quality,
        )
        try:
            chosen = grounding.run()
        except UnreadableError:
            return ()
        if chosen is None:
            self.connect().meter.count(unreadable=1)
        return chosen or ()

    def _find_all(self, frame: Frame, name: str) -> Sequence[Instance]:
        asked = (Prompt(label=name, text=name),)
        with self._one_at_a_time:
            local = self._local()
            try:
                local.prepare(asked)
            except PromptError as error:
                raise LookupError(str(error)) from error
            (answer,) = local.segment((frame,), (asked,))
        return answer.instances

    def _local(self) -> Segmenter:
        if self._segmenter is None:
            if self._part is None:
                raise UsageError("the agent was made without a way to other models")
            made = self._part(self.segmenter)
            if isinstance(made, Agent):
                raise UsageError("an agent cannot be its own segmenter")
            if "text" not in made.card.kinds:
                raise UsageError(f"model {self.segmenter!r} takes no text, so no agent can ask it")
            self._segmenter = made
        return self._segmenter

    def _chat(self) -> Chat:
        made = GeminiChat if self.language == "gemini" else OpenAiChat
        return made(self.connect(), self.model, self.max_tokens)


PARTS = {"agent": Agent}
