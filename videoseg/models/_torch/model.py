"""The base of all models on PyTorch: settings, loading, batches, and what is remembered."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import numpy as np
from typing_extensions import Doc

from videoseg.errors import ModelError, OutOfMemoryError, PromptError
from videoseg.models._torch.images import Images, Uploader, rows
from videoseg.models._torch.questions import Question, equal
from videoseg.networks import weights as weight_files
from videoseg.networks.device import (
    Device,
    Lanes,
    Precision,
    choose,
    empty_cache,
    memory_errors,
    need_packages,
)
from videoseg.settings import Guarded
from videoseg.types import Detections, Frame, ModelCard, Prompt

if TYPE_CHECKING:
    from videoseg.models._torch.answers import Answer, Candidates

T = TypeVar("T")

_MOST = 32
"""Frames that a GPU is asked about at once, at most."""
_MOST_ON_CPU = 1
"""Frames that a CPU is asked about at once; more make it no faster."""
_SHARE = 0.7
"""Share of the free memory that a batch may take."""
_log = logging.getLogger(__name__)


@dataclass
class TorchModel:
    """A network of transformers on a device. Families say how it is built and asked."""

    card: ClassVar[ModelCard]

    weights: Annotated[
        str,
        Doc("hub id, hub id@revision, or folder with the weights; empty = the card's"),
        Guarded("weights"),
    ] = ""
    device: Annotated[str, Doc("where to compute: auto, cpu, cuda, cuda:1 or mps")] = "auto"
    precision: Annotated[
        Precision, Doc("auto (bf16 on CUDA, else fp32), fp32, tf32 (faster on CUDA), bf16 or fp16")
    ] = "auto"
    compile: Annotated[bool, Doc("compile the network first; pays off on long videos")] = False
    offline: Annotated[bool, Doc("never ask the hub; weights must be on this machine")] = False
    remember: Annotated[
        bool, Doc("keep what was computed of the last frames and of phrases for the next prompt")
    ] = True

    _lanes: Lanes | None = field(init=False, repr=False, default=None)
    _folder: Path | None = field(init=False, repr=False, default=None)
    _uploader: Uploader | None = field(init=False, repr=False, default=None)
    _texts: dict[str, Any] = field(init=False, repr=False, default_factory=dict)
    _seen: tuple[Frame, ...] = field(init=False, repr=False, default=())
    _features: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)
    _per_frame: int = field(init=False, repr=False, default=0)
    _together: int = field(init=False, repr=False, default=1)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, then load the network.

        Raises:
            PromptError: A prompt that the model cannot take.
            MissingDependencyError: Weights or packages are missing.
            ModelError: There is no such device, or the weights are not right.
        """
        for prompt in prompts:
            self._check(prompt)
        self._load()

    def close(self) -> None:
        """Let go of the network and of what is remembered. A second call does nothing."""
        self._texts.clear()
        self._features.clear()
        self._seen, self._uploader = (), None
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            self._drop()
            empty_cache(lanes.device)

    def weight_files(self) -> tuple[Path, ...]:
        """The files of the network, fetched where they are not on this machine.

        Raises:
            MissingDependencyError: They are not here and cannot be fetched.
        """
        return weight_files.files(self._fetched())

    def _fetched(self) -> Path:
        """The folder with the weights."""
        if self._folder is None:
            text = self.weights or self.card.weights[0]
            self._folder = weight_files.fetch(text, offline=self.offline)
        return self._folder

    def _check(self, prompt: Prompt) -> None:
        """Refuse a prompt that the model cannot take.

        Raises:
            PromptError: It cannot.
        """
        positive = any(
            cue.mask is not None
            or any(positive for *_, positive in cue.points)
            or any(positive for *_, positive in cue.boxes)
            for cue in prompt.cues
        )
        if prompt.text is None and not positive:
            raise PromptError(
                f"prompt {prompt.label!r} only says what is not meant; add text, a point or a box "
                "on the object"
            )

    def _build(self, folder: Path, device: Device) -> None:
        """Make the network from a complete folder (``weights.load``); keep it in own fields."""
        raise NotImplementedError

    def _drop(self) -> None:
        """Let go of what ``_build`` made."""
        raise NotImplementedError

    def _load(self) -> Lanes:
        """The lanes of the loaded model; loads it at the first call."""
        if self._lanes is None:
            need_packages(f"model {self.card.name!r}", self.card.packages, self.card.extra)
            device = choose(self.device, self.precision)
            self._build(self._fetched(), device)
            self._lanes = Lanes(device)
            self._uploader = Uploader(self._lanes)
            self._finish_loading(device)
            if self.compile:
                self._warm_up(self._uploader)
        return self._lanes

    def _finish_loading(self, device: Device) -> None:
        """What is done once the network can be asked, before it is compiled."""

    def _of_text(self, phrase: str, make: Callable[[str], T]) -> T:
        """What ``make`` computes of a phrase; once for all frames."""
        if not self.remember:
            return make(phrase)
        if phrase not in self._texts:
            self._texts[phrase] = make(phrase)
        found: T = self._texts[phrase]
        return found

    def _of_images(self, images: Images, make: Callable[[Images], T]) -> T:
        """What ``make`` computes of frames; once for all prompts, while they are the last ones.

        Frames of one batch are computed together, also where they are asked different things.
        """
        if not self.remember:
            return make(images)
        if images.whole is not None:
            assert images.places is not None  # noqa: S101
            some: T = rows(self._of_images(images.whole, make), images.places)
            return some
        if [id(frame) for frame in self._seen] != [id(frame) for frame in images.frames]:
            self._seen = images.frames
            self._features.clear()  # before the next are made, which need the room
        if make not in self._features:
            self._features[make] = make(images)
        found: T = self._features[make]
        return found

    def _look(self, images: Images) -> Any:
        """What depends on frames alone: the part of the work that is worth compiling."""
        raise NotImplementedError

    def _compile(self, *modules: Any) -> None:
        """Have parts of the network compiled at their first use, if the setting says so."""
        for module in modules if self.compile else ():
            module.compile(dynamic=False)

    def _uploaded(self, frames: Sequence[Frame]) -> Images:
        """Frames of one size on the device.

        A network that is compiled sees one frame or one number of them, for which it was compiled:
        a batch that is smaller than those before it is filled up.
        """
        assert self._uploader is not None  # noqa: S101
        images = self._uploader.upload(frames)
        if not self.compile or len(frames) == 1:
            return images
        self._together = max(self._together, 1 << (len(frames) - 1).bit_length())
        if len(frames) == self._together:
            return images
        return images.padded(self._together, self._uploader.lanes.device)

    def _warm_up(self, uploader: Uploader) -> None:
        """Have the compiler do its work for one frame now; for more it does it with the first.

        Raises:
            ModelError: It cannot.
        """
        import torch

        start = time.perf_counter()
        blank = Frame("", 0, 0, Fraction(1), np.zeros((64, 64, 3), np.uint8))
        try:
            with torch.inference_mode(), memory_errors(uploader.lanes.device):
                self._look(uploader.upload([blank]))
                uploader.lanes.mark().wait()
        except OutOfMemoryError:
            raise
        except Exception as error:  # the compiler has no error class of its own
            cause = " ".join(str(error).split())[:200]
            raise ModelError(
                f"model {self.card.name!r} cannot be compiled here: {cause}; leave --compile out"
            ) from error
        seconds = time.perf_counter() - start
        _log.warning("%s compiled and warmed up in %.1f s", self.card.name, seconds)


