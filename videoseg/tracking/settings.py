"""What a user may set about following objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from typing_extensions import Doc


@dataclass
class Settings:
    """What a user may set about following objects."""

    activation_score: Annotated[
        float,
        Ge(0),
        Le(1),
        Doc("detections from this score on begin tracks, weaker ones only go on with them; 0..1"),
    ] = 0.25
    min_hits: Annotated[
        int, Ge(1), Doc("sightings that make an object of a detection, frames from 1")
    ] = 3
    max_birth_misses: Annotated[
        int, Ge(0), Doc("frames that may lack an object before it is confirmed, frames from 0")
    ] = 2
    max_gap_frames: Annotated[
        int,
        Ge(0),
        Doc(
            "missed frames between two sightings that are filled in even if the picture does not "
            "show the object where it is expected, frames from 0"
        ),
    ] = 2
    max_lost_seconds: Annotated[
        float,
        Ge(0),
        Doc("time for which an object that is hidden is looked for on its way, seconds from 0"),
    ] = 1.0
    reid_seconds: Annotated[
        float,
        Ge(0),
        Doc("time for which what is gone is known again by its looks, seconds; 0 = never"),
    ] = 5.0
    look_ahead: Annotated[
        int, Ge(0), Doc("longest wait of a Scene for births and gaps to settle, frames from 0")
    ] = 16
    cuts: Annotated[bool, Doc("end all tracks where the shot changes")] = True
    smoothing: Annotated[
        float,
        Ge(0),
        Le(1),
        Doc("how much masks are smoothed over time, 0..1; 0 = the model's masks untouched"),
    ] = 0.5
