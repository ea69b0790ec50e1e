"""Services from the command line: consent, limits, keys, and runs that are killed and resumed."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.test_verbs import left_in
from tests.support import hosted_servers as servers
from tests.support.hosted_servers import KEY, answer, serving
from tests.support.media import clip
from tests.support.waiting import until
from videoseg import registry
from videoseg.cli._app import run
from videoseg.models.agent import Agent

FRAMES = 12


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("A_KEY", KEY)
    yield
    logging.getLogger().handlers.clear()


@pytest.fixture
def film() -> str:
    return str(clip(frames=FRAMES, width=160, height=96))


def segment(film: str, url: str, out: Path, *more: str, model: str = "moondream") -> int:
    command = ["segment", film, "red", "-o", str(out), "--model", model, "--write", "masks"]
    command += ["--set", f"models.{model}.url={url}", "--set", f"models.{model}.first_wait=0.01"]
    return run([*command, *more])


def frames_in(out: Path) -> int:
    return len(json.loads((out / "masks.json").read_text(encoding="utf-8"))["images"])


@pytest.mark.parametrize(
    ("model", "speak"), [("moondream", servers.moondream), ("gemini", servers.gemini)]
)
def test_a_run(
    model: str, speak: Any, film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(speak, latency=0.01) as server:
        assert segment(film, server.url, tmp_path / "out", "--json", model=model) == 0
    said = capfd.readouterr()
    summary = json.loads(said.out)
    assert summary["prompts"] == [{"label": "red", "found": True, "tracks": 1, "outlines": FRAMES}]
    assert summary["usage"]["calls"] == len(server.requests)
    assert summary["stopped"] is None
    assert server.most_at_once > 1
    assert f"service: {len(server.requests)} calls" in said.err
    assert "per 1,000 frames" in said.err
    assert "leave this machine" not in said.err


def test_a_region_and_every_nth_frame_are_still_asked_at_once(film: str, tmp_path: Path) -> None:
    with serving(servers.moondream, latency=0.05) as server:
        out = tmp_path / "out"
        settings = ("--set", "models.moondream.several=one", "--set", "run.roi=[0, 0, 160, 90]")
        assert segment(film, server.url, out, *settings, "--set", "run.every=3") == 0
    # Every third of twelve frames, and the last.
    assert len(server.requests) == 5
    assert server.most_at_once > 1
    assert servers.picture_of(server.requests[0].json["image_url"]).shape == (90, 160, 3)
    table = json.loads((out / "masks.json").read_text())
    assert len(table["annotations"]) == FRAMES


def test_a_box_is_carried_by_asking_again(film: str, tmp_path: Path) -> None:
    """What was boxed is asked for, on each frame after it, in the box around where it has moved."""
    with serving(servers.moondream) as server:
        out, url = tmp_path / "out", f"models.moondream.url={server.url}"
        command = ["segment", film, "--prompt", "label=a red thing;box=1,20,60,80;at=0"]
        command += ["--model", "moondream", "--write", "masks", "--set", url]
        assert run([*command, "-o", str(out)]) == 0
    assert len(server.requests) == FRAMES
    assert all(len(request.json["spatial_refs"]) == 1 for request in server.requests)
    table = json.loads((out / "masks.json").read_text())
    assert [each["track_id"] for each in table["annotations"]] == [1] * FRAMES


def test_the_agent_is_asked_on_keyframes(
    film: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.models.test_agent import Pieces

    real = registry._built_in

    def with_pieces(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"pieces": Pieces} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_pieces)
    turns = servers.script(
        ("segment_phrase", {"text_prompt": "red"}),
        ("select_masks_and_return", {"final_answer_masks": [1]}),
    )
    with serving(servers.openai_agent(turns)) as server:
        settings = ("language=openai", "segmenter=pieces", "every=5")
        assert (
            segment(
                film,
                server.url,
                tmp_path / "out",
                *[word for each in settings for word in ("--set", f"models.agent.{each}")],
                model="agent",
            )
            == 0
        )
    assert len(server.requests) == 6
    table = json.loads((tmp_path / "out" / "masks.json").read_text())
    assert {each["track_id"] for each in table["annotations"]} == {1}
    assert len(table["annotations"]) == FRAMES
    assert Agent.card.sends_frames_away


def test_consent_is_asked_for_before_anything_is_sent(
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The address is one that no packet would reach; nobody gets that far."""
    away, out = "https://192.0.2.1/v1", tmp_path / "out"
    assert segment(film, away, out) == 2
    said = capfd.readouterr().err
    assert "192.0.2.1" in said
    assert "--yes" in said
    assert said.count("\n") == 1
    assert not out.exists()

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    asked: list[str] = []

    def confirm(text: str, **_: Any) -> bool:
        asked.append(text)
        return False

    monkeypatch.setattr(typer, "confirm", confirm)
    assert segment(film, away, out) == 2
    assert asked == [f"Send up to {FRAMES} frames of {film} to 192.0.2.1?"]
    asked.clear()
    half = ("--set", "models.moondream.key_from=A_KEY", "--end", f"{FRAMES // 2}f")
    assert segment(film, away, out, *half) == 2
    assert asked == [f"Send up to 6 frames of {film} to 192.0.2.1 with the key A_KEY?"]
    assert "nothing was sent" in capfd.readouterr().err
    assert not out.exists()


