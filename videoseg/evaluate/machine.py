"""What figures were measured on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from videoseg.system.workers import core_count


@dataclass(frozen=True, slots=True)
class Session:
    """One go at asking a model.

    Attributes:
        date: Day it began, UTC, as YYYY-MM-DD.
        processor: Name of the CPU.
        cores: Cores that this process may use.
        at_once: Questions that a service was asked at once at most.
    """

    date: str
    processor: str
    cores: int
    at_once: int = 1

    @classmethod
    def now(cls, at_once: int = 1) -> Session:
        """This process on this machine, today."""
        return cls(datetime.now(UTC).date().isoformat(), _processor(), core_count(), at_once)

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        several = f", {self.at_once} questions at once" if self.at_once > 1 else ""
        return f"{self.date}, {self.processor}, {cores}{several}"


def _processor() -> str:
    """The CPU's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
