"""Answers of a finished run with fewer prompts: what of them a run with more need not ask again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from videoseg.jobs.asking import goes_back
from videoseg.jobs.assembly import Assembly
from videoseg.protocols import Keyframed
from videoseg.runlog.codec import Json
from videoseg.runlog.edits import run_mark
from videoseg.runlog.fingerprint import plain
from videoseg.runlog.plan import Plan
from videoseg.stages.known_answers import KnownAnswers
from videoseg.types import Detections, Prompt


@dataclass(slots=True)
class EarlierAnswers:
    """What a finished run has answered.

    Attributes:
        manifest: What its ``run.json`` says.
        prompts: What it was asked.
        answers: Gives ``stream, index, answer`` of all frames, in their order.
        known: What of it is used, once the model is loaded; None where all is asked anew.
    """

    manifest: Json
    prompts: Sequence[Prompt]
    answers: Callable[[], Iterable[tuple[str, int, Detections | None]]]
    known: KnownAnswers | None = field(init=False, default=None)

    @property
    def origin(self) -> str:
        """Which run it is, for what an unfinished run notes."""
        return f"{run_mark(self.manifest)}, {self.manifest['counts']['frames']} frames"

    def prepare(self, parts: Assembly, plan: Plan) -> str | None:
        """Find out what need not be asked again of a run whose model is loaded.

        Returns:
            Why all is asked anew, as a clause; None where it is not.
        """
        if (why := self._why_nothing_holds(parts, plan)) is not None:
            return why
        refused = {each["prompt"] for each in self.manifest.get("refused", ())}
        then = dict(enumerate(self.prompts))
        before = [None if n in refused else then.get(n) for n in parts.known]
        asked = tuple(parts.known.values())
        both_ways = goes_back(parts)
        self.known = KnownAnswers(self.answers, asked, before, tuple(parts.known), both_ways)
        return None

    def _why_nothing_holds(self, parts: Assembly, plan: Plan) -> str | None:
        before, now = self.manifest, plan.to_json()
        model = parts.session.model
        if not parts.session.card.independent:
            return f"model {parts.session.card.name!r} may answer a prompt otherwise beside others"
        if before.get("stopped") is not None:
            return "the run was stopped before its input ended"
        if before.get("model") != plain(now["model"]):
            return "the model's weights are not the same"
        if isinstance(model, Keyframed) and model.keyframe_every > 1:
            return f"model {parts.session.card.name!r} is asked on some frames alone"
        every, first = parts.config.run.every, parts.range.start
        marks = {cue.frame for prompt in plan.prompts for cue in prompt.cues} - {None}
        known = {cue.frame for prompt in self.prompts for cue in prompt.cues}
        off_grid = {mark for mark in marks - known if mark is not None and (mark - first) % every}
        if off_grid:
            return f"frame {min(off_grid)} is none of those that --every {every} asks about"
        return None
