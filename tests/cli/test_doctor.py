"""What ``videoseg doctor`` says about a machine, sound or broken, and its exit codes."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import sys
import tempfile
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.support.fakes import Colours
from videoseg import __version__, registry
from videoseg.cli import _checks
from videoseg.cli._app import run
from videoseg.cli._checks import CHECKS, Finding, look


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions of packages that are not what is really installed."""
    told: dict[str, str | None] = {}
    real = importlib.metadata.version

    def version(name: str) -> str:
        found = told.get(name, "real")
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name) if found == "real" else found

    monkeypatch.setattr(importlib.metadata, "version", version)
    return told


@pytest.fixture
def wants(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Requirement]]:
    """What the package is said to depend on."""
    told: dict[str, list[Requirement]] = {}
    monkeypatch.setattr(_checks, "_requirements", lambda: told)
    return told


def test_this_machine_can_do_the_main_job(
    installed: dict[str, str | None], capfd: pytest.CaptureFixture[str]
) -> None:
    installed["torch"] = None
    assert run(["doctor", "--json"]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    made = json.loads(said.out)
    assert made["able"] is True
    assert list(made["checks"]) == list(CHECKS)
    found = {each["subject"]: each for group in made["checks"].values() for each in group}
    assert found["videoseg"]["detail"] == __version__
    for subject in ("numpy", "av", "h264", "libx264", "libvpx-vp9", "embedded", "CPU"):
        assert found[subject]["state"] == "ok", found[subject]
    assert "CPUExecutionProvider" in found["ONNX Runtime"]["detail"]
    assert found["models"]["state"] == "missing"
    assert found["models"]["advice"] == "pip install 'videoseg[models]'"
    assert "dev" not in found


def test_lines_for_people(
    installed: dict[str, str | None], capfd: pytest.CaptureFixture[str]
) -> None:
    installed["torch"] = None
    assert run(["doctor"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert "codecs" in lines
    assert any(line.split() == ["ok", "libx264", "writes", "overlays"] for line in lines)
    assert "          pip install 'videoseg[models]'" in lines


def test_a_codec_that_is_needed_ends_with_4(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    none: Any = (("no-such", "r", True, "reads"), ("nor-this", "w", False, "writes"))
    monkeypatch.setattr(_checks, "CODECS", none)
    states = [(each.subject, each.state, each.needed) for each in look(_checks.codecs)[1:]]
    assert states == [("no-such", "missing", True), ("nor-this", "missing", False)]
    monkeypatch.setattr("videoseg.cli._checks.CHECKS", {"codecs": _checks.codecs})
    assert run(["doctor"]) == 4
    assert capfd.readouterr().err == "videoseg: `videoseg segment` cannot run without no-such\n"


@pytest.mark.parametrize(
    ("wanted", "state", "needed", "says"),
    [
        ("numpy>=1", "ok", False, "."),
        ("numpy>=1000", "warn", False, "does not fit >=1000"),
        ("videoseg-no-such>=1", "missing", True, "not installed"),
        ("hatchling-broken", "missing", True, "cannot be imported: No module named"),
    ],
)
def test_packages(
    wanted: str,
    state: str,
    needed: bool,
    says: str,
    wants: dict[str, list[Requirement]],
    installed: dict[str, str | None],
) -> None:
    installed["hatchling-broken"] = "1.0"
    wants[""] = [Requirement(wanted)]
    (found,) = look(_checks.packages)
    assert (found.state, found.needed) == (state, needed)
    assert says in found.detail
    assert found.advice.startswith("pip install") is (state != "ok")


def test_extras_are_read_from_the_package_itself() -> None:
    wanted = _checks._requirements()
    assert {"numpy", "av"} <= {each.name for each in wanted[""]}
    assert [each.name for each in wanted["models"]] == ["torch", "transformers"]


def test_two_opencvs(installed: dict[str, str | None]) -> None:
    installed["torchvision"] = None
    assert look(_checks.conflicts) == ()
    installed["opencv-python"] = "4.9"
    (found,) = look(_checks.conflicts)
    assert found.state == "warn"
    assert "opencv-python, opencv-python-headless" in found.detail
    assert found.advice.startswith("pip uninstall opencv-python && pip install")


def test_a_broken_torchvision(
    installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed["torchvision"] = "0.1"
    monkeypatch.setitem(sys.modules, "torchvision", None)
    (found,) = look(_checks.conflicts)
    assert (found.subject, found.state) == ("torchvision", "warn")
    assert found.advice == "pip uninstall torchvision"


def test_gpus_and_their_memory(
    installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed["torch"] = "2.9"
    cuda = SimpleNamespace(
        device_count=lambda: 1,
        get_device_name=lambda _: "H100",
        mem_get_info=lambda _: (3 << 30, 80 << 30),
    )
    mps = SimpleNamespace(is_available=lambda: False)
    torch = SimpleNamespace(cuda=cuda, backends=SimpleNamespace(mps=mps), __version__="2.9")
    monkeypatch.setitem(sys.modules, "torch", torch)
    found = {each.subject: each.detail for each in look(_checks.devices)}
    assert found["cuda:0"] == "H100, 3.0 of 80.0 GiB free"
    assert "PyTorch" not in found
    cuda.device_count = lambda: 0
    found = {each.subject: each.detail for each in look(_checks.devices)}
    assert "no GPU" in found["PyTorch"]


def test_weights_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_built_in", lambda _: {"colours": Colours})
    monkeypatch.setattr(registry, "_outside", lambda _: {})
    card: Any = SimpleNamespace(weights=("none.onnx",), extra=None, megabytes=3)
    monkeypatch.setattr(registry, "card", lambda _: card)
    (found,) = look(_checks.models)
    assert (found.state, found.needed, found.detail) == ("missing", True, "without none.onnx")
    card.extra = "models"
    (found,) = look(_checks.models)
    assert (found.needed, found.advice) == (
        False,
        "pip install --force-reinstall 'videoseg[models]'",
    )


def test_weights_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_built_in", lambda _: {"colours": Colours})
    monkeypatch.setattr(registry, "_outside", lambda _: {})
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    card: Any = SimpleNamespace(
        weights=("maker/net@main",), extra="models", megabytes=3, sends_frames_away=False
    )
    monkeypatch.setattr(registry, "card", lambda _: card)
    (found,) = look(_checks.models)
    assert (found.state, found.needed) == ("missing", False)
    assert found.advice == "3 MB, fetched from the hub when first used"
    kept = tmp_path / "hub" / "models--maker--net"
    (kept / "snapshots" / "c0ffee").mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("c0ffee")
    assert [each.state for each in look(_checks.models)] == ["ok"]
    card.weights = ("maker/net@c0ffee",)
    assert [each.state for each in look(_checks.models)] == ["ok"]
    card.weights = ("maker/net@beef",)
    assert [each.state for each in look(_checks.models)] == ["missing"]


def test_space(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 0, 1 << 40))
    assert [each.state for each in look(_checks.space)] == ["ok", "ok"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 40, 0, 1 << 20))
    assert [each.state for each in look(_checks.space)] == ["warn", "warn"]

    def full(**_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", full)
    _, temporary = look(_checks.space)
    assert (temporary.state, temporary.needed) == ("missing", True)


def test_a_check_that_breaks_is_a_finding() -> None:
    def broken() -> Any:
        yield Finding("first", "ok", "fine")
        raise RuntimeError("two\nlines")

    first, second = look(broken)
    assert first.subject == "first"
    assert second == Finding("broken", "warn", "cannot be checked: RuntimeError: two lines")
