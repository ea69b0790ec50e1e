"""Moondream's outlines come back as they were, whatever grammar they are written in."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import hosted_servers as servers
from tests.support.hosted_servers import Answer, answer, encoded_path, known_mask, serving, things
from videoseg.errors import MissingDependencyError, PathDataError
from videoseg.geometry import masks
from videoseg.geometry.rings import signed_area
from videoseg.models._hosted.shapes import instance_of, placed, read_path, shape_of
from videoseg.models.moondream import Moondream
from videoseg.outlines.raster import rasterise
from videoseg.types import Bezier, Cue, Detections, Frame, Instance, Mask, Prompt, RgbImage

PLACES = ((20, 30, 90, 120), (150, 60, 230, 200), (240, 10, 310, 70))


def frame(image: RgbImage) -> Frame:
    return Frame("cam", 0, 0, Fraction(1, 25), image)


def ask(
    speak: Callable[[servers.Request], Answer], *prompts: Prompt, **settings: Any
) -> tuple[Detections, list[servers.Request]]:
    image = settings.pop("image", things(*PLACES))
    with serving(speak) as server:
        model = Moondream(url=server.url, cache="off", attempts=1, **settings)
        model.prepare(prompts)
        (found,) = model.segment([frame(image)], [prompts])
        model.close()
    return found, server.requests


def decoded(value: dict[str, Any], mask: Mask) -> Instance:
    """What the model makes of an answer, on a frame of the mask's size."""
    image = np.zeros((mask.frame_height, mask.frame_width, 3), np.uint8)
    found, _ = ask(lambda _: answer(value), Prompt("x", text="x"), several="one", image=image)
    (instance,) = found.instances
    return instance


def test_a_known_mask_comes_back() -> None:
    truth = known_mask()
    instance = decoded(encoded_path(masks.to_bitmap(truth)), truth)
    assert masks.iou(instance.mask, truth) >= 0.98
    assert instance.outline is not None
    assert sorted(len(part.holes) for part in instance.outline.parts) == [0, 1]
    assert all(isinstance(ring, Bezier) for ring in instance.outline.rings)
    drawn = rasterise(instance.outline, 640, 480)
    assert drawn is not None
    assert masks.iou(drawn, truth) >= 0.98


def test_the_other_reading_would_be_seen() -> None:
    """Taken for one of the whole image, the same path misses the mask by far."""
    truth = known_mask()
    value = encoded_path(masks.to_bitmap(truth))
    unit = (0.0, 0.0, 1.0, 1.0)
    wrong = instance_of(
        placed(read_path(value["path"]), unit, width=640, height=480), 1.0, 0, width=640, height=480
    )
    assert wrong is not None
    assert masks.iou(wrong.mask, truth) < 0.5


def test_a_path_in_units_of_the_image_is_noticed() -> None:
    truth = known_mask()
    instance = decoded(encoded_path(masks.to_bitmap(truth), of_image=True), truth)
    assert masks.iou(instance.mask, truth) >= 0.98


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("M 0 0 L 1 0 L 1 1 L 0 1 Z", 1.0),
        ("M0,0L1,0 1,1 0,1z", 1.0),
        ("m 0 0 l 1 0 l 0 1 l -1 0 z", 1.0),
        ("M 0 0 L 1 0 L 1 1 L 0 1 C .1 .9", 1.0),
        ("M 0 0 L 1 0 L 1 1 L 0 1 L .5", 1.0),
        ("M 0 0 H L 1 0 V L 1 1 L 0 1", 1.0),
        ("M0-.000L1.003,0L1.003,1L-0,1z", 1.0),
        ("M0,0L1,0L1,1L0,1zM.25,.25L.25,.75L.75,.75L.75,.25z", 0.75),
        ("M0,0L1,0L1,1L0,1zM.2,.2L.2,.8L.8,.8L.8,.2zM.4,.4L.6,.4L.6,.6L.4,.6z", 0.68),
    ],
    ids=[
        "spaced",
        "tight",
        "relative",
        "cut in a curve",
        "cut in a line",
        "H and V without numbers",
        "overshoot",
        "a hole",
        "an island in a hole",
    ],
)
def test_grammars(path: str, area: float) -> None:
    found = instance_of(
        placed(read_path(path), (0.0, 0.0, 1.0, 1.0), width=100, height=100),
        1.0,
        0,
        width=100,
        height=100,
    )
    assert found is not None
    assert masks.area(found.mask) == pytest.approx(area * 10_000, abs=150)
    assert found.outline is not None
    for part in found.outline.parts:
        assert signed_area(part.outer) > 0
        assert all(signed_area(hole) < 0 for hole in part.holes)


