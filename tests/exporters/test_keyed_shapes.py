"""What all exporters of keyed shapes promise."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support import memory, roto_runs, scenes
from videoseg import registry
from videoseg.errors import OutputError
from videoseg.exporters._keyed_shapes import KeyedShapes, NumberedShapes
from videoseg.exporters.nuke import Nuke
from videoseg.formats.frame_numbers import timelines
from videoseg.roto.numbered import numbered
from videoseg.types import RotoLayer

NAMES = [
    name
    for name in registry.names("exporters")
    if isinstance(registry.find("exporters", name).make(), KeyedShapes)
]


def make(name: str, **settings: Any) -> KeyedShapes:
    made = registry.find("exporters", name).make(**settings)
    assert isinstance(made, KeyedShapes)
    return made


def test_there_are_formats_for_seven_programs() -> None:
    assert len(NAMES) == 7


@pytest.mark.parametrize("name", NAMES)
def test_several_streams_get_a_file_each(name: str, tmp_path: Path) -> None:
    layers = tuple(roto_runs.nested(stream) for stream in ("b", "left/right"))
    infos = [roto_runs.stream(each) for each in ("left/right", "empty", "b")]
    frames = [roto_runs.at(n, stream=info.stream) for n in range(20) for info in infos]
    run = roto_runs.RotoRun(scenes.streams(*infos), (), frames, given=layers)
    exporter = make(name)
    exporter.export(run, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(exporter.produces(run.streams))
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    having = [each for each, text in texts.items() if "nested_7" in text]
    assert [each.startswith(("shapes-b.", "shapes-left_right.")) for each in having] == [True] * 2


@pytest.mark.parametrize("name", NAMES)
def test_files_are_the_same_each_time(name: str, tmp_path: Path) -> None:
    run = roto_runs.placed()
    assert roto_runs.written(make(name), run, tmp_path) == roto_runs.written(
        make(name), run, tmp_path
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_five_hundred_objects_one_at_a_time(name: str, tmp_path: Path) -> None:
    """Memory is that of the layers themselves and of one as it is written."""
    shapes = (roto_runs.shape({n: roto_runs.box(9, 9, 50 + n, 50) for n in (0, 9, 19)}),)
    layers = tuple(RotoLayer("clip", 1 + n, f"object {n}", shapes) for n in range(500))
    frames = [roto_runs.at(n) for n in range(20)]
    run = roto_runs.RotoRun(scenes.streams(roto_runs.stream()), (), frames, given=layers)
    make(name).export(roto_runs.placed(), tmp_path)  # what is imported late is, before it counts
    most = memory.peak(lambda _: make(name).export(run, tmp_path), 0)
    assert most < 500_000
    text = next(tmp_path.iterdir()).read_text(encoding="utf-8")
    assert all(f"object_{n}_{n + 1}" in text for n in (0, 499))


@pytest.mark.parametrize("name", NAMES)
def test_a_label_that_is_asked_for_and_never_seen(name: str, tmp_path: Path) -> None:
    empty = scenes.Run(
        scenes.streams(), scenes.prompts("unicorn"), [scenes.scene(index=n) for n in range(3)]
    )
    assert "unicorn" not in roto_runs.written(make(name), empty, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_uneven_times_are_said_once(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = scenes.Run(scenes.streams(), scenes.prompts(), scenes.moving())
    with caplog.at_level(logging.WARNING):
        make(name).export(run, tmp_path)
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith("clip: frames come at uneven times")


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_written_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        make(name).export(roto_runs.placed(), tmp_path / "missing")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lottie"])
def test_numbers_of_the_source_are_kept_on_request(name: str, tmp_path: Path) -> None:
    run = roto_runs.placed()
    info = roto_runs.stream(start_number=86_400)
    numbers = replace(run, streams=scenes.streams(info))
    assert isinstance(make(name), NumberedShapes)
    text = roto_runs.written(make(name, numbering="source"), numbers, tmp_path)
    assert "86400" in text or "86402" in text


def test_uneven_frames_stay_until_the_next_comes() -> None:
    """Frames at 0, 1, 3 and 3.4 of a constant rate: a shape of the first two."""
    base = roto_runs.NTSC
    times = (0, 10, 30, 34)
    info = replace(roto_runs.stream(), time_base=1 / (10 * base))
    made = [
        replace(roto_runs.at(n), pts=pts, time_base=1 / (10 * base)) for n, pts in enumerate(times)
    ]
    timeline = timelines(made, {"clip": info}, "shot", 1001)["clip"]
    box = roto_runs.box(10, 10, 50, 50)
    shapes = tuple(
        roto_runs.shape({first: box, last: box}, part=part)
        for part, (first, last) in enumerate([(0, 1), (2, 2), (2, 3)])
    )
    (group,) = numbered(RotoLayer("clip", 7, "x", shapes), timeline).groups
    assert [(each.on, each.off) for each in group] == [(1001, 1004), (1004, 1005), (1004, 1005)]
    assert [list(each.keys) for each in group] == [[1001, 1002], [1004], [1004]]
    assert group[0].presence(1001) == [(1001, True), (1003, True), (1004, False)]


def test_rate_and_start_say_where_each_key_is(tmp_path: Path) -> None:
    """23.976 frames a second in a container that counts milliseconds."""
    milliseconds = Fraction(1, 1000)
    info = replace(roto_runs.stream(), time_base=milliseconds)
    made = [
        replace(
            roto_runs.at(n), pts=round(n / roto_runs.NTSC / milliseconds), time_base=milliseconds
        )
        for n in range(20)
    ]
    run = roto_runs.RotoRun(scenes.streams(info), (), made, given=(roto_runs.nested(),))
    text = roto_runs.written(Nuke(), run, tmp_path)
    keys = [int(number) for number in re.findall(r'^ +\((\d+), "', text, re.MULTILINE)]
    assert keys == [1001, 1020, 1006, 1010, 1004, 1020, 1001, 1020]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(16, 15)])
def test_frames_that_the_run_does_not_have(name: str, aspect: Fraction, tmp_path: Path) -> None:
    """As where a source yields every second frame, or a replay has dropped some."""
    whole = roto_runs.placed(aspect)
    kept = [scene for scene in whole.made if scene.index % 2 == 0]
    run = roto_runs.RotoRun(whole.streams, (), kept, given=tuple(whole.layers())[:1])
    assert "turning" in roto_runs.written(make(name), run, tmp_path)
