"""run.json: complete, plain, the same for the same run, and without secrets."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import scenes
from videoseg.errors import OutputError, SourceError
from videoseg.runlog.fingerprint import FileRecord, installed_versions, plain, record_file
from videoseg.runlog.manifest import Counts, Manifest, StageTime
from videoseg.runlog.plan import Plan
from videoseg.types import Cue, Prompt


class Mode(Enum):
    FAST = "fast"


@dataclass
class Settings:
    precision: int = 2
    rate: Fraction = Fraction(30000, 1001)
    _state: dict[str, int] = field(init=False, repr=False, default_factory=dict)


def plan(**changes: Any) -> Plan:
    made = Plan(
        inputs=[FileRecord("clip.mp4", 12, "ab")],
        streams=[scenes.stream()],
        prompts=[Prompt("cup", "red cup"), Prompt("日本", cues=(Cue(points=((1, 2, True),)),))],
        model="embedded",
        weights=[FileRecord("core.onnx", 3, "cd")],
        settings={"writers": {"svg": Settings()}, "out": Path("out")},
    )
    return replace(made, **changes)


def manifest(made_plan: Plan | None = None, **changes: Any) -> Manifest:
    made = Manifest(
        plan=made_plan if made_plan is not None else plan(),
        stages={"decode": StageTime(0.5, 12), "model": StageTime(2.0, 6)},
        counts=Counts(frames=12, tracks=(1, 0), instances=(11, 0)),
        outputs=["svg", "run.json"],
    )
    return replace(made, **changes)


def test_what_is_written(tmp_path: Path) -> None:
    path = manifest().write(tmp_path)
    assert path == tmp_path / "run.json"
    made = json.loads(path.read_text(encoding="utf-8"))
    assert made["inputs"] == [{"name": "clip.mp4", "size": 12, "sha256": "ab"}]
    assert made["model"] == {
        "name": "embedded",
        "weights": [{"name": "core.onnx", "size": 3, "sha256": "cd"}],
    }
    assert made["streams"][0]["time_base"] == "1/600"
    assert made["prompts"][0]["text"] == "red cup"
    assert made["settings"] == {
        "writers": {"svg": {"precision": 2, "rate": "30000/1001"}},
        "out": "out",
    }
    assert made["stages"]["model"] == {"seconds": 2.0, "frames": 6}
    assert made["counts"]["instances"] == [
        {"label": "cup", "count": 11, "tracks": 1},
        {"label": "日本", "count": 0, "tracks": 0},
    ]
    assert made["counts"]["not_found"] == ["日本"]
    assert made["outputs"] == ["svg", "run.json"]
    assert made["versions"]["videoseg"] == "0.1.0"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, two = (manifest().write(tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == two


def test_labels_that_are_no_unicode_can_be_written(tmp_path: Path) -> None:
    prompts = [Prompt(scenes.HOSTILE, "x"), Prompt("\udce9", "y")]
    made = json.loads(manifest(plan(prompts=prompts)).write(tmp_path).read_bytes())
    assert made["prompts"][0]["label"] == scenes.HOSTILE
    assert made["prompts"][1]["label"] == "\udce9"


def test_one_count_for_each_prompt() -> None:
    with pytest.raises(ValueError, match="got 1 for 2"):
        manifest(counts=Counts(1, (1,), (1,)))


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^cannot write .*run\.json: No such file"):
        manifest().write(tmp_path / "missing")


def test_nothing_of_the_environment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_API_KEY", "secret-5f3a")
    text = manifest().write(tmp_path).read_text(encoding="utf-8")
    assert "secret-5f3a" not in text
    assert str(Path.home()) not in text


def test_files_are_known_by_their_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert record_file(path) == FileRecord("clip.mp4", len(content), digest)
    assert record_file(path, "in/clip.mp4").name == "in/clip.mp4"


def test_folders_are_known_by_their_files(tmp_path: Path) -> None:
    for name, content in (("b.png", b"2"), ("a.png", b"1")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "inside").mkdir()
    first = record_file(tmp_path, "shots")
    lines = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in (("a.png", b"1"), ("b.png", b"2"))
    )
    assert first == FileRecord("shots", 2, hashlib.sha256(lines.encode()).hexdigest())
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    assert record_file(tmp_path, "shots").sha256 != first.sha256


def test_an_address_has_no_digest() -> None:
    assert record_file(Path("rtsp:/camera/1")) == FileRecord("1", None, None)


def test_a_file_that_cannot_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"^cannot read .*clip\.mp4: Permission denied$"):
        record_file(path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Settings(), {"precision": 2, "rate": "30000/1001"}),
        ((1, "a", None, True, 0.5), [1, "a", None, True, 0.5]),
        ({"b": {3, 1}, 2: frozenset({"x"})}, {"b": [1, 3], "2": ["x"]}),
        (np.array([[1.5, 2]]), [[1.5, 2.0]]),
        (np.float32(0.25), 0.25),
        (Mode.FAST, "fast"),
        (Path("a/b"), "a/b"),
    ],
)
def test_settings_become_plain_values(value: Any, expected: Any) -> None:
    assert plain(value) == expected
    json.dumps(plain(value))


def test_a_setting_without_a_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="of type object has no plain form"):
        plain({"a": [object()]})


def test_versions_are_read_without_importing() -> None:
    code = (
        "import sys; from videoseg.runlog.fingerprint import installed_versions as v; "
        "assert {'python', 'videoseg', 'numpy', 'av', 'onnxruntime'} <= set(v()); "
        "print(sorted({'torch', 'av', 'cv2', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert installed_versions()["numpy"] == np.__version__
