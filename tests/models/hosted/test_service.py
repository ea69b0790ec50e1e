"""Services fail in every way that is known, and the models that ask them do what makes sense."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support import hosted_servers as servers
from tests.support.fakes import Colours
from tests.support.hosted_servers import (
    BROKEN_JSON,
    PAGE,
    Answer,
    Loopback,
    answer,
    serving,
    things,
)
from tests.support.waiting import PATIENCE, until
from videoseg.errors import (
    LimitReachedError,
    ModelError,
    UsageError,
)
from videoseg.models._hosted.retry import Patience, asked_wait
from videoseg.models._hosted.settings import Hosted
from videoseg.models._hosted.wire import Wire
from videoseg.models.agent import Agent
from videoseg.models.gemini import Gemini
from videoseg.models.moondream import Moondream
from videoseg.types import Detections, Frame, Prompt

RED = (Prompt("red", text="red"),)
IMAGE = things((40, 60, 140, 160))
CHOOSES = servers.script(
    ("segment_phrase", {"text_prompt": "red"}),
    ("select_masks_and_return", {"final_answer_masks": [1]}),
)


def frame(index: int = 0) -> Frame:
    return Frame("cam", index, 40 * index, Fraction(1, 1000), IMAGE)


def with_colours(agent: Agent) -> Agent:
    agent.compose(lambda _: Colours())
    return agent


@dataclass(frozen=True)
class Spoken:
    """A protocol: what answers on the other side, and the model on ours."""

    speak: Callable[[servers.Request], Answer]
    model: Callable[..., Hosted]
    calls: int


PROTOCOLS = {
    "moondream": Spoken(servers.moondream, lambda **s: Moondream(several="one", **s), 1),
    "gemini": Spoken(servers.gemini, Gemini, 1),
    "agent, openai": Spoken(
        servers.openai_agent(CHOOSES), lambda **s: with_colours(Agent(language="openai", **s)), 2
    ),
    "agent, gemini": Spoken(
        servers.gemini_agent(CHOOSES), lambda **s: with_colours(Agent(language="gemini", **s)), 2
    ),
}


@pytest.fixture(params=PROTOCOLS)
def spoken(request: pytest.FixtureRequest) -> Spoken:
    return PROTOCOLS[request.param]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = {*threading.enumerate()}
    yield
    until(lambda: {*threading.enumerate()} <= before)


def ask(spoken: Spoken, server: Loopback, **settings: Any) -> Detections:
    given = {"first_wait": 0.01, "attempts": 3, "timeout": 10.0, "cache": "off", **settings}
    model = spoken.model(url=server.url, **given)
    try:
        model.prepare(RED)  # type: ignore[attr-defined]
        (found,) = model.segment([frame()], [RED])  # type: ignore[attr-defined]
        assert isinstance(found, Detections)
        return found
    finally:
        model.close()


def test_an_answer(spoken: Spoken) -> None:
    with serving(spoken.speak) as server:
        found = ask(spoken, server)
    (instance,) = found.instances
    x1, y1, x2, y2 = instance.mask.crop
    assert abs(x1 - 40) <= 1
    assert abs(y2 - 160) <= 1
    assert abs((x2 - x1) * (y2 - y1) - 10_000) < 300
    assert len(server.requests) == spoken.calls


TOO_MANY = answer({"error": {"message": "slow down"}}, 429)
SERVER_ERROR = answer({"error": {"message": "oops"}}, 500)


@pytest.mark.parametrize(
    "faults",
    [
        [TOO_MANY, TOO_MANY],
        [answer({"error": "slow down"}, 429, retry_after="0")],
        [SERVER_ERROR, Answer(b"bad gateway", 502, content_type="text/plain")],
        [Answer(fault="drop")],
        [Answer(b'{"path": "M 0 0 L 1 1", "candidates": [] }', fault="half")],
        [BROKEN_JSON, Answer(b"[1, 2]")],
    ],
    ids=["429", "429 with Retry-After", "500, 502", "dropped", "half an answer", "invalid JSON"],
)
def test_what_passes_is_asked_again(spoken: Spoken, faults: list[Answer]) -> None:
    with serving(spoken.speak, *faults) as server:
        found = ask(spoken, server)
    assert len(found.instances) == 1
    assert len(server.requests) == spoken.calls + len(faults)


def test_a_slow_answer_is_given_up_as_a_whole(spoken: Spoken) -> None:
    with serving(spoken.speak, Answer(fault="slow")) as server:
        found = ask(spoken, server, timeout=1.0, attempts=10)
    assert len(found.instances) == 1
    assert len(server.requests) > spoken.calls


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (answer({"error": {"message": "Invalid API key"}}, 401), "key is not accepted.*Invalid"),
        (answer({"detail": "top up"}, 402), "no credit left"),
        (answer({"error": {"message": "too big"}}, 413), r"long_side"),
        (answer({"error": {"code": 400, "message": "bad\nimage"}}, 400), "HTTP 400: bad image"),
        (Answer(b"", 302, {"location": "http://127.0.0.1:9/"}), "moved"),
        (PAGE, "web page"),
    ],
    ids=["401", "402", "413", "400", "redirect", "HTML page"],
)
def test_what_does_not_pass_is_said_at_once(spoken: Spoken, fault: Answer, says: str) -> None:
    with serving(spoken.speak, fault) as server, pytest.raises(ModelError, match=says) as error:
        ask(spoken, server)
    assert len(server.requests) == 1
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (TOO_MANY, "too many calls.*slow down; asked 3 times"),
        (SERVER_ERROR, "HTTP 500: oops; asked 3 times"),
        (Answer(fault="drop"), "asked 3 times"),
    ],
    ids=["429", "500", "dropped"],
)
def test_patience_ends(spoken: Spoken, fault: Answer, says: str) -> None:
    with serving(spoken.speak, *[fault] * 9) as server, pytest.raises(ModelError, match=says):
        ask(spoken, server)
    assert len(server.requests) == 3


def test_nobody_there(spoken: Spoken) -> None:
    with serving(spoken.speak) as server:
        pass
    with pytest.raises(ModelError, match="cannot connect"):
        ask(spoken, server)


def test_an_answer_that_cannot_be_read_is_left_out_and_counted() -> None:
    nonsense = answer({"path": "M1 2 Q", "bbox": {"x_min": 0.1}})
    with serving(servers.moondream, *[nonsense] * 3) as server:
        model = Moondream(several="one", url=server.url, attempts=3, first_wait=0.01, cache="off")
        (found,) = model.segment([frame()], [RED])
        model.close()
    assert found.instances == ()
    assert model.usage.unreadable == 1
    assert model.usage.calls == 3


def test_waits_are_as_long_as_the_service_asks() -> None:
    with serving(servers.moondream, answer({}, 429, retry_after="1")) as server:
        start = time.monotonic()
        ask(PROTOCOLS["moondream"], server)
        assert time.monotonic() - start >= 1
    busy = answer({"error": {"message": "quota"}}, 429, retry_after="3600")
    with serving(servers.moondream, busy) as server, pytest.raises(ModelError, match="3600 s"):
        ask(PROTOCOLS["moondream"], server)


def test_how_long_to_wait() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert asked_wait({"retry-after": "7"}, b"") == 7
    assert 0 < (asked_wait({"retry-after": later}, b"") or 0) <= 30
    assert asked_wait({"retry-after": "soon"}, b"") is None
    assert asked_wait({}, b"<html>") is None
    google = b'{"error": {"details": [{"@type": "x"}, {"retryDelay": "36.5s"}]}}'
    assert asked_wait({}, google) == 36.5
    patience = Patience(attempts=4, first_wait=1.0, longest_wait=60)
    for attempt, full in ((1, 1.0), (2, 2.0), (3, 4.0)):
        waits = [patience.wait(attempt, None) for _ in range(200)]
        assert all(wait is not None and full / 2 <= wait <= full for wait in waits)
    assert patience.wait(4, None) is None
    assert patience.wait(1, 61.0) is None
    assert 5 <= (patience.wait(1, 5.0) or 0) <= 6


def test_a_call_under_way_ends_when_the_model_is_closed() -> None:
    with serving(servers.moondream, latency=0.0) as server:
        server.faults.append(Answer(fault="slow"))
        model = Moondream(several="one", url=server.url, cache="off", timeout=PATIENCE)
        model.prepare(RED)
        errors: list[BaseException] = []

        def work() -> None:
            try:
                model.segment([frame()], [RED])
            except ModelError as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        until(lambda: bool(server.requests))
        model.close()
        thread.join()
    assert "ended" in str(errors[0])  # by closing, not by the time limit


@dataclass
class Callers:
    """Threads that each wait for an answer of a wire, and what they were told instead."""

    wire: Wire
    url: str
    threads: list[threading.Thread] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def begin(self, calls: int) -> None:
        self.threads += [threading.Thread(target=self._call) for _ in range(calls)]
        for thread in self.threads[-calls:]:
            thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)
        assert len(self.told) == len(self.threads)
        assert all("ended before its answer" in said for said in self.told)

    def _call(self) -> None:
        try:
            self.wire.post(self.url, b"{}")
        except ModelError as error:
            self.told.append(str(error))


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/segment"


def test_calls_that_begin_while_the_wire_closes_end_too(silent: str) -> None:
    """A call that slipped in behind the end would wait for ever."""
    for _ in range(20):
        wire = Wire(silent, {}, timeout=PATIENCE, calls=4, local=True, most_bytes=2**20)
        callers = Callers(wire, silent)
        callers.begin(4)
        wire.close()
        callers.end()


def test_calls_end_with_the_wire_however_slow_its_thread_is(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("videoseg.models._hosted.wire._CLOSING_SECONDS", 0.01)
    wire = Wire(silent, {}, timeout=PATIENCE, calls=4, local=True, most_bytes=2**20)
    callers, stuck, go_on = Callers(wire, silent), threading.Event(), threading.Event()
    callers.begin(2)  # these reach the thread

    def hold() -> None:
        stuck.set()
        go_on.wait(PATIENCE)

    wire._loop.call_soon_threadsafe(hold)
    assert stuck.wait(PATIENCE)
    callers.begin(2)  # these wait before it
    until(lambda: len(wire._waiting) == 4)
    wire.close()
    callers.begin(2)  # and these come too late
    callers.end()
    go_on.set()  # what it has left is shut then


def test_answers_are_kept_and_not_asked_for_twice(tmp_path: Path) -> None:
    with serving(servers.moondream) as server:
        first = ask(PROTOCOLS["moondream"], server, cache=str(tmp_path))
        second = ask(PROTOCOLS["moondream"], server, cache=str(tmp_path))
        assert len(server.requests) == 1
        assert (first.instances[0].mask.bitmap == second.instances[0].mask.bitmap).all()
        ask(PROTOCOLS["moondream"], server, cache=str(tmp_path), quality=80)
        ask(PROTOCOLS["moondream"], server, cache=str(tmp_path), model="other")
        assert len(server.requests) == 3
        for kept in tmp_path.rglob("*"):
            if kept.is_file():
                kept.write_bytes(b"damaged")
        ask(PROTOCOLS["moondream"], server, cache=str(tmp_path))
        assert len(server.requests) == 4


def test_failures_are_not_kept(tmp_path: Path) -> None:
    nonsense = answer({"path": 7})
    with serving(servers.moondream, nonsense) as server:
        ask(PROTOCOLS["moondream"], server, cache=str(tmp_path))
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert b"bbox" in kept.read_bytes()


def test_the_limit_on_calls_counts_every_request() -> None:
    with serving(servers.moondream, SERVER_ERROR) as server:
        model = Moondream(several="one", url=server.url, cache="off", max_calls=3, first_wait=0.01)
        model.segment([frame(), frame(1)], [RED, RED])
        with pytest.raises(LimitReachedError, match="limit of 3 calls"):
            model.segment([frame(2)], [RED])
        model.close()
    assert len(server.requests) == 3
    assert model.usage.calls == 3
    assert model.usage.repeated == 1


PRICES = """
[[moondream]]
models = [""]
input = {price}
output = {price}
call = 0.001
read = 2026-01-02
source = "a test"
"""


def test_the_limit_on_cost_is_never_passed(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(PRICES.format(price=1.0))
    with serving(servers.moondream, latency=0.02) as server:
        model = Moondream(url=server.url, cache="off", max_cost=0.02, prices=str(prices))
        done = 0
        with pytest.raises(LimitReachedError, match=r"limit of \$0.02"):
            for index in range(1000):
                model.segment([frame(index)], [RED])
                done += 1
        used = model.usage
        model.close()
    assert done >= 5
    assert used.cost is not None
    assert 0.012 < used.cost <= 0.02
    # Detecting is counted in tokens, outlining by the call.
    assert used.cost == pytest.approx(
        (used.input_tokens + used.output_tokens) / 1e6 + 0.001 * done, abs=1e-9
    )
    assert used.priced == "prices of 2026-01-02, a test"


def test_a_limit_on_cost_needs_a_price(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no price is known"):
        Moondream(url="http://127.0.0.1:9/v1", max_cost=1.0).prepare(RED)
    prices = tmp_path / "prices.toml"
    prices.write_text("[[moondream]]\nmodels = [''")
    with pytest.raises(UsageError, match="not a price file"):
        Moondream(url="http://127.0.0.1:9/v1", prices=str(prices)).prepare(RED)
