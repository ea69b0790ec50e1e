"""What a reading of a data set had to leave out, or found to be otherwise than the set says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_SAME_RATE = 0.05
"""Share by which a rate may differ from what the data set says."""


@dataclass
class Losses:
    """Counts of one reading, over all streams.

    Attributes:
        without_picture: Rows left out, because no picture is near their time.
        unsorted: Rows left out, because their time does not rise.
        missing: Rows that the list of episodes promises and no file has.
        repeated: Damaged frames replaced by the one before them.
    """

    without_picture: int = 0
    unsorted: int = 0
    missing: int = 0
    repeated: int = 0
    _inexact: int = 0
    _farthest: float = 0.0
    _other_rates: int = 0
    _rates: tuple[float, float] = (0.0, 0.0)

    @property
    def dropped(self) -> int:
        """Rows that were left out."""
        return self.without_picture + self.unsorted + self.missing

    def inexact(self, seconds: float) -> None:
        """Count a row whose frame is this far from its time."""
        self._inexact += 1
        self._farthest = max(self._farthest, seconds)

    def compare_rate(self, said: float, found: float) -> None:
        """Count a stream whose rows come at another rate than the data set says."""
        if abs(found / said - 1) > _SAME_RATE:
            self._other_rates += 1
            self._rates = said, found

    def notes(self) -> Iterator[str]:
        """One line each for people to read."""
        if self.without_picture:
            yield f"{self.without_picture} rows were left out: no picture is near their time"
        if self.unsorted:
            yield f"{self.unsorted} rows were left out: their timestamps do not rise"
        if self.missing:
            yield f"{self.missing} rows that the list of episodes promises are missing"
        if self.repeated:
            yield f"{self.repeated} damaged frames were replaced by the one before them"
        if self._inexact:
            yield (
                f"{self._inexact} rows are up to {1000 * self._farthest:.1f} ms from the frame "
                "that is shown; LeRobot itself allows 0.1 ms"
            )
        if self._other_rates:
            said, found = self._rates
            yield (
                f"the rows of {self._other_rates} streams come at another rate than the data set "
                f"says, such as {found:.4g} a second, not {said:.4g}; times are taken from the rows"
            )
