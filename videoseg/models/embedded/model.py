"""The embedded model: finds what a phrase names and masks what clicks, boxes and masks mark."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import PromptError
from videoseg.geometry import masks
from videoseg.models.embedded.detected_box import DetectedBox
from videoseg.models.embedded.features import Provider
from videoseg.models.embedded.frame_view import FrameView, Networks
from videoseg.models.embedded.grounding.evidence import Maps
from videoseg.models.embedded.grounding.ground import ground
from videoseg.models.embedded.grounding.grounded_thing import GroundedThing
from videoseg.models.embedded.language.parser import parse
from videoseg.models.embedded.language.query import Query, meaning
from videoseg.models.embedded.language.vocabulary import vocabulary
from videoseg.models.embedded.memory.tracker import Memory
from videoseg.models.embedded.openvino_session import need_openvino
from videoseg.models.embedded.pick import Choice, picked
from videoseg.models.embedded.promptable.click_choice import Extent
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask, stuff_mask
from videoseg.protocols import VideoSegmenter
from videoseg.types import Cue, Detections, Figure, Frame, Instance, Mask, ModelCard, Prompt

_LARGE_SHARE = 0.2
"""A thing that covers more than this share of the frame is looked at again from further away."""
_MIN_REFOUND = 0.25
"""The second look must find again so much of the thing, by area, or the two contradict."""


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
        megabytes=24.0,
        weights=(
            "weights/detector.onnx",
            "weights/features.onnx",
            "weights/network.onnx",
            "weights/outliner.onnx",
            "weights/salience.onnx",
            "weights/words.json.gz",
        ),
        independent=True,
        about="CARD.md",
        figures=(
            Figure("text", 1, 0.683, (171.0, 18.0, 411.0, 242.0), 43511),
            Figure("point", 1, 0.8531, (76.0, 20.0, 480.0, 386.0), 113165),
            Figure("box", 1, 0.8748, (173.0, 19.0, 480.0, 332.0), 71523),
        ),
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
    pick: Annotated[
        Choice,
        Doc(
            "Which of several things that fit a phrase is meant: all, largest, smallest, left, "
            "right, top, bottom, or a number from the left, 1 to 6; what clicks mean: part or "
            "whole of what they most likely do"
        ),
    ] = "all"
    redetect: Annotated[
        int,
        Doc(
            "Frames from one search for phrases to the next, 1 to 1000; what was found is followed "
            "in between"
        ),
        Ge(1),
        Le(1000),
    ] = 1
    keep_missed: Annotated[
        int,
        Doc(
            "With redetect above 1: searches in a row that may miss an object which is followed "
            "before it is dropped"
        ),
        Ge(0),
        Le(100),
    ] = 2
    threads: Annotated[
        int, Doc("CPU threads of the network, 0 = as OMP_NUM_THREADS says, or one per core"), Ge(0)
    ] = 0
    provider: Annotated[
        Provider,
        Doc(
            "What runs the networks that follow objects: onnxruntime, or openvino, with bfloat16 "
            "where the CPU has it (pip install 'videoseg[openvino]')"
        ),
    ] = "onnxruntime"

    _loaded: Networks | None = field(init=False, repr=False, default=None)
    _queries: dict[str, Query] = field(init=False, repr=False, default_factory=dict)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Read the phrases and load the network if one needs it.

        Raises:
            UnknownPhraseError: A phrase names what the model does not know.
            PromptError: A prompt has nothing but what is not meant.
            MissingDependencyError: The weights are not where the package keeps them, or OpenVINO
                is asked for and not installed.
        """
        if self.provider == "openvino":
            need_openvino()
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

    def draft(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        """The same about one frame, in a third of the time, for somebody who waits.

        Marks are answered without the closer look at edges; what is found is the same in the main.
        """
        return self._answer(frame, prompts, fine=False)

    def extent(self, frame: Frame, prompts: Sequence[Prompt], extent: Extent) -> Detections:
        """The part, or the whole, of what clicks on one frame most likely mean, if there is one."""
        found = []
        for index, prompt in enumerate(prompts):
            if prompt.text is None and not any(cue.boxes or cue.has_mask for cue in prompt.cues):
                points = tuple(point for cue in prompt.cues for point in cue.points)
                asked = ObjectPrompts(frame.width, frame.height, points=points)
                item = self._networks().promptable.segment(
                    frame.image, asked, extent=extent, things=self._things(frame, asked)
                )
                found += [] if item is None else [Instance(item.mask, item.score, index)]
        return Detections(frame.stream, frame.index, tuple(found))

    def look_ahead(self, frame: Frame) -> None:
        """Do what every click on a frame needs once, before there is one."""
        self._networks().promptable.look_ahead(frame.image)
        self._networks().detector.detect(frame.image)

    def video_segmenter(self) -> VideoSegmenter:
        """A memory that follows objects through one stream (``protocols.Follows``)."""
        return Memory(self.threads, self.provider)

    @property
    def keyframe_every(self) -> int:
        """Frames from one search for phrases to the next (``protocols.Keyframed``)."""
        return self.redetect

    @property
    def keyframe_patience(self) -> int:
        """Searches in a row that may miss an object (``protocols.KeepsMissed``)."""
        return self.keep_missed

    def close(self) -> None:
        """Let go of the network."""
        self._loaded = None
        self._queries.clear()

    def _query(self, phrase: str) -> Query:
        if phrase not in self._queries:
            self._queries[phrase] = parse(phrase, vocabulary())
        return self._queries[phrase]

    def _answer(self, frame: Frame, prompts: Sequence[Prompt], *, fine: bool = True) -> Detections:
        view = FrameView(self._networks(), frame.image)
        instances: list[Instance] = []
        present: list[float | None] = []
        for index, prompt in enumerate(prompts):
            if prompt.text is None:
                shown = self._by_hand(frame, prompt, (), fine=fine)
                present.append(None)
            else:
                shown, probability = self._by_text(frame, prompt, view, fine=fine)
                present.append(probability)
            shown.sort(key=lambda item: -item.score)
            instances += [
                Instance(item.mask, item.score, index) for item in shown[: prompt.max_instances]
            ]
        return Detections(frame.stream, frame.index, tuple(instances), tuple(present))

    def _things(self, frame: Frame, prompts: ObjectPrompts) -> Sequence[DetectedBox]:
        """What the detector sees on a frame, if it helps to know what clicks mean."""
        if not prompts.only_clicked:
            return ()
        return self._networks().detector.detect(frame.image).things()

    def _networks(self) -> Networks:
        if self._loaded is None:
            self._loaded = Networks(self.threads, self.long_side)
        return self._loaded

    def _by_text(
        self, frame: Frame, prompt: Prompt, view: FrameView, *, fine: bool
    ) -> tuple[list[ScoredMask], float]:
        assert prompt.text is not None  # noqa: S101
        query = self._query(prompt.text)
        found, presence = self._grounded(frame, view.near, view, query)
        large = [
            item for item in found if item.evidence is not None and item.cells.mean() > _LARGE_SHARE
        ]
        if large:
            found, presence = self._grounded(frame, view.both, view, query)
            seen = sum(int((item.cells & large[0].cells).sum()) for item in found)
            if seen < _MIN_REFOUND * int(large[0].cells.sum()):
                # Looks that find different things contradict each other: this one counts half.
                presence /= 2
                found = [item for item in found if item.presence / 2 >= self.present]
        if prompt.cues:
            return self._by_hand(frame, prompt, found, fine=fine), presence
        shown = [(self._mask(frame, view, item), item.presence) for item in found]
        masked = [ScoredMask(mask, score) for mask, score in shown if mask is not None]
        return picked(masked, self.pick), presence

    def _grounded(
        self, frame: Frame, maps: Callable[[], Maps], view: FrameView, query: Query
    ) -> tuple[list[GroundedThing], float]:
        words = vocabulary()
        return ground(frame.image, maps, view.objects, query, words, least=self.present)

    def _mask(self, frame: Frame, view: FrameView, item: GroundedThing) -> Mask | None:
        """The pixels of something that a phrase means."""
        if item.parts:
            parts = [self._mask(frame, view, part) for part in item.parts]
            return masks.union([part for part in parts if part is not None])
        if item.seen is not None:
            return view.objects.mask(item.seen)
        assert item.evidence is not None  # noqa: S101
        if item.whole:
            found = stuff_mask(frame.image, item.evidence)
        else:
            object_prompts = ObjectPrompts(frame.width, frame.height, item.evidence)
            found = self._networks().promptable.segment(frame.image, object_prompts)
        return None if found is None else found.mask

    def _by_hand(
        self, frame: Frame, prompt: Prompt, found: Sequence[GroundedThing], *, fine: bool
    ) -> list[ScoredMask]:
        """The one object that the cues mean; the thing they lie on, if text found one, helps."""
        points = tuple(point for cue in prompt.cues for point in cue.points)
        boxes = tuple(box for cue in prompt.cues for box in cue.boxes)
        prior = masks.union([cue.mask for cue in prompt.cues if cue.mask is not None])
        if prior is not None and not points and not boxes:
            return [ScoredMask(prior, 1.0)]  # nothing says that it should be otherwise
        hits = [_hits(frame, item, points, boxes) for item in found]
        best = max(range(len(found)), key=hits.__getitem__, default=None)
        meant = found[best] if best is not None and hits[best] > 0 else None
        evidence = None if meant is None else meant.evidence
        if meant is not None and meant.seen is not None and not any(box[4] for box in boxes):
            x1, y1, x2, y2 = meant.seen.box_in(frame.width, frame.height)
            boxes = (*boxes, (x1, y1, x2, y2, True))
        object_prompts = ObjectPrompts(frame.width, frame.height, evidence, points, boxes, prior)
        segment = partial(
            self._networks().promptable.segment,
            frame.image,
            object_prompts,
            fine=fine,
            things=self._things(frame, object_prompts),
        )
        other = segment(extent=self.pick) if self.pick in ("part", "whole") else None
        result = other or segment()
        return [] if result is None else [result]


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
