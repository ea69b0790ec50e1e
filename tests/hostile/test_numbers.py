"""Numbers, words and pieces in answers of services that cannot be: one line, and no fault.

The large answers are in ``test_hostile_answers.py``.
"""

from __future__ import annotations

import gzip
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import hosted_servers as servers
from tests.support.fakes import Colours
from tests.support.hosted_servers import Answer, answer, serving
from tests.support.memory import peak
from videoseg.errors import ConfigError, LimitReachedError, ModelError
from videoseg.models._hosted import chat
from videoseg.models._hosted.google import text_of
from videoseg.models._hosted.prices import Counted, counted, price_of
from videoseg.models._hosted.reading import UnreadableError, from_json, number, whole
from videoseg.models._hosted.retry import asked_wait
from videoseg.models._hosted.wire import CallFailedError, Wire
from videoseg.models.agent import Agent
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream
from videoseg.types import Detections, Frame, Prompt

RED = Prompt("red", text="red")
BOX = {"x_min": 0.0, "y_min": 0.0, "x_max": 1.0, "y_max": 1.0}


def frame(width: int = 320, height: int = 240) -> Frame:
    return Frame("cam", 0, 0, Fraction(1, 25), np.full((height, width, 3), 90, np.uint8))


ABSURD: tuple[Any, ...] = (
    -1, -(10**30), 10**9, int("9" * 4000), 1.5, 1e300, True, False, "7", [], {}, None, math.inf,
    -math.inf, math.nan,
)  # fmt: skip


@pytest.mark.parametrize("value", ABSURD, ids=lambda value: repr(value)[:20])
def test_numbers_have_ranges(value: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        whole(value, 0, 10**8)
    if value != 1.5:
        with pytest.raises(ValueError, match="number"):
            number(value, 0, 1e6)


def test_numbers_in_their_range_are_taken() -> None:
    assert [number(value, 0, 3) for value in (0, 3, 2.5)] == [0, 3, 2.5]
    assert [whole(value, 1, 3) for value in (1, 3.0)] == [1, 3]


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e400]", "9" * 5000, "[" * 100_000,
        "[" * 100 + "]" * 100, '{"a":' * 100 + "1" + "}" * 100, "", "{", b"\xff\xfe",
    ],
    ids=lambda text: str(text[:16]),
)  # fmt: skip
def test_json_that_is_none_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's own, or ours
        from_json(text)
    assert from_json("[" * 60 + "1.5" + "]" * 60)


@pytest.mark.parametrize(
    "value", [one for one in ABSURD if one is not None], ids=lambda v: repr(v)[:20]
)
def test_counts_that_cannot_be_are_none(value: Any) -> None:
    assert counted(value, 5, None) == Counted(None, 5)
    assert counted(5, 6, value) == Counted(5, None)
    assert counted(None, 5) == Counted(None, 5)
    assert counted(None, None) is None


PRICES = """
[[gemini]]
models = ["gemini-2.5-flash"]
input = 100.0
output = 100.0
read = 2026-01-02
source = "a test"
"""


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokenCount": -(10**9), "candidatesTokenCount": 1},
        {"promptTokenCount": 1, "candidatesTokenCount": -(10**9)},
        {"promptTokenCount": 1, "candidatesTokenCount": 9, "thoughtsTokenCount": -(10**9)},
        {"promptTokenCount": int("9" * 4000), "candidatesTokenCount": True},
        {"candidatesTokenCount": "7"},
        {},
        None,
    ],
    ids=lambda usage: repr(usage)[:60],
)
def test_no_count_takes_the_limit_on_cost_away(tmp_path: Path, usage: Any) -> None:
    """What cannot be believed is counted as the worst case, so that the limit is reached."""
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES)
    said_by_gemini = json.loads(servers.gemini_text("[]").body)
    said_by_gemini["usageMetadata"] = usage
    with serving(lambda _: answer(said_by_gemini)) as server:
        # A call costs 0.4 for its question and 0.0256 for its answer at most.
        model = Gemini(
            url=server.url,
            cache="off",
            prices=str(prices),
            max_cost=1.0,
            max_tokens=256,
            attempts=1,
        )
        with pytest.raises(LimitReachedError, match=r"limit of \$1"):
            for _ in range(200):
                model.segment([frame(8, 8)], [[RED]])
        model.close()
    assert model.usage.cost is not None
    assert 0.5 < model.usage.cost <= 1
    assert min(model.usage.input_tokens, model.usage.output_tokens) >= 0


