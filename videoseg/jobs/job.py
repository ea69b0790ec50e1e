"""A run from Python: put together and checked at once, then followed frame by frame or to files."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from videoseg import pipeline
from videoseg.config.run_config import RunConfig
from videoseg.errors import UnknownPhraseWarning
from videoseg.jobs import asking, running
from videoseg.jobs import replay as replaying
from videoseg.jobs.assembly import assemble
from videoseg.jobs.carried_edits import CarriedEdits
from videoseg.jobs.earlier_answers import EarlierAnswers
from videoseg.jobs.frame_range import index_of
from videoseg.jobs.inputs import Location
from videoseg.jobs.outputs import complete_run, folder_of, place_of
from videoseg.jobs.planning import plan_of
from videoseg.jobs.ranges import CrewFor
from videoseg.jobs.stored_output import StoredOutput
from videoseg.pipeline import Tally
from videoseg.prompts import Refused
from videoseg.protocols import Segmenter, Viewer
from videoseg.runlog.manifest import Ended
from videoseg.runlog.plan import Plan
from videoseg.runlog.summary import Summary
from videoseg.types import Detections, Frame, Prompt
from videoseg.types.values import whole

_log = logging.getLogger(__name__)


class Job(AbstractContextManager["Job"]):
    """A run put together and checked, with its input open; leaving the context releases all.

    Attributes:
        config: The settings.
        location: The input's path or address.
        prompts: What is asked.
        streams: What the input holds.
        card: The model's card.
        outputs: Writers and exporters by name.
        clock: How long its stages take.
    """

    def __init__(
        self,
        location: Location,
        prompts: str | Prompt | Sequence[str | Prompt],
        config: RunConfig | None = None,
        *,
        model: Segmenter | str | None = None,
        asks: bool = True,
    ) -> None:
        """Put a run together.

        Args:
            location: The input.
            prompts: What is asked: phrases and ``Prompt`` objects, one or several.
            config: The settings; by default all have their defaults.
            model: A model's name, in place of the one that the settings name; or a model itself,
                registered or not, which the caller may use for several runs and closes.
            asks: Whether the model is to be asked; if not, there need be no prompts.

        Raises:
            PromptError: There is no prompt, or one that this input or model cannot take.
            ConfigError: A part or setting does not exist or does not fit.
            SourceError: The input cannot be read.
        """
        self._parts = parts = assemble(location, prompts, config, model=model, asks=asks)
        self.config = parts.config
        self.location = parts.input.location
        self.prompts = parts.questions.prompts
        self.streams = parts.input.streams
        self.card = parts.session.card
        self.outputs = parts.outputs
        self.clock = parts.clock

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @property
    def frame_count(self) -> int | None:
        """Frames that the input promises to yield in all, or None."""
        return self._parts.range.count

    @property
    def source_every(self) -> int:
        """The source yields every n-th of its frames, from the first on."""
        return self._parts.input.every

    @property
    def ends(self) -> tuple[int, int | None]:
        """Index of the first frame between ``start`` and ``end``, and of the last, where known."""
        return self._parts.range.ends

    @property
    def batch(self) -> int | None:
        """Frames in a call of the model; None where one follows from the other."""
        return asking.batch_of(self._parts)

    @property
    def frames_back(self) -> int:
        """Frames that marks are followed back over before the first frame is answered."""
        return asking.frames_back(self._parts)

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The prompts that the model cannot ground, once it is loaded."""
        return self._parts.session.refused

    @property
    def notes(self) -> tuple[str, ...]:
        """What the source has to say about its input so far, such as fields that it left in."""
        return self._parts.input.notes

    @property
    def model_notes(self) -> tuple[str, ...]:
        """What the model has to say about the prompts, once it is loaded."""
        return self._parts.session.notes

    def produces(self) -> tuple[str, ...]:
        """Names of all that the run will make in its output folder."""
        return self._parts.produces

    def index_of(self, place: str) -> int:
        """The frame of the first stream at a place (``jobs.positions``).

        Raises:
            UsageError: It is no place, or lies behind the end.
        """
        return index_of(self._parts.input, place)

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        """The frames of a part of the input; by default those between ``start`` and ``end``.

        Args:
            start: Index of the first, a whole number of any type.
            stop: Index behind the last; None = to the end.
        """
        if start is None and stop is None:
            return self._parts.range.frames()
        first = 0 if start is None else whole(start, "start")
        return self._parts.input.source.frames(first, None if stop is None else whole(stop, "stop"))

    def steps(self) -> Generator[pipeline.Step, None, None]:
        """Load the model, then yield every frame with what became of it.

        Warns:
            UnknownPhraseWarning: The model cannot ground a phrase; the others are looked for.

        Raises:
            UnknownPhraseError: The model can ground none; names models that could.
        """
        asking.load_model(self._parts, log=_log.info)
        for each in self.refused:
            warnings.warn(UnknownPhraseWarning(each.reason, phrase=each.text), stacklevel=3)
        return running.follow(self._parts, asking.run_stage(self._parts))

    def look(self, indices: Iterable[int]) -> Iterator[tuple[Frame, Detections]]:
        """Load the model and ask it on some frames, each for itself; nothing is carried.

        A prompt with marks is asked on the frames that these were made on. Frames that are not
        there are left out.
        """
        asking.load_model(self._parts)
        wanted = sorted({whole(each, "a frame's index") for each in indices})
        frames = (frame for index in wanted for frame in self.frames(index, index + 1))
        yield from asking.ask_alone(self._parts, frames)

    def carry(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Follow what prompts mark through some frames, in order; other prompts are not asked.

        The model is loaded already, as ``look`` does it.
        """
        yield from asking.carry_marks(self._parts, frames)

    def trial(self, folder: Path, frames: Iterable[Frame]) -> Tally:
        """Make everything of some frames, in order, in an empty folder; nothing is published.

        For measures: what was spent on it is in ``clock``.
        """
        return running.try_out(self._parts, folder, frames)

    def plan(self) -> Plan:
        """What decides the result; reads the whole input, to tell it apart by its content.

        Raises:
            SourceError: It cannot be read.
        """
        return plan_of(self._parts)

    def finished(self, out: Location, *, overwrite: bool = False) -> Summary | None:
        """What a finished run like this one has done in ``out``, or None where there is none.

        Raises:
            OutputExistsError: There is one of another kind, or some of what it made is gone, and
                ``overwrite`` is False.
        """
        place = place_of(out)
        if isinstance(place, Path):
            return complete_run(place, self.plan(), overwrite=overwrite)
        with StoredOutput(place, self.produces(), overwrite=overwrite) as there:
            return there.finished(self.plan())

    def run(
        self,
        out: Location,
        *,
        overwrite: bool = False,
        resume: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        reads: Sequence[str] = (),
        earlier: EarlierAnswers | None = None,
        edits: CarriedEdits | None = None,
        jobs: int = 1,
        crew: CrewFor | None = None,
    ) -> Summary:
        """Write all outputs below ``out``; they appear there together, once all are complete.

        Args:
            out: A folder, or an address in object storage, where ``run.json`` appears last.
            overwrite: Whether earlier results of the same names are replaced.
            resume: Whether to go on with what an interrupted run of the same kind has left in
                ``out``; a finished one is left as it is.
            on_frame: Called after each frame, and wherever the run can end; ends it by raising.
            reads: Files beside the input that must not be replaced.
            earlier: Answers of a run with fewer prompts, which are not asked again.
            edits: Corrections of that run, which are taken over.
            jobs: Processes that answer frames, each with a model of its own, where the model
                answers each frame for itself; else this one answers all, and a warning says why.
                Where outlines are curves, as many make those. The result is the same. A script
                that runs on import starts them in ``if __name__ == "__main__":`` alone.
            crew: Gives those who answer frames elsewhere (``jobs.ranges``), in place of ``jobs``.

        Raises:
            UsageError: An output would replace the input.
            OutputExistsError: A result or an unfinished run exists, and nothing was said about it,
                or it is of another kind than this run.
            OutputError: The folder cannot be written.
        """
        work = functools.partial(
            running.run,
            self._parts,
            on_frame=on_frame,
            reads=reads,
            earlier=earlier,
            edits=edits,
            jobs=jobs,
            crew=crew,
        )
        place = place_of(out)
        if isinstance(place, Path):
            return work(place, self.plan(), overwrite=overwrite, resume=resume)
        return self._run_stored(place, work, reads, overwrite=overwrite, resume=resume)

    def _run_stored(
        self,
        place: str,
        work: Callable[..., Summary],
        reads: Sequence[str],
        *,
        overwrite: bool,
        resume: bool,
    ) -> Summary:
        """Do the work, as ``running.run`` does, into object storage."""
        plan, made, read = self.plan(), self.produces(), (self.location, *reads)
        with StoredOutput(place, made, read, overwrite=overwrite, resume=resume) as there:
            if resume and (done := there.finished(plan)) is not None:
                return done
            there.begin()
            done = work(there.folder, plan, overwrite=False, resume=False, kept=there.notes)
            return there.publish(done)

    def play(
        self,
        pace: replaying.Pace,
        out: Location | None = None,
        *,
        overwrite: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        reads: Sequence[str] = (),
        viewers: Sequence[Viewer] = (),
    ) -> replaying.Played:
        """Play the input at a pace, and write outputs below ``out`` if there is one.

        Settings should come from ``jobs.replay.replay_config``. Ctrl-C ends the input, and what was
        written until then is published.

        Args:
            pace: How fast, and which frames are dropped where the model is slower.
            out: The output folder.
            overwrite: Whether earlier results of the same names are replaced.
            on_frame: Called after each frame.
            reads: Files beside the input that must not be replaced.
            viewers: Programs that look on; the caller opens and closes them.

        Raises:
            UsageError: The tracker or the input does not go with it.
        """
        folder = None if out is None else folder_of(out)
        return replaying.play(
            self._parts,
            pace,
            folder,
            overwrite=overwrite,
            on_frame=on_frame,
            reads=tuple(reads),
            viewers=viewers,
        )

    def replay(
        self,
        answers: Callable[[], running.Answers],
        out: Location,
        *,
        overwrite: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        ended: Ended | None = None,
        edits: CarriedEdits | None = None,
    ) -> Summary:
        """As ``run``, with known answers (``stream, index, answer``) in place of the model.

        A tracker that studies the whole run first goes over frames and answers twice. ``ended``
        says how the run ended that the answers are of, and why there are fewer than frames.
        ``edits`` are taken over from there.
        """
        return running.replay(
            self._parts,
            answers,
            folder_of(out),
            self.plan(),
            overwrite=overwrite,
            on_frame=on_frame,
            end=ended or Ended(),
            edits=edits,
        )