@dataclass
class TorchSegmenter(TorchModel):
    """A ``Segmenter`` that can begin on a batch while another is fetched (``AsyncSegmenter``)."""

    keep_logits: Annotated[
        bool, Doc("keep how sure the network is of every pixel, for finer smoothing")
    ] = False

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
            ModelError: The network gave what is no number.
        """
        return self.submit(frames, prompts).result()

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> Answer:
        """Begin on a batch; its ``result`` is the answer.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
        """
        import torch

        from videoseg.models._torch.answers import Answer, Group

        lanes = self._load()
        with torch.inference_mode(), memory_errors(lanes.device), self._measured(len(frames)):
            sizes = equal([frame.image.shape for frame in frames])
            uploaded = [self._uploaded([frames[n] for n in some]) for some in sizes]
            begun = lanes.mark()
            groups = []
            for numbers, images in zip(sizes, uploaded, strict=True):
                asked = [tuple(prompts[number]) for number in numbers]
                questions = [
                    Question.of(places, asked[places[0]], images) for places in equal(asked)
                ]
                answers = self._answers(images, questions)
                for question, found in zip(questions, answers, strict=True):
                    own = tuple(numbers[place] for place in question.places)
                    groups.append(Group(own, asked[question.places[0]], tuple(found)))
            return Answer(self.card.name, frames, groups, lanes, begun, self.keep_logits)

    def batch_size(self) -> int:
        """Frames that fit into memory at once, judged by those asked so far."""
        device = self._load().device
        if not device.is_cuda:
            return _MOST_ON_CPU
        if not self._per_frame:
            return 1
        fitting = max(1, min(_MOST, int(_SHARE * device.free_bytes() / self._per_frame)))
        # One that is compiled is filled up to a power of two.
        return 1 << (fitting.bit_length() - 1) if self.compile else fitting

    def _answers(
        self, images: Images, questions: Sequence[Question]
    ) -> Sequence[Sequence[Candidates]]:
        """Start the work on all questions about frames of one size; must not wait for the device.

        For each question its candidates, with the numbers that its prompts have in it.
        """
        return [self._asked_alone(images, question) for question in questions]

    def _asked_alone(self, images: Images, question: Question) -> Sequence[Candidates]:
        """The answer to one question."""
        seen = (images.whole or images).part(question.filled, self._load().device)
        numbers = [number for number, _ in question.numbered]
        found = self._answer(seen, [prompt for _, prompt in question.numbered])
        return [one.first(len(question.places), numbers[one.prompt]) for one in found]

    def _answer(self, images: Images, prompts: Sequence[Prompt]) -> Sequence[Candidates]:
        """Start the work on frames that are asked the same; must not wait for the device."""
        raise NotImplementedError

    @contextlib.contextmanager
    def _measured(self, count: int) -> Iterator[None]:
        """Note how much memory the work begun within takes for each of ``count`` frames."""
        import torch

        device = self._load().device
        if not device.is_cuda:
            yield
            return
        before = torch.cuda.memory_allocated(device.torch_device)
        torch.cuda.reset_peak_memory_stats(device.torch_device)
        yield
        taken = torch.cuda.max_memory_allocated(device.torch_device) - before
        self._per_frame = max(self._per_frame, taken // count)