@pytest.mark.parametrize(
    "line",
    [
        "input = -1",
        "input = true",
        "input = inf",
        "input = nan",
        f"input = {'9' * 400}",
        "call = 1e9",
    ],
)
def test_prices_have_ranges(tmp_path: Path, line: str) -> None:
    file = tmp_path / "prices.toml"
    for text in (line, f"{line}\nread = 7", f"x = {'[' * 5000}"):
        file.write_text(f"[[gemini]]\nmodels = ['m']\nsource = 's'\nread = 2026-01-02\n{text}")
        with pytest.raises(ConfigError, match="not a price file"):
            price_of("gemini", "m", str(file))
    file.write_text("[[gemini]]\nmodels = ['m']\nsource = 's'\nread = 7")
    with pytest.raises(ConfigError, match="not a price file"):
        price_of("gemini", "m", str(file))


YEAR = 365 * 86_400


@pytest.mark.parametrize(
    ("given_wait", "wait"),
    [
        ("9" * 400, YEAR), ("1e999", None), ("-5", None), ("NaN", None), ("inf", None),
        ("١٢", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR), ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0), ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Mon, 01 Jan 2001 00:00:00 +99999999999999", None), ("Mon", None), (",,,", None),
    ],
)  # fmt: skip
def test_waits_have_ranges(given_wait: str, wait: float | None) -> None:
    assert asked_wait({"retry-after": given_wait}, b"") == wait


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"error": {"details": [{"retryDelay": 5}]}}',
        b'{"error": {"details": [{"retryDelay": "-5s"}]}}',
        b'{"error": {"details": 7}}',
        b'{"error": ["details"]}',
    ],
    ids=lambda body: str(body[:60]),
)
def test_no_body_of_a_refusal_is_a_fault(body: bytes) -> None:
    assert asked_wait({}, body) is None
    with serving(lambda _: Answer(body, 429)) as server:
        model = Moondream(url=server.url, cache="off", attempts=2, first_wait=0.01)
        with pytest.raises(ModelError, match="too many calls") as error:
            model.segment([frame(8, 8)], [[RED]])
        model.close()
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "side", [one for one in ABSURD if one not in (-1, 1.5)], ids=lambda value: repr(value)[:20]
)
@pytest.mark.parametrize("several", ["detect", "point", "one"])
def test_places_have_ranges(several: str, side: Any) -> None:
    value = {
        "objects": [{**BOX, "x_max": side}],
        "points": [{"x": 0.5, "y": side}],
        "path": "M0 0h1v1z",
    }
    body = json.dumps({**value, "bbox": {**BOX, "y_max": side}}).encode()
    with serving(lambda _: Answer(body)) as server:
        model = Moondream(url=server.url, cache="off", attempts=1, several=several)  # type: ignore[arg-type]
        (found,) = model.segment([frame(64, 48)], [[RED]])
        model.close()
    assert found.instances == ()
    assert model.usage.unreadable == 1


# --- what comes over the wire ---


def post(sent: Answer, most: int = 10_000) -> bytes:
    with serving(lambda _: sent) as server:
        wire = Wire(server.url, {}, timeout=30, calls=1, local=True, most_bytes=most)
        try:
            return wire.post(server.url, b"{}").body
        finally:
            wire.close()


def packed(data: bytes, **headers: str) -> Answer:
    return Answer(gzip.compress(data), headers={"content-encoding": "gzip", **headers})


