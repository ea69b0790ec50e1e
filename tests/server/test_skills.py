"""Moondream's skills, answered by models of ours."""

from __future__ import annotations

import gc
import http.client
import json
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.support import web
from tests.support.fakes import Colours
from tests.support.hosted_servers import KEY, answer, pieces, serving
from videoseg.errors import LimitReachedError, ModelError
from videoseg.geometry import masks
from videoseg.models._hosted.reading import Limits as ReadingLimits
from videoseg.models.moondream import Moondream, outlined
from videoseg.server.access import Access
from videoseg.server.asgi import RefusedError
from videoseg.server.model_thread import ModelThread
from videoseg.types import Cue, Detections, Frame, Instance, ModelCard, Prompt, RgbImage

web.need_web()


def picture(blue: bool = True) -> RgbImage:
    """A large and a small red square, and a blue ring."""
    image = np.full((120, 200, 3), 90, np.uint8)
    image[10:60, 20:90] = (220, 20, 20)
    image[70:100, 120:150] = (220, 20, 20)
    if blue:
        image[70:110, 20:80] = (20, 20, 220)
        image[80:100, 35:65] = 90
    return image


@dataclass
class Pieces(Colours):
    """Finds each connected thing of a colour; the largest first."""

    card: ClassVar[ModelCard] = replace(
        Colours.card, name="pieces", kinds=frozenset({"text", "point", "box"})
    )

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        found = []
        for number, prompt in enumerate(prompts):
            words = prompt.text or "red green blue"
            all_of = [m for m in map(masks.from_bitmap, pieces(frame.image, words)) if m]
            for cue in prompt.cues:
                all_of = [mask for mask in all_of if any(_holds(mask, p) for p in _middles(cue))]
            found += [Instance(mask, min(1.0, mask.area / 5000), number) for mask in all_of]
        return Detections(frame.stream, frame.index, tuple(found))


def _middles(cue: Cue) -> list[tuple[float, float]]:
    boxes = [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2, _ in cue.boxes]
    return [(x, y) for x, y, _ in cue.points] + boxes


def _holds(mask: Any, point: tuple[float, float]) -> bool:
    return bool(mask.to_array()[int(point[1]), int(point[0])])


def ask(place: str, skill: str, image: RgbImage, subject: str, **more: Any) -> tuple[int, Any]:
    posted = {"image_url": web.data_uri(image), "object": subject, **more}
    return web.post_json(place, f"/v1/{skill}", posted)


def test_objects_are_detected_with_the_surest_first() -> None:
    with web.answering(Pieces()) as place:
        status, answer = ask(place, "detect", picture(), "red")
        assert status == 200
        assert answer == {
            "objects": [
                {"x_min": 0.1, "y_min": 0.083333, "x_max": 0.45, "y_max": 0.5},
                {"x_min": 0.6, "y_min": 0.583333, "x_max": 0.75, "y_max": 0.833333},
            ]
        }
        assert ask(place, "detect", picture(), "green") == (200, {"objects": []})
        _, one = ask(place, "detect", picture(), "red", settings={"max_objects": 1, "top_p": 1})
        assert len(one["objects"]) == 1


def test_points_lie_on_their_objects_also_where_the_middle_does_not() -> None:
    with web.answering(Pieces()) as place:
        _, answer = ask(place, "point", picture(), "blue")
    (point,) = answer["points"]
    x, y = int(point["x"] * 200), int(point["y"] * 120)
    assert picture()[y, x].tolist() == [20, 20, 220], "a ring has a hole in its middle"


def shown(answer: Any, image: RgbImage) -> Any:
    """The mask of an answer, as our own client for Moondream reads it."""
    frame = Frame("f", 0, 0, Fraction(1), image)
    instance = outlined({"bbox": None, **answer}, frame, 0, ReadingLimits())
    return None if instance is None else instance.mask


