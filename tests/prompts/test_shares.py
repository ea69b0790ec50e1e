"""Marks in shares of the frame: written as such, and numbers that look like them."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.commandline import command
from tests.support.media import clip
from videoseg.errors import PromptError
from videoseg.prompts import check_prompts, in_pixels, load_prompts, parse_prompt
from videoseg.types import Cue, Prompt, StreamInfo

INFO = StreamInfo("clip", 200, 100, Fraction(1, 25), frame_count=50)
BOX = (20.0, 20.0, 100.0, 60.0, True)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip(frames=3, width=200, height=100), "clip.mp4")


def test_shorthand_and_json() -> None:
    prompt = parse_prompt("box=10%,20%,50%,60%;not-point=5%,7.5%;point=30,40;at=3")
    (placed,) = in_pixels([prompt], INFO)
    assert [type(cue) for cue in placed.cues] == [Cue, Cue]
    assert placed.cues[0].points == ((30, 40, True),)
    assert placed.cues[1].boxes == (BOX,)
    assert placed.cues[1].points == ((10, 7.5, False),)
    assert {cue.frame for cue in placed.cues} == {3}
    entry = {"box": ["10%", "20%", "50%", "60%"], "at": 3}
    Path("p.json").write_text(json.dumps([entry]), encoding="utf-8")
    (placed,) = in_pixels(load_prompts(Path("p.json")), INFO)
    assert placed.cues == (Cue(frame=3, boxes=(BOX,)),)


@pytest.mark.parametrize("flags", [(), ("--repeat-prompt",)])
def test_a_run_holds_pixels(flags: tuple[str, ...]) -> None:
    said = command(
        "segment", "clip.mp4", "--box", "10%, 20%,50%,60%", "--model", "blind", "-o", "o", *flags
    )
    assert said.code == 0, said.lines
    (prompt,) = json.loads(Path("o/run.json").read_bytes())["prompts"]
    assert prompt["cues"][0]["boxes"] == [list(BOX)]


ASKED = [
    (("--box", "0.1,0.2,0.5,0.6"), "write 10%,20%,50%,60%"),
    (("--box", "0,0,1,1"), "write 0%,0%,100%,100%"),
    (("--point", "0.25,0.5"), "write 25%,50%"),
    (("--box", "9,9,50,50", "--not-point", "0.5,1"), "write 50%,100%"),
    (("--prompt", "box=0.1,0.2,0.5,0.6"), "write 10%,20%,50%,60%"),
    (("--box", "10%,20,50%,60"), "or all in per cent"),
    (("--box", "10%,20%,50%"), "or all in per cent"),
    (("--point", "x%,1%"), "or all in per cent"),
    (("--point", "150%,10%"), "lies outside"),
    (("--box", "60%,20%,50%,60%"), "x1 < x2"),
    (("--box", "1,2,30,40", "--roi", "10%,10%,90%,90%"), "--roi takes pixels"),
]


@pytest.mark.parametrize(
    ("arguments", "says"),
    ASKED,
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_what_is_unclear_is_asked_back_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    for verb, more in (("segment", ("-o", "o")), ("preview", ())):
        if verb == "preview" and "--roi" in arguments:
            continue
        said = command(verb, "clip.mp4", *arguments, "--model", "blind", *more)
        assert said.code == 2, said.lines
        assert len(said.lines) == 1
        assert says in said.lines[0]
    assert {path.name for path in Path().iterdir()} == {"clip.mp4"}


def test_pixels_that_may_be_meant_are_taken() -> None:
    corner = Prompt("corner", cues=(Cue(points=((0, 0, True), (1, 1, True), (2.5, 0.5, True))),))
    check_prompts([corner, Prompt("box", cues=(Cue(boxes=((0, 0, 1.5, 1, True),)),))], INFO)
    tiny = StreamInfo("dot", 1, 1, Fraction(1))
    check_prompts([Prompt("all", cues=(Cue(boxes=((0, 0, 1, 1, True),)),))], tiny)
    with pytest.raises(PromptError, match="shares of the frame"):
        check_prompts([Prompt("all", cues=(Cue(boxes=((0, 0, 1, 1, True),)),))], INFO)
