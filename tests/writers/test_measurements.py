"""Measures against shapes whose size, place and speed are known by formula, and the tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import memory, scenes
from tests.support.media import clip
from videoseg.cli._app import run
from videoseg.cli.options.scale import scale_setting
from videoseg.errors import UsageError
from videoseg.types import Bezier, Part, Polygon, Recorded, Ring, Scene, Shape, StreamInfo
from videoseg.writers.measurements import Measurements
from videoseg.writers.measurements.geometry import Measure, measured


def test_a_source_with_a_timecode_has_a_column_for_it(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    cases: tuple[tuple[str | None, list[str | None]], ...] = (
        ("01:00:59;28", ["01:00:59;29", "01:01:00;02"]),
        (None, [None, None]),
    )
    for timecode, column in cases:
        info = replace(scenes.stream(), frame_rate=rate, timecode=timecode)
        writer = Measurements()
        writer.open(tmp_path, {info.stream: info}, ())
        for index in (1, 2):
            found = scenes.tracked(scenes.rectangle(20, 25, 60, 55))
            writer.write(scenes.scene(found, index=index, pts=20 * index), None)
        writer.close(complete=True)
        with (tmp_path / "measurements.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[-1] == ("timecode" if timecode else "source")
        assert [row.get("timecode") for row in rows] == column


def test_a_log_has_columns_to_join_with_its_other_topics(tmp_path: Path) -> None:
    writer, info = Measurements(), replace(scenes.stream(), time_base=Fraction(1, 10**9))
    writer.open(tmp_path, {info.stream: info}, ())
    stamps = (1_772_000_000_000_000_001, 1_772_000_000_050_000_002)
    for index, stamp in enumerate(stamps):
        found = scenes.tracked(scenes.rectangle(20, 25, 60, 55))
        said = Recorded("/cam", "=lens", stamp, stamp + 5, stamp + 3)
        made = replace(scenes.scene(found, index=index, pts=stamp), recorded=said)
        writer.write(made, None)
    writer.close(complete=True)
    with (tmp_path / "measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-4:] == ["source", "stamp", "topic", "frame_id"]
    assert [int(row["stamp"]) for row in rows] == list(stamps)
    assert {(row["topic"], row["frame_id"]) for row in rows} == {("/cam", "'=lens")}
    with (tmp_path / "tracks.csv").open(newline="") as file:
        (track,) = csv.DictReader(file)
    assert list(track)[-4:] == ["first_stamp", "last_stamp", "topic", "frame_id"]
    assert (int(track["first_stamp"]), int(track["last_stamp"])) == stamps
    assert (track["topic"], track["frame_id"]) == ("/cam", "'=lens")


def test_a_run_without_frames_has_headings(tmp_path: Path) -> None:
    writer, info = Measurements(), scenes.stream()
    writer.open(tmp_path, {info.stream: info}, ())
    writer.close(complete=True)
    (heading,) = (tmp_path / "measurements.csv").read_text().splitlines()
    assert heading.endswith(",in_view_s,source")


def polygon(*points: Sequence[float]) -> Polygon:
    return Polygon(np.array(points, np.float32))


def rectangle(
    x: float, y: float, length: float, width: float, degrees: float = 0, aspect: float = 1
) -> Polygon:
    """About (x, y), turned clockwise on a screen whose pixels are ``aspect`` times as wide."""
    turn = np.radians(degrees)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    corners = [a * along * length / 2 + b * across * width / 2
               for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]  # fmt: skip
    return polygon(*((x + u / aspect, y + v) for u, v in corners))


def circle(x: float, y: float, radius: float) -> Bezier:
    """Four cubic curves; none leaves the circle by more than 3 in 10,000 of its radius."""
    k = 0.5522847498
    quarter = np.array([(1, k), (k, 1), (0, 1)])
    turns = [np.array([(0, -1), (1, 0)]), np.array([(-1, 0), (0, -1)]), np.array([(0, 1), (-1, 0)])]
    segments = [quarter] + [quarter @ turn.T for turn in turns]
    return Bezier((np.array(segments) * radius + (x, y)).astype(np.float32))


def measure(outer: Ring, *holes: Ring, aspect: float = 1) -> Measure:
    found = measured(Shape((Part(outer, holes),)), aspect)
    assert found is not None
    return found


@given(
    st.floats(-100, 2000), st.floats(-100, 2000), st.floats(5, 900), st.floats(0.1, 1),
    st.floats(0, 179), st.sampled_from([1, 4 / 3, 0.5]), st.booleans(),
)  # fmt: skip
def test_a_turned_rectangle(
    x: float, y: float, length: float, ratio: float, degrees: float, aspect: float, backwards: bool
) -> None:
    width = length * ratio
    ring = rectangle(x, y, length, width, degrees, aspect)
    if backwards:
        ring = Polygon(ring.points[::-1].copy())
    found = measure(ring, aspect=aspect)
    assert found.area == pytest.approx(length * width, rel=1e-3)
    assert found.perimeter == pytest.approx(2 * (length + width), rel=1e-3)
    assert found.centroid == pytest.approx((x, y), abs=1e-2)
    # A rectangle's second moment along a side is its length squared over 12, an ellipse's over 16.
    assert found.major_axis == pytest.approx(length * 2 / math.sqrt(3), rel=1e-3)
    assert found.minor_axis == pytest.approx(width * 2 / math.sqrt(3), rel=1e-3)
    if ratio < 0.9:
        assert abs((found.orientation - degrees + 90) % 180 - 90) < 0.1
    assert found.box == pytest.approx((*ring.points.min(axis=0), *ring.points.max(axis=0)))
    assert found.diameter == pytest.approx(math.sqrt(4 * length * width / math.pi), rel=1e-3)


def test_a_disc_of_curves_and_a_ring() -> None:
    disc = measure(circle(300, 200, 50))
    assert disc.area == pytest.approx(math.pi * 2500, rel=1e-3)
    assert disc.perimeter == pytest.approx(2 * math.pi * 50, rel=1e-3)
    assert (disc.diameter, disc.major_axis, disc.minor_axis) == pytest.approx([100] * 3, rel=1e-3)
    assert disc.centroid == pytest.approx((300, 200), abs=1e-3)
    ring = measure(circle(300, 200, 50), circle(320, 200, 20))
    assert ring.area == pytest.approx(math.pi * 2100, rel=1e-3)
    assert ring.perimeter == pytest.approx(2 * math.pi * 70, rel=1e-3)
    assert ring.centroid[0] == pytest.approx(300 - 20 * 400 / 2100, abs=1e-2)


def test_two_parts_are_one_object() -> None:
    parts = (Part(rectangle(10, 10, 4, 4)), Part(rectangle(30, 10, 4, 4)))
    found = measured(Shape(parts))
    assert found is not None
    assert (found.area, found.perimeter) == pytest.approx((32, 32))
    assert found.centroid == pytest.approx((20, 10))
    assert measured(Shape(())) is None
    assert measured(Shape((Part(polygon((1, 1), (5, 5), (3, 3))),))) is None


@pytest.mark.parametrize("radius", [12, 20, 28])
def test_what_was_traced_from_pixels_is_within_two_percent(radius: int) -> None:
    found = measured(scenes.tracked(scenes.disc(48, 31.3, radius)).shape)
    assert found is not None
    assert found.area == pytest.approx(math.pi * radius**2, rel=0.02)
    assert found.perimeter == pytest.approx(2 * math.pi * radius, rel=0.02)
    assert found.centroid == pytest.approx((48, 31.3), abs=0.12)


def written(
    folder: Path,
    made: Sequence[Scene],
    info: StreamInfo | None = None,
    **settings: Any,
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The rows of both tables."""
    writer = Measurements(**settings)
    writer.open(folder, scenes.streams(*([info] if info else [])), scenes.prompts())
    for scene in made:
        writer.write(scene, None)
    writer.close(complete=True)
    tables = (folder / "measurements.csv", folder / "tracks.csv")
    first, second = (
        list(csv.DictReader(io.StringIO(table.read_bytes().decode(), newline=""), strict=True))
        for table in tables
    )
    return first, second


