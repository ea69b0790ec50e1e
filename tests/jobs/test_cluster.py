"""Runs on two Ray nodes of this machine: the bytes of one machine, whatever dies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.kill_resume import contents
from tests.support.media import clip, cut
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from tests.support.small_disk import small_disk
from tests.support.waiting import until
from videoseg import registry
from videoseg.cli._app import run
from videoseg.jobs.ranges import ASKED

pytestmark = pytest.mark.slow
FRAMES = 3 * ASKED + 7
OUTPUTS = ("--write", "svg", "--write", "masks", "--write", "overlay")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes, on which the models of the tests are installed."""
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    plugin = tmp_path_factory.mktemp("plugin")
    install_models(plugin)
    path = os.pathsep.join([str(plugin), str(ROOT), os.environ.get("PYTHONPATH", "")])
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.syspath_prepend(str(plugin))
        registry._outside.cache_clear()
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        cluster.add_node(**node)
        yield cluster
        cluster.shutdown()
    registry._outside.cache_clear()


@pytest.fixture(autouse=True)
def _here(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip(frames=FRAMES), "long.mp4")
    for name in ("a", "b", "bad"):
        shutil.copy(clip(frames=12), f"{name}.mp4")


def segment(nodes: Any, out: str, *words: str, model: str = "colours", quiet: bool = True) -> int:
    where = ("--cluster", nodes.address, "--workers", "2") if nodes else ()
    quietly = ("-q",) if quiet else ()
    return run(["segment", *words, "--model", model, "-o", out, *OUTPUTS, *where, *quietly])


def watched(name: str, **settings: object) -> list[str]:
    given = {"journal": Path(name).absolute(), **settings}
    return [word for k, v in given.items() for word in ("--set", f"models.watched.{k}={v}")]


def asked(name: str) -> Counter[int]:
    return Counter(map(int, Path(name).read_text().split()))


@pytest.mark.parametrize(
    "words",
    [("--text", "red", "--text", "blue"), ("--box", "4,20,40,60"), ("red", "--every", "3")],
)
def test_the_result_is_that_of_one_machine(nodes: Any, words: tuple[str, ...]) -> None:
    inputs = ("long.mp4", "a.mp4", "b.mp4")
    assert segment(None, "here/{stem}", *inputs, *words) == 0
    assert segment(nodes, "there/{stem}", *inputs, *words) == 0
    for stem in ("long", "a", "b"):
        assert contents(Path("there", stem)) == contents(Path("here", stem))


@pytest.mark.parametrize("model", ["embedded", "sam3"])
def test_real_networks_give_the_same(nodes: Any, model: str, tmp_path: Path) -> None:
    """Ten clips, and a long one that is shared out."""
    ten = [f"clip-{number}.mp4" for number in range(10)]
    shutil.copy(ROOT / "sample_media/cat.mp4", "cat.mp4")
    for number, name in enumerate(ten):
        cut(Path("cat.mp4"), Path(name), 4 * number, 4 * number + 4)
    words = ["the cat", "--every", "2"]
    if model == "sam3":
        pytest.importorskip("transformers")
        from tests.support.torch_models import tiny_sam3_checkpoint

        weights = tiny_sam3_checkpoint(tmp_path / "weights")
        words += ["--set", f"models.sam3.weights={weights}", "--set", "models.sam3.least=0"]
    for inputs in (ten, ["cat.mp4", "--end", "40f"]):
        out = "{stem}" if inputs is ten else "cat"
        assert segment(None, f"here/{out}", *inputs, *words, model=model) == 0
        assert segment(nodes, f"there/{out}", *inputs, *words, model=model) == 0
    for name in (*ten, "cat.mp4"):
        stem = Path(name).stem
        assert contents(Path("there", stem)) == contents(Path("here", stem))
    answers = Path("here/cat/run/detections.jsonl").read_text()
    assert '"counts"' in answers, "something was found"


