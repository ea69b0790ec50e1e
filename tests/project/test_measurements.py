"""The page of measurements: every command that it names parses, and it says what it rests on."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import typer

from tests.support.places import ROOT
from videoseg import __version__
from videoseg.cli import _app
from videoseg.cli._app import run

PAGE = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| what |", "| question |", "| data |"))
]
TABLE = [
    line
    for line in PAGE.partition("| what | figure | command |")[2].partition("\n\n")[0].splitlines()
    if line.startswith("| ")
]
"""The rows of the large table."""
COUNT = re.compile(
    r"\bn = \d|\b(\d[\d,]*|one|two|three|four|five|six|seven|eight|nine|ten) ([\w-]+ ){0,3}"
    r"(calls?|clicks?|clips?|expressions|frames?|images|instances|models|networks|nouns|objects|"
    r"outlines|packets|photographs|phrases|pictures|requests|runs?|samples|scenes|sequences|"
    r"things|tracks)\b"
)
"""A number of what was measured."""
MEAN = re.compile(r"\bmean (J|IoU|F)\b|\bmIoU\b|\bJ&F\b")
SPREAD = re.compile(r"\[-?\d|\b(worst|lowest|least)\b|\d to \d")
COMMANDS = sorted(
    {
        text.strip()
        for row in ROWS
        for code in re.findall(r"`([^`]+)`", row)
        for text in code.split(";")
        if re.match(r"\s*(\w+=\S+ )*(python -m|pytest|make|videoseg \S+ \S) ?", text)
    }
)
GUIDE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS += re.findall(r"^videoseg .*$", GUIDE, re.M)
BENCHMARKS = [text for text in COMMANDS if "python -m" in text]
VERBS = [text for text in COMMANDS if text.startswith("videoseg ")]
TESTS = [text for text in COMMANDS if "pytest " in text]


class ParsedError(Exception):
    """What a command ends with here once its words are parsed."""


@pytest.mark.parametrize("command", BENCHMARKS)
def test_a_benchmark_takes_the_words_that_are_quoted(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command)
    module, arguments = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
    end_when_parsed(monkeypatch)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    # Another test may have imported it, which would be warned of.
    for name in (module, f"{module}.__main__"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    try:
        with pytest.raises(ParsedError):
            runpy.run_module(module, run_name="__main__")
    except ModuleNotFoundError as error:
        pytest.skip(f"could not import {error.name!r}")


def end_when_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever parses a command line goes no further."""
    parser = argparse.ArgumentParser
    all_words, known = parser.parse_args, parser.parse_known_args

    def parse(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        with monkeypatch.context() as inner:
            inner.setattr(parser, "parse_known_args", known)
            all_words(self, *given, **named)
        raise ParsedError

    def parse_some(self: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        known(self, *given, **named)
        raise ParsedError

    monkeypatch.setattr(parser, "parse_args", parse)
    monkeypatch.setattr(parser, "parse_known_args", parse_some)


def test_words_that_a_benchmark_does_not_take_would_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.davis", "DATA", "--no-such-word"])
    monkeypatch.delitem(sys.modules, "benchmarks.davis", raising=False)
    with pytest.raises(SystemExit):
        runpy.run_module("benchmarks.davis", run_name="__main__")


@pytest.mark.parametrize("command", VERBS)
def test_a_verb_takes_the_words_that_are_quoted(command: str) -> None:
    words = shlex.split(command)[1:]
    if words[-1] == "--help":
        words = words[:-1]
        assert run([*words, "--help"]) == 0
        return
    parse(words)
    with pytest.raises(Exception, match="No such option"):
        parse([*words, "--no-such-word"])


def parse(words: Sequence[str]) -> None:
    """Parse a command line without running it."""
    command: Any = typer.main.get_command(_app.app)
    context = command.make_context("videoseg", list(words))
    while hasattr(command, "resolve_command"):
        left = [*context._protected_args, *context.args]
        _, found, rest = command.resolve_command(context, left)
        assert found is not None
        command = found
        context = command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("command", TESTS)
def test_a_test_that_is_quoted_is_there(command: str) -> None:
    words = shlex.split(command)
    file = ROOT / words[words.index("pytest") + 1]
    assert file.is_file()
    if "-k" in words:
        assert words[words.index("-k") + 1] in file.read_text(encoding="utf-8")


def test_there_are_commands_of_every_kind() -> None:
    assert len(BENCHMARKS) > 20
    assert VERBS
    assert TESTS


def test_the_page_says_of_which_version_it_is() -> None:
    head = PAGE.partition("\n|")[0]
    assert f"version {__version__}" in head
    assert "95 %" in head


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[2:60])
def test_a_row_says_what_it_rests_on(row: str) -> None:
    """The day, of how many, how far values are spread where it is a mean, and the command."""
    assert lacks(row) == []


def lacks(row: str) -> list[str]:
    """What a row of the large table does not say; "the same" rows may leave it to the one above."""
    cells = [cell.strip() for cell in row.strip().strip("|").split(" | ")]
    if len(cells) < 3:
        return ["three cells: what, figure, command"]
    what, figure, command = cells[0], " ".join(cells[1:-1]), cells[-1]
    same = what.startswith("the same")
    missing = []
    if not same and not re.search(r"\d{4}-\d{2}-\d{2}", what):
        missing.append("the day in its first cell, such as (2026-11-30)")
    if not same and not COUNT.search(f"{what} {figure}"):
        missing.append("of how many it is, such as n = 10 or 10 sequences")
    if MEAN.search(figure) and not SPREAD.search(figure):
        missing.append(
            "an interval of its mean, such as 0.71 [0.56, 0.82], or a range or the worst"
        )
    if "`" not in command and not command.startswith("the same"):
        missing.append("the command that measures it")
    return missing


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ("| clips | 0.5 | `python -m benchmarks.davis DATA` |", ["the day", "of how many"]),
        ("| 10 clips (2026-11-30) | mean J 0.5 | `python -m x` |", ["an interval"]),
        ("| 10 clips (2026-11-30) | mean J 0.5 [0.4, 0.6] | |", ["the command"]),
        ("| 10 clips (2026-11-30) | 0.5 |", ["three cells"]),
        ("| the same | 0.5 | the same |", []),
    ],
)
def test_a_row_that_leaves_something_out_is_seen(row: str, missing: list[str]) -> None:
    found = lacks(row)
    assert len(found) == len(missing)
    assert all(each.startswith(what) for each, what in zip(found, missing, strict=True))


def test_figures_of_the_suite_say_how_many_they_are_of_and_on_which_day() -> None:
    table = PAGE.partition("| question | n |")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|") for row in table.splitlines()[2:] if row.startswith("|")]
    assert len(rows) > 10
    for question, count, figure, *_ in rows:
        assert count.strip().isdigit(), question
        assert re.search(r"\d{4}-\d{2}-\d{2}", question) or "the same" in question
        assert "[" in figure or "no interval" in figure, question
