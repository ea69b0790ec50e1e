"""What every output of labels and tables holds, however hard the run is to write down."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest

from tests.support import labels, memory, scenes
from tests.support.labels import export
from videoseg import registry
from videoseg.errors import MissingDependencyError, OutputError
from videoseg.exporters import _needs
from videoseg.formats.label_classes import classes_of, one_line, unlike

NAMES = (
    *("coco", "cvat", "davis", "edl", "jsonl", "label-studio", "labelme", "mcap", "mot", "mots"),
    *("otio", "parquet", "pascal-voc", "rosbag2", "yolo-seg", "youtube-vis"),
)
MASKS = {"shape": "mask"}
RUNS = labels.hard_runs()
run_that = functools.cache(lambda kind: RUNS[kind]())
"""One of them, made once."""


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_all_are_found() -> None:
    assert set(NAMES) <= set(registry.names("exporters"))


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("name", NAMES)
def test_it_writes_what_it_says_and_nothing_else(name: str, kind: str, tmp_path: Path) -> None:
    run = run_that(kind)
    out = export(name, run, tmp_path / "out")
    again = export(name, run, tmp_path / "again")
    assert files(out) == files(again)
    promised = registry.find("exporters", name).make().produces(run.streams)
    assert {path.name for path in out.iterdir()} == set(promised)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "again"}
    assert len({each.lower() for each in files(out)}) == len(files(out))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [*((name, {}) for name in NAMES), ("label-studio", {"task": "video"}), ("cvat", MASKS)],
)
def test_memory_does_not_grow_with_the_length(
    name: str, settings: dict[str, str], tmp_path: Path
) -> None:
    def work(frames: int) -> None:
        run = scenes.Run(scenes.streams(), scenes.prompts(), memory.passing(frames))
        export(name, run, Path(tempfile.mkdtemp(dir=tmp_path)), **settings)

    work(20)  # what is imported and cached stays
    # A track, a file name and a place in a file are some hundred bytes; a mask is several thousand.
    assert memory.peak(work, 700) - memory.peak(work, 100) < 600 * 900


def test_pictures_that_frames_writes_are_copied(tmp_path: Path) -> None:
    run = labels.run_of(labels.mixed())
    (tmp_path / "frames").mkdir()
    for scene in labels.mixed():
        (tmp_path / "frames" / f"{scene.index:06d}.png").write_bytes(b"%d" % scene.index)
    for name, place in {
        "davis": "JPEGImages/Full-Resolution/clip/000002.png",
        "yolo-seg": "images/000002.png",
        "pascal-voc": "JPEGImages/000002.png",
        "mot": "clip/img1/000003.png",
        "mots": "images/000002.png",
        "youtube-vis": "JPEGImages/clip/000002.png",
    }.items():
        export(name, run, tmp_path)
        assert (tmp_path / name / place).read_bytes() == b"2"
    assert "imExt=.png" in (tmp_path / "mot" / "clip" / "seqinfo.ini").read_text()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("mcap", "mcap"),
        ("otio", "opentimelineio"),
        ("parquet", "pyarrow"),
        ("rerun", "rerun"),
        ("rosbag2", "rosbags"),
    ],
)
def test_a_package_that_is_missing_is_missed_before_the_work(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_needs, "find_spec", lambda asked: None if asked == package else asked)
    with pytest.raises(MissingDependencyError, match=f"--write {name} needs {package}: pip"):
        registry.find("exporters", name).make().produces(scenes.streams())


@pytest.mark.slow
def test_mots_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="999 objects of a class"):
        export("mots", labels.run_of([labels.crowd(2001)]), tmp_path)


def test_classes_are_the_labels_each_once() -> None:
    assert classes_of(["b", "a", "b", "c"]) == {"b": 0, "a": 1, "c": 2}
    assert one_line(labels.CLIMBING, ":#") == "../../cat/.. __\\,"
    assert one_line("\n\x00") == "object"
    assert unlike(["a", "b", "a", "a"]) == ["a", "b", "a 2", "a 3"]
