"""The base of all grounders on PyTorch: from scores and boxes of a network to Groundings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import ModelError
from videoseg.models._torch.boxes import best_of_many, in_source
from videoseg.models._torch.images import Images, Placement
from videoseg.models._torch.model import TorchModel
from videoseg.models._torch.phrases import check_words
from videoseg.models._torch.questions import alike
from videoseg.networks.device import Precision, memory_errors
from videoseg.types import Frame, Grounding, Prompt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What a network proposes on F frames for P phrases, N boxes on each.

    Attributes:
        scores: (F, N, P) in [0, 1].
        boxes: (F, N, 4): centre x and y, width and height, in shares of the whole canvas.
        placement: Where the frames lie in the canvas.
    """

    scores: torch.Tensor
    boxes: torch.Tensor
    placement: Placement

    def first(self, count: int) -> Proposals:
        """Those on the first frames alone."""
        return replace(self, scores=self.scores[:count], boxes=self.boxes[:count])


@dataclass
class TorchGrounder(TorchModel):
    """A ``Grounder``: all phrases are asked together, and a box is the phrase's that fits best."""

    precision: Annotated[
        Precision,
        Doc("fp32; tf32 is faster on CUDA; in auto, bf16 or fp16 boxes are off by some pixels"),
    ] = "fp32"
    least: Annotated[float, Doc("score from which a box counts, 0 to 1"), Ge(0), Le(1)] = 0.25
    overlap: Annotated[
        float,
        Doc("how much of their union two boxes of a phrase may share, 0 to 1; 1 keeps all"),
        Ge(0),
        Le(1),
    ] = 0.5

    def ground(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[tuple[Grounding, ...]]:
        """Find what the text of ``prompts[i]`` means on ``frames[i]``.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
            ModelError: The network gave what is no number.
        """
        import torch

        found: list[tuple[Grounding, ...]] = [() for _ in frames]
        lanes = self._load()
        with torch.inference_mode(), memory_errors(lanes.device):
            for numbers in alike(frames, prompts):
                asked = prompts[numbers[0]]
                phrases = tuple(dict.fromkeys(p.text for p in asked if p.text is not None))
                if not phrases:
                    continue
                images = self._uploaded([frames[number] for number in numbers])
                proposals = self._propose(images.whole or images, phrases).first(len(numbers))
                groundings = self._groundings(proposals, images, asked, phrases)
                for number, some in zip(numbers, groundings, strict=True):
                    found[number] = some
        return found

    def _check(self, prompt: Prompt) -> None:
        check_words(self.card.name, prompt)

    @abstractmethod
    def _propose(self, images: Images, phrases: Sequence[str]) -> Proposals:
        """Ask the network for all phrases, each of which is another, on frames of one size."""

    def _groundings(
        self,
        proposals: Proposals,
        images: Images,
        asked: Sequence[Prompt],
        phrases: Sequence[str],
    ) -> Iterator[tuple[Grounding, ...]]:
        """For each frame the boxes that count, best first for each prompt."""
        boxes = in_source(proposals.boxes.float(), proposals.placement).cpu()
        scores = proposals.scores.float().cpu()
        for frame, places, of_frame in zip(images.frames, boxes, scores, strict=True):
            if places.isnan().any() or of_frame.isnan().any():
                raise ModelError(
                    f"model {self.card.name!r} gave what is no number (NaN) on frame "
                    f"{frame.index} of {frame.stream!r}; --precision fp32 may help"
                )
            best, phrase = of_frame.max(-1)
            counts = (best >= self.least) & (places[:, :2] < places[:, 2:]).all(-1)
            found: list[Grounding] = []
            for number, prompt in enumerate(asked):
                if prompt.text is None:
                    continue
                own = (counts & (phrase == phrases.index(prompt.text))).nonzero()[:, 0]
                kept = best_of_many(places[own], best[own], self.overlap)
                for place in own[kept[: prompt.max_instances]].tolist():
                    x1, y1, x2, y2 = places[place].tolist()
                    score = min(max(float(best[place]), 0.0), 1.0)
                    found.append(Grounding(number, (x1, y1, x2, y2), score))
            yield tuple(found)
