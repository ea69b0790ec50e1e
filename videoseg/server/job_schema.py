"""What jobs are asked and tell, as pydantic checks it and OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
Text: TypeAlias = Annotated[str, Field(max_length=1000)]
Words: TypeAlias = Annotated[list[Text], Field(max_length=256)]
_PLACE = "x,y, or x%,y%"
_BOX = "x1,y1,x2,y2, or the same in per cent"


class JobRequest(BaseModel):
    """A video to segment; options are called as those of ``videoseg segment``."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[
        str | None,
        Field(
            max_length=4096,
            description="A video, a photograph or a folder of pictures on the server, below a "
            "folder that it was started with (--allow). Left out where a file is uploaded.",
        ),
    ] = None
    text: Annotated[Words, Field(description="Phrases to find.")] = []
    box: Annotated[Words, Field(description=f"The object is in this box: {_BOX}.")] = []
    not_box: Annotated[Words, Field(description=f"Not what is in this box: {_BOX}.")] = []
    point: Annotated[Words, Field(description=f"A point on the object: {_PLACE}.")] = []
    not_point: Annotated[Words, Field(description=f"A point beside it: {_PLACE}.")] = []
    prompt: Annotated[
        Words, Field(description="Objects in shorthand, such as label=hand;box=10,20,80,90;at=12.")
    ] = []
    write: Annotated[Words, Field(description="Outputs, such as svg, masks, overlay.")] = []
    start: Annotated[Text | None, Field(description="Where to begin: 12.5, 250f, 1:02.5.")] = None
    end: Annotated[Text | None, Field(description="Where to stop, in the same form.")] = None
    every: Annotated[int | None, Field(ge=1, description="Ask on every n-th frame only.")] = None
    max_size: Annotated[int | None, Field(ge=16, description="Long side for the model.")] = None
    tracker: Annotated[Text | None, Field(description="Name of the tracker.")] = None
    repeat_prompt: Annotated[bool, Field(description="Marks hold on every frame.")] = False
    set: Annotated[
        Words, Field(description="Settings as PART.KEY=VALUE, such as writers.svg.precision=2.")
    ] = []

    def flags(self) -> dict[str, Any]:
        """Settings of ``[run]`` that were given."""
        names = ("start", "end", "every", "max_size", "tracker", "repeat_prompt")
        given = {name: getattr(self, name) for name in names}
        return {**given, "write": tuple(self.write)}


class JobStatus(BaseModel):
    """How far a job is."""

    id: str
    state: State
    input: Annotated[str, Field(description="What is segmented, as it was named.")]
    frames: Annotated[int, Field(description="Frames that are done.")] = 0
    total: Annotated[int | None, Field(description="Frames in all, where that is known.")] = None
    objects: Annotated[int, Field(description="Objects followed so far.")] = 0
    seconds: Annotated[float, Field(description="Time since it began.")] = 0.0
    error: Annotated[str | None, Field(description="Why it failed, in one sentence.")] = None
    notes: Annotated[list[str], Field(description="What there is to say about it.")] = []

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ("done", "failed", "cancelled")


class JobList(BaseModel):
    """All jobs that the server remembers, the oldest first."""

    jobs: list[JobStatus]


class ResultFile(BaseModel):
    """One file of a result."""

    path: Annotated[str, Field(description="Its place in the result.")]
    bytes: int


class ResultList(BaseModel):
    """The files of a result."""

    files: list[ResultFile]
    more: Annotated[bool, Field(description="Whether there are more than are listed.")] = False