def box(x: float, y: float, **named: Any) -> Any:
    """A 12 x 8 rectangle about (x, y) on a track."""
    tracked = scenes.tracked(scenes.rectangle(0, 0, 1, 1), **named)
    return replace(tracked, shape=Shape((Part(rectangle(x, y, 12, 8)),)))


PTS = (0, 24, 30, 90, 91, 200)
"""Uneven times in 600ths of a second."""


def test_speed_and_time_in_view_follow_true_times(tmp_path: Path) -> None:
    info = replace(scenes.stream(), sample_aspect_ratio=Fraction(2))
    made = [
        scenes.scene(box(20 + 6 * pts / 600, 10 + 5 * pts / 600), index=n, pts=pts, duration=30)
        for n, pts in enumerate(PTS)
    ]
    made[4] = replace(made[4], instances=())
    rows, (track,) = written(tmp_path, made, info)
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3", "5"]
    assert [row["pts"] for row in rows] == ["0", "24", "30", "90", "200"]
    assert rows[2]["seconds"] == "0.050000"
    assert rows[0]["speed_px_per_s"] == ""
    for row in rows[1:]:  # 12 across, as pixels are twice as wide as high, and 5 down
        assert float(row["speed_px_per_s"]) == pytest.approx(13, rel=1e-3)
    seen = [0, 24, 30, 90, 91]  # frame 4 does not count
    assert [float(row["in_view_s"]) for row in rows] == pytest.approx(
        [s / 600 for s in seen], abs=1e-6
    )
    assert float(track["in_view_s"]) == pytest.approx((91 + 30) / 600, abs=1e-6)
    assert (track["frames"], track["first_frame"], track["last_frame"]) == ("5", "0", "5")
    assert float(track["last_s"]) == pytest.approx(1 / 3, abs=1e-6)
    assert float(track["path_length_px"]) == pytest.approx(13 / 3, rel=1e-3)
    assert float(track["mean_area_px2"]) == pytest.approx(12 * 2 * 8)
    assert float(rows[0]["centroid_x_px"]) == 20


