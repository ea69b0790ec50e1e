"""Gemini's masks come back as they were, in every form in which it gives them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import hosted_servers as servers
from tests.support.hosted_servers import (
    Answer,
    as_png,
    as_polygons,
    as_tokens,
    known_mask,
    serving,
    things,
)
from videoseg.geometry import masks
from videoseg.models._hosted.boxes_and_masks import Entry, read_entries
from videoseg.models._hosted.reading import UnreadableError
from videoseg.models.gemini import Gemini
from videoseg.types import Detections, Frame, Instance, Mask, Prompt

TRUTH = known_mask()


def only(text: str) -> Instance:
    (entry,), lost = read_entries(text)
    assert lost == 0
    made = entry.instance(0, width=640, height=480)
    assert made is not None
    return made


FORMS: dict[str, Callable[[Mask], dict[str, Any]]] = {
    "a picture of the box": as_png,
    "tokens": as_tokens,
    "polygons": as_polygons,
    "polygons in y, x order": lambda mask: as_polygons(mask, swapped=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_mask_comes_back(form: str) -> None:
    instance = only(json.dumps([FORMS[form](TRUTH)]))
    assert masks.iou(instance.mask, TRUTH) >= 0.98
    assert instance.mask.crop[2] == 640


def test_polygons_are_kept_as_outline() -> None:
    outline = only(json.dumps([as_polygons(TRUTH)])).outline
    assert outline is not None
    assert sorted(len(part.holes) for part in outline.parts) == [0, 1]
    assert only(json.dumps([as_png(TRUTH)])).outline is None


def test_boxes_are_y_before_x() -> None:
    """The same mask with a box in x, y order lands elsewhere."""
    wrong = as_png(TRUTH)
    y1, x1, y2, x2 = wrong["box_2d"]
    wrong["box_2d"] = [x1, y1, x2, y2]
    assert masks.iou(only(json.dumps([wrong])).mask, TRUTH) < 0.5


ENTRY = as_png(TRUTH)


@pytest.mark.parametrize(
    "text",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "{}",
        "Here are the masks:\n```json\n{}\n```\nAnything else?",
        "Sure! {} Bye.",
        "```json\n{}",
    ],
)
def test_fences_and_words_around_it(text: str) -> None:
    assert masks.iou(only(text.replace("{}", json.dumps([ENTRY]))).mask, TRUTH) >= 0.98


@pytest.mark.parametrize("wrap", ["boxes", "masks", "segmentation_masks"])
def test_entries_under_a_key(wrap: str) -> None:
    assert masks.iou(only(json.dumps({wrap: [ENTRY]})).mask, TRUTH) >= 0.98
    assert masks.iou(only(json.dumps(ENTRY)).mask, TRUTH) >= 0.98


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_whole_of_json_that_breaks_off_is_kept(wrapped: bool) -> None:
    entries = [ENTRY, as_polygons(TRUTH), ENTRY]
    text = json.dumps({"boxes": entries} if wrapped else entries)
    found, _ = read_entries(f"```json\n{text[: -len(json.dumps(ENTRY)) // 2]}")
    assert len(found) == 2
    with pytest.raises(UnreadableError, match="breaks off"):
        read_entries(text[: len(json.dumps(ENTRY)) // 2])


def broken(**changed: Any) -> str:
    return json.dumps([{**ENTRY, **changed}])


PNG_OF_GREAT_SIZE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\0\0\0\0"


@pytest.mark.parametrize(
    "text",
    [
        "I cannot help with that.",
        broken(mask=[True] * 40),
        broken(mask="data:image/png;base64,iVBORw0KGgo4+Pj4+Pj4+"),
        broken(mask="data:image/png;base64,!!!!"),
        broken(mask=f"data:image/png;base64,{base64.b64encode(PNG_OF_GREAT_SIZE).decode()}"),
        broken(mask=None),
        broken(mask=[[1, 2], [3, 4]]),
        broken(mask=[[1, 2], [3, 4], ["a", "b"]]),
        broken(mask="<start_of_mask>" + "<seg_35>" * 16),
        broken(mask="<start_of_mask>" + "<seg_300>" * 512),
        broken(box_2d=[0, 0, 0]),
        broken(box_2d=[500, 500, 400, 400]),
        broken(box_2d="box"),
        "[1, 2, 3]",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_entries(text)


def test_one_bad_entry_does_not_spoil_the_others() -> None:
    found, lost = read_entries(json.dumps([ENTRY, {**ENTRY, "mask": [True]}]))
    assert (len(found), lost) == (1, 1)


@pytest.mark.parametrize("text", ["[]", '{"boxes": []}', "```json\n[]\n```"])
def test_nothing_there(text: str) -> None:
    assert read_entries(text) == ((), 0)


@given(
    st.lists(st.floats(-100, 1100, allow_nan=False), min_size=4, max_size=4),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=12,
    ),
)
def test_any_entry_is_read_or_refused(box: list[float], mask: Any) -> None:
    try:
        entries, _ = read_entries(json.dumps([{"box_2d": box, "mask": mask}]))
    except UnreadableError:
        return
    assert all(isinstance(entry, Entry) for entry in entries)


def ask(server: servers.Loopback, **settings: Any) -> tuple[Detections, Gemini]:
    image = things((20, 30, 90, 120), (150, 60, 230, 200))
    model = Gemini(url=server.url, cache="off", attempts=2, first_wait=0.01, **settings)
    prompts = (Prompt("none", text="green thing"), Prompt("red", text='the "red" thing'))
    model.prepare(prompts)
    frame = Frame("cam", 0, 0, Fraction(1, 25), image)
    (found,) = model.segment([frame], [prompts])
    model.close()
    return found, model


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("gemini-2.5-flash", True),
        ("gemini-2.5-pro", True),
        ("gemini-robotics-er-1.5-preview", True),
        ("gemini-robotics-er-1.6-preview", False),
        ("gemini-3-flash-preview", False),
        ("gemini-3.7-flash", False),
    ],
)
def test_each_model_is_asked_in_its_form(name: str, pictures: bool) -> None:
    def speak(request: servers.Request) -> Answer:
        # The loopback server looks for the first quoted words.
        words = request.json["contents"][0]["parts"][0]["text"]
        assert ("polygon" in words) is not pictures
        generation = request.json["generationConfig"]
        assert ("thinkingConfig" in generation) is pictures
        colour = "red" if "red" in words else "green"
        image = servers.picture_of(request.json["contents"][0]["parts"][1]["inlineData"]["data"])
        found = [masks.from_bitmap(one) for one in servers.pieces(image, colour)]
        encode = as_png if pictures else as_polygons
        return servers.gemini_text(json.dumps([encode(m) for m in found if m is not None]))

    with serving(speak) as server:
        found, _ = ask(server, model=name)
    assert server.requests[0].path == f"/v1/models/{name}:generateContent"
    assert [one.prompt for one in found.instances] == [1, 1]
    assert sorted(round(one.mask.x, -1) for one in found.instances) == [20, 150]


def test_tokens_are_counted_and_a_blocked_answer_is_none() -> None:
    blocked = servers.answer({"promptFeedback": {"blockReason": "SAFETY"}})
    empty = servers.answer({"candidates": [{"finishReason": "MAX_TOKENS"}]})
    with serving(lambda _: servers.gemini_text("[]"), blocked, empty) as server:
        found, model = ask(server)
    assert found.instances == ()
    assert model.usage.unreadable == 1
    assert (model.usage.input_tokens, model.usage.output_tokens) == (300, 200)


def test_a_map_of_one_point_is_a_box() -> None:
    done, data = cv2.imencode(".png", np.full((1, 1), 255, np.uint8))
    assert done
    text = base64.b64encode(bytes(data)).decode()
    entry = {"box_2d": [250, 250, 500, 500], "mask": text, "label": "x"}
    assert only(json.dumps([entry])).mask.crop == (160, 120, 320, 240)
