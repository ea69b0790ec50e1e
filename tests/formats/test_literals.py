"""Text from users is text wherever it lands."""

from __future__ import annotations

import ast
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.support.scenes import HOSTILE
from videoseg.formats.literals import (
    decimals,
    javascript_literal,
    lua_literal,
    nuke_label,
    python_literal,
    track_name,
    xml_attribute,
)
from videoseg.formats.svg_markup import plain

SAMPLES = (
    HOSTILE,
    "",
    'it\'s "two"\nlines\r\n\ttab',
    "]] ]=] --[[",
    "</x><![CDATA[",
    "the cat 猫 \U0001f63a",
    "\\n \\",
    "[python {nuke.delete()}] $a {b} % `ls`",
    "\u2028\u2029\x00\x7f\x85",
    "\ud800",
)
texts = st.one_of(st.sampled_from(SAMPLES), st.text())


@given(texts)
def test_python(text: str) -> None:
    written = python_literal(text)
    assert written.isascii()
    assert ast.literal_eval(written) == text


@given(texts)
def test_javascript(text: str) -> None:
    written = javascript_literal(text)
    assert written.isascii()
    assert not set("<\n\r") & set(written)
    assert json.loads(written) == text


@given(texts)
def test_javascript_is_read_by_an_engine(text: str) -> None:
    dukpy = pytest.importorskip("dukpy")
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16).tolist()
    code = "for (var u = [], i = 0; i < s.length; i += 1) { u.push(s.charCodeAt(i)); } u"
    assert dukpy.evaljs([f"var s = {javascript_literal(text)}", code]) == units


@given(texts)
def test_lua(text: str) -> None:
    lupa = pytest.importorskip("lupa")
    written = lua_literal(text)
    assert "\n" not in written
    held = text.encode("utf-8", "replace")
    assert lupa.LuaRuntime(encoding=None).execute(b"return " + written.encode()) == held


@given(texts)
def test_xml(text: str) -> None:
    root = etree.fromstring(f"<x y={xml_attribute(text)}/>")
    assert root.attrib["y"] == plain(text)


@given(texts)
def test_labels_of_nuke_hold_no_code(text: str) -> None:
    written = nuke_label(text)
    assert not set('\\[]{}$"<>&%\n') & set(written)
    assert len(written) == len(text)


@given(texts, st.integers(1, 10**9))
def test_names_are_taken_by_all_programs(text: str, track_id: int) -> None:
    name = track_name(track_id, text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*", name, re.ASCII)
    assert len(name) < 63


@given(texts, texts, st.integers(1, 99), st.integers(1, 99))
def test_no_two_tracks_have_one_name(one: str, other: str, first: int, second: int) -> None:
    same = track_name(first, one) == track_name(second, other)
    assert same <= (first == second)


def test_names_tell_the_label() -> None:
    labels = {
        "the cat": "the_cat_3",
        "Café 2": "Cafe_2_3",
        "2 dogs": "object_2_dogs_3",
        "猫": "object_3",
    }
    assert {label: track_name(3, label) for label in labels} == labels


def test_numbers() -> None:
    values = [[0, -0.0004, 1.25], [-12.3456, 1e7, 0.1 + 0.2]]
    assert decimals(values, 3) == "0 0 1.25 -12.346 10000000 0.3"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(0, 7))
def test_numbers_are_right_to_the_last_digit(values: list[float], digits: int) -> None:
    read = [float(each) for each in decimals(values, digits).split(" ")]
    assert np.allclose(read, values, rtol=0, atol=0.51 * 10**-digits)
