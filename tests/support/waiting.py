"""Waits for events, not for times: a loaded machine may take as long as it needs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

PATIENCE = 900
"""Seconds after which a wait counts as a hang; no machine that works takes as long."""


def until(true: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait until a condition holds.

    Args:
        true: The condition.
        process: A process that makes it hold; the wait ends in a failure when the process ends.
    """
    deadline = time.monotonic() + PATIENCE
    while not true():
        if process is not None and process.poll() is not None and not true():
            said = process.communicate()[1]
            raise AssertionError(f"the process ended with {process.returncode}: {said}")
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
