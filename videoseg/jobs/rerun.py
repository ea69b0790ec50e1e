"""Finished runs taken up again: everything after the model redone, or outputs added."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from videoseg import pipeline
from videoseg.config.run_config import RunConfig, load
from videoseg.config.tables import output_kind
from videoseg.edges.soft_edges import SoftEdges
from videoseg.errors import OutputExistsError, SourceError, UsageError
from videoseg.jobs.carried_edits import CarriedEdits, given_ids, named_ids
from videoseg.jobs.earlier_answers import EarlierAnswers
from videoseg.jobs.earlier_tracks import EarlierTracks
from videoseg.jobs.finished_run import run_of
from videoseg.jobs.job import Job
from videoseg.jobs.logged_times import LoggedTimes
from videoseg.jobs.outputs import (
    edge_settings,
    exporters_of,
    finished_run,
    made_by,
    soft_edges_for,
    writers_of,
)
from videoseg.jobs.positions import frame_index, parse_position
from videoseg.jobs.publishing import Watch
from videoseg.pipeline import Tally
from videoseg.prompts import in_pixels, with_added
from videoseg.protocols import NamesFrames, TwoPassTracker
from videoseg.runlog.edits import NAME as EDITS
from videoseg.runlog.edits import EditLog
from videoseg.runlog.fingerprint import identity, plain
from videoseg.runlog.lost_inputs import refuse_losing
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.manifest import Ended, read_manifest, write_json
from videoseg.runlog.plan import Plan, settings_difference
from videoseg.runlog.reader import RunFolder
from videoseg.runlog.staging import Staging, settle
from videoseg.runlog.summary import Summary
from videoseg.system.addresses import is_address
from videoseg.system.output_files import FRAMES
from videoseg.system.threads import Stopwatch
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo

ONLINE_TRACKER = "iou"
"""The tracker that goes through a run once."""
OFFLINE_TRACKER = "two-pass"
"""The tracker that studies the whole run first."""
_MAKE_SHAPES = frozenset({"tracking", "outlines"})
"""Tables of settings that the shapes in the log depend on."""
_AFTER_THE_MODEL = frozenset({"tracking", "outlines", "edges", "matting", "writers", "exporters"})
_AFTER_THE_MODEL_OF_RUN = frozenset(
    {"tracker", "write", "review_gap", "review_shrink", "review_jump", "review_score"}
)


class Finished:
    """A finished run, with the settings that it had but for those that are changed now.

    Args:
        folder: Its output folder.
        flags: Settings of ``[run]`` that are changed.
        assignments: ``part.key=value`` that are changed.
        location: Where its input is now; by default, where it was.
        two_pass: Whether to track by the tracker that studies the whole run first, with the
            settings that the default one had.

    Attributes:
        config: The settings.
        prompts: What is asked: what it was asked, and what is added.
        edits: What was corrected about its tracks.
        run: Its log, with that.

    Raises:
        RunLogError: The folder holds no finished run, or a damaged one.
        UsageError: A change is of something that only a new run can change.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flags: Mapping[str, Any] | None = None,
        assignments: Sequence[str] = (),
        location: str | None = None,
        two_pass: bool = False,
    ) -> None:
        settle(folder)
        self.folder = folder
        self._manifest = read_manifest(folder)
        self.edits = EditLog.load(folder)
        recorded = self._manifest["settings"]
        if two_pass:
            recorded, flags = (
                _with_two_passes(recorded),
                {**(flags or {}), "tracker": OFFLINE_TRACKER},
            )
        self.config: RunConfig = load(recorded=recorded, flags=flags, assignments=assignments)
        self.run: RunFolder = run_of(folder, self._manifest, self.edits, self.config.outlines)
        if FRAMES in self._manifest["outputs"]:
            self.run.frames_in = folder
        self.prompts: tuple[Prompt, ...] = tuple(self.run.prompts)
        self._moved = location is not None
        self._location = location if location is not None else self._manifest["inputs"][0]["name"]

    def job(self) -> Job:
        """The run put together as before, with its input open.

        Raises:
            SourceError: The input is not where it was, or is not what it was.
            UsageError: A setting of the model or before it was changed, or the folder names an
                address that the user has not named.
        """
        if not self._moved and is_address(self._location):
            # The folder may have come from anybody, and so may the address.
            raise UsageError(
                f"{self.folder} says that it was made from {self._location}; to open that address, "
                "name it with --input"
            )
        try:
            job = Job(self._location, self.prompts, self.config)
        except SourceError as error:
            error.add_note("--input says where the input is now")
            raise
        with ExitStack() as on_failure:
            on_failure.push(job)
            self._check(job.plan())
            on_failure.pop_all()
        return job

    def index_of(self, place: str) -> int:
        """The frame of the first stream at a place (``jobs.positions``), by the log.

        Raises:
            UsageError: It is no place.
        """
        info = next(iter(self.run.streams.values()))
        return frame_index(parse_position(place), info, LoggedTimes(self.run, info))

    def add(self, prompts: Sequence[Prompt]) -> None:
        """Ask for more than it was asked: other objects, or other cues of the same ones.

        Raises:
            PromptError: It is not clear what is meant, or nothing of it is new.
            UsageError: Its tracker studies the whole run first, for which answers must be known.
        """
        if isinstance(self.config.part("tracking", self.config.run.tracker), TwoPassTracker):
            raise UsageError(
                "new prompts and two passes do not go together; add the prompts with "
                f"--set run.tracker={ONLINE_TRACKER}, and then `videoseg rerun --two-pass`"
            )
        info = next(iter(self.run.streams.values()))
        self.prompts = with_added(self.prompts, in_pixels(prompts, info))

    @property
    def frame_count(self) -> int:
        """Frames of the run."""
        return int(self._manifest["counts"]["frames"])

    def rerun(
        self,
        job: Job,
        out: Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        reads: Sequence[str] = (),
    ) -> Summary:
        """Track, smooth and write anew what the model has found, below ``out``.

        Where prompts were added, the model is asked about what is not known of them.

        Args:
            job: What ``job`` has given.
            out: The output folder; may be the run's own.
            overwrite: Whether earlier results of the same names are replaced.
            resume: Whether to go on with what an interrupted run like this one has left; only
                where the model is asked.
            on_frame: Called after each frame, and wherever the run can end; ends it by raising.
            reads: Files beside the input that must not be replaced.

        Raises:
            OutputExistsError: A result exists there and ``overwrite`` is False.
        """
        # A file that was renamed gives its stream another name.
        names = dict(zip(self.run.streams, job.streams, strict=True))

        answers = functools.partial(self._answers, names)
        edits = self._carried(names)
        if self.prompts != tuple(self.run.prompts):
            if resume and (behind := self._behind(job, out, overwrite)) is not None:
                return behind.rerun(job, out, overwrite=True, on_frame=on_frame, reads=reads)
            return job.run(
                out,
                overwrite=overwrite,
                resume=resume,
                on_frame=on_frame,
                reads=reads,
                earlier=EarlierAnswers(self._manifest, self.run.prompts, answers),
                edits=edits,
            )
        if resume:
            raise UsageError("--resume is for reruns that ask the model; this one does not")
        before = Summary.of(self.folder, self.run.prompts, self._manifest)
        ended = Ended(before.stopped, notes=before.notes, refused=before.refused)
        return job.replay(
            answers, out, overwrite=overwrite, on_frame=on_frame, ended=ended, edits=edits
        )

    def _behind(self, job: Job, out: Path, overwrite: bool) -> Finished | None:
        """The finished run of this job, with the edits that were made here since; None without any.

        Raises:
            OutputExistsError: It has other edits of its own, or is the run of another job, and
                ``overwrite`` is False.
        """
        if finished_run(out, job.plan(), overwrite=overwrite) is None:
            return None
        there = EditLog.load(out)
        ours, theirs = self.edits.entries, there.entries
        if theirs[: len(ours)] == ours:
            return None
        if ours[: len(theirs)] != theirs and not overwrite:
            raise OutputExistsError(
                f"{out} has edits of its own and lacks some of {self.folder}; make these there "
                "(videoseg edit), or replace its own with --overwrite"
            )
        made = Finished(out, location=self._location)
        made.edits = self.edits
        return made

    def _carried(self, names: Mapping[str, str]) -> CarriedEdits:
        """What goes on in a run whose streams have these names."""
        there = {name: stream for stream, name in names.items()}
        named, given = named_ids(self.edits), given_ids(self.edits)
        tracks = EarlierTracks(self.run, there, self.prompts, given, named)
        return CarriedEdits(self.edits, tracks)

    def _answers(self, names: Mapping[str, str]) -> Iterator[tuple[str, int, Detections | None]]:
        """What the model has found, its streams renamed."""
        for stream, index, found in self.run.detections():
            yield names[stream], index, found and replace(found, stream=names[stream])

    def write(
        self,
        names: Sequence[str],
        *,
        overwrite: bool = False,
        clock: Stopwatch,
        on_frame: Callable[[Tally], None] = lambda _: None,
    ) -> Summary:
        """Add outputs to the run's folder, from what it has drawn; the input is read if need be.

        Raises:
            OutputExistsError: One of them exists and ``overwrite`` is False.
            UsageError: A setting was changed that only tracking again could follow.
        """
        self._check_shapes_stay()
        parts = {name: self.config.part(output_kind(name), name) for name in dict.fromkeys(names)}
        writers, edges = writers_of(parts), soft_edges_for(parts, self.config)
        for writer in writers.values():
            if isinstance(writer, NamesFrames):
                writer.frames_in = self.run.frames_in
        with ExitStack() as ends:
            if edges is not None:
                ends.callback(edges.close)
            has_frames = edges is not None or any(each.needs_image for each in writers.values())
            job = ends.enter_context(self.job()) if has_frames else None
            streams, drawn = self._drawn(job, clock)
            made = made_by(parts, streams)
            refuse_losing([self._location], self.folder, made)
            staging = Staging(self.folder, [*made, MANIFEST], overwrite, replaces=[MANIFEST])
            ends.enter_context(staging)
            self.edits.check_unchanged()
            watch = Watch(on_frame, Tally.of(self.run.prompts))
            self.run.check = watch.check
            tally = pipeline.write(
                drawn,
                streams=streams,
                prompts=self.run.prompts,
                writers=writers,
                soften=None if edges is None else edges.softened,
                log=None,
                folder=staging.folder,
                clock=clock,
                on_step=watch.step,
            )
            pipeline.export(self.run, exporters_of(parts), staging.folder, clock)
            manifest = self._with_outputs(made, parts, edges)
            write_json(staging.folder / MANIFEST, manifest)
            staging.publish()
        return self._written(manifest, tally).only(made, clock.seconds)

    def _drawn(
        self, job: Job | None, clock: Stopwatch
    ) -> tuple[Mapping[str, StreamInfo], Iterator[tuple[Scene, Frame | None]]]:
        """The run's streams and Scenes, with frames where the input is open."""
        scenes = self.run.scenes()
        if job is None:
            return self.run.streams, ((scene, None) for scene in scenes)
        # A file that was renamed gives its stream another name.
        named = dict(zip(job.streams, self.run.streams, strict=True))
        streams = {
            named[name]: replace(info, stream=named[name]) for name, info in job.streams.items()
        }
        frames = (replace(frame, stream=named[frame.stream]) for frame in job.frames())
        return streams, _with_frames(scenes, clock.each("decode", frames))

    def _written(self, manifest: Mapping[str, Any], tally: Tally) -> Summary:
        """What the run has found, and what is left of it by edits."""
        found = Summary.of(self.folder, self.run.prompts, manifest)
        if not self.edits.active():
            return found
        tracks = tuple(len(ids) for ids in tally.tracks)
        return replace(found, tracks=tracks, instances=tuple(tally.instances))

    def _check_shapes_stay(self) -> None:
        origins = self.config.origins.items()
        changed = [path for path, origin in origins if origin != MANIFEST and _makes_shapes(path)]
        if changed:
            raise UsageError(
                f"{', '.join(sorted(changed))}: `videoseg write` takes the shapes as they are in "
                f"{self.folder}; `videoseg rerun` makes them again"
            )

    def _check(self, plan: Plan) -> None:
        before = self._manifest
        now, then = [record.to_json() for record in plan.inputs], before["inputs"]
        if any(("etag" in a) != ("etag" in b) for a, b in zip(now, then, strict=False)):
            raise SourceError(
                f"{self._location}: whether {self.folder} was made from it cannot be told, since "
                f"that was in another place; give {', '.join(str(each['name']) for each in then)}"
            )
        if [identity(record) for record in now] != [identity(record) for record in then]:
            raise SourceError(f"{self._location} is not the input that {self.folder} was made from")
        changed = settings_difference(before["settings"], plan, _is_before_the_outlines)
        if changed is not None:
            raise UsageError(f"{changed}: this changes what the model finds; run `segment` again")

    def _with_outputs(
        self, names: Sequence[str], parts: Mapping[str, Any], edges: SoftEdges | None
    ) -> dict[str, Any]:
        """What ``run.json`` says once these are there, too."""
        outputs = dict.fromkeys((*self._manifest["outputs"], *names))
        settings = {name: dict(table) for name, table in self._manifest["settings"].items()}
        for name, part in parts.items():
            settings.setdefault(output_kind(name), {})[name] = plain(part)
        settings |= plain(edge_settings(parts, self.config, edges))
        # The log and the manifest come last in the list, as in every run.
        last = [name for name in ("run", MANIFEST, EDITS) if outputs.pop(name, 0) is None]
        made = {**self._manifest, "settings": settings, "outputs": [*outputs, *last]}
        if self.edits.entries:
            edited = dict.fromkeys(parts, self.edits.generation)
            made["edited"] = {**self._manifest.get("edited", {}), **edited}
        return made