def test_nothing_moves_over_a_cut(tmp_path: Path) -> None:
    made = [scenes.scene(box(20 + 10 * n, 30), index=n) for n in range(4)]
    made[2:] = [replace(scene, shot=1) for scene in made[2:]]
    rows, (track,) = written(tmp_path, made)
    assert [row["speed_px_per_s"] for row in rows] == ["", "250.000", "", "250.000"]
    assert track["path_length_px"] == "20.000"


def test_millimetres(tmp_path: Path) -> None:
    made = [scenes.scene(box(20 + 10 * n, 30), index=n) for n in range(2)]
    rows, (track,) = written(tmp_path, made, millimetres_per_pixel=0.25)
    row = rows[1]
    assert (row["area_px2"], row["area_mm2"]) == ("96.000", "6.000000")
    assert (row["perimeter_px"], row["perimeter_mm"]) == ("40.000", "10.000000")
    assert (row["speed_px_per_s"], row["speed_mm_per_s"]) == ("250.000", "62.500000")
    assert row["major_axis_mm"] == f"{12 * 2 / math.sqrt(3) / 4:.6f}"
    assert (track["max_area_px2"], track["max_area_mm2"]) == ("96.000", "6.000000")
    assert (track["path_length_px"], track["path_length_mm"]) == ("10.000", "2.500000")
    (tmp_path / "plain").mkdir()
    plain, _ = written(tmp_path / "plain", made)
    assert not any("mm" in name for name in plain[0])


