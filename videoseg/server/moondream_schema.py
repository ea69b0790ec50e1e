"""What Moondream's skills are asked and answer, as pydantic checks it and OpenAPI shows it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

_LONGEST = 1000
"""Letters of a phrase."""
_MOST_REFS = 64
_PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFUlEQVQI12M8ceIEAzbAxIADDE4JANcn"
    "Ami1Pw5IAAAAAElFTkSuQmCC"
)
"""A grey picture of 8 x 8 pixels."""
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Settings(BaseModel):
    """What Moondream's clients may add; what is for language models alone is not looked at."""

    model_config = ConfigDict(extra="ignore")

    max_objects: Annotated[
        int | None, Field(ge=1, le=10_000, description="Objects in the answer, at most.")
    ] = None


class Located(BaseModel):
    """A picture, and what is looked for in it."""

    model_config = ConfigDict(extra="ignore")

    image_url: Annotated[
        str,
        Field(
            min_length=1,
            description="JPEG, PNG or WebP as a data URI: data:image/jpeg;base64,... Addresses are "
            "not fetched.",
            examples=[_PICTURE],
        ),
    ]
    object: Annotated[
        str,
        Field(
            min_length=1,
            max_length=_LONGEST,
            description="What is looked for, in words.",
            examples=["cat"],
        ),
    ]
    settings: Annotated[Settings | None, Field(description="Further wishes.")] = None
    model: Annotated[
        str | None, Field(max_length=_LONGEST, description="Not looked at: the server has one.")
    ] = None

    @field_validator("object")
    @classmethod
    def _names_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must name something")
        return value


class Segmented(Located):
    """A picture, and the object in it that is outlined."""

    spatial_refs: Annotated[
        list[Annotated[list[Share], Field(min_length=2, max_length=4)]] | None,
        Field(
            max_length=_MOST_REFS,
            description="Points [x, y] on the object and boxes [x_min, y_min, x_max, y_max] around "
            "it, as shares of the picture's width and height.",
        ),
    ] = None
    stream: Annotated[bool, Field(description="Answer with server-sent events.")] = False

    @field_validator("spatial_refs")
    @classmethod
    def _are_refs(cls, value: list[list[float]] | None) -> list[list[float]] | None:
        for number, ref in enumerate(value or ()):
            if len(ref) == 3:
                raise ValueError(f"reference {number} must have 2 or 4 numbers")
            if len(ref) == 4 and not (ref[0] <= ref[2] and ref[1] <= ref[3]):
                raise ValueError(
                    f"reference {number} must be x_min, y_min, x_max, y_max with min before max"
                )
        return value


class Region(BaseModel):
    """A box, in shares of the picture's width and height."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Place(BaseModel):
    """A point, in shares of the picture's width and height."""

    x: float
    y: float


class DetectAnswer(BaseModel):
    """Boxes of all objects, the surest first."""

    objects: list[Region]


class PointAnswer(BaseModel):
    """A point on each object, the surest first."""

    points: list[Place]


class SegmentAnswer(BaseModel):
    """The outline of one object. Nothing was found where the path is empty and there is no box."""

    path: Annotated[
        str, Field(description="SVG path data in units of the box: (0, 0) is its top left corner.")
    ]
    bbox: Region | None = None


class Event(BaseModel):
    """One event of a stream: the box, a piece of a coarse outline, then the outline itself."""

    type: Literal["bbox", "path_delta", "final"]
    bbox: Region | None = None
    chunk: str | None = None
    path: str | None = None
    completed: bool | None = None

    def line(self) -> str:
        """The event as it is sent."""
        fields: dict[str, Any] = self.model_dump(exclude_none=True)

        return f"data: {json.dumps(fields)}\n\n"


class Problem(BaseModel):
    """Why a request was not met."""

    error: Annotated[str, Field(description="What was wrong and what to do, in one sentence.")]