@pytest.mark.parametrize("subject", ["red", "blue"])
def test_an_outline_is_that_of_the_mask(subject: str) -> None:
    image = picture()
    with web.answering(Pieces()) as place:
        _, answer = ask(place, "segment", image, subject)
    frame = Frame("f", 0, 0, Fraction(1), image)
    (direct,) = Pieces().segment([frame], [[Prompt(text=subject)]])
    best = max(direct.instances, key=lambda one: one.score)
    assert masks.iou(shown(answer, image), best.mask) >= 0.99


def test_what_is_not_there_has_an_empty_path() -> None:
    with web.answering(Pieces()) as place:
        assert ask(place, "segment", picture(), "green") == (200, {"path": ""})


@pytest.mark.parametrize("refs", [[[0.68, 0.7]], [[0.55, 0.5, 0.8, 0.9]], [[0.68, 0.7, 0.68, 0.7]]])
@pytest.mark.parametrize("subject", ["red", "a word that it does not know"])
def test_references_say_which_object_is_meant(refs: list[list[float]], subject: str) -> None:
    with web.answering(Pieces()) as place:
        status, answer = ask(place, "segment", picture(), subject, spatial_refs=refs)
    assert status == 200
    assert answer["bbox"]["x_min"] == 0.6


def test_a_model_of_words_alone_takes_references_all_the_same() -> None:
    @dataclass
    class Words(Pieces):
        card: ClassVar[ModelCard] = replace(Pieces.card, kinds=frozenset({"text"}))

    with web.answering(Words()) as place:
        for ref, left in (([0.68, 0.7], 0.6), ([0.05, 0.05, 0.5, 0.55], 0.1)):
            _, answer = ask(place, "segment", picture(), "red", spatial_refs=[ref])
            assert answer["bbox"]["x_min"] == left
        assert ask(place, "segment", picture(), "red", spatial_refs=[[0, 0]])[1] == {"path": ""}


def test_a_stream_has_the_box_a_rough_outline_and_the_outline() -> None:
    asked = {"image_url": web.data_uri(picture()), "object": "blue", "stream": True}
    with web.answering(Pieces()) as place:
        json_type = "application/json"
        status, headers, body = web.send(
            place, "POST", "/v1/segment", json.dumps(asked).encode(), content_type=json_type
        )
        _, whole = web.post_json(place, "/v1/segment", {**asked, "stream": False})
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line]
    first, *pieces_of, last = [event["type"] for event in events]
    assert (first, set(pieces_of), last) == ("bbox", {"path_delta"}, "final")
    assert events[0]["bbox"] == whole["bbox"]
    assert events[-1] == {"type": "final", **whole, "completed": True}
    rough = " ".join(event["chunk"] for event in events[1:-1])
    assert masks.iou(
        shown({"path": rough, "bbox": whole["bbox"]}, picture()), shown(whole, picture())
    ) > 0.9  # fmt: skip


def test_our_own_client_finds_the_same(tmp_path: Any) -> None:
    pytest.importorskip("httpx2")
    image = picture()
    frame = Frame("f", 0, 0, Fraction(1), image)
    with web.answering(Pieces()) as place:
        for stream in (False, True):
            client = Moondream(url=f"http://{place}/v1", cache="off", stream=stream)
            client.prepare([Prompt(text="red")])
            (found,) = client.segment([frame], [[Prompt(text="red")]])
            client.close()
            assert len(found.instances) == 2
            (direct,) = Pieces().segment([frame], [[Prompt(text="red")]])
            for one in direct.instances:
                best = max(masks.iou(one.mask, other.mask) for other in found.instances)
                assert best >= 0.99


