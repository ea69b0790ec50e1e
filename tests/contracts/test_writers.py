"""What every writer and every exporter promises, whichever parts there are."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import lerobot_sets, scenes
from videoseg import registry
from videoseg.errors import MissingDependencyError
from videoseg.protocols import Exporter, Writer
from videoseg.types import Prompt, Scene, StreamInfo

WRITERS = registry.names("writers")
EXPORTERS = registry.names("exporters")
FRAMES = (0, 1, 6)
NEEDED = {"exr": ("OpenEXR",), "cryptomatte": ("OpenEXR", "mmh3")}
"""Packages of extras."""


def clip(name: str, count: int) -> tuple[dict[str, StreamInfo], tuple[Prompt, ...], list[Scene]]:
    """A clip with a hostile label; a photograph where a writer takes nothing else."""
    info = replace(scenes.stream(), frame_count=count)
    if name.endswith("-png"):
        info, count = replace(info, still=True), min(count, 1)
    labels = (scenes.HOSTILE, "ring")
    made = scenes.moving(labels=labels)[:count]
    return scenes.streams(info), scenes.prompts(*labels), made


def run_for(name: str, count: int, folder: Path) -> scenes.Run:
    """The clip as a finished run; one of a LeRobot data set for what adds to such."""
    streams, prompts, made = clip(name, count)
    if name == "lerobot":
        top = lerobot_sets.make(folder, lengths=(6,), width=scenes.WIDTH, height=scenes.HEIGHT)
        stream = f"ep000000.{lerobot_sets.TOP}"
        streams = {stream: replace(streams["clip"], stream=stream, location=str(top))}
        made = [replace(scene, stream=stream) for scene in made]
    return scenes.Run(streams, prompts, made)


def make(name: str) -> Writer:
    for package in NEEDED.get(name, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    writer = registry.find("writers", name).make()
    assert isinstance(writer, Writer)
    return writer


def write(
    writer: Writer,
    folder: Path,
    streams: Mapping[str, StreamInfo],
    prompts: Sequence[Prompt],
    made: Sequence[Scene],
) -> None:
    folder.mkdir()
    writer.open(folder, streams, prompts)
    for scene in made:
        writer.write(scene, scenes.frame_of(scene) if writer.needs_image else None)
    writer.close(complete=True)


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def top_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_there_are_writers_and_exporters() -> None:
    assert {"svg", "masks"} <= set(WRITERS)
    assert "animated-svg" in EXPORTERS


@pytest.mark.parametrize("count", FRAMES)
@pytest.mark.parametrize("name", WRITERS)
def test_two_runs_of_a_writer_give_the_same_bytes(tmp_path: Path, name: str, count: int) -> None:
    streams, prompts, made = clip(name, count)
    for run in ("one", "other"):
        write(make(name), tmp_path / run, streams, prompts, made)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_can_be_used_again(tmp_path: Path, name: str) -> None:
    streams, prompts, made = clip(name, 6)
    writer = make(name)
    for run in ("one", "other"):
        write(writer, tmp_path / run, streams, prompts, made)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


@pytest.mark.parametrize("count", FRAMES)
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_makes_what_it_says(tmp_path: Path, name: str, count: int) -> None:
    streams, prompts, made = clip(name, count)
    writer = make(name)
    promised = {Path(produced).parts[0] for produced in writer.produces(streams)}
    write(writer, tmp_path / "out", streams, prompts, made)
    found = top_names(tmp_path / "out")
    assert found <= promised
    if made:
        assert found == promised
        assert all(contents(tmp_path / "out").values())


@pytest.mark.parametrize("count", FRAMES)
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_closes_incomplete_and_twice(tmp_path: Path, name: str, count: int) -> None:
    streams, prompts, made = clip(name, count)
    writer = make(name)
    writer.open(tmp_path, streams, prompts)
    for scene in made:
        writer.write(scene, scenes.frame_of(scene) if writer.needs_image else None)
    writer.close(complete=False)
    writer.close(complete=False)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_was_never_opened_closes(name: str) -> None:
    make(name).close(complete=False)


@pytest.mark.parametrize("name", [*WRITERS, *EXPORTERS])
def test_what_waits_is_not_in_the_systems_folder_for_temporary_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is memory on many machines."""
    run = run_for(name, 6, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    if name in WRITERS:
        write(make(name), tmp_path / "out", run.streams, run.prompts, list(run.scenes()))
        return
    exporter = registry.find("exporters", name).make()
    try:
        exporter.produces(run.streams)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    (tmp_path / "out").mkdir()
    exporter.export(run, tmp_path / "out")


@pytest.mark.parametrize("count", FRAMES)
@pytest.mark.parametrize("name", EXPORTERS)
def test_two_runs_of_an_exporter_give_the_same_bytes(tmp_path: Path, name: str, count: int) -> None:
    run = run_for(name, count, tmp_path)
    exporter = registry.find("exporters", name).make()
    assert isinstance(exporter, Exporter)
    try:
        made = exporter.produces(run.streams)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    for again in ("one", "other"):
        (tmp_path / again).mkdir()
        exporter.export(run, tmp_path / again)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    assert top_names(tmp_path / "one") == {Path(produced).parts[0] for produced in made}
    if count:
        assert all(contents(tmp_path / "one").values())
