"""Carries what was marked by hand on one frame through the frames after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from videoseg.motion.flow import carry_mask, flow_between
from videoseg.motion.shot_cuts import CutDetector
from videoseg.protocols import Follows, Segmenter, VideoSegmenter
from videoseg.stages.backwards import Backwards
from videoseg.stages.between_cues import Span, SpanFinder, last_correction
from videoseg.stages.known_answers import KnownAnswers, combined, in_order
from videoseg.stages.mask_cues import MARKED, MaskCues, ask
from videoseg.stages.reused import Reused, cues_due, drawn_on, has_begun
from videoseg.stages.waiting_answers import WaitingAnswers
from videoseg.types import Cue, Detections, Frame, Instance, Mask, Prompt
from videoseg.types.snapshot import Snapshot, joined, parted


@dataclass(slots=True)
class Propagated:
    """A ``Stage``: a prompt's cues hold on the frame they were made on, and are carried from there.

    A cue is asked on its frame, or on the first that comes after it; later cues correct the same
    object, which keeps its ``object_id``. A mask alone is itself the answer on its frame: the model
    is not asked. A cue whose frame is None holds on every frame as given. Text alone is asked on
    every frame. Between cues an object is followed by the model's own
    memory, where it has one (``Follows``); else its last mask, moved along the optical flow, is
    asked as a mask cue. A cut ends a carried mask; a memory may find the object again. Instances
    come in the order of the prompts.

    With ``backwards`` an object is also followed from each cue back to the one before, and from its
    first one back to the first frame, before the first frame is answered; for that the frames up to
    the last correction are gone through forward first, too. Between two cues both ways have a say
    (``between_cues.joined``). With ``known`` the model is asked about an object only from where its
    answers may be other than those.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked; ``Instance.prompt`` indexes them.
        backwards: How to come to frames before a cue; None = they stay empty.
        known: Answers of an earlier run with fewer cues, or None.
    """

    segmenter: Segmenter
    prompts: Sequence[Prompt]
    backwards: Backwards | None = None
    known: KnownAnswers | None = None
    _streams: dict[str, _Stream] = field(init=False, repr=False, default_factory=dict)
    _first: int | None = field(init=False, repr=False, default=None)

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model did not answer the frame it was asked about.
            OutputError: There is no room for what is found ahead of its turn.
        """
        with ExitStack() as ends:
            ends.callback(self._end)
            waiting: WaitingAnswers | None = None
            ahead: dict[str, int] = {}
            for frame in frames:
                if waiting is None and self.backwards is not None:
                    waiting = ends.enter_context(WaitingAnswers(self.backwards.folder))
                    ahead = self._look_ahead(frame, self.backwards, waiting)
                if waiting is not None and frame.index <= ahead.get(frame.stream, -1):
                    answer = waiting.answer(frame.stream, frame.index)
                    answer = answer or Detections(frame.stream, frame.index)
                else:
                    answer = self._stream(frame.stream).step(frame)
                yield frame, in_order(answer if waiting is None else waiting.added_to(answer))

    def _look_ahead(
        self, frame: Frame, backwards: Backwards, waiting: WaitingAnswers
    ) -> dict[str, int]:
        """Find what comes from later cues, before the next frame is answered.

        Returns:
            The last frame of each stream that was answered on the way.
        """
        alone = partial(Propagated, self.segmenter)
        spans: list[Span] = []
        ahead: dict[str, int] = {}
        first = frame.index if self._first is None else self._first
        last = last_correction(self.prompts, first)
        if last is not None and min((s.before for s in self._streams.values()), default=-1) < last:
            ahead, spans = self._go_ahead(first, last, backwards, waiting)
        backwards.before(frame, self.prompts, alone, waiting, self.known)
        backwards.between(frame, spans, self.prompts, alone, waiting, self.known)
        return ahead

    def _go_ahead(
        self, first: int, last: int, backwards: Backwards, waiting: WaitingAnswers
    ) -> tuple[dict[str, int], list[Span]]:
        """Follow everything forward from the first frame up to the last correction.

        Returns:
            The last frame of each stream that was answered, and the ways between cues.
        """
        answered = {name: stream.before for name, stream in self._streams.items()}
        for name in [name for name, index in answered.items() if index < last]:
            # What a run that was broken off knew here is found anew.
            self._streams.pop(name).follower.finish()
        if self.known is not None:
            self.known.rewind()
        finders: dict[str, SpanFinder] = {}
        spans: list[Span] = []
        for frame in backwards.ahead(first, last):
            stream = self._stream(frame.stream)
            if stream.before >= last:
                continue
            answer = stream.step(frame)
            if frame.index > answered.get(frame.stream, -1):
                waiting.keep_answer(answer)
            finder = finders.setdefault(frame.stream, SpanFinder(self.prompts))
            spans += [span for span in finder.push(frame, answer) if stream.goes_back(span)]
        return {name: self._streams[name].before for name in finders}, spans

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        if self._first is None:
            self._first = frame.index
        self._stream(frame.stream).recall(frame, detections)

    def snapshot(self) -> Snapshot:
        """What the memories of the objects hold."""
        streams = enumerate(self._streams.values())
        return joined({str(place): stream.follower.snapshot() for place, stream in streams})

    def restore(self, state: Snapshot) -> None:
        """Give the memories back what they held after the frame that was recalled last."""
        parts = parted(state)
        for place, stream in enumerate(self._streams.values()):
            if stream.last is not None:
                stream.follower.restore(parts.get(str(place), {}), stream.last)

    def _end(self) -> None:
        for stream in self._streams.values():
            stream.follower.finish()
        self._streams.clear()

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            follower, known = self._follower(), self.known
            remembers = not isinstance(follower, MaskCues)
            reused = None if known is None else Reused(known, remembers=remembers)
            self._streams[name] = _Stream(self.segmenter, tuple(self.prompts), follower, reused)
        return self._streams[name]

    def _follower(self) -> VideoSegmenter:
        model = self.segmenter
        follower = model.video_segmenter() if isinstance(model, Follows) else None
        follower = follower or MaskCues(model)
        follower.start(self.prompts)
        return follower


