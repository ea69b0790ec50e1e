"""What is open: a clip that is being marked, and the run of it that is looked at and corrected."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

from videoseg.config.run_config import RunConfig
from videoseg.errors import UsageError
from videoseg.jobs.inputs import Input
from videoseg.jobs.job import Job
from videoseg.jobs.rerun import Finished
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.server.page import exports, marks
from videoseg.server.page.asking import Asker, Extent, check_stays_here
from videoseg.server.page.frames import FrameService
from videoseg.server.page.results import Results
from videoseg.server.page.sound import Sound
from videoseg.server.page.work import Work, Worker
from videoseg.system.addresses import without_secrets
from videoseg.types import Prompt


class Project(AbstractContextManager["Project"]):
    """A clip and where its results go.

    Args:
        location: The clip.
        out: The output folder; what it holds is shown if ``shows_run``.
        config: Settings of runs from here.
        prompts: What is marked at the beginning.
        shows_run: Whether a finished run is opened, rather than the clip alone.

    Raises:
        SourceError: The clip cannot be read.
        RunLogError: The folder holds no finished run, or a damaged one.
    """

    def __init__(
        self,
        location: str,
        out: Path,
        config: RunConfig,
        prompts: Sequence[Prompt] = (),
        *,
        shows_run: bool = False,
    ) -> None:
        self.location, self.out, self.config = location, out, config
        self.worker = Worker()
        self._prompts = tuple(prompts)
        self._lock = threading.Lock()
        self._results: Results | None = None
        with ExitStack() as ends:
            opened = Input.opened(location, config)
            ends.callback(opened.close)
            if not opened.is_rereadable:
                raise UsageError(
                    f"{without_secrets(location)} is read once, and the page goes back and forth; "
                    "save it to a file, or play it with `videoseg replay`"
                )
            self.frames = ends.enter_context(FrameService(opened))
            self.sound = ends.enter_context(Sound(location))
            self.asker = ends.enter_context(Asker(config, opened.first))
            if shows_run:
                self.load_results()
            self._ends = ends.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.end()
        with self._lock:
            if self._results is not None:
                self._results.__exit__()
        self._ends.close()

    @property
    def results(self) -> Results:
        """The run that is shown.

        Raises:
            UsageError: There is none.
        """
        with self._lock:
            if self._results is None:
                raise UsageError("no run is open yet; start one first")
            return self._results

    @property
    def _size(self) -> tuple[int, int]:
        return self.frames.info.width, self.frames.info.height

    def load_results(self) -> Results:
        """Read the run anew, with its edits as they are now."""
        with self._lock:
            before = self._results
            made = self._results = Results(self.out, before).__enter__()
        if before is not None and before.frames is not made.frames:
            before.__exit__()
        return made

    def results_now(self) -> dict[str, Any]:
        """What the run holds, with what others have edited or found anew meanwhile."""
        results = self.results
        if not results.is_current():
            results = self.load_results()
        return results.to_json()

    def to_json(self) -> dict[str, Any]:
        """What the page needs to know once."""
        info, card = self.frames.info, self.asker.card
        with self._lock:
            shown = self._results
        prompts = self._prompts or (shown.run.prompts if shown is not None else ())
        return {
            "location": self.location,
            "name": Path(self.location).name,
            "out": str(self.out),
            "width": info.width,
            "height": info.height,
            "aspect": float(info.sample_aspect_ratio),
            "rate": None if info.frame_rate is None else float(info.frame_rate),
            "frames": self.frames.frame_count,
            "start": float(info.start_pts * info.time_base),
            "model": {
                "name": card.name,
                "kinds": sorted(card.kinds),
                "summary": card.summary,
                "extents": self.asker.has_extents,
            },
            "prompts": marks.as_entries(prompts),
            "has_sound": self.sound.is_there,
            "has_run": shown is not None,
            "finished_before": (self.out / MANIFEST).exists(),
        }

    def outline(
        self,
        index: int,
        entries: object,
        *,
        draft: bool,
        extent: Extent | None = None,
        is_gone: Callable[[], bool],
    ) -> dict[str, Any]:
        """What the model finds on one frame; see ``Asker.answer``."""
        prompts = marks.read_prompts(entries, self._size)
        frame = self.frames.frame(index)
        with self.frames.undisturbed():
            answer = self.asker.answer(frame, prompts, draft=draft, extent=extent, is_gone=is_gone)
        return {
            "frame": index,
            "found": answer.found,
            "refused": answer.refused,
            "draft": answer.is_draft,
            "seconds": answer.seconds,
        }

    def look_ahead(self, index: int) -> dict[str, Any]:
        """Get ready for clicks on a frame."""
        self.asker.look_ahead(self.frames.frame(index))
        return {}

    def said(self, entries: list[Mapping[str, Any]]) -> dict[str, Any]:
        """The command line and the files that say the same as the marks."""
        if entries:
            marks.read_prompts(entries, self._size)
        return {
            "command": marks.command(self.location, entries, str(self.out)),
            "file": marks.as_file(entries),
            "masks": {
                name: base64.b64encode(data).decode()
                for name, data in marks.masks_of(entries, self._size).items()
            },
        }

    def run(self, entries: object, *, overwrite: bool, resume: bool) -> dict[str, Any]:
        """Begin a run of what is marked.

        Raises:
            PromptError: What is marked does not fit.
            UsageError: Something else is under way.
        """
        prompts = marks.read_prompts(entries, self._size)
        self.asker.check_stays_here()

        def do(work: Work) -> dict[str, Any]:
            with Job(self.location, prompts, self.config) as job:
                work.clock, work.total = job.clock, job.frame_count
                job.run(self.out, overwrite=overwrite, resume=resume, on_frame=work.step)
            self._prompts = prompts
            self.load_results()
            return {}

        return self.worker.begin(Work("run", f"the run of {self.location}"), do).to_json()

    def recompute(self, prompt: int, cues: object) -> dict[str, Any]:
        """Begin to find an object of the run anew, with more marks; edits stay.

        Args:
            prompt: Place of its prompt.
            cues: The marks, as ``prompts.json`` has them.

        Raises:
            PromptError: What is marked does not fit.
            UsageError: There is no such prompt, or something else is under way.
        """
        results = self.results
        if not 0 <= prompt < len(results.run.prompts):
            raise UsageError(f"the run has no prompt {prompt}")
        label = results.run.prompts[prompt].label
        added = marks.read_prompts([{"label": label, "cues": cues}], self._size)

        def do(work: Work) -> dict[str, Any]:
            run = Finished(results.folder, location=self.location)
            check_stays_here(run.config.part("models", run.config.run.model))
            run.add(added)
            with run.job() as job:
                work.clock, work.total = job.clock, job.frame_count
                run.rerun(job, results.folder, overwrite=True, on_frame=work.step)
            self.load_results()
            return {}

        return self.worker.begin(Work("recompute", f"finding {label} anew"), do).to_json()

    def export(self, names: Sequence[str], settings: Mapping[str, str]) -> dict[str, Any]:
        """Begin to write outputs of the run that is shown."""
        folder = self.results.folder

        def do(work: Work) -> dict[str, Any]:
            return exports.write(work, folder, names, settings, self.location)

        work = Work("export", f"writing {', '.join(names)}")
        return self.worker.begin(work, do).to_json()
