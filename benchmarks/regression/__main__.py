"""Measures a subset and says of each figure whether it is better, worse or the same as committed.

    python -m benchmarks.regression [--data DATA] [--only "clips by phrase"] [--update]
    python -m benchmarks.regression --set tracking.iou.smoothing=0     # what a setting changes
    make measure DATA=folder

``DATA`` holds data sets of your own (``videoseg eval suite --help`` says which). Without it, or for
what it lacks, the clips that come with the project are measured alone. Figures are compared
question by question with those in ``committed``: a figure is better or worse where the 95 %
interval of the paired difference leaves out 0 and the difference is not tiny. Exits with 1 where a
figure is worse. ``--update`` writes what was measured as the new figures to commit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.regression.checks import CHECKS
from benchmarks.regression.guard import COMMITTED, Outcome, guard
from videoseg.config.run_config import load
from videoseg.evaluate.candidates import candidate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of data sets")
    parser.add_argument("--only", action="append", help="names of checks; default: all")
    parser.add_argument("--model", default="embedded")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PART.KEY=VALUE", help="one setting of a run"
    )
    parser.add_argument("--update", action="store_true", help="write the figures to commit")
    options = parser.parse_args()
    model = candidate(load(flags={"model": options.model}, assignments=options.set))
    checks = [check for check in CHECKS if not options.only or check.name in options.only]
    if not checks:
        parser.error(f"no check is called so; there are {', '.join(c.name for c in CHECKS)}")
    outcomes = guard(checks, options.data, model, COMMITTED, update=options.update, say=_say)
    worse = [outcome for outcome in outcomes if outcome.verdict == "worse"]
    print(summary(outcomes))
    sys.exit(1 if worse else 0)


def summary(outcomes: list[Outcome]) -> str:
    """One line: how many figures are what, and the names of those that are worse."""
    if not outcomes:
        return "nothing was compared"
    counts = [
        f"{sum(outcome.verdict == verdict for outcome in outcomes)} {verdict}"
        for verdict in ("better", "worse", "same")
    ]
    worse = [f"{o.check}: {o.figure}" for o in outcomes if o.verdict == "worse"]
    named = f"; worse: {', '.join(worse)}" if worse else ""
    return f"{', '.join(counts)}{named}"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