@pytest.mark.parametrize("path", ["", "M 0 0", "M 0 0 L 1 1", "hello", "M 1e99 0 L 0 0 L 1 1"])
def test_what_encloses_nothing_is_refused(path: str) -> None:
    with pytest.raises(PathDataError):
        read_path(path)


@given(st.text(alphabet="MLCZHVmlcz0123456789.,- e", max_size=60))
def test_any_text_is_read_or_refused(path: str) -> None:
    try:
        rings = read_path(path)
    except PathDataError:
        return
    assert rings


def test_rings_that_cross_give_a_mask_and_no_outline() -> None:
    rings = read_path("M0 0L10 0L10 10L0 10zM5 5L15 5L15 15L5 15z")
    assert shape_of(rings) is None
    found = instance_of(rings, 1.0, 0, width=20, height=20)
    assert found is not None
    assert found.outline is None
    bow = instance_of(read_path("M0 0L10 10L10 0L0 10z"), 1.0, 0, width=20, height=20)
    assert bow is not None
    assert bow.outline is None


@pytest.mark.parametrize("several", ["detect", "point"])
def test_every_instance_is_outlined(several: str) -> None:
    found, requests = ask(servers.moondream, Prompt("red", text="red thing"), several=several)
    assert len(found.instances) == 3
    assert [r.path for r in requests] == [f"/v1/{several}", *["/v1/segment"] * 3]
    for place in PLACES:
        truth = np.zeros((240, 320), np.bool_)
        truth[place[1] : place[3], place[0] : place[2]] = True
        whole = masks.from_bitmap(truth)
        assert whole is not None
        assert max(masks.iou(one.mask, whole) for one in found.instances) > 0.97
    sent = [request.json["spatial_refs"] for request in requests[1:]]
    assert all(
        len(refs) == 1 and len(refs[0]) == (4 if several == "detect" else 2) for refs in sent
    )


def test_one_call_outlines_one_thing() -> None:
    found, requests = ask(servers.moondream, Prompt("red", text="red thing"), several="one")
    assert len(found.instances) == len(requests) == 1
    found, requests = ask(servers.moondream, Prompt("red", text="red", max_instances=1))
    assert len(requests) == 1
    found, _ = ask(servers.moondream, Prompt("red", text="red", max_instances=2))
    assert len(found.instances) == 2


def test_points_boxes_and_words_go_together() -> None:
    here = Mask(150, 60, 320, 240, np.ones((140, 80), np.bool_))
    cue = Cue(points=((190.0, 130.0, True),), boxes=((140.0, 50.0, 240.0, 210.0, True),), mask=here)
    found, requests = ask(servers.moondream, Prompt("r", text="red thing", cues=(cue,)))
    refs = requests[0].json["spatial_refs"]
    assert refs == [
        [round(190 / 320, 4), round(130 / 240, 4)],
        [0.4375, round(50 / 240, 4), 0.75, 0.875],
        [round(150 / 320, 4), 0.25, round(230 / 320, 4), round(200 / 240, 4)],
    ]
    assert found.instances[0].mask.crop[0] == pytest.approx(150, abs=1)
    _, requests = ask(servers.moondream, Prompt("the red one", cues=(cue,)))
    assert requests[0].json["object"] == "the red one"


def test_nothing_there() -> None:
    for several in ("detect", "point", "one"):
        found, _ = ask(servers.moondream, Prompt("blue", text="blue thing"), several=several)
        assert found.instances == ()


def test_several_prompts_keep_their_numbers() -> None:
    image = things(*PLACES[:1])
    image[100:200, 200:300] = (20, 20, 220)
    prompts = (Prompt("a", text="blue"), Prompt("b", text="red"), Prompt("c", text="green"))
    found, _ = ask(servers.moondream, *prompts, image=image)
    assert [(one.prompt, one.mask.x > 150) for one in found.instances] == [(0, True), (1, False)]


