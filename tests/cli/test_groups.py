"""Groups of options: dataclasses that a verb takes, fields that its command line shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from videoseg.cli._app import app
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.settings import RunOptions, SettingOptions
from videoseg.errors import ConfigError


@dataclass(frozen=True)
class Range:
    start: Annotated[str | None, typer.Option(help="Where to begin.")] = None
    steps: Annotated[int, typer.Option("-n", "--steps", min=1)] = 3


@dataclass(frozen=True)
class Longer(Range):
    start: Annotated[str | None, typer.Option("--from")] = None
    loud: Annotated[bool, typer.Option("--loud")] = False


@dataclass(frozen=True)
class Needed:
    name: Annotated[str, typer.Option()]


Called = dict[str, object]


def application(called: Called) -> typer.Typer:
    made = typer.Typer()

    @made.command()
    @expand_groups
    def plain(
        *,
        path: Annotated[Path, typer.Argument()],
        part: Range,
        tags: Annotated[list[str] | None, typer.Option("--tag")] = None,
    ) -> None:
        """Say what was given."""
        called.update(path=path, part=part, tags=tags)

    @made.command()
    @expand_groups
    def longer(*, start: Longer, named: Needed) -> None:
        called.update(start=start, named=named)

    return made


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain a", {"path": Path("a"), "part": Range(), "tags": None}),
        (
            "plain a --tag x --start 2 -n 7 --tag y",
            {"path": Path("a"), "part": Range("2", 7), "tags": ["x", "y"]},
        ),
        ("longer --from 4 --loud --name b", {"start": Longer("4", 3, True), "named": Needed("b")}),
    ],
)
def test_fields_are_options_and_come_back_as_a_group(line: str, expected: Called) -> None:
    called: Called = {}
    done = CliRunner().invoke(application(called), line.split(), catch_exceptions=False)
    assert (done.exit_code, called) == (0, expected)


@pytest.mark.parametrize("line", ["plain a -n 0", "longer"])
def test_options_of_a_group_are_checked_as_others_are(line: str) -> None:
    assert CliRunner().invoke(application({}), line.split()).exit_code == 2


def test_options_stand_in_the_order_of_parameters_and_fields() -> None:
    group = get_command(application({}))
    assert isinstance(group, TyperGroup)
    names = [each.name for each in group.commands["plain"].params]
    assert names == ["path", "start", "steps", "tags"]
    assert group.commands["plain"].help == "Say what was given."
    names = [each.name for each in group.commands["longer"].params]
    assert names == ["start", "steps", "loud", "name"]


def test_two_options_of_one_name_are_refused() -> None:
    def twice(*, first: Range, second: Range) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name: 'start'"):
        expand_groups(twice)


@pytest.mark.parametrize("verb", ["segment", "preview", "rerun", "write", "bench"])
def test_no_verb_has_two_options_of_one_spelling(verb: str) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    spelt = [spelling for each in group.commands[verb].params for spelling in each.opts]
    assert len(spelt) == len(set(spelt))


class Said(RunOptions):
    def __init__(self, every: int | None, model: str | None) -> None:
        self.said: dict[str, object] = {"every": every, "model": model}

    def flags(self) -> dict[str, object]:
        return self.said

    def assignments(self) -> list[str]:
        return ["writers.svg.precision=4"]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("alone")
def test_set_has_the_last_word_and_what_was_not_given_has_none() -> None:
    given = SettingOptions(assign=["writers.svg.precision=5"])
    found = given.in_force(Said(None, None), Said(7, None))
    assert (found.run.every, found.run.model) == (7, "embedded")
    assert found.tables["writers"]["svg"]["precision"] == 5
    assert SettingOptions().in_force(Said(None, "")).run.model == "embedded"
    assert SettingOptions().in_force(Said(None, None)).tables["writers"]["svg"]["precision"] == 4


@pytest.mark.usefixtures("alone")
def test_an_empty_name_of_the_model_that_is_measured_is_wrong() -> None:
    with pytest.raises(ConfigError, match="--model: no model is called ''"):
        SettingOptions().in_force(model="")