@dataclass(slots=True)
class _Stream:
    """The state of one stream."""

    segmenter: Segmenter
    prompts: tuple[Prompt, ...]
    follower: VideoSegmenter
    reused: Reused | None = None
    last: Frame | None = None
    seen: dict[int, Mask] = field(default_factory=dict)
    cuts: CutDetector = field(default_factory=lambda: CutDetector(patience=0))

    def step(self, frame: Frame) -> Detections:
        """One frame's answer."""
        if any(self.cuts.push(frame.image)):
            self.follower.reset()
            self.seen.clear()
        prompts = self._asked_anew(frame)
        drawn = {
            index: Instance(mask, 1.0, index, MARKED)
            for index, prompt in prompts.items()
            if (mask := drawn_on(prompt, frame)) is not None
        }
        asked = {
            index: due
            for index, prompt in prompts.items()
            if index not in drawn and (due := self._due(index, prompt, frame)) is not None
        }
        answer = ask(self.segmenter, frame, asked, len(self.prompts))
        marked = (*drawn.values(), *self._marked(answer.instances, asked))
        followed = self.follower.step(frame, replace(answer, instances=marked))
        others = tuple(found for found in answer.instances if not self.prompts[found.prompt].cues)
        answer = replace(answer, instances=others + followed.instances)
        if self.reused is not None:
            answer = self._with_known(self.reused, frame, answer, is_asked=bool(asked))
        self.last = frame
        self.seen = self._followed(frame, answer)
        return answer

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Come to where the step with this frame and this answer led; the follower is put back."""
        self.cuts.push(frame.image)
        answer = Detections(frame.stream, frame.index) if detections is None else detections
        self.seen = self._followed(frame, answer)
        if self.reused is not None:
            self.reused.begin(self.before, frame)
            self.reused.settle(self.seen)
        self.last = frame

    @property
    def before(self) -> int:
        """Index of the last frame; -1 before the first."""
        return -1 if self.last is None else self.last.index

    def goes_back(self, span: Span) -> bool:
        """Whether an object must be followed back from a cue: not where that is known."""
        return self.reused is None or not self.reused.is_joined(span.found.prompt, span.stop)

    def _followed(self, frame: Frame, answer: Detections) -> dict[int, Mask]:
        """The masks of an answer that are followed on: what came backwards is not."""
        found = answer.instances
        return {one.prompt: one.mask for one in found if has_begun(self.prompts[one.prompt], frame)}

    def _asked_anew(self, frame: Frame) -> dict[int, Prompt]:
        """The prompts that the model is asked or follows on this frame, by their index."""
        prompts = dict(enumerate(self.prompts))
        if self.reused is None:
            return prompts
        for index in self.reused.begin(self.before, frame):
            if isinstance(self.follower, MaskCues) and self.last is not None and index in self.seen:
                self.follower.adopt(index, self.seen[index], self.last)
        return {index: prompts[index] for index in sorted(self.reused.anew)}

    def _with_known(
        self, reused: Reused, frame: Frame, answer: Detections, *, is_asked: bool
    ) -> Detections:
        """An answer with what is known of the objects that the model was not asked about."""
        if is_asked or any(
            has_begun(self.prompts[index], frame) and (reused.remembers or index in self.seen)
            for index in reused.anew
        ):
            reused.known.count(frame.stream, frame.index)
        whole = combined(answer, reused.kept(self.before, frame), len(self.prompts))
        for index in reused.settle(self._followed(frame, answer)):
            if isinstance(self.follower, MaskCues):
                self.follower.drop(index)
        return whole

    def _due(self, index: int, prompt: Prompt, frame: Frame) -> Prompt | None:
        """The prompt as it is asked on this frame, or None where it is not."""
        if not prompt.cues:
            return prompt
        given = cues_due(prompt, self.before, frame)
        if not given:
            return None
        carried = all(cue.frame is not None and cue.mask is None for cue in given)
        if index in self.seen and carried:
            # A correction says something beside what is already known.
            known = self._moved(self.seen[index], frame)
            given += [Cue(mask=known)] if known is not None else []
        return replace(prompt, cues=tuple(replace(cue, frame=None) for cue in given))

    def _moved(self, mask: Mask, frame: Frame) -> Mask | None:
        """A mask of the last frame as it lies in this one."""
        assert self.last is not None  # noqa: S101
        return carry_mask(mask, flow_between(self.last.image, frame.image))

    def _marked(self, found: Sequence[Instance], asked: dict[int, Prompt]) -> tuple[Instance, ...]:
        """The best instance of each prompt with cues: the object that they mean."""
        best: dict[int, Instance] = {}
        for instance in found:
            known = best.get(instance.prompt)
            if asked[instance.prompt].cues and (known is None or instance.score > known.score):
                best[instance.prompt] = replace(instance, object_id=MARKED)
        return tuple(best.values())
