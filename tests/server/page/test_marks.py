"""What is marked on the page, said as prompts, as a file and as a command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from videoseg.errors import PromptError
from videoseg.prompts import load_prompts, parse_prompt
from videoseg.server.page.marks import as_entries, as_file, command, read_prompts

HAND = {
    "label": "left hand",
    "cues": [{"at": 12, "point": [[10.5, 20], [30, 40]], "not-point": [[1, 2]]}],
}
CUP = {"label": "cup", "text": "red cup"}
TWICE = {
    "label": "ball",
    "cues": [{"at": 0, "box": [[1, 2, 30, 40]]}, {"at": 9, "point": [[5, 6]]}],
}


def test_marks_become_prompts_and_come_back() -> None:
    entries = [HAND, CUP, TWICE]
    assert as_entries(read_prompts(entries)) == entries


def test_the_file_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text(as_file([HAND, CUP, TWICE]), encoding="utf-8")
    assert load_prompts(tmp_path / "prompts.json") == read_prompts([HAND, CUP, TWICE])


def test_the_command_says_the_same() -> None:
    words = shlex.split(command("my clip.mp4", [HAND], "out dir"))
    assert words[:3] == ["videoseg", "segment", "my clip.mp4"]
    assert words[-2:] == ["-o", "out dir"]
    given = words[words.index("--prompt") + 1]
    assert (parse_prompt(given),) == read_prompts([HAND])


def test_a_phrase_alone_is_a_text_of_the_command() -> None:
    entry = {"label": "the cat", "text": "the cat"}
    assert command("a.mp4", [entry], "out") == "videoseg segment a.mp4 '--text=the cat' -o out"


@pytest.mark.parametrize("entries", [[TWICE], [{"label": "a;b", "cues": HAND["cues"]}]])
def test_what_shorthand_cannot_say_is_read_from_the_file(entries: list[Any]) -> None:
    assert "--prompts prompts.json" in command("a.mp4", entries, "out")


def test_a_clip_that_looks_like_an_option_is_a_file() -> None:
    assert " ./-a.mp4 " in command("-a.mp4", [CUP], "out")


@pytest.mark.parametrize(
    "entries",
    [
        [{"label": "a", "mask": "/etc/passwd"}],
        [{"label": "a", "cues": [{"at": 0, "mask": ["/etc/passwd"]}]}],
    ],
)
def test_a_page_can_name_no_file(entries: list[Any]) -> None:
    with pytest.raises(PromptError, match="masks of files"):
        read_prompts(entries)


@pytest.mark.parametrize("given", [None, {}, [], [1], [{"colour": "red"}], json.loads("[[]]")])
def test_what_is_no_list_of_prompts_is_refused(given: object) -> None:
    with pytest.raises(PromptError, match="what is marked"):
        read_prompts(given)
