"""What is listed of a run to be looked at again (``review.py`` finds it)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from videoseg.formats.clock import clock_text
from videoseg.runlog.codec import Json, fraction_text

Kind: TypeAlias = Literal["never_found", "ended", "shrank", "grew", "jumped", "low_score"]

_EXACT_TIME = re.compile(r"-?[0-9]{1,40}/[1-9][0-9]{0,39}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at again.

    Attributes:
        kind: ``never_found`` (a prompt), or what became of a track: ``ended``, ``shrank``,
            ``grew``, ``jumped``, ``low_score``.
        prompt: Place of the prompt.
        label: Its label.
        track: Id of the track; None for a prompt that was never found.
        stream: Name of the stream, or None.
        frame: First frame on which it is so, or None.
        seconds: Time of that frame, exact, or None.
        until: First frame on which it is as before again; None where it never is.
        value: Share of the usual area that is left (``shrank``, ``grew``), distance in sizes of
            the object (``jumped``), the score (``low_score``); else None.
        at_cut: Whether a track ended where the shot changes.
        weight: How bad it is, 0 to 1.
    """

    kind: Kind
    prompt: int
    label: str
    track: int | None = None
    stream: str | None = None
    frame: int | None = None
    seconds: Fraction | None = None
    until: int | None = None
    value: float | None = None
    at_cut: bool = False
    weight: float = 1.0

    def to_json(self) -> Json:
        """Plain JSON values; the time both as a number and exact, as ``numerator/denominator``."""
        exact = None if self.seconds is None else fraction_text(self.seconds)
        return {
            "kind": self.kind,
            "track": self.track,
            "label": self.label,
            "prompt": self.prompt,
            "stream": self.stream,
            "frame": self.frame,
            "seconds": None if self.seconds is None else float(self.seconds),
            "time": exact,
            "until": self.until,
            "value": None if self.value is None else round(self.value, 3),
            "at_cut": self.at_cut,
            "weight": round(self.weight, 3),
            "text": str(self),
        }

    @classmethod
    def from_json(cls, made: Json) -> Finding:
        """The value of ``to_json``."""
        fields = {name: made[name] for name in cls.__slots__ if name != "seconds"}
        time = made["time"]
        return cls(**fields, seconds=None if time is None else Fraction(time))

    def __str__(self) -> str:
        """One sentence for people."""
        if self.frame is None or self.seconds is None:
            return f"{self.label} is never found"
        place = f"frame {self.frame}, {clock_text(self.seconds)}"
        back = "" if self.until is None else f", until frame {self.until}"
        cut = ", where the shot changes" if self.at_cut else ""
        value = self.value or 0.0
        what = {
            "ended": f"is lost at {place}{cut}{back}",
            "shrank": f"shrinks to {value:.0%} of its size at {place}{back}",
            "grew": f"grows to {value:.0%} of its size at {place}{back}",
            "jumped": f"jumps by {value:.1f} times its own size at {place}",
            "low_score": f"has a score of only {value:.2f} at {place}{back}",
        }[self.kind]
        return f"{self.label} (track {self.track}) {what}"


def is_exact_time(text: str) -> bool:
    """Whether this is a time as ``Finding.to_json`` writes it."""
    return _EXACT_TIME.fullmatch(text) is not None
