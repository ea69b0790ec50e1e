"""Stand-ins for models: real enough to be driven by stages, free of weights.

``Colours`` grounds the words red, green and blue by looking at the pixels, so a clip made in code
has a known answer on every frame.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from typing_extensions import Doc

from videoseg.errors import UnknownPhraseError
from videoseg.geometry import masks
from videoseg.types import Bitmap, Detections, Frame, Instance, ModelCard, Prompt, RgbImage

CHANNELS = {"red": 0, "green": 1, "blue": 2}


@dataclass
class Colours:
    """Finds what is mostly of one primary colour; a box limits the search, a mask moves it."""

    card: ClassVar[ModelCard] = ModelCard(
        name="colours",
        summary="finds red, green and blue things",
        kinds=frozenset({"text", "box", "mask"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=0,
    )
    fail_at: Annotated[int | None, Doc("index of the frame that breaks the model")] = None
    calls: list[tuple[int, ...]] = field(init=False, default_factory=list)
    closed: bool = field(init=False, default=False)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        for prompt in prompts:
            if prompt.text is not None and prompt.text not in CHANNELS:
                raise UnknownPhraseError(f"no colour is called {prompt.text!r}", phrase=prompt.text)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.calls.append(tuple(frame.index for frame in frames))
        return [self._answer(frame, asked) for frame, asked in zip(frames, prompts, strict=True)]

    def close(self) -> None:
        self.closed = True

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        if frame.index == self.fail_at:
            raise RuntimeError("the model broke")
        instances = []
        for n, prompt in enumerate(prompts):
            found = _coloured(frame.image, prompt.text)
            for cue in prompt.cues:
                for x1, y1, x2, y2, _ in cue.boxes:
                    inside = np.zeros_like(found)
                    inside[int(y1) : int(y2), int(x1) : int(x2)] = True
                    found &= inside
            mask = masks.from_bitmap(found)
            if mask is not None:
                instances.append(Instance(mask, 0.9, n))
        return Detections(frame.stream, frame.index, tuple(instances))


@dataclass
class Slow(Colours):
    """Takes its time over every frame."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="slow")
    seconds: Annotated[float, Doc("time for a frame, seconds")] = 0.05

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        time.sleep(self.seconds)
        return super()._answer(frame, prompts)


@dataclass
class Pieces(Slow):
    """Finds each piece of a colour by itself."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="pieces")

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        import cv2

        found = super()._answer(frame, prompts)
        instances = []
        for one in found.instances:
            count, labels = cv2.connectedComponents(masks.to_bitmap(one.mask).view(np.uint8))
            for number in range(1, count):
                mask = masks.from_bitmap(labels == number)
                if mask is not None:
                    instances.append(replace(one, mask=mask))
        return replace(found, instances=tuple(instances))


@dataclass
class Watched(Colours):
    """Notes what it is asked, and takes its process with it once."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="watched")
    journal: Annotated[str, Doc("file that gets the index of each frame")] = ""
    dies_at: Annotated[int, Doc("frame that ends the process, the first time")] = -1
    seconds: Annotated[float, Doc("time for a frame, seconds")] = 0.0

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        time.sleep(self.seconds)
        asked = Path(self.journal)
        if frame.index == self.dies_at and sys.platform != "win32":
            died = asked.with_suffix(".died")
            if not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        with asked.open("a") as file:
            file.write(f"{frame.index}\n")
        return super()._answer(frame, prompts)


@dataclass
class Killed(Colours):
    """Takes its process with it on the fourth frame of a stream called "bad"."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="killed")

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        if sys.platform == "win32":
            raise NotImplementedError
        if frame.stream == "bad" and frame.index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._answer(frame, prompts)


def _coloured(image: RgbImage, text: str | None) -> Bitmap:
    wide = image.astype(np.int16)
    if text is None:
        found: Bitmap = wide.max(axis=2) - wide.min(axis=2) > 80
        return found
    channel = CHANNELS[text]
    others = np.delete(wide, channel, axis=2).max(axis=2)
    found = wide[..., channel] - others > 80
    return found
