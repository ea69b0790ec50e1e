"""The table of models over the public image sets: figures, published ones, budget, resumption."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import hosted_servers as servers
from tests.support.fakes import Colours
from tests.support.leaderboard_data import colour_photos, leaderboard
from videoseg.cli._app import run
from videoseg.config.run_config import RunConfig, load
from videoseg.evaluate.candidates import Candidate
from videoseg.evaluate.development_data import seen_before
from videoseg.evaluate.leaderboard import readiness
from videoseg.evaluate.leaderboard.cells import Cell
from videoseg.evaluate.leaderboard.markdown import table_markdown
from videoseg.evaluate.leaderboard.published import published, published_for
from videoseg.evaluate.leaderboard.readiness import Entrant, entrant
from videoseg.evaluate.leaderboard.rows import ROWS, DataRow
from videoseg.evaluate.leaderboard.run import measure_all
from videoseg.evaluate.report import markdown

NOT_PARQUET = tuple(row for row in ROWS if row.layout != "refcoco-m")
PRICES = """
[[moondream]]
models = [""]
call = 0.001
read = 2026-11-01
source = "a test"

[[gemini]]
models = ["gemini-2.5-flash"]
input = 1.0
output = 2.0
read = 2026-11-01
source = "a test"
"""
GEMINI_CALL = (300 * 1.0 + 200 * 2.0) / 1e6
"""Dollars of one call of the stand-in, by its counts and the prices above."""


def colours() -> Entrant:
    return Entrant("colours", RunConfig(), Candidate(Colours.card, {}, Colours), None)


def figures(cells: list[Cell], name: str) -> dict[str, float]:
    (cell,) = (each for each in cells if each.row.name == name)
    found = {shown.metric: cell.entry(shown) for shown in cell.row.shown}
    return {metric: entry.interval.value for metric, entry in found.items() if entry is not None}


def test_every_figure_of_the_table_by_hand(tmp_path: Path) -> None:
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    cells = measure_all(data, [colours()], tmp_path / "out", rows=NOT_PARQUET)
    # Expressions: red 256/256; green 256/512; red means all that is red: 256/(256 + 512); blue is
    # not to be seen: 0/256; blue 256/512.
    ious = [1, 0.5, 256 / 768, 0, 0.5]
    for name in ("RefCOCO val", "RefCOCO+ val", "RefCOCOg val"):
        found = figures(cells, name)
        assert found["mIoU"] == pytest.approx(sum(ious) / 5)
        assert found["cIoU"] == pytest.approx(4 * 256 / (256 + 512 + 768 + 256 + 512))
    # Instances: one answer for each name and photo, so that of two red things one goes without.
    found = figures(cells, "LVIS val")
    best_red = 384 / (768 + 384 - 384)
    assert found["mIoU per instance"] == pytest.approx((1 + 0.5 + best_red + 0 + 0 + 0.5) / 6)
    red, green, blue = (256 + 256 + 384) / (256 + 768), 256 / 512, 256 / (256 + 512)
    assert found["mIoU per category"] == pytest.approx((red + green + blue) / 3)


def test_refcoco_m_is_counted_as_refcoco_is(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    data = leaderboard(tmp_path / "data", colour_photos())
    cells = measure_all(data, [colours()], tmp_path / "out", rows=ROWS[:2])
    assert [cell.row.name for cell in cells] == ["RefCOCO-M", "RefCOCO val"]
    assert figures(cells, "RefCOCO-M") == pytest.approx(figures(cells, "RefCOCO val"))


def test_what_is_not_there_is_a_reason_and_no_error(tmp_path: Path) -> None:
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    (data / "refcoco+" / "instances.json").unlink()
    absent = Entrant("far", RunConfig(), colours().candidate, "it has no key")
    cells = measure_all(data, [absent, colours()], tmp_path / "out")
    reasons = {(cell.model, cell.row.name): cell.reason for cell in cells if not cell.result}
    assert reasons["colours", "RefCOCO+ val"] == f"RefCOCO+ val is not in {data}"
    assert reasons["far", "RefCOCO val"] == "it has no key"
    text = table_markdown(cells, ["far", "colours"], None)
    assert "- far was not measured on RefCOCO-M, RefCOCO val, RefCOCO+ val" in text
    assert "LVIS val: it has no key" in text
    assert not any(cell.failed for cell in cells)


def test_published_figures_stand_beside_their_own_metric_alone(tmp_path: Path) -> None:
    (mean_iou,) = published_for("agent", "RefCOCO val", "mIoU")
    (cumulative,) = published_for("agent", "RefCOCO val", "cIoU")
    assert (mean_iou.value, cumulative.value) == (74.9, 75.5)
    assert "page" in mean_iou.source
    assert "arXiv" in cumulative.source
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    cells = measure_all(data, [colours()], tmp_path / "out", rows=NOT_PARQUET)
    cells = [Cell("agent", cell.row, cell.result) for cell in cells]
    lines = table_markdown(cells, ["agent"], 3.6).splitlines()
    by_metric = {tuple(line.split(" | ")[:2]): line for line in lines if line.startswith("| Ref")}
    assert "74.9 [1]" in by_metric["| RefCOCO val", "mIoU"]
    assert "75.5" not in by_metric["| RefCOCO val", "mIoU"]
    assert "75.5 [2]" in by_metric["| RefCOCO val", "cIoU"]


def test_every_published_figure_has_a_row(tmp_path: Path) -> None:
    names = {row.name for row in ROWS}
    assert {one.data for one in published()} <= {*names, "all"}
    assert all(one.source for one in published())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.folder)
def test_the_layout_that_is_asked_for_is_the_one_that_is_read(row: DataRow, tmp_path: Path) -> None:
    assert row.missing(tmp_path), "an empty folder lacks everything"
    if row.layout == "refcoco-m":
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    leaderboard(tmp_path, colour_photos(), parquet=row.layout == "refcoco-m")
    assert not row.missing(tmp_path)
    (cell,) = measure_all(tmp_path, [colours()], tmp_path / "out", rows=[row])
    assert cell.result is not None
    assert cell.result.samples == 3


def test_samples_of_development_are_marked(tmp_path: Path) -> None:
    assert (
        seen_before(["000000000139.jpg", "000000000001.jpg"], "images", "embedded")[0].samples == 1
    )
    detector, networks = seen_before(["COCO_train2014_000000000009.jpg"], "images", "embedded")
    assert "detector was trained" in detector.how
    assert "networks were trained" in networks.how
    assert seen_before(["000000000139.jpg"], "images", "moondream") == ()
    (chosen,) = seen_before(["camel", "judo"], "videos", "moondream")
    assert (chosen.samples, "constants" in chosen.how) == (1, True)
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    (cell,) = measure_all(data, [colours()], tmp_path / "out", rows=[ROWS[1]])
    assert cell.seen == (), "another model gains nothing by it"
    assert cell.result is not None
    seen = seen_before({row.unit for row in cell.result.rows}, "images", "embedded")
    marked = replace(cell.result, seen=seen)
    text = table_markdown([Cell("embedded", cell.row, marked)], ["embedded"], None)
    assert "- † 1 of these samples: the built-in model's networks" in markdown(marked)
    assert "]† |" in text
    assert "† 3 of these images: the built-in model's detector was trained" in text
    assert "† 1 of these images: the built-in model's networks were trained on them" in text


@pytest.fixture
def services(tmp_path: Path) -> Iterator[tuple[servers.Loopback, servers.Loopback, list[str]]]:
    """A Moondream and a Gemini on this machine, and the options by which they are asked."""
    (tmp_path / "prices.toml").write_text(PRICES)
    with servers.serving(servers.moondream) as moon, servers.serving(servers.gemini) as gem:
        options = []
        for name, server in (("moondream", moon), ("gemini", gem)):
            options += ["--set", f"models.{name}.url={server.url}"]
            options += ["--set", f"models.{name}.prices={tmp_path / 'prices.toml'}"]
            options += ["--set", f"models.{name}.attempts=1"]
        options += ["--set", "models.gemini.model=gemini-2.5-flash"]
        options += ["--set", "models.moondream.model="]
        yield moon, gem, options


def test_services_are_timed_and_priced(
    services: tuple[servers.Loopback, servers.Loopback, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    moon, gem, options = services
    moon.latency = 0.05
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    asked = ["eval", "table", str(data), "-o", str(tmp_path / "out"), *options]
    assert run([*asked, "--models", "moondream,gemini,sam3"]) == 0
    text = capsys.readouterr().out
    assert "| RefCOCO val | mIoU | " in text
    assert "sam3 was not measured on " in text
    written: dict[str, Any] = json.loads((tmp_path / "out" / "table.json").read_text())
    speed = written["speed"]
    questions = 3 * 5 + 7 + 2
    assert speed["moondream"]["questions"] == speed["gemini"]["questions"] == questions
    assert speed["gemini"]["cost"] == pytest.approx(1000 * GEMINI_CALL)
    assert speed["moondream"]["cost"] == pytest.approx(
        1000 * 0.001 * len(moon.requests) / questions
    )
    assert speed["moondream"]["seconds"] > 0.05 > 0 < speed["gemini"]["seconds"]
    assert len(gem.requests) == questions
    assert run([*asked, "--models", "moondream,gemini"]) == 0
    assert len(gem.requests) == questions, "nothing is asked again"


def test_a_table_stops_at_its_budget_and_goes_on_with_more(
    services: tuple[servers.Loopback, servers.Loopback, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, gem, options = services
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    asked = ["eval", "table", str(data), "-o", str(tmp_path / "out"), *options]
    asked += ["--models", "gemini", "--limit", "3"]
    # A call is begun only where its worst case fits, which is far dearer than what it takes.
    assert run([*asked, "--max-cost", "0.03"]) == 3
    shown = capsys.readouterr()
    assert "limit of $0.03" in shown.err or "limit of $" in shown.err
    done = len(gem.requests)
    assert 0 < done < 24
    assert done * GEMINI_CALL <= 0.03
    assert run([*asked, "--max-cost", "0.03"]) == 3
    assert len(gem.requests) <= done + 2, "what was spent before counts"
    capsys.readouterr()
    assert run([*asked, "--max-cost", "5"]) == 0
    written = json.loads((tmp_path / "out" / "table.json").read_text())
    assert all(cell["reason"] is None or "not in" in cell["reason"] for cell in written["cells"])


@pytest.mark.slow
def test_a_table_that_was_killed_goes_on(
    services: tuple[servers.Loopback, servers.Loopback, list[str]], tmp_path: Path
) -> None:
    moon, _, options = services
    moon.latency = 0.3
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    asked = ["eval", "table", str(data), "-o", str(tmp_path / "out"), *options]
    asked += ["--models", "moondream"]
    command = [sys.executable, "-m", "videoseg", *asked]
    process = subprocess.Popen(command, env=os.environ, start_new_session=True)
    kept = tmp_path / "out" / "refcoco-expressions" / "moondream" / "predictions.jsonl"
    deadline = time.monotonic() + 120
    while not (kept.is_file() and kept.read_bytes().count(b'"sample"') >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    moon.latency = 0.0
    before = kept.read_bytes().count(b'"sample"')
    assert before >= 2
    first = kept.read_bytes()
    moon.requests.clear()
    assert run(asked) == 0
    assert kept.read_bytes().startswith(first[: first.rindex(b"\n") + 1])
    whole = tmp_path / "whole"
    asked[asked.index("-o") + 1] = str(whole)
    assert run(asked) == 0
    assert tables_in(tmp_path / "out") == tables_in(whole)


def tables_in(out: Path) -> list[Any]:
    written = json.loads((out / "table.json").read_text())
    return [cell["result"] and cell["result"]["table"] for cell in written["cells"]]


def test_a_dry_run_says_what_it_takes_and_what_is_missing(
    services: tuple[servers.Loopback, servers.Loopback, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moon, gem, options = services
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    (data / "refcocog" / "refs(umd).p").unlink()
    asked = ["eval", "table", str(data), "-o", str(tmp_path / "out"), *options, "--dry-run"]
    assert run([*asked, "--models", "moondream,gemini,agent,embedded"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "RefCOCO val: 3 images, 5 questions a model" in lines
    assert "LVIS val: 3 images, 9 questions a model" in lines
    said = {line.partition(":")[0]: line for line in lines}
    assert "19 questions to ask, about 101 s, about $0.01" in said["moondream"]
    assert said["agent"].startswith("agent: not measured: Gemini needs a key")
    assert "19 questions to ask, time not known" in said["embedded"]
    place = next(n for n, line in enumerate(lines) if line.startswith("RefCOCOg val is missing"))
    assert lines[place + 1].split() == [str(data / "refcocog" / "refs(umd).p"), "expressions"]
    assert not moon.requests
    assert not gem.requests
    assert not (tmp_path / "out").exists()


def test_nothing_to_measure_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["eval", "table", str(tmp_path), "--models", "embedded", "-o", str(tmp_path / "out")]
    assert run(asked) == 1
    error = capsys.readouterr().err
    assert error.startswith("videoseg: nothing could be measured; --dry-run says more")
    assert error.count("\n") == 1
    assert run(["eval", "table", str(tmp_path), "--models", "embeded"]) == 2
    assert "did you mean 'embedded'?" in capsys.readouterr().err


def test_one_run_that_a_limit_ended_goes_on_without_it(
    services: tuple[servers.Loopback, servers.Loopback, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, gem, options = services
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False) / "refcoco"
    asked = ["eval", str(data), "--task", "expressions", "--model", "gemini", *options]
    asked += ["-o", str(tmp_path / "out")]
    # The first photo has two expressions, the second has two as well: the fourth call is refused,
    # and the third, whose photo is not finished, is paid for all the same.
    assert run([*asked, "--set", "models.gemini.max_calls=3"]) == 3
    shown = capsys.readouterr()
    assert "stopped: the limit of 3 calls is reached" in shown.err
    assert "- stopped before the data ended: the limit of 3 calls" in shown.out
    assert "2 questions" in shown.out
    assert run(asked) == 0
    assert len(gem.requests) == 3 + 3
    text = capsys.readouterr().out
    assert f"${1000 * GEMINI_CALL:.2f} per 1,000 questions; ${6 * GEMINI_CALL:.4f} in all" in text
    assert run([*asked, "--set", "models.gemini.max_calls=1", "-o", str(tmp_path / "new")]) == 1
    assert "the limit of 1 calls is reached" in capsys.readouterr().err


def test_a_model_that_is_not_ready_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOONDREAM_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(readiness, "is_present", lambda card, _: card.name == "embedded")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    lacks = {
        name: entrant(load(flags={"model": name})).lacks
        for name in ("moondream", "gemini", "agent", "sam3", "embedded")
    }
    assert "MOONDREAM_API_KEY" in str(lacks["moondream"])
    assert "GEMINI_API_KEY" in str(lacks["gemini"])
    assert "GEMINI_API_KEY" in str(lacks["agent"])
    assert "hf download facebook/sam3 --revision " in str(lacks["sam3"])
    assert lacks["embedded"] is None
    monkeypatch.setenv("GEMINI_API_KEY", "any")
    directed = entrant(load(flags={"model": "agent"})).lacks
    assert directed == lacks["sam3"], "an agent needs the model that it directs"
    local = load(flags={"model": "moondream"}, assignments=["models.moondream.url=photon"])
    assert entrant(local).lacks is None, "no key for what runs on this machine"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "is not installed: pip install 'videoseg[models]'" in str(
        entrant(load(flags={"model": "sam3"})).lacks
    )


def test_a_service_may_be_asked_several_things_about_an_image_at_once(
    services: tuple[servers.Loopback, servers.Loopback, list[str]], tmp_path: Path
) -> None:
    _, gem, options = services
    gem.latency = 0.1
    data = leaderboard(tmp_path / "data", colour_photos(), parquet=False)
    tables = []
    for at_once in (1, 3):
        out = tmp_path / f"out{at_once}"
        asked = ["eval", "table", str(data), "--models", "gemini", "-o", str(out), *options]
        gem.most_at_once = 0
        assert run([*asked, "--at-once", str(at_once)]) == 0
        assert gem.most_at_once == (1 if at_once == 1 else 3)
        tables.append(tables_in(out))
        cost = json.loads((out / "table.json").read_text())["speed"]["gemini"]["cost"]
        assert cost == pytest.approx(1000 * GEMINI_CALL)
    assert tables[0] == tables[1]
    assert ", 3 questions at once" in (tmp_path / "out3" / "table.md").read_text()
    assert "at once" not in (tmp_path / "out1" / "table.md").read_text()