def _with_two_passes(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which the tracker that goes twice has those of the one that went once."""
    tracking = recorded.get("tracking", {})
    known = tracking.get(OFFLINE_TRACKER, tracking.get(ONLINE_TRACKER, {}))
    return {**recorded, "tracking": {**tracking, OFFLINE_TRACKER: known}}


def _is_before_the_outlines(path: Sequence[str]) -> bool:
    """Whether a setting has its say before the tracker has."""
    if path[0] == "run":
        return path[1] not in _AFTER_THE_MODEL_OF_RUN
    return path[0] not in _AFTER_THE_MODEL


def _makes_shapes(path: str) -> bool:
    """Whether the shapes in a run's log depend on a setting, such as ``outlines.tolerance``."""
    return path.split(".")[0] in _MAKE_SHAPES or path == "run.tracker"


def _with_frames(
    scenes: Iterator[Scene], frames: Iterator[Frame]
) -> Iterator[tuple[Scene, Frame | None]]:
    """Each Scene with its frame; frames wait where Scenes of several streams are not in step."""
    waiting: dict[tuple[str, int], Frame] = {}
    for scene in scenes:
        key = (scene.stream, scene.index)
        while key not in waiting:
            frame = next(frames, None)
            if frame is None:
                raise SourceError(f"the input has no frame {scene.index} of {scene.stream}")
            waiting[frame.stream, frame.index] = frame
        yield scene, waiting.pop(key)
        for passed in [one for one in waiting if one[0] == scene.stream and one[1] < scene.index]:
            del waiting[passed]  # a replay that dropped frames has no Scene of them
