"""From candidates on the device to Detections: chosen, cut out, and brought to this machine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from videoseg.errors import ModelError
from videoseg.models._torch.boxes import best_of
from videoseg.models._torch.cleaning import cleaned
from videoseg.models._torch.cutouts import Cutouts, bounds, cut_out, region, steps
from videoseg.models._torch.images import Placement
from videoseg.networks.device import Lanes, Mark, memory_errors
from videoseg.types import Box, Detections, Frame, Instance, Mask, Prompt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What one prompt might mean on each of F frames, N each; on the device, still being computed.

    Attributes:
        prompt: Index of the prompt among those asked.
        logits: (F, N, h, w) over the whole canvas; positive inside the object.
        scores: (F, N) in [0, 1].
        placement: Where the frames lie in the canvas.
        least: Score from which a candidate counts.
        presence: (F,) probability that the thing is in the frame, or None.
        soft: Upsample probabilities instead of logits, as the model's own post-processing does.
        overlap: How much of their union two candidates of a frame may share; of two that share
            more the better one stays. 1 keeps all.
        holes: Largest area of a hole that is filled, in cells of the logits.
        specks: Largest area of a speck that is dropped, in cells of the logits.
    """

    prompt: int
    logits: torch.Tensor
    scores: torch.Tensor
    placement: Placement
    least: float = 0.0
    presence: torch.Tensor | None = None
    soft: bool = False
    overlap: float = 1.0
    holes: float = 0.0
    specks: float = 0.0

    def first(self, count: int, prompt: int) -> Candidates:
        """Those on the first frames alone, as answers to a prompt by its number elsewhere."""
        if count == len(self.logits):
            return replace(self, prompt=prompt)
        return replace(
            self,
            prompt=prompt,
            logits=self.logits[:count],
            scores=self.scores[:count],
            presence=None if self.presence is None else self.presence[:count],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The candidates for frames that were asked the same.

    Attributes:
        numbers: Which of the batch's frames.
        prompts: What was asked.
        candidates: What was found.
    """

    numbers: tuple[int, ...]
    prompts: tuple[Prompt, ...]
    candidates: tuple[Candidates, ...]


@dataclass(frozen=True, slots=True)
class Pick:
    """A candidate that is worth cutting out."""

    frame: int
    number: int
    score: float
    box: Box


@dataclass(slots=True)
class Answer:
    """A batch under way (``protocols.Pending``).

    What each candidate scores and where it lies comes down as soon as the network is done; then
    those worth it are cut out, on a lane of their own, while the network is at the next batch.
    """

    model: str
    frames: Sequence[Frame]
    groups: Sequence[Group]
    lanes: Lanes
    begun: Mark
    keep_logits: bool = False
    _done: Mark = field(init=False)
    _known: list[torch.Tensor] = field(init=False)
    _arrived: Mark = field(init=False)

    def __post_init__(self) -> None:
        self._done = self.lanes.mark()
        with self.lanes.down():
            self._done.hold()
            self._known = [self._fetch(_overview(one)) for _, one in self._all()]
            self._arrived = self.lanes.mark()

    @property
    def seconds(self) -> float:
        """Seconds that the device was at it; known after ``result``."""
        return self._done.since(self.begun)

    def result(self) -> Sequence[Detections]:
        """Wait for the network, then cut out what was found.

        Raises:
            ModelError: The network gave what is no number.
            OutOfMemoryError: What was found does not fit.
        """
        import torch

        with torch.inference_mode(), memory_errors(self.lanes.device), self.lanes.down():
            self._arrived.wait()
            cut = []
            for (group, one), known in zip(self._all(), self._known, strict=True):
                picks = self._distinct(group, one, self._choose(group, one, known.numpy()))
                cut.append((group, one, picks, list(self._cut(one, picks))))
            self.lanes.mark().wait()
            instances: list[list[Instance]] = [[] for _ in self.frames]
            for group, one, picks, cutouts in cut:
                masks = (_cleaned(mask, one) for some in cutouts for mask in some.masks())
                for pick, mask in zip(picks, masks, strict=True):
                    if mask is not None:
                        instance = Instance(mask, pick.score, one.prompt)
                        instances[group.numbers[pick.frame]].append(instance)
        presence = self._presence()
        return [
            Detections(frame.stream, frame.index, tuple(found), present)
            for frame, found, present in zip(self.frames, instances, presence, strict=True)
        ]

    def _all(self) -> Iterator[tuple[Group, Candidates]]:
        return ((group, one) for group in self.groups for one in group.candidates)

    def _fetch(self, tensor: torch.Tensor) -> torch.Tensor:
        """On its way to this machine; there once the lane's next mark is passed."""
        import torch

        if not self.lanes.device.is_cuda:
            return tensor.cpu()
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return host.copy_(tensor, non_blocking=True)

    def _choose(self, group: Group, one: Candidates, known: npt.NDArray[np.float32]) -> list[Pick]:
        """The candidates that count, best first on each frame."""
        shape = (one.logits.shape[-2], one.logits.shape[-1])
        picks: list[Pick] = []
        for place, (*rows, last) in enumerate(known):
            if any(math.isnan(value) for row in rows for value in row[:2]) or math.isnan(last[0]):
                frame = self.frames[group.numbers[place]]
                raise ModelError(
                    f"model {self.model!r} gave what is no number (NaN) on frame {frame.index} of "
                    f"{frame.stream!r}; --precision fp32 may help"
                )
            of_frame = [
                Pick(place, number, min(max(float(row[0]), 0.0), 1.0), box)
                for number, row in enumerate(rows)
                if row[0] >= one.least
                and (box := region([int(v) for v in row[2:]], shape, one.placement)) is not None
            ]
            of_frame.sort(key=lambda pick: -pick.score)
            picks += of_frame
        return picks

    def _distinct(self, group: Group, one: Candidates, picks: list[Pick]) -> list[Pick]:
        """Picks without those that a better one covers, as many a frame as the prompt wants."""
        of_frames = [list(some) for _, some in itertools.groupby(picks, key=lambda p: p.frame)]
        if one.overlap < 1:
            shared = [self._fetch(self._shared(one, some)) for some in of_frames]
            self.lanes.mark().wait()
            of_frames = [
                [some[place] for place in best_of(ious, one.overlap)]
                for some, ious in zip(of_frames, shared, strict=True)
            ]
        most = group.prompts[one.prompt].max_instances
        return [pick for some in of_frames for pick in some[:most]]

    def _shared(self, one: Candidates, picks: Sequence[Pick]) -> torch.Tensor:
        """How much of their union the masks of one frame's picks share: (K, K)."""
        import torch

        numbers = self.lanes.device.put([pick.number for pick in picks])
        inside = (one.logits[picks[0].frame, numbers] > 0).flatten(1).to(torch.float32)
        both = inside @ inside.T
        areas = both.diagonal()
        return both / (areas[:, None] + areas - both).clamp(min=1)

    def _cut(self, one: Candidates, picks: Sequence[Pick]) -> Iterable[Cutouts]:
        if not picks:
            return ()
        device = self.lanes.device
        index = device.put([[pick.frame for pick in picks], [pick.number for pick in picks]])
        return cut_out(
            one.logits[index[0], index[1]],
            [pick.box for pick in picks],
            one.placement,
            device,
            soft=one.soft,
            keep_logits=self.keep_logits,
            fetch=self._fetch,
        )

    def _presence(self) -> list[tuple[float | None, ...]]:
        """For each frame the presence of each prompt; empty where no prompt's is known."""
        found: list[tuple[float | None, ...]] = [() for _ in self.frames]
        known = iter(self._known)
        for group in self.groups:
            of_group = [(one, next(known).numpy()) for one in group.candidates]
            if all(one.presence is None for one, _ in of_group):
                continue
            for place, number in enumerate(group.numbers):
                present: list[float | None] = [None] * len(group.prompts)
                for one, rows in of_group:
                    if one.presence is not None:
                        present[one.prompt] = min(max(float(rows[place, -1, 0]), 0.0), 1.0)
                found[number] = tuple(present)
        return found


def _cleaned(mask: Mask | None, one: Candidates) -> Mask | None:
    """Without the holes and specks that are small on the network's own mask."""
    if mask is None or (one.holes, one.specks) == (0, 0):
        return mask
    across, down = steps((one.logits.shape[-2], one.logits.shape[-1]), one.placement)
    return cleaned(mask, one.holes / (across * down), one.specks / (across * down))


def _overview(one: Candidates) -> torch.Tensor:
    """float32 (F, N + 1, 6): score, greatest logit and bounds of each; last, the presence."""
    import torch

    scores = one.scores.to(torch.float32)
    peaks = one.logits.to(torch.float32).amax((-2, -1))
    rows = torch.cat([torch.stack([scores, peaks], -1), bounds(one.logits)], dim=-1)
    last = rows.new_zeros((rows.shape[0], 1, rows.shape[2]))
    if one.presence is not None:
        last[:, 0, 0] = one.presence
    return torch.cat([rows, last], dim=1)