def test_a_stream_gives_the_refined_outline() -> None:
    red = Prompt("red", text="red")
    found, requests = ask(servers.moondream, red, several="one", stream=True)
    assert requests[0].json["stream"] is True
    assert masks.area(found.instances[0].mask) == pytest.approx(70 * 60, rel=0.03)


def test_the_coarse_outline_stands_in_for_a_refined_one_that_is_empty() -> None:
    box = {"x_min": 0.0, "y_min": 0.0, "x_max": 0.5, "y_max": 1.0}

    def speak(_: servers.Request) -> Answer:
        whole = {"path": "", "bbox": box}
        return Answer(servers.streamed(whole), content_type="text/event-stream")

    found, _ = ask(speak, Prompt("r", text="red"), several="one", stream=True)
    assert masks.area(found.instances[0].mask) == 160 * 240


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_half_a_stream_is_asked_for_again(cut: float) -> None:
    whole = servers.streamed(encoded_path(np.ones((20, 20), np.bool_)))
    half = Answer(whole[: int(len(whole) * cut)], content_type="text/event-stream")
    with serving(servers.moondream, half) as server:
        model = Moondream(
            url=server.url, cache="off", several="one", stream=True, attempts=2, first_wait=0.01
        )
        (found,) = model.segment([frame(things(*PLACES))], [(Prompt("r", text="red"),)])
        model.close()
    assert len(server.requests) == 2
    assert len(found.instances) == 1


def test_the_picture_is_sent_no_larger_than_asked() -> None:
    large = things((100, 100, 1500, 900), width=2400, height=1200)
    found, requests = ask(servers.moondream, Prompt("r", text="red"), image=large, long_side=600)
    assert servers.picture_of(requests[0].json["image_url"]).shape == (300, 600, 3)
    assert found.instances[0].mask.frame_width == 2400
    assert masks.area(found.instances[0].mask) == pytest.approx(1400 * 800, rel=0.02)


def test_tokens_and_calls_are_counted() -> None:
    with serving(servers.moondream) as server:
        model = Moondream(url=server.url, cache="off")
        model.segment([frame(things(*PLACES))], [(Prompt("r", text="red"),)])
        model.close()
    assert model.usage.calls == 4
    assert model.usage.input_tokens == 700
    assert model.usage.output_tokens == 90
    assert model.usage.seconds > 0
    assert model.usage.cost is None


class PhotonClient:
    """As ``moondream.photon`` gives it, with answers of the loopback server."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.closed = False

    def _ask(self, skill: str, image: Any, **given: Any) -> Any:
        body = json.dumps({"image_url": image.image_url, "stream": False, **given}).encode()
        return json.loads(servers.moondream(servers.Request(f"/v1/{skill}", {}, body)).body)

    def detect(self, image: Any, object: str) -> Any:  # noqa: A002 - the package's
        return self._ask("detect", image, object=object)

    def segment(self, image: Any, object: str, spatial_refs: Any = None) -> Any:  # noqa: A002
        refs = {} if spatial_refs is None else {"spatial_refs": spatial_refs}
        return self._ask("segment", image, object=object, **refs)

    def close(self) -> None:
        self.closed = True


def test_photon_answers_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    package, inside = types.ModuleType("moondream"), types.ModuleType("moondream.types")
    inside.Base64EncodedImage = lambda url: types.SimpleNamespace(  # type: ignore[attr-defined]
        image_url=url
    )
    made: list[PhotonClient] = []

    def photon(model: str) -> PhotonClient:
        made.append(PhotonClient(model))
        return made[-1]

    package.photon = photon  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moondream", package)
    monkeypatch.setitem(sys.modules, "moondream.types", inside)
    model = Moondream(url="photon")
    (found,) = model.segment([frame(things(*PLACES))], [(Prompt("r", text="red"),)])
    model.close()
    assert len(found.instances) == 3
    assert [(client.model, client.closed) for client in made] == [("moondream3.1-9B-A2B", True)]
    assert model.sends_frames_to is None


def test_photon_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moondream", None)
    with pytest.raises(MissingDependencyError, match="pip install moondream"):
        Moondream(url="photon").prepare(())
