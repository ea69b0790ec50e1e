"""The embedded model: finds what a phrase names and masks what clicks, boxes and masks mark."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import PromptError
from videoseg.geometry import masks
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.grounding.evidence import OUTPUTS, Maps, averaged
from videoseg.models.embedded.grounding.ground import GroundedThing, ground
from videoseg.models.embedded.language.parser import Query, meaning, parse
from videoseg.models.embedded.language.vocabulary import vocabulary
from videoseg.models.embedded.memory.tracker import Memory
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask, stuff_mask
from videoseg.protocols import VideoSegmenter
from videoseg.types import Cue, Detections, Frame, Instance, ModelCard, Prompt, RgbImage

_LARGE_SHARE = 0.2
"""A thing that covers more than this share of the frame is looked at again from further away."""
_DETAIL = 0.8
"""Frames are looked at with this share of their own resolution: compressed video holds no more."""
_MIN_SIDE = 320
"""The network sees no frame at a shorter longer side than this, pixels."""
_MIN_REFOUND = 0.25
"""The second look must find again so much of the thing, by area, or the two contradict."""
_FAR_SIDE = 320
"""Longer side of the frame for that second look, pixels."""


class _FrameMaps:
    """The network's maps of a frame at its usual size and, where asked for, at a smaller one."""

    def __init__(self, network: Backbone, image: RgbImage, long_side: int) -> None:
        self._network, self._image, self._long_side = network, image, long_side

    @functools.cached_property
    def near(self) -> Maps:
        """Maps at the network's usual size."""
        side = near_side(self._image, self._long_side)
        return self._network.run(self._image, OUTPUTS, long_side=side)

    @functools.cached_property
    def both(self) -> Maps:
        """Maps of both sizes averaged: a thing that fills the frame is better known from afar."""
        far = self._network.run(self._image, OUTPUTS, long_side=_FAR_SIDE)
        return averaged(self.near, far)