@pytest.mark.parametrize(
    ("posted", "status", "said"),
    [
        ({}, 422, "image_url: Field required"),
        ({"object": "red"}, 422, "image_url: Field required"),
        ({"object": " "}, 422, "object"),
        ({"object": "x" * 1001}, 422, "object"),
        ({"object": 7}, 422, "object"),
        ({"object": "mauve"}, 422, "no colour is called"),
        ({"spatial_refs": [[0.1]]}, 422, "spatial_refs.0"),
        ({"spatial_refs": [[0.1, 0.2, 0.3]]}, 422, "reference 0 must have 2 or 4"),
        ({"spatial_refs": [[0.5, 0.5], [0.9, 0, 0.1, 1]]}, 422, "reference 1 must be"),
        ({"spatial_refs": [[0.5, 1.5]]}, 422, "spatial_refs.0.1"),
        ({"image_url": "https://example.com/cat.jpg"}, 422, "addresses are not fetched"),
        ({"image_url": "file:///etc/passwd"}, 422, "addresses are not fetched"),
        ({"image_url": "data:image/png;base64,%%%"}, 422, "is no base64"),
        ({"image_url": "data:image/png;base64,"}, 415, "must hold a JPEG"),
        ({"image_url": "data:image/svg+xml;base64,PHN2Zy8+"}, 415, "must hold a JPEG"),
        ({"image_url": "data:image/png;base64,iVBORw0KGgo="}, 422, "image_url"),
        ({"image_url": "data:image/jpeg;base64,/9j/"}, 422, "image_url"),
        ({"image_url": "data:image/webp;base64,UklGRgAAAABXRUJQ"}, 422, "image_url"),
    ],
)
def test_what_does_not_fit_is_one_sentence(posted: dict[str, Any], status: int, said: str) -> None:
    whole = {"object": "red", "image_url": web.data_uri(picture())} if posted else {}
    if "object" in posted and len(posted) == 1 and posted["object"] == "red":
        whole = {}
    with web.answering(Pieces()) as place:
        found, answer = web.post_json(place, "/v1/segment", {**whole, **posted})
    assert found == status
    assert said in answer["error"]
    assert "\n" not in answer["error"]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_pictures_cut_off_or_damaged_anywhere_break_nothing(kind: str) -> None:
    import base64

    random = np.random.default_rng(1)
    head, _, data = web.data_uri(picture(), kind).partition(",")
    raw = base64.b64decode(data)
    with web.answering(Pieces()) as place:
        assert ask(place, "detect", picture(), "red")[0] == 200
        for number in range(60):
            broken = bytearray(raw[: random.integers(1, len(raw))] if number % 2 else raw)
            for at in random.integers(0, len(broken), 4):
                broken[at] = random.integers(0, 256)
            posted = {
                "image_url": f"{head},{base64.b64encode(bytes(broken)).decode()}",
                "object": "red",
            }
            status, answer = web.post_json(place, "/v1/detect", posted)
            assert status in (200, 413, 415, 422), answer