def test_a_dry_run_needs_no_consent_and_asks_nothing(film: str, tmp_path: Path) -> None:
    assert segment(film, "https://192.0.2.1/v1", tmp_path / "out", "--dry-run") == 0
    with serving(servers.moondream) as server:
        assert segment(film, server.url, tmp_path / "out", "--dry-run", "--json") == 0
    assert not server.requests


def test_a_preview_asks_for_consent(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "look.png"
    command = ["preview", film, "red", "-o", str(out), "--model", "moondream", "--set"]
    assert run([*command, "models.moondream.url=https://192.0.2.1/v1"]) == 2
    assert "--yes" in capfd.readouterr().err
    with serving(servers.moondream) as server:
        assert run([*command, f"models.moondream.url={server.url}"]) == 0
    assert out.exists()


def test_a_limit_holds_over_several_inputs(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = str(clip(frames=6, width=160, height=96, name="other.mp4"))
    command = ["segment", film, other, "--text", "red", "-o", str(tmp_path / "{stem}")]
    command += ["--model", "moondream", "--write", "masks", "--json"]
    command += ["--set", "models.moondream.several=one", "--set", "models.moondream.concurrency=1"]
    with serving(servers.moondream) as server:
        command += ["--set", f"models.moondream.url={server.url}", "--max-calls", "15"]
        assert run([*command, "--jobs", "2"]) == 2
        assert "leave out --jobs" in capfd.readouterr().err
        assert run(command) == 3
    first, second = json.loads(capfd.readouterr().out)["inputs"]
    assert (first["usage"]["calls"], first["stopped"]) == (12, None)
    assert (second["usage"]["calls"], second["frames"]) == (3, 3)
    assert "limit of 15 calls" in second["stopped"]
    assert len(server.requests) == 15


def test_what_was_stopped_can_be_taken_up_again(film: str, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    one = ("--set", "models.moondream.several=one", "--set", "models.moondream.concurrency=1")
    with serving(servers.moondream) as server:
        assert segment(film, server.url, out, *one, "--max-calls", "5") == 3
    smoother = ["--set", "tracking.iou.smoothing=0.9"]
    assert run(["rerun", str(out), "-o", str(again), *smoother]) == 0
    assert frames_in(again) == 5
    assert "limit of 5" in json.loads((again / "run.json").read_text())["stopped"]


def test_what_is_sent_away_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    from videoseg.models.moondream import Moondream

    model = Moondream(url="http://192.0.2.1/v1")
    model.prepare(())
    model.close()
    assert "frames leave this machine: they go to 192.0.2.1" in caplog.text


def test_a_limit_on_calls_publishes_what_is_done(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with serving(servers.moondream) as server:
        one = ("--set", "models.moondream.several=one", "--set", "models.moondream.concurrency=1")
        assert segment(film, server.url, out, *one, "--max-calls", "5", "--json") == 3
        said = capfd.readouterr()
        assert "stopped after 5 frames: the limit of 5 calls is reached" in said.err
        assert json.loads(said.out)["stopped"] == "the limit of 5 calls is reached"
        assert left_in(out) == {"masks", "masks.json", "run", "run.json"}
        assert frames_in(out) == 5
        assert len(server.requests) == 5
        # What was stopped is not finished, and is not taken for it.
        assert segment(film, server.url, out, *one, "--max-calls", "5", "--resume") == 1
        assert "stopped: the limit of 5 calls is reached; --overwrite" in capfd.readouterr().err
        # With the answers that are there, the rest takes the rest of the calls.
        assert segment(film, server.url, out, *one, "--overwrite") == 0
        assert frames_in(out) == FRAMES
        assert len(server.requests) == FRAMES
        assert "5 answers from earlier" in capfd.readouterr().err


def test_a_limit_on_cost(film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[[moondream]]\nmodels = [""]\ncall = 0.01\nread = 2026-01-02\nsource = "a test"\n'
    )
    settings = (
        "--set",
        "models.moondream.several=one",
        "--set",
        f"models.moondream.prices={prices}",
    )
    with serving(servers.moondream) as server:
        code = segment(film, server.url, tmp_path / "out", *settings, "--max-cost", "0.065")
    assert code == 3
    assert len(server.requests) == 6
    said = capfd.readouterr().err
    assert "$0.0600 are spent" in said
    assert "cost: $0.0600 (prices of 2026-01-02, a test)" in said


@pytest.mark.parametrize(
    ("more", "model", "says"),
    [
        (["--max-cost", "1"], "moondream", "no price is known"),
        (["--max-calls", "1"], "embedded", "are for services"),
        (["--max-calls", "0"], "moondream", "max-calls"),
        (["--set", "models.moondream.several=x"], "moondream", "several"),
    ],
)
def test_limits_that_make_no_sense(
    more: list[str], model: str, says: str, film: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = ["--set", "models.moondream.url=http://127.0.0.1:9/v1"]
    assert run(["segment", film, "red", "--model", model, *url, *more]) == 2
    assert says in capfd.readouterr().err


def test_the_key_is_written_nowhere(
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Everything that a run writes or says is searched, also with all logging on."""
    monkeypatch.setenv("VIDEOSEG_DEBUG", "1")
    log = tmp_path / "debug.log"
    handler = logging.FileHandler(log)
    real = logging.basicConfig

    def loud(**given: Any) -> None:
        real(**{**given, "level": logging.DEBUG})
        logging.getLogger().addHandler(handler)

    monkeypatch.setattr(logging, "basicConfig", loud)
    with_key = ("--set", "models.moondream.key_from=A_KEY")

    def echoing(request: servers.Request) -> servers.Answer:
        good = json.loads(servers.moondream(request).body)
        return answer({**good, "you": dict(request.headers)})

    with serving(echoing) as server:
        assert segment(film, server.url, tmp_path / "out", *with_key) == 0
        assert server.requests[0].headers["x-moondream-auth"] == KEY
        refused = answer({"error": {"message": f"bad key {KEY}"}}, 401)
        server.faults.append(refused)
        off = ("--set", "models.moondream.cache=off")
        assert segment(film, server.url, tmp_path / "refused", *with_key, *off) == 1
        server.faults.extend([servers.Answer(KEY.encode() * 9, 500)] * 100)
        assert segment(film, server.url, tmp_path / "broken", *with_key, *off) == 1
    handler.close()
    said = capfd.readouterr()
    assert "[key]" in said.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.json", "masks.json", "debug.log", "detections.jsonl"} <= {p.name for p in written}
    assert any("cache" in path.parts for path in written)
    assert log.stat().st_size > 1000
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in said.out + said.err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills a process")
@pytest.mark.parametrize("several", ["one", "detect"])
def test_a_killed_run_repeats_no_more_than_was_in_flight(several: str, tmp_path: Path) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    film, out, at_once = str(clip(frames=60, width=160, height=96)), tmp_path / "out", 4
    settings = ["--set", f"models.moondream.several={several}"]
    settings += ["--set", f"models.moondream.concurrency={at_once}"]
    with serving(servers.moondream, latency=0.03) as server:
        command = [sys.executable, "-m", "videoseg", "segment", film, "red", "-o", str(out)]
        command += ["--model", "moondream", "--write", "masks", "--set"]
        command += [f"models.moondream.url={server.url}", *settings]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: len(server.requests) >= 25, process)
            process.send_signal(signal.SIGKILL)
        assert not (out / "masks.json").exists()
        assert segment(film, server.url, out, *settings, "--resume") == 0
        assert frames_in(out) == 60
    different = len({request.body for request in server.requests})
    assert different >= (60 if several == "one" else 120)
    assert len(server.requests) - different <= at_once


def test_bench_of_a_service(film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[[gemini]]\nmodels = ["gemini-2.5-flash"]\ninput = 10\noutput = 20\nread = 2026-01-02\n'
        'source = "a test"\n'
    )
    with serving(servers.gemini, latency=0.05) as server:
        command = ["bench", film, "red", "--model", "gemini", "--count", "15", "--set"]
        command += [f"models.gemini.url={server.url}", "--set", f"models.gemini.prices={prices}"]
        assert run([*command, "--json"]) == 0
        measured = json.loads(capfd.readouterr().out)
        assert len(server.requests) == 15
        assert run(command) == 0
        assert len(server.requests) == 30
        assert run([*command, "--max-calls", "4"]) == 3
    # 300 tokens in at $10 and 200 out at $20 a million are $0.007 an image.
    assert measured["cost"] == pytest.approx(7.0)
    assert measured["times"]["count"] == 15
    assert measured["times"]["mean"] >= 0.05
    assert measured["found"] == 15
    said = capfd.readouterr()
    assert "cost per 1,000 images: $7.00 (prices of 2026-01-02, a test)" in said.out
    assert "an image takes 1.00 calls, 300 tokens in, 200 out" in said.out
    assert "stopped: the limit of 4 calls" in said.err


@pytest.mark.slow
def test_bench_of_this_machine(film: str, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["bench", film, "--box", "10,10,90,90", "--count", "3"]
    assert run(command) == 0
    said = capfd.readouterr().out
    assert "embedded: 3 images" in said
    assert "average time per image: " in said
    assert "cost per 1,000 images: not known (say what an hour" in said
    assert run([*command, "--price", "3.6", "--json"]) == 0
    measured = json.loads(capfd.readouterr().out)
    assert measured["cost"] == pytest.approx(measured["times"]["mean"], rel=1e-6)


def test_bench_asks_for_consent_too(film: str, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["bench", film, "red", "--model", "gemini", "--set"]
    assert run([*command, "models.gemini.url=https://192.0.2.1/v1"]) == 2
    assert "--yes" in capfd.readouterr().err
