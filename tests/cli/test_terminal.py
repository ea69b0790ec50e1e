"""What others have written reaches the terminal only with every letter to be seen."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

import videoseg
from tests.support import media
from videoseg.cli._app import run
from videoseg.cli._terminal import ask, describe, remark, tell, tell_json, visible

PACKAGE = Path(videoseg.__file__).parent
ONLY = Path("cli/_terminal.py")
HOSTILE = {
    "escape": ("\x1b[2J\x1b[31m", "\\x1b[2J\\x1b[31m"),
    "title": ("\x1b]0;x\x07", "\\x1b]0;x\\x07"),
    "eight bits": ("\x9b31m", "\\x9b31m"),
    "backspace": ("ab\b\b", "ab\\x08\\x08"),
    "return": ("done\rfailed", "done\\rfailed"),
    "new line": ("a\nvideoseg: b", "a\\nvideoseg: b"),
    "override": ("gpj\u202e.exe", "gpj\\u202e.exe"),
    "isolate": ("a\u2066b\u2069", "a\\u2066b\\u2069"),
    "line separator": ("a\u2028b\u2029c\x85d", "a\\u2028b\\u2029c\\x85d"),
    "zero width": ("a\u200bb\ufeffc\u2060d", "a\\u200bb\\ufeffc\\u2060d"),
    "joiner in a word": ("pay\u200dpal", "pay\\u200dpal"),
    "tags": ("cat\U000e0041\U000e0042", "cat\\U000e0041\\U000e0042"),
    "half": ("caf\udce9", "caf\\udce9"),
    "filler": ("a\u3164b", "a\\u3164b"),
}
HONEST = (
    "the cat's cup, 50 % \u2013 \u201cred\u201d",
    "Stra\u00dfe, e\u0301te\u0301, \u017d\u00ed\u017eala",
    "\u732b\u3000\u30cd\u30b3 \uace0\uc591\uc774",
    "\u05d7\u05ea\u05d5\u05dc \u0642\u0637\u0629",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner inside the word
    "\u0915\u094d\u200d\u0937",  # Hindi
    "\U0001f469\u200d\U0001f680 \u2764\ufe0f",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # a flag
    "C:\\clips\\cat.mp4",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_letters_that_nobody_sees_are_shown(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given, shown = HOSTILE[name]
    assert visible(given) == shown
    tell(given)
    tell(given, err=True)
    assert capfd.readouterr() == (f"{shown}\n", f"{shown}\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert ask(f"Send {given}?")
    assert shown in capfd.readouterr().err


@pytest.mark.parametrize("text", HONEST)
def test_what_people_write_is_left_alone(text: str) -> None:
    assert visible(text) == text


def test_all_controls_and_directions_are_shown() -> None:
    for code in range(0x110000):
        letter = chr(code)
        hidden = unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs")
        turns = unicodedata.bidirectional(letter) in (
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
        )
        if hidden or turns:
            assert visible(letter).isascii(), hex(code)
        if letter.isalnum() and code != 0x3164:
            assert visible(letter) == letter, hex(code)


def test_progress_bars_and_logs_are_visible(capfd: pytest.CaptureFixture[str]) -> None:
    from tqdm import tqdm

    with tqdm(file=io.StringIO()) as bar:
        describe(bar, "\x1b[31mred")
        remark(bar, "\u202eclip", refresh=False)
        assert (bar.desc, bar.postfix) == ("\\x1b[31mred: ", "\\u202eclip")
    run(["models"])  # sets logging up
    capfd.readouterr()
    logging.getLogger("some.package").warning("label %s", "\x1b[31m\nvideoseg: all is well")
    assert capfd.readouterr().err == "note: label \\x1b[31m\\nvideoseg: all is well\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "clip.mp4", "--no\x1b[31m"],
        ["info\x1b[31m"],
        ["segment", "clip.mp4", "cat", "--progress", "\x1b[31m"],
        ["segment", "clip\x1b[31m.mp4", "cat", "-o", "out"],
        ["segment", "clip.mp4", "cat", "--model", "\x1b[31m"],
        ["segment", "clip.mp4", "cat", "--set", "run.\x1b[31m=1"],
        ["segment", "clip.mp4", "cat", "--prompt", "label=\x1b[31m;colour=1"],
        ["show", "\x1b[31m"],
        ["rerun", "\x1b[31m"],
    ],
)
def test_no_message_repeats_an_escape(
    arguments: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    clip = str(media.film(name="clip.mp4"))
    out = str(tmp_path / "out")
    given = [{"clip.mp4": clip, "out": out}.get(each, each) for each in arguments]
    assert run(given) in (1, 2)
    said = "".join(capfd.readouterr())
    assert "\x1b[31m" not in said
    assert "\u202e" not in said
    assert "\\x1b" in said


# JSON --------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_json_gives_a_name_back_that_is_not_utf8(locale: str, tmp_path: Path) -> None:
    name = b"caf\xe9\x1b[31m.mp4"
    path = os.path.join(os.fsencode(tmp_path), name)
    Path(os.fsdecode(path)).write_bytes(media.film(name="clip.mp4").read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "videoseg", "info", path, "--json"],
        capture_output=True,
        env={**os.environ, "LC_ALL": locale, "LANG": locale},
        check=True,
    )
    (found,) = json.loads(ran.stdout.decode("utf-8")).values()
    assert os.fsencode(found["location"]) == path
    assert b"\x1b" not in ran.stdout


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
@pytest.mark.parametrize("text", [*HONEST, *(given for given, _ in HOSTILE.values())])
def test_json_is_utf8_and_reads_back(
    text: str, encoding: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    tell_json({text: [text]}, encoding=encoding, indent=2)
    printed = capfdbinary.readouterr().out
    assert json.loads(printed.decode("utf-8" if encoding == "utf-8" else "ascii")) == {text: [text]}
    assert b"\x1b" not in printed


# Nothing prints past it ---------------------------------------------------------------------------

WAYS = frozenset({
    "echo", "echo_via_pager", "getpass", "input", "pprint", "print", "print_exc",
    "print_exception", "progressbar", "secho", "set_description", "set_description_str",
    "set_postfix", "set_postfix_str",
})  # fmt: skip
"""Calls that write on a terminal, by the last part of their name."""
STREAMS = frozenset({"stdout", "stderr", "__stdout__", "__stderr__"})


def printed_past(source: str) -> Iterator[str]:
    """What in some code writes by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            of = ast.unparse(called.value) if isinstance(called, ast.Attribute) else ""
            if name in WAYS or (name in ("confirm", "prompt") and of in ("typer", "click")):
                yield ast.unparse(node)
            if name in ("write", "writelines") and (of in ("tqdm", "bar") or is_stream(of)):
                yield ast.unparse(node)
            if name == "tqdm" and any(each.arg in ("desc", "postfix") for each in node.keywords):
                yield ast.unparse(node)
            if name == "show" and of == "error":
                yield ast.unparse(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(each.name for each in node.names)]
            if any(name.partition(".")[0] in ("rich", "click") for name in names):
                yield ast.unparse(node)


def is_stream(text: str) -> bool:
    return text.rpartition(".")[2] in STREAMS


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_nothing_prints_past_it(path: Path) -> None:
    if path.relative_to(PACKAGE) != ONLY:
        assert list(printed_past(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "typer.echo(name)",
        "print(name)",
        "typer.confirm(name)",
        "typer.prompt(name)",
        "sys.stderr.write(name)",
        "tqdm.write(name)",
        "bar.set_postfix_str(name)",
        "tqdm(desc=name)",
        "from rich import print",
        "import click",
        "traceback.print_exception(error)",
        "error.show()",
    ],
)
def test_what_prints_past_it_is_found(source: str) -> None:
    assert list(printed_past(source))


def test_all_logs_go_through_one_handler() -> None:
    """A second handler, or another form of lines, would be a way past it."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for word in ("StreamHandler", "basicConfig", "addHandler", "logging.Formatter")
        if word in path.read_text(encoding="utf-8")
    }
    # Processes at work hand what they log to the one that prints.
    assert found == {"cli/_logging.py", "jobs/cluster_actors.py", "jobs/processes.py"}
