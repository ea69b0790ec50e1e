"""What the verbs that measure models do alike: where results may go, and how progress is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from videoseg.cli._terminal import describe, tell


def refuse_data(out: Path, data: Path) -> None:
    """Refuse to write results among the data, whose files may have the same names."""
    from videoseg.errors import UsageError
    from videoseg.runlog.lost_inputs import same_file

    if same_file(out, data):
        raise UsageError(f"{out} holds the data; give another folder for results with -o")


@contextmanager
def progress(quiet: bool) -> Iterator[tuple[Callable[[str], None], Callable[[int], None]]]:
    """A bar on stderr: what to call when something begins, and when samples are done."""
    from tqdm import tqdm

    hidden = quiet or not sys.stderr.isatty()
    with tqdm(unit=" samples", disable=hidden, dynamic_ncols=True) as bar:

        def on_start(name: str) -> None:
            bar.reset()
            describe(bar, name)

        def on_sample(count: int) -> None:
            bar.update(count - bar.n)

        yield on_start, on_sample


def print_file(file: Path) -> None:
    """Print a report that was written."""
    tell(*file.read_text(encoding="utf-8").rstrip("\n").split("\n"))
