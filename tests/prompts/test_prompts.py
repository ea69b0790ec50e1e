"""Prompts in shorthand and in JSON; every mistake is one PromptError that names its place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.errors import PromptError
from videoseg.prompts import (
    check_prompts,
    listed,
    load_prompts,
    on_every_frame,
    parse_prompt,
    split_phrases,
)
from videoseg.types import Cue, Prompt, StreamInfo

INFO = StreamInfo("clip.mp4", 640, 360, Fraction(1, 1000), frame_count=20)


def test_shorthand_with_everything() -> None:
    prompt = parse_prompt(
        "label=my cup; text=red cup; box=10,20,80,90; point=30,40; not-point=1,2; at=12; max=1"
    )
    assert prompt == Prompt(
        label="my cup",
        text="red cup",
        cues=(
            Cue(
                frame=12,
                points=((30.0, 40.0, True), (1.0, 2.0, False)),
                boxes=((10.0, 20.0, 80.0, 90.0, True),),
            ),
        ),
        max_instances=1,
    )


def test_text_alone_is_its_own_label_and_has_no_cue() -> None:
    assert parse_prompt("text=dog") == Prompt(label="dog", text="dog")


def test_cues_are_anchored_at_the_first_frame() -> None:
    assert parse_prompt("box=1,2,3,4").cues[0].frame == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs text"),
        ("text=", "empty phrase"),
        ("red cup", "key=value"),
        ("txt=cup", "did you mean 'text'"),
        ("text=a;text=b", "stands twice"),
        ("box=1,2,3", "x1,y1,x2,y2"),
        ("box=80,20,10,90", "x1 < x2"),
        ("point=nan,3", "finite"),
        ("point=inf,3", "finite"),
        ("point=a,b", "x,y"),
        ("text=cup;at=-3", "index of a frame"),
        ("text=cup;max=0", "at least 1"),
        ("text=cup;max=many", "whole number"),
    ],
)
def test_bad_shorthand(text: str, says: str) -> None:
    with pytest.raises(PromptError, match=says) as caught:
        parse_prompt(text)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_prompt_or_a_prompt_error(text: str) -> None:
    try:
        prompt = parse_prompt(text)
    except PromptError:
        return
    assert prompt.text or prompt.cues


def test_a_file_with_corrections_on_several_frames(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    entries = [
        {"label": "cup", "text": "red cup", "max": 2},
        {
            "label": "hand",
            "cues": [
                {"at": 12, "box": [10, 20, 80, 90]},
                {"at": 40, "point": [[200, 150], [210, 150]], "not-point": [90, 40]},
            ],
        },
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    cup, hand = load_prompts(path)
    assert cup == Prompt("cup", "red cup", max_instances=2)
    assert [cue.frame for cue in hand.cues] == [12, 40]
    assert hand.cues[1].points == ((200, 150, True), (210, 150, True), (90, 40, False))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "at least one"),
        ("{}", "list of prompts"),
        ("[3]", "prompt 1 must be an object"),
        ('[{"text": 3}]', "text must be a string"),
        ('[{"label": "", "text": "a"}]', "label"),
        ('[{"text": "a"}, {"boxx": [1,2,3,4]}]', "prompt 2.*did you mean 'box'"),
        ('[{"box": [1,2,3]}]', "box must be"),
        ('[{"box": "1,2,3,4"}]', "must be a list"),
        ('[{"point": [1, "2"]}]', "point must be"),
        ('[{"label": "x", "cues": [{"at": 3}]}]', "cue 1: a cue needs"),
        ('[{"point": [1, NaN]}]', "finite"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PromptError, match=says):
        load_prompts(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="cannot read prompts"):
        load_prompts(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("point=640.5,10", "640.5,10 .*640 x 360"),
        ("point=-1,10", "outside"),
        ("box=700,10,800,50", "outside: the frame is 640 x 360"),
        ("box=10,-50,80,0", "outside"),
        ("box=1,2,3,4;at=20", r"has 20 frames \(0 to 19\)"),
    ],
)
def test_cues_outside_the_stream(prompt: str, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        check_prompts([parse_prompt(prompt)], INFO)


def test_a_box_that_is_partly_inside_is_taken() -> None:
    check_prompts([parse_prompt("box=-20,-20,50,50"), parse_prompt("text=dog")], INFO)


def test_on_every_frame_unties_cues() -> None:
    (prompt,) = on_every_frame([parse_prompt("box=1,2,3,4;at=3")])
    assert prompt.cues[0].frame is None


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("cat. dog.", ("cat", "dog")),
        ("cat . dog .", ("cat", "dog")),
        ("cat. dog", ("cat", "dog")),
        ("cat.. dog", ("cat", "dog")),
        ("cat|dog", ("cat", "dog")),
        ("cat | the red dog|", ("cat", "the red dog")),
        ("person; car", ("person", "car")),
        ("person\ncar", ("person", "car")),
        ("cat. cat. dog", ("cat", "dog")),
        ("the dog.", ("the dog",)),
        ("Mr. Smith. Mrs. Jones.", ("Mr. Smith", "Mrs. Jones")),
        ("Dr. Who; the TARDIS", ("Dr. Who", "the TARDIS")),
        ("st. bernard. cat.", ("st. bernard", "cat")),
        ("T. rex. egg", ("T. rex", "egg")),
        ("...", ("...",)),
    ],
)
def test_a_text_may_list_several_phrases(text: str, phrases: tuple[str, ...]) -> None:
    assert split_phrases(text) == phrases
    assert listed(Prompt(text, text)) == tuple(Prompt(each, each) for each in phrases)
    assert [each.label for each in listed(Prompt("pet", text))] == ["pet"] * len(phrases)


@pytest.mark.parametrize(
    "text",
    [
        "the dog",
        "the dog's head",
        "Mr. Smith",
        "St. Bernard",
        "3.5 inch screw",
        "a 3.5 in. screw",
        "2 ft. pole beside the 10 mm. nut",
        "U.S. flag",
        "J. Smith",
        "No. 7 shirt",
        "1. FC scarf",
        "a man vs. a bear",
        "vitamin C. pill",
        "dog, cat",
        "cat.dog",
        "e.g. a dog",
        "v2.0 box",
    ],
)
def test_a_phrase_with_a_full_stop_in_it_is_one(text: str) -> None:
    assert split_phrases(text) == (text,)


@given(st.text(max_size=40))
def test_a_split_loses_no_word(text: str) -> None:
    letters = "".join(each for each in text if each.isalnum())
    kept = "".join(each for phrase in split_phrases(text) for each in phrase if each.isalnum())
    assert set(letters) == set(kept)


def test_a_mark_goes_with_one_phrase_alone(tmp_path: Path) -> None:
    marked = parse_prompt("text=cat. dog.;box=1,2,3,4")
    with pytest.raises(PromptError, match=r"'cat\. dog\.' lists several things"):
        listed(marked)
    assert listed(parse_prompt("text=the cat.;box=1,2,3,4"))[0].label == "the cat"
    path = tmp_path / "prompts.json"
    path.write_text('[{"text": "cat|dog", "max": 2}, {"label": "pet", "text": "a. b."}]')
    assert [(each.label, each.text, each.max_instances) for each in load_prompts(path)] == [
        ("cat", "cat", 2),
        ("dog", "dog", 2),
        ("pet", "a. b", None),
    ]
