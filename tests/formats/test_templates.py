"""Names of files by a template: what it gives, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.errors import UsageError
from videoseg.formats.templates import (
    FIELDS,
    NUMBERS,
    Template,
    object_name,
    safe_name,
    shot_name,
)
from videoseg.types import StreamInfo

EACH = [("frame",), ("object", "track")]
VALUES: dict[str, Any] = {
    "shot": "sh010",
    "object": "dog_003",
    "label": "dog",
    "track": 3,
    "version": 2,
    "frame": 1001,
    "stream": "left",
}


def parsed(text: str, suffix: str = ".exr", tells_apart: Any = EACH) -> Template:
    return Template.parse(text, suffix=suffix, tells_apart=tells_apart)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{shot}_{object}_v{version:03}.{frame:04}.exr", "sh010_dog_003_v002.1001.exr"),
        ("{object}/{frame:08}.exr", "dog_003/00001001.exr"),
        ("{stream}/{label}_{track:04}.{frame}.exr", "left/dog_0003.1001.exr"),
        ("{{x}}_{track}.{frame:02}.exr", "{x}_3.1001.exr"),
    ],
)
def test_fields_are_filled_in(text: str, name: str) -> None:
    assert parsed(text).path(VALUES) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{shot}_{objekt}.{frame}.exr", "no field 'objekt'; did you mean 'object'?"),
        ("{object}.{}.exr", "no field ''"),
        ("{object.__class__}.{frame}.exr", "no field 'object.__class__'"),
        ("{object}.{frame[0]}.exr", "no field 'frame"),
        ("{object!r}.{frame}.exr", "'object' is written {object}"),
        ("{object:>9}.{frame}.exr", "'object' is written {object}"),
        ("{object}.{frame:4}.exr", "'frame' is written {frame:04} or {frame}"),
        ("{object}.{frame:0999}.exr", "'frame' is written {frame:04} or {frame}"),
        ("{object}.{frame.exr", "brace itself is written twice"),
        ("{shot}.{frame:04}.exr", "put {object} or {track} into it"),
        ("{label}.{frame:04}.exr", "put {object} or {track} into it"),
        ("{object}.exr", "put {frame} into it"),
        ("{object}.{frame}.png", "must end in .exr"),
        ("{object}_{frame}/.exr", "must end in .exr"),
        ("{track}{frame}.exr", "run into each other"),
        ("{object}{frame:04}.exr", "run into each other"),
        ("{track}0{frame:04}.exr", "run into each other"),
        ("../{object}.{frame}.exr", "below the folder"),
        ("/{object}.{frame}.exr", "below the folder"),
        ("{object}//{frame}.exr", "below the folder"),
        ("a./{object}.{frame}.exr", "below the folder"),
        ("a /{object}.{frame}.exr", "below the folder"),
        ("{object}\\{frame}.exr", "no name has"),
        ("c:{object}.{frame}.exr", "no name has ':'"),
        ("{object}\n{frame}.exr", "no name has"),
        ("{shot}{label}{stream}{object}.{frame}.exr", "bytes long"),
    ],
)
def test_what_gives_no_name_of_its_own_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        parsed(text)
    assert why in str(raised.value)
    assert str(raised.value).startswith("the template ")
    assert "\n" not in str(raised.value)


def test_one_file_may_have_a_fixed_name() -> None:
    assert parsed("mattes.mov", ".mov", ()).path({}) == "mattes.mov"


@pytest.mark.parametrize(
    "text", ["{track}_{frame}.a", "{frame}-{object}.a", "{track}.1{frame:04}.a"]
)
def test_no_two_files_have_one_name(text: str) -> None:
    template = parsed(text, ".a")
    pairs = list(product([1, 2, 10, 11, 100, 101, 1000, 10001, 11001], repeat=2))
    names = {
        template.path({"track": track, "frame": frame, "object": object_name("a", track)})
        for track, frame in pairs
    }
    assert len(names) == len(pairs)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("The Dog", "the_dog_003"),
        ("../../etc/passwd", "etc_passwd_003"),
        ("a/b\\c", "a_b_c_003"),
        ("a.b", "a_b_003"),
        ("Ünïcode Straße", "ünïcode_straße_003"),
        ("cafe\u0301", "café_003"),
        ("犬", "犬_003"),
        ("", "object_003"),
        ("..", "object_003"),
        ("\x00\n\ud800", "object_003"),
        ("x" * 500, "x" * 64 + "_003"),
        ("é" * 500, "é" * 32 + "_003"),
    ],
)
def test_labels_become_names_that_every_file_system_takes(label: str, name: str) -> None:
    assert object_name(label, 3) == name


def test_objects_with_one_label_are_told_apart() -> None:
    names = {object_name("dog", track) for track in range(1, 2001)}
    assert len(names) == 2000
    assert object_name("dog", 70_000) == "dog_70000"


@given(st.text(), st.text(), st.integers(1, 10**6), st.integers(1, 10**6))
def test_every_object_has_a_name_of_its_own(a: str, b: str, first: int, second: int) -> None:
    one, other = object_name(a, first), object_name(b, second)
    assert (one == other) <= (first == second)
    assert len(one.encode()) <= FIELDS["object"]
    assert one == one.lower()
    assert not set(one) & set(' /\\.:*?"<>|')


@pytest.mark.parametrize("device", ["con", "NUL", "com1", "LPT9"])
def test_names_of_devices_are_none(device: str) -> None:
    label = safe_name(device, other="x")
    path = parsed("{label}/{label}.{track}.{frame}.exr").path({**VALUES, "label": label})
    assert path == f"_{device.lower()}/_{device.lower()}.3.1001.exr"


@pytest.mark.parametrize(
    ("shot", "name"),
    [("", "camera_left"), ("SH 010/x", "SH_010_x"), ("..", "shot")],
)
def test_the_shot_is_named_by_the_user_or_after_its_stream(shot: str, name: str) -> None:
    info = StreamInfo("/Camera/left", 8, 8, Fraction(1, 25))
    assert shot_name(info, shot) == name


def test_every_field_is_of_one_kind() -> None:
    assert FIELDS.keys() >= NUMBERS