@dataclass
class Embedded:
    """The default model: needs no GPU, no download and no torch.

    Text goes through EfficientNet-Lite0 features, a small head trained on named segments, ImageNet
    classes and a table of nouns; clicks, boxes and masks are masks_found from the image alone.
    """

    card: ClassVar[ModelCard] = ModelCard(
        name="embedded",
        summary="Built in: clicks, boxes and 30,000 common nouns, on the CPU",
        kinds=frozenset({"text", "point", "negative", "box", "mask"}),
        open_vocabulary=False,
        licence="Apache-2.0",
        megabytes=18.9,
        weights=(
            "weights/network.onnx",
            "weights/outliner.onnx",
            "weights/salience.onnx",
            "weights/words.json.gz",
        ),
        independent=True,
        about="CARD.md",
    )

    long_side: Annotated[
        int,
        Doc("Longest side that the network sees a frame at, pixels, 128 to 2048"),
        Ge(128),
        Le(2048),
    ] = 640
    present: Annotated[
        float, Doc("Presence from which a phrase counts as found, 0 to 1"), Ge(0), Le(1)
    ] = 0.5
    threads: Annotated[
        int, Doc("CPU threads of the network, 0 = as OMP_NUM_THREADS says, or one per core"), Ge(0)
    ] = 0

    _backbone: Backbone | None = field(init=False, repr=False, default=None)
    _segmenter: PromptableSegmenter | None = field(init=False, repr=False, default=None)
    _queries: dict[str, Query] = field(init=False, repr=False, default_factory=dict)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Read the phrases and load the network if one needs it.

        Raises:
            UnknownPhraseError: A phrase names what the model does not know.
            PromptError: A prompt has nothing but what is not meant.
            MissingDependencyError: The weights are not where the package keeps them.
        """
        for prompt in prompts:
            positive = any(_positive(cue) for cue in prompt.cues)
            if prompt.text is None and not positive:
                raise PromptError(
                    f"prompt {prompt.label!r} only says what is not meant; add text, a point or a "
                    "box on the object"
                )
            if prompt.text is not None:
                self._query(prompt.text)

    def explain(self, prompts: Sequence[Prompt]) -> Sequence[str]:
        """What words are taken for something wider, and which phrases come down to the same.

        A phrase beside a mark is not explained: the mark says which object is meant.
        """
        phrases = dict.fromkeys(p.text for p in prompts if p.text is not None and not p.cues)
        queries = [self._query(phrase) for phrase in phrases]
        notes = [note for query in queries for note in query.notes]
        by_meaning: dict[Hashable, list[str]] = {}
        for query in queries:
            by_meaning.setdefault(meaning(query), []).append(repr(query.phrase))
        for same in by_meaning.values():
            if len(same) > 1:
                names = f"{', '.join(same[:-1])} and {same[-1]}"
                all_of = "both" if len(same) == 2 else "all"
                notes.append(f"{names} mean the same to this model: {all_of} get the same objects")
        return list(dict.fromkeys(notes))

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer each frame for itself; the network runs once a frame, and only for text."""
        return [self._answer(frame, asked) for frame, asked in zip(frames, prompts, strict=True)]

    def video_segmenter(self) -> VideoSegmenter:
        """A memory that follows objects through one stream (``protocols.Follows``)."""
        return Memory(self.threads)

    def close(self) -> None:
        """Let go of the network."""
        self._backbone = self._segmenter = None
        self._queries.clear()

    def _query(self, phrase: str) -> Query:
        if phrase not in self._queries:
            self._queries[phrase] = parse(phrase, vocabulary())
        return self._queries[phrase]

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        frame_maps: _FrameMaps | None = None
        instances: list[Instance] = []
        present: list[float | None] = []
        for index, prompt in enumerate(prompts):
            if prompt.text is None:
                shown = self._by_hand(frame, prompt, ())
                present.append(None)
            else:
                frame_maps = (
                    frame_maps
                    if frame_maps is not None
                    else _FrameMaps(self._network(), frame.image, self.long_side)
                )
                shown, probability = self._by_text(frame, prompt, frame_maps)
                present.append(probability)
            shown.sort(key=lambda item: -item.score)
            instances += [
                Instance(item.mask, item.score, index) for item in shown[: prompt.max_instances]
            ]
        return Detections(frame.stream, frame.index, tuple(instances), tuple(present))

    def _network(self) -> Backbone:
        if self._backbone is None:
            self._backbone = Backbone(self.threads, self.long_side)
        return self._backbone

    def _promptable(self) -> PromptableSegmenter:
        if self._segmenter is None:
            self._segmenter = PromptableSegmenter(self.threads)
        return self._segmenter

    def _by_text(
        self, frame: Frame, prompt: Prompt, frame_maps: _FrameMaps
    ) -> tuple[list[ScoredMask], float]:
        assert prompt.text is not None  # noqa: S101
        query = self._query(prompt.text)
        found, presence = ground(
            frame.image, frame_maps.near, query, vocabulary(), least=self.present
        )
        large = [item for item in found if item.cells.mean() > _LARGE_SHARE]
        if large:
            found, presence = ground(
                frame.image, frame_maps.both, query, vocabulary(), least=self.present
            )
            seen = sum(int((item.cells & large[0].cells).sum()) for item in found)
            if seen < _MIN_REFOUND * int(large[0].cells.sum()):
                # Looks that find different things contradict each other: this one counts half.
                presence /= 2
                found = [item for item in found if item.presence / 2 >= self.present]
        if prompt.cues:
            return self._by_hand(frame, prompt, found), presence
        masks_found = []
        for item in found:
            if item.whole:
                result = stuff_mask(frame.image, item.evidence)
            else:
                object_prompts = ObjectPrompts(frame.width, frame.height, item.evidence)
                result = self._promptable().segment(frame.image, object_prompts)
            if result is not None:
                masks_found.append(ScoredMask(result.mask, item.presence))
        return masks_found, presence

    def _by_hand(
        self, frame: Frame, prompt: Prompt, found: Sequence[GroundedThing]
    ) -> list[ScoredMask]:
        """The one object that the cues mean; the thing they lie on, if text found one, helps."""
        points = tuple(point for cue in prompt.cues for point in cue.points)
        boxes = tuple(box for cue in prompt.cues for box in cue.boxes)
        prior = masks.union([cue.mask for cue in prompt.cues if cue.mask is not None])
        if prior is not None and not points and not boxes:
            return [ScoredMask(prior, 1.0)]  # nothing says that it should be otherwise
        hits = [_hits(frame, item, points, boxes) for item in found]
        best = max(range(len(found)), key=hits.__getitem__, default=None)
        evidence = found[best].evidence if best is not None and hits[best] > 0 else None
        object_prompts = ObjectPrompts(frame.width, frame.height, evidence, points, boxes, prior)
        result = self._promptable().segment(frame.image, object_prompts)
        return [] if result is None else [result]


def near_side(image: RgbImage, most: int) -> int:
    """Longer side that the network sees a frame at, pixels, at most ``most``."""
    height, width = image.shape[:2]
    return int(min(max(_MIN_SIDE, round(_DETAIL * max(height, width))), most))


def _positive(cue: Cue) -> bool:
    return (
        cue.mask is not None
        or any(positive for *_, positive in cue.points)
        or any(positive for *_, positive in cue.boxes)
    )


def _hits(
    frame: Frame,
    item: GroundedThing,
    points: Sequence[tuple[float, float, bool]],
    boxes: Sequence[tuple[float, float, float, float, bool]],
) -> float:
    """How far cues lie on a thing: right points count one each, boxes their overlap with it."""
    rows, columns = item.cells.shape
    down, across = rows / frame.height, columns / frame.width
    score = 0.0
    for x, y, positive in points:
        row, column = min(int(y * down), rows - 1), min(int(x * across), columns - 1)
        score += float(item.cells[max(row, 0), max(column, 0)]) * (1 if positive else -1)
    for x1, y1, x2, y2, positive in boxes:
        inside = np.zeros_like(item.cells)
        top, left = max(int(y1 * down), 0), max(int(x1 * across), 0)
        inside[top : int(np.ceil(y2 * down)), left : int(np.ceil(x2 * across))] = True
        shared = float((inside & item.cells).sum()) / float((inside | item.cells).sum())
        score += shared * (1 if positive else -1)
    return score


PARTS = {"embedded": Embedded}