def test_a_worker_that_dies_costs_its_range(nodes: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(None, "here", "long.mp4", "red", *watched("one"), model="watched") == 0
    dying = watched("two", dies_at=20)
    assert segment(nodes, "there", "long.mp4", "red", *dying, model="watched", quiet=False) == 0
    assert "asked again, since a worker failed or died: 1" in capfd.readouterr().err
    assert Path("two.died").exists()
    assert contents(Path("there")) == contents(Path("here"))
    again = {frame for frame, times in asked("two").items() if times > 1}
    assert again <= set(range(ASKED, 20)), "no more than the range that was in flight"
    assert set(asked("two")) == set(range(FRAMES))


def test_a_range_that_fails_thrice_ends_its_input_alone(
    nodes: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert segment(nodes, "out/{stem}", "a.mp4", "bad.mp4", "b.mp4", "red", model="killed") == 3
    assert "bad.mp4: a worker died" in capfd.readouterr().err
    assert sorted(path.parent.name for path in Path("out").glob("*/run.json")) == ["a", "b"]


def test_a_full_disk_ends_its_input_alone(nodes: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with small_disk(Path("out/long").absolute(), "48k"):
        assert segment(nodes, "out/{stem}", "a.mp4", "long.mp4", "b.mp4", "red") == 3
        said = capfd.readouterr().err
        assert said.count("No space left on device") == 1
        assert "long.mp4: cannot write" in said
        assert "Traceback" not in said
        assert [path.name for path in Path("out/long").iterdir()] == [".videoseg-part"]
    assert sorted(path.parent.name for path in Path("out").glob("*/run.json")) == ["a", "b"]


def test_what_would_fail_everywhere_ends_all(nodes: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(nodes, "out/{stem}", "a.mp4", "b.mp4", "purple") == 4
    assert "no colour is called 'purple'" in capfd.readouterr().err


def test_a_killed_driver_is_gone_on_with(nodes: Any) -> None:
    assert segment(None, "here", "long.mp4", "red", *watched("one"), model="watched") == 0
    process, _ = begun(nodes, "there", "two")
    process.kill()
    process.communicate()
    first = asked("two")
    again = (*watched("two", seconds=0.1), "--resume")
    assert segment(nodes, "there", "long.mp4", "red", *again, model="watched") == 0
    assert contents(Path("there")) == contents(Path("here"))
    known = json.loads(Path("there/run.json").read_text())
    assert known["counts"]["frames"] == FRAMES
    twice = sum(times - 1 for times in asked("two").values())
    assert twice <= sum(first.values()) - ASKED, "what was written down is not asked again"


def test_the_state_of_the_cluster_is_shown(nodes: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["cluster", "status", nodes.address, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [node["cpus"] for node in found["nodes"]] == [1.0, 1.0]
    assert found["runs"] == {}
    assert run(["cluster", "status", nodes.address]) == 0
    assert capfd.readouterr().out.startswith("2 machines, 2 CPUs and 0 GPUs free")


def of_run(nodes: Any, title: str) -> list[int]:
    """Processes of the actors with a title, of these nodes alone."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = os.environ["PYTHONPATH"].encode() in (each / "environ").read_bytes()
            if is_ours and (each / "cmdline").read_bytes().startswith(f"ray::{title}".encode()):
                found.append(int(each.name))
    return found


def begun(nodes: Any, out: str, journal: str) -> tuple[subprocess.Popen[str], Path]:
    """A slow run on the nodes that has written some answers down, and where these are."""
    words = ["segment", "long.mp4", "red", "--model", "watched", *watched(journal, seconds=0.1)]
    words += ["-o", out, *OUTPUTS, "-q", "--cluster", nodes.address, "--workers", "2"]
    command = [sys.executable, "-m", "videoseg", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    kept = Path(out, ".videoseg-part/notes/detections.jsonl")
    until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > ASKED, process)
    return process, kept


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_whose_process_dies_goes_on(nodes: Any) -> None:
    assert segment(None, "here", "long.mp4", "red", *watched("one"), model="watched") == 0
    process, _ = begun(nodes, "there", "two")
    (run_process,) = of_run(nodes, "InputRun")
    os.kill(run_process, 9)
    said = process.communicate()[1]
    assert (process.returncode, said) == (0, "")
    assert contents(Path("there")) == contents(Path("here"))


def test_a_node_that_goes_and_one_that_comes(nodes: Any) -> None:
    assert segment(None, "here", "long.mp4", "red", *watched("one"), model="watched") == 0
    process, _ = begun(nodes, "there", "two")
    nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
    nodes.add_node(num_cpus=1, object_store_memory=80 << 20)
    said = process.communicate()[1]
    assert (process.returncode, said) == (0, "")
    assert contents(Path("there")) == contents(Path("here"))
    assert set(asked("two")) == set(range(FRAMES))