def test_a_track_that_returns_goes_on(tmp_path: Path) -> None:
    seen = {2: (0, 1, 6, 7), 1: (2, 3), 7: (4,)}
    made = [
        scenes.scene(
            *(
                box(20 + 2 * n, 30, track_id=track_id, label=f"disc {track_id}")
                for track_id, frames in seen.items()
                if n in frames
            ),
            index=n,
        )
        for n in range(8)
    ]
    rows, found = written(tmp_path, made)
    assert [(row["track_id"], row["label"]) for row in found] == [
        ("1", "disc 1"), ("2", "disc 2"), ("7", "disc 7"),
    ]  # fmt: skip
    returned = found[1]
    assert (returned["frames"], returned["first_frame"], returned["last_frame"]) == ("4", "0", "7")
    assert (returned["in_view_s"], returned["path_length_px"]) == ("0.160000", "14.000")
    again = next(row for row in rows if row["frame"] == "6")
    assert (again["in_view_s"], again["speed_px_per_s"]) == ("0.080000", "50.000")


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    def run(frames: int) -> None:
        writer = Measurements()
        writer.open(tmp_path, scenes.streams(), scenes.prompts())
        for scene in memory.passing(frames):
            writer.write(scene, None)
        writer.close(complete=True)

    run(20)  # what is made once and kept
    short, long = (memory.peak(run, frames) for frames in (100, 1000))
    assert len((tmp_path / "tracks.csv").read_text().splitlines()) == 1 + 1000 // memory.SPAN
    assert long < short + 100_000  # Python keeps up to 2000 tuples of a size for later use


LABELS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'quoted", '"=1"', "a,b\nc", "ä"]


@pytest.mark.parametrize("label", [*LABELS, scenes.HOSTILE])
def test_labels_run_nowhere_and_lose_nothing(tmp_path: Path, label: str) -> None:
    rows, (track,) = written(tmp_path, [scenes.scene(box(20, 20, label=label))])
    for cell in (rows[0]["label"], track["label"]):
        assert cell[0] not in "=+-@\t\r＝"
        assert cell.removeprefix("'") == label
    assert (cell != label) == (label[0] in "=+-@\t\r＝'")
    assert (tmp_path / "tracks.csv").read_bytes().endswith(b"\r\n")


def test_an_outline_without_area_keeps_its_row(tmp_path: Path) -> None:
    empty = replace(box(1, 1), shape=Shape(()))
    made = [scenes.scene(each, index=n) for n, each in enumerate((box(20, 9), empty, box(30, 9)))]
    rows, (track,) = written(tmp_path, made, millimetres_per_pixel=1)
    assert [row["area_px2"] for row in rows] == ["96.000", "", "96.000"]
    assert [row["in_view_s"] for row in rows] == ["0.000000", "0.040000", "0.080000"]
    assert [row["speed_mm_per_s"] for row in rows] == ["", "", ""]
    assert track["frames"] == "3"


@pytest.mark.parametrize(
    ("text", "millimetres"), [("0.25mm", 0.25), ("25 µm", 0.025), ("1.5cm", 15), ("2e-3m", 2)]
)
def test_scales(text: str, millimetres: float) -> None:
    setting, _, value = scale_setting(text).partition("=")
    assert setting == "writers.measurements.millimetres_per_pixel"
    assert float(value) == pytest.approx(millimetres)


@pytest.mark.parametrize("text", ["0.25", "0mm", "-1mm", "mm", "nanmm", "1px", "1e999mm", ""])
def test_scales_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="length of a pixel"):
        scale_setting(text)


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    film = str(clip(frames=6, width=160, height=96))
    command = ["segment", film, "--box", "4,32,36,64", "--scale", "0.5mm"]
    assert run([*command, "--write", "svg"]) == 2
    assert "--scale is used by measurements" in capfd.readouterr().err
    assert run([*command, "--write", "measurements", "-o", "out"]) == 0
    with (tmp_path / "out/measurements.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    # The square is 32 pixels wide and moves by 2 pixels in each 25th of a second.
    assert len(rows) == 6
    assert float(rows[0]["area_mm2"]) == pytest.approx(32 * 32 / 4, rel=0.1)
    assert float(rows[-1]["speed_px_per_s"]) == pytest.approx(50, rel=0.25)