def test_answers_may_be_packed() -> None:
    assert post(packed(b"x" * 10_000)) == b"x" * 10_000
    assert post(Answer(b"x" * 10_000)) == b"x" * 10_000


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (Answer(b"x" * 10_001), "larger than 10000 bytes"),
        (packed(b"x" * 10_001), "larger than 10000 bytes"),
        (packed(bytes(100 << 20)), "larger than 10000 bytes"),
        (Answer(b"no gzip", headers={"content-encoding": "gzip"}), "damaged"),
        (Answer(b"x", headers={"content-encoding": "br"}), "packed in a way"),
        (Answer(b"x", headers={"content-encoding": "gzip, gzip"}), "packed in a way"),
    ],
    ids=["large", "packed", "bomb", "damaged", "another way", "twice"],
)
def test_what_is_too_large_is_not_unpacked(sent: Answer, says: str) -> None:
    def reading(_: int) -> None:
        with pytest.raises(CallFailedError, match=says):
            post(sent)

    assert peak(reading, 0) < 8 << 20


def test_an_answer_that_is_left_out_is_said(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"path": "M0 0h1v1z" * 30, "bbox": BOX}).encode()
    with serving(lambda _: Answer(body)) as server:
        model = Moondream(url=server.url, cache="off", attempts=1, several="one", most_rings=20)
        (found,) = model.segment([frame()], [[RED]])
        model.close()
    assert found.instances == ()
    assert model.usage.unreadable == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("30 rings, more than models.moondream.most_rings = 20; it is left out")


# --- a language model that chooses ---


def chosen(*turns: servers.Turn, language: str = "openai") -> tuple[Detections, Agent]:
    speak = {"openai": servers.openai_agent, "gemini": servers.gemini_agent}[language]
    image = servers.things((20, 30, 90, 120))
    with serving(speak(servers.script(*turns))) as server:
        agent = Agent(url=server.url, cache="off", language=language, attempts=1)  # type: ignore[arg-type]
        agent.compose(lambda _: Colours())
        (found,) = agent.segment([Frame("cam", 0, 0, Fraction(1, 25), image)], [[RED]])
        agent.close()
    return found, agent


FIND: servers.Turn = ("segment_phrase", {"text_prompt": "red"})


def choose(*numbers: Any) -> servers.Turn:
    return "select_masks_and_return", {"final_answer_masks": list(numbers)}


@pytest.mark.parametrize("language", ["openai", "gemini"])
@pytest.mark.parametrize(
    "wrong", [True, -1, 10**400, 1.5, "1", None, [1]], ids=lambda v: repr(v)[:9]
)
def test_only_numbers_of_masks_are_chosen(language: str, wrong: Any) -> None:
    found, agent = chosen(FIND, choose(wrong), choose(1.0), language=language)
    assert len(found.instances) == 1
    assert agent.usage.calls == 3


@pytest.mark.parametrize(
    "phrase",
    ["\ud800", "red\x1b[2J", "red " * 5000, ["red"], {"a": 1}, 7, None],
    ids=lambda p: repr(p)[:9],
)
def test_only_short_phrases_are_looked_for(phrase: Any) -> None:
    found, agent = chosen(("segment_phrase", {"text_prompt": phrase}), FIND, choose(1))
    assert len(found.instances) == 1
    assert agent.usage.calls == 4 - 1


@pytest.mark.parametrize(
    "arguments",
    ['{"a": 1e999}', '{"a": NaN}', '{"a":' * 90 + "1" + "}" * 90, "[" * 100_000, "9" * 5000, "7"],
    ids=lambda text: text[:9],
)
def test_arguments_that_are_none_are_refused(arguments: str) -> None:
    call = {"id": "x", "function": {"name": "segment_phrase", "arguments": arguments}}
    message = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    with pytest.raises(UnreadableError):
        chat._read_openai(json.dumps(message).encode())


@pytest.mark.parametrize("text", [[[1]], {"a": 1}, 7, True])
def test_words_that_are_no_text_are_no_words(text: Any) -> None:
    body = json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}}]}).encode()
    with pytest.raises(UnreadableError, match="without words"):
        text_of(body)
