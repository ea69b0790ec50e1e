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
    """

    date: str
    processor: str
    cores: int

    @classmethod
    def now(cls) -> Session:
        """This process on this machine, today."""
        return cls(datetime.now(UTC).date().isoformat(), _processor(), core_count())

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{self.date}, {self.processor}, {cores}"


def _processor() -> str:
    """The CPU's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
