"""Looks for inputs that break a reader (see ``targets.py``).

    python -m tests.fuzz TARGET FOLDER [OPTIONS OF LIBFUZZER]

FOLDER keeps what is found on the way, and starts from what ``corpus/TARGET`` holds. An input that
breaks the target, hangs for 10 s or takes 1 GiB is written as ``FOLDER/crash-...`` (``timeout-``,
``oom-``) and ends the search; ``-max_total_time=600`` limits it.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["videoseg", "tomllib"]):
    from tests.fuzz.targets import CORPUS, TARGETS, run_one

from tests.fuzz.mutation import mutate

LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-use_value_profile=1")


def main(name: str, folder: Path, *options: str) -> None:
    """Fuzz one target until something breaks or an option ends it."""
    target = TARGETS[name]
    folder.mkdir(parents=True, exist_ok=True)
    known = CORPUS / name
    arguments = [*LIMITS, f"-artifact_prefix={folder}-", str(folder), *options]
    if known.is_dir():
        arguments.append(str(known))
    atheris.Setup(
        [sys.argv[0], *arguments],
        lambda data: run_one(target, data),
        custom_mutator=_mutated,
    )
    atheris.Fuzz()


def _mutated(data: bytes, most: int, seed: int) -> bytes:
    """Every second time a value is changed; else, or where there is none, some bytes."""
    chance = random.Random(seed)  # noqa: S311
    made = mutate(data, chance) if chance.random() < 0.5 else None
    if made is None or len(made) > most:
        made = atheris.Mutate(data, most)
    return bytes(made)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