def test_a_small_file_that_claims_a_large_picture_is_refused() -> None:
    import base64

    head, _, data = web.data_uri(picture()).partition(",")
    raw = bytearray(base64.b64decode(data))
    raw[16:24] = (30_000).to_bytes(4, "big") * 2
    posted = {"image_url": f"{head},{base64.b64encode(bytes(raw)).decode()}", "object": "red"}
    with web.answering(Pieces()) as place:
        status, answer = web.post_json(place, "/v1/detect", posted)
    assert status == 413
    assert "30000 x 30000 pixels; make it smaller" in answer["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b'{"a":' * 50_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"null", "application/json; charset=utf-8", 422),
        (b"{}", "text/plain", 415),
        (b"object=red", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, kind: str, status: int) -> None:
    with web.answering(Pieces()) as place:
        found, _, answer = web.send(place, "POST", "/v1/detect", body, content_type=kind)
    assert found == status
    assert set(json.loads(answer)) == {"error"}


def test_skills_of_language_models_are_not_done() -> None:
    with web.answering(Pieces()) as place:
        for skill in ("caption", "query"):
            status, answer = web.post_json(place, f"/v1/{skill}", {})
            assert (status, answer["error"].count(".")) == (501, 0)
        assert web.post_json(place, "/v1/nothing", {})[0] == 404
        assert web.send(place, "GET", "/v1/detect")[0] == 405


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ModelError("the network is gone"), 502, "the network is gone"),
        (LimitReachedError("no further call"), 429, "no further call"),
        (MemoryError(), 503, "memory ran out"),
        (RuntimeError("inner words"), 500, "the server failed; its log says more"),
        (SystemExit(3), 500, "the server failed; its log says more"),
    ],
)
def test_a_model_that_fails_ends_nothing(error: BaseException, status: int, said: str) -> None:
    @dataclass
    class Failing(Pieces):
        def segment(self, frames: Any, prompts: Any) -> Any:
            if prompts[0][0].text == "blue":
                raise error
            return super().segment(frames, prompts)

    with web.answering(Failing()) as place:
        assert ask(place, "detect", picture(), "blue") == (status, {"error": said})
        assert ask(place, "detect", picture(), "red")[0] == 200
        assert web.send(place, "GET", "/healthz")[0] == 200


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    release = threading.Event()

    @dataclass
    class Stuck(Pieces):
        def segment(self, frames: Any, prompts: Any) -> Any:
            release.wait(60)
            return super().segment(frames, prompts)

    with web.answering(Stuck(), seconds=0.2) as place:
        status, answer = ask(place, "detect", picture(), "red")
        release.set()
    assert status == 504
    assert "did not answer in 0.2 s" in answer["error"]


@dataclass
class Together(Pieces):
    """Takes as long for sixteen pictures as for one, as a GPU does."""

    seconds: float = 0.05

    def batch_size(self) -> int:
        return 16

    def submit(self, frames: Any, prompts: Any) -> Any:
        raise NotImplementedError

    def segment(self, frames: Any, prompts: Any) -> Any:
        time.sleep(self.seconds)
        return super().segment(frames, prompts)


def test_questions_that_come_together_are_asked_together() -> None:
    model = Together()
    with web.answering(model) as place, ThreadPoolExecutor(100) as clients:
        asked = [
            clients.submit(ask, place, "detect", picture(blue=n % 2 == 0), ("red", "blue")[n % 2])
            for n in range(100)
        ]
        answers = [each.result() for each in asked]
        assert [status for status, _ in answers] == [200] * 100
        for number, (_, answer) in enumerate(answers):
            assert len(answer["objects"]) == (2 if number % 2 == 0 else 0), "each has its own"
        counted = web.send(place, "GET", "/metrics")[2].decode()
    assert sum(map(len, model.calls)) == 100
    assert len(model.calls) < 50
    assert "videoseg_batch_size_sum 100.0" in counted
    assert 'videoseg_requests_total{path="/v1/detect",method="POST",status="200"} 100' in counted


def test_one_that_breaks_a_call_takes_no_other_with_it() -> None:
    @dataclass
    class Fragile(Together):
        def segment(self, frames: Any, prompts: Any) -> Any:
            if any(asked[0].text == "blue" for asked in prompts):
                raise ModelError("it breaks")
            return super().segment(frames, prompts)

    with web.answering(Fragile(), wait=0.2) as place, ThreadPoolExecutor(8) as clients:
        words = ["red", "red", "blue", "red"]
        asked = [clients.submit(ask, place, "detect", picture(), word) for word in words]
        assert [each.result()[0] for each in asked] == [200, 200, 502, 200]


def test_what_waits_is_bounded() -> None:
    with web.answering(Together(seconds=0.3), batch=1, most_waiting=2) as place:

        def once(_: int) -> tuple[int, dict[str, str]]:
            posted = {"image_url": web.data_uri(picture()), "object": "red"}
            body = json.dumps(posted).encode()
            kind = "application/json"
            return web.send(place, "POST", "/v1/detect", body, content_type=kind)[:2]

        with ThreadPoolExecutor(12) as clients:
            answers = list(clients.map(once, range(12)))
    assert {status for status, _ in answers} == {200, 503}
    assert all("retry-after" in headers for status, headers in answers if status == 503)


