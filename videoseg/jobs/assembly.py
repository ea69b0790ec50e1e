"""Puts a run together and checks it: its input, what is asked, the parts that do the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from videoseg import registry
from videoseg.config.model_choice import chosen
from videoseg.config.run_config import RunConfig
from videoseg.config.unheard import unheard_picks
from videoseg.edges.soft_edges import SoftEdges
from videoseg.jobs.frame_range import FrameRange
from videoseg.jobs.inputs import Input, Location, location_of
from videoseg.jobs.model_session import ModelSession, given_model
from videoseg.jobs.outputs import made_by, outputs_of, soft_edges_for
from videoseg.jobs.questions import Questions
from videoseg.prompts import as_prompts, check_kinds, on_every_frame
from videoseg.protocols import Exporter, Segmenter, Tracker, Writer
from videoseg.stages.batched import Load
from videoseg.stages.every_nth import seeing_ahead
from videoseg.system import free_memory
from videoseg.system.threads import Stopwatch
from videoseg.types import Prompt


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """All that a run is made of.

    Attributes:
        config: The settings.
        range: The frames that it takes, of an input that is open.
        questions: What is asked.
        session: The model.
        tracker: Gives objects identities.
        outputs: Writers and exporters by name.
        edges: Gives objects soft edges, where an output takes them.
        clock: How long its stages take.
        load: How the model is kept busy.
    """

    config: RunConfig
    range: FrameRange
    questions: Questions
    session: ModelSession
    tracker: Tracker
    outputs: Mapping[str, Writer | Exporter]
    edges: SoftEdges | None = None
    clock: Stopwatch = field(default_factory=Stopwatch)
    load: Load = field(default_factory=Load)

    @property
    def input(self) -> Input:
        """The input."""
        return self.range.input

    @property
    def produces(self) -> tuple[str, ...]:
        """Names of all that the run will make in its output folder."""
        return (*made_by(self.outputs, self.input.streams), "run", "run.json")

    @property
    def known(self) -> dict[int, Prompt]:
        """The prompts that are asked, by their place."""
        return self.session.known(self.questions.prompts)

    def close(self) -> None:
        """Let go of the input, of the model and of threads."""
        if self.edges is not None:
            self.edges.close()
        self.input.close()
        self.session.close()
        free_memory.give_back()


def assemble(
    location: Location,
    prompts: str | Prompt | Sequence[str | Prompt],
    config: RunConfig | None,
    *,
    model: Segmenter | str | None,
    asks: bool,
) -> Assembly:
    """Put a run together, as ``Job`` says; the caller closes it."""
    path = location_of(location)
    asked = as_prompts(prompts) if asks or prompts else ()
    given, config = given_model(model, config)
    config = chosen(config, asked) if given is None else config
    run = config.run
    asked = on_every_frame(asked) if run.repeat_prompt else asked
    card = registry.card(run.model) if given is None else given.card
    registry.check_outlines(card)
    check_kinds(asked, card)
    made: Segmenter = config.part("models", run.model) if given is None else given
    unheard = unheard_picks(config) if given is None else ()
    tracker = seeing_ahead(config.part("tracking", run.tracker), run.every)
    opened = Input.opened(path, config)
    try:
        outputs = outputs_of(config, opened.streams)
        return Assembly(
            config,
            questions=Questions.about(asked, run, opened.streams),
            range=FrameRange.between(opened, run.start, run.end),
            session=ModelSession(made, card, is_given=given is not None, unheard=unheard),
            tracker=tracker,
            outputs=outputs,
            edges=soft_edges_for(outputs, config),
        )
    except BaseException:
        opened.close()
        raise
