"""Opens inputs in processes of their own and measures what that takes.

As a program: writes a JSON object for each path that is read from standard input, one a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

MOST_MEGABYTES = 300
MOST_SECONDS = 8.0
"""Of a processor: four times what an ordinary one takes at most, for machines differ."""
_GIVE_UP = 20
"""Seconds."""
_FRAMES = 40


@dataclass(frozen=True)
class Opening:
    """What came of opening an input and reading its first frames.

    Attributes:
        frames: Frames read; None where it was refused.
        says: The error, where it was refused.
        seconds: Processor time, so that a busy machine does not count.
        megabytes: Most memory at once, over what was in use before.
    """

    frames: int | None = None
    says: str = ""
    seconds: float = float("inf")
    megabytes: float = float("inf")


def opened_apart(paths: Iterable[Path]) -> Mapping[Path, Opening]:
    """Open each of some inputs in a process of its own."""
    asked = list(paths)
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.measured"],
        input="\n".join(map(str, asked)),
        capture_output=True,
        text=True,
        check=True,
    )
    found = [Opening(**json.loads(line)) for line in ran.stdout.splitlines()]
    return dict(zip(asked, found, strict=True))


def _open(path: str) -> dict[str, Any]:
    from videoseg.config.run_config import RunConfig
    from videoseg.errors import VideosegError
    from videoseg.jobs.inputs import open_source
    from videoseg.protocols import Timed

    try:
        source, _ = open_source(path, RunConfig())
        count = sum(1 for _ in islice(source.frames(), _FRAMES))
        if isinstance(source, Timed):
            source.index_at(Fraction(10**6))
        source.close()
    except VideosegError as error:
        return {"says": str(error)}
    except BaseException as error:
        return {"says": f"unexpected {type(error).__name__}: {error}"}
    return {"frames": count}


def _measured(path: str) -> dict[str, Any]:
    if sys.platform == "win32":
        raise NotImplementedError
    import resource

    def used() -> tuple[float, float]:
        now = resource.getrusage(resource.RUSAGE_SELF)
        kilobytes = now.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        return now.ru_utime + now.ru_stime, kilobytes / 1024

    resource.setrlimit(resource.RLIMIT_CPU, (_GIVE_UP, _GIVE_UP))
    seconds, megabytes = used()
    found = _open(path)
    later = used()
    return {**found, "seconds": later[0] - seconds, "megabytes": later[1] - megabytes}


def main() -> None:
    """Measure each path in a fork, where all packages are imported already."""
    if sys.platform == "win32":
        raise NotImplementedError
    _open(__file__)  # imports what reads videos
    for path in sys.stdin.read().splitlines():
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.write(theirs, json.dumps(_measured(path)).encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as answer:
            said = answer.read()
        os.waitpid(child, 0)
        print(said or "{}", flush=True)


if __name__ == "__main__":
    main()