def test_many_values_in_a_small_request_take_no_memory() -> None:
    body = b'{"image_url": "data:", "object": "a", "more": [' + b"[]," * 100_001 + b"[]]}"
    with web.answering(Pieces()) as place:
        status, _, said = web.send(
            place, "POST", "/v1/detect", body, content_type="application/json"
        )
    assert status == 413
    assert b"more than 100,000 values" in said


def test_the_end_comes_where_nobody_waits_for_an_answer_any_more() -> None:
    thread = ModelThread(Pieces())
    left = thread.ask(picture(), Prompt(text="red"))
    asked = thread.ask(picture(), Prompt(text="red"))
    assert left.cancel()
    thread.close()
    with pytest.raises(RefusedError, match="the server ends"):
        asked.result(0)


def test_a_services_key_is_in_no_answer_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("httpx2")
    monkeypatch.setenv("THE_KEY", KEY)
    refused = answer({"error": f"the key {KEY} is not known"}, 401)
    with (
        caplog.at_level(logging.DEBUG),
        serving(lambda _: refused) as service,
        web.answering(Moondream(url=service.url, cache="off", key_from="THE_KEY")) as place,
    ):
        status, said = ask(place, "detect", picture(), "red")
    assert service.requests[0].headers["x-moondream-auth"] == KEY
    assert 500 <= status < 600
    assert KEY not in str(said)
    assert KEY not in caplog.text


@pytest.mark.slow
def test_ten_thousand_requests_leave_nothing_behind() -> None:
    """Whatever paths they name: nothing is kept of any of them."""
    with web.answering(Pieces()) as place, closing(http.client.HTTPConnection(place)) as client:
        held, statuses = [], set()
        for number in range(10_000):
            client.request("GET", f"/{number}?{number}", headers={"X-Moondream-Auth": str(number)})
            answer = client.getresponse()
            statuses.add(answer.status)
            answer.read()
            if number in (1_999, 9_999):
                gc.collect()
                held.append(len(gc.get_objects()))
        told = web.send(place, "GET", "/metrics")[2]
    assert statuses == {404}
    assert held[1] - held[0] < 1_000
    assert len(told) < 10_000


def test_a_token_opens_it_as_moondreams_clients_send_it(capfd: pytest.CaptureFixture[str]) -> None:
    access = Access.at("127.0.0.1", token=True, open_paths=["/healthz"])
    with web.answering(Pieces(), access) as place:
        posted = {"image_url": web.data_uri(picture()), "object": "red"}
        assert web.post_json(place, "/v1/detect", posted)[0] == 401
        wrong = web.post_json(place, "/v1/detect", posted, x_moondream_auth="wrong")
        assert wrong == (401, {"error": "the token is wrong"})
        right = web.post_json(place, "/v1/detect", posted, x_moondream_auth=str(access.token))
        assert right[0] == 200
        assert web.send(place, "GET", "/healthz")[0] == 200
        assert web.send(place, "GET", "/metrics")[0] == 401
        asked = web.send(place, "GET", f"/metrics?token={access.token}")
        assert asked[0] == 303
        # A slash too much leads to the path without it, and without the token.
        for method, path in (("HEAD", "/metrics/"), ("HEAD", "/healthz/"), ("POST", "/v1/detect/")):
            given = f"{path}?a=1&token={access.token}"
            token = str(access.token)
            status, headers, _ = web.send(place, method, given, b"{}", x_moondream_auth=token)
            assert 300 <= status < 400
            assert headers["location"].endswith("?a=1")
            assert token not in headers["location"]
    said = "".join(capfd.readouterr())
    assert str(access.token) not in said
    assert "wrong" not in said
