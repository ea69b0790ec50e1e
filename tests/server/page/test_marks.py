"""What is marked on the page, said as prompts, as a file and as a command line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import cv2
import pytest

from videoseg.errors import PromptError
from videoseg.geometry import masks
from videoseg.prompts import load_prompts, parse_prompt
from videoseg.server.page.marks import as_entries, as_file, command, masks_of, read_prompts

SIZE = (80, 60)
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
    assert as_entries(read_prompts(entries, SIZE)) == entries


def test_the_file_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text(as_file([HAND, CUP, TWICE]), encoding="utf-8")
    assert load_prompts(tmp_path / "prompts.json") == read_prompts([HAND, CUP, TWICE], SIZE)


def test_the_command_says_the_same() -> None:
    words = shlex.split(command("my clip.mp4", [HAND], "out dir"))
    assert words[:3] == ["videoseg", "segment", "my clip.mp4"]
    assert words[-2:] == ["-o", "out dir"]
    given = words[words.index("--prompt") + 1]
    assert (parse_prompt(given),) == read_prompts([HAND], SIZE)


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
        read_prompts(entries, SIZE)


@pytest.mark.parametrize("given", [None, {}, [], [1], [{"colour": "red"}], json.loads("[[]]")])
def test_what_is_no_list_of_prompts_is_refused(given: object) -> None:
    with pytest.raises(PromptError, match="what is marked"):
        read_prompts(given, SIZE)


STROKE = [10, 20, 30, 50, 30]
PAINTED = {"label": "hand", "cues": [{"at": 3, "paint": {"strokes": [STROKE]}}]}


def bitmap(cue: dict[str, Any]) -> Any:
    (prompt,) = read_prompts([{"label": "a", "cues": [cue]}], SIZE)
    (found,) = (each.mask for each in prompt.cues if each.mask is not None)
    return masks.to_bitmap(found)


def test_a_stroke_is_as_wide_as_the_brush_and_round_at_its_ends() -> None:
    found = bitmap({"at": 0, "paint": {"strokes": [STROKE]}})
    assert found[25:35, 20:50].all()
    assert 290 < found.sum() < 440
    assert not found[20:24].any()
    assert found[30, 16]
    assert not found[30, 12]


def test_strokes_take_away_from_an_outline_and_add_to_it() -> None:
    square = {"path": "M10 10h40v40h-40z"}
    assert bitmap({"paint": square}).sum() == 1600
    less = bitmap({"paint": {**square, "strokes": [[-10, 10, 30, 50, 30]]}})
    assert not less[27:33, 12:48].any()
    assert 1100 < less.sum() < 1250
    more = bitmap({"paint": {**square, "strokes": [[6, 65, 30]]}})
    assert 1600 + 20 < more.sum() < 1600 + 45


def test_what_is_painted_stands_beside_other_marks() -> None:
    cue = {"at": 3, "point": [[4, 5]], "paint": {"strokes": [STROKE]}}
    (prompt,) = read_prompts([{"label": "hand", "text": "a hand", "cues": [cue]}], SIZE)
    assert [(each.frame, each.has_mask) for each in prompt.cues] == [(3, False), (3, True)]


def test_the_files_of_what_is_painted_say_the_same(tmp_path: Path) -> None:
    for name, data in masks_of([PAINTED], SIZE).items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "prompts.json").write_text(as_file([PAINTED]), encoding="utf-8")
    (read,) = load_prompts(tmp_path / "prompts.json")
    (cue,) = read.cues
    assert cue.mask_file == tmp_path / "mask-1-3.png"
    picture = cv2.imread(str(cue.mask_file), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert ((picture > 0) == bitmap(PAINTED["cues"][0])).all()  # type: ignore[arg-type]
    assert "--prompts prompts.json" in command("a.mp4", [PAINTED], "out")


@pytest.mark.parametrize(
    "paint",
    [
        1,
        {},
        {"strokes": [[5]]},
        {"strokes": [[5, 1]]},
        {"strokes": [[0, 1, 1]]},
        {"strokes": [[1e9, 1, 1]]},
        {"strokes": [[5, "1", 1]]},
        {"strokes": [[5, 1e300, 1]]},
        {"strokes": [[5, float("nan"), 1]]},
        {"strokes": "5 1 1"},
        {"strokes": [[5, 1, 1]] * 2001},
        {"strokes": [[5, *[1] * 300_000]]},
        {"path": "M0 0L"},
        {"path": "M900 900h5v5z"},
    ],
)
def test_what_cannot_be_painted_is_refused(paint: object) -> None:
    with pytest.raises(PromptError):
        read_prompts([{"label": "a", "cues": [{"paint": paint}]}], SIZE)
