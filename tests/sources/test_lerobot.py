"""LeRobot data sets: which frame belongs to which row, and what is said about damaged sets."""

from __future__ import annotations

import importlib.util
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support import lerobot_sets, media
from tests.support.lerobot_sets import TOP, WRIST, WRIST_AHEAD
from videoseg import registry
from videoseg.cli._inputs import expand
from videoseg.errors import ConfigError, MissingDependencyError, SourceError
from videoseg.types import Frame

LAYOUTS = ("v3", "v2")
ROWS = "data/chunk-000/file-000.parquet"
FILM = f"videos/{TOP}/chunk-000/file-000.mp4"
CLOCK = 90_000


def source_of(**settings: Any) -> Any:
    return registry.find("sources", "lerobot").make(**settings)


def read(folder: Path, start: int = 0, stop: int | None = None, **settings: Any) -> list[Frame]:
    source = source_of(**settings)
    source.open(str(folder))
    try:
        return list(source.frames(start, stop))
    finally:
        source.close()


def told(frames: list[Frame]) -> list[tuple[str, int, int]]:
    """Stream, number of the row, and the number that is burnt into the picture."""
    return [(frame.stream, frame.index, media.read_index(frame.image)) for frame in frames]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_row_has_its_own_frame(tmp_path: Path, layout: str) -> None:
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=(6, 5, 7), cameras=(TOP, WRIST))
    expected, first = [], 0
    for episode, length in enumerate((6, 5, 7)):
        for camera, ahead in ((TOP, 0), (WRIST, WRIST_AHEAD)):
            name = f"ep{episode:06d}.{camera}"
            expected += [(name, row, first + row + ahead) for row in range(length)]
        first += length
    frames = read(top)
    assert told(frames) == expected
    assert {frame.time_base for frame in frames} == {Fraction(1, CLOCK)}
    assert all(frame.pts == frame.index * CLOCK // 25 for frame in frames)
    assert all(frame.duration == CLOCK // 25 for frame in frames)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("start", [0, 1, 4])
def test_a_later_episode_alone(tmp_path: Path, layout: str, start: int) -> None:
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=(60, 70, 50), cameras=(TOP, WRIST))
    frames = read(top, start, 9, episodes="0,2", cameras="top", every=2)
    expected = [
        (f"ep{episode:06d}.{TOP}", row, first + row)
        for episode, first in ((0, 0), (2, 130))
        for row in range(start, 9, 2)
    ]
    assert told(frames) == expected


def test_frames_are_found_by_their_times_and_not_by_a_rate(tmp_path: Path) -> None:
    uneven = (0, 40, 120, 130, 200, 380, 420, 430, 600, 610, 900)
    film = media.clip(name="uneven.mp4", frames=11, pts=uneven, time_base=Fraction(1, 1000))
    times = [time / 1000 for time in uneven]
    top = lerobot_sets.make(tmp_path, lengths=(6, 5), video=film, times=times)
    source = source_of()
    source.open(str(top))
    frames = list(source.frames())
    assert [media.read_index(frame.image) for frame in frames] == list(range(11))
    expected = [round(90 * (time - uneven[0])) for time in uneven[:6]]
    expected += [round(90 * (time - uneven[6])) for time in uneven[6:]]
    assert [frame.pts for frame in frames] == expected
    assert source.dropped == 0


def test_rows_between_frames_take_the_nearest_and_it_is_said(tmp_path: Path) -> None:
    times = [index / 25 + 0.004 for index in range(11)]
    top = lerobot_sets.make(tmp_path, times=times)
    source = source_of()
    source.open(str(top))
    assert [media.read_index(frame.image) for frame in source.frames()] == list(range(11))
    assert any("11 rows are up to 4.0 ms from the frame" in note for note in source.notes)


def test_rows_past_the_end_of_their_video_are_left_out(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6, 5), video=media.clip(frames=9))
    source = source_of()
    source.open(str(top))
    frames = list(source.frames())
    assert [media.read_index(frame.image) for frame in frames] == list(range(9))
    assert source.dropped == 2
    assert "2 rows were left out: no picture is near their time" in source.notes


def test_times_that_do_not_rise(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6,))
    lerobot_sets.edit_table(top / ROWS, timestamp=[0, 0.04, 0.04, 0.02, 0.16, 0.2])
    source = source_of()
    source.open(str(top))
    assert [frame.index for frame in source.frames()] == [0, 1, 4, 5]
    assert source.dropped == 2
    assert any("2 rows were left out: their timestamps do not rise" in n for n in source.notes)


def test_rows_that_are_missing(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6, 5))
    lerobot_sets.edit_table(top / ROWS, take=[0, 1, 2, 6, 7, 8, 9, 10])
    source = source_of()
    source.open(str(top))
    found = [media.read_index(frame.image) for frame in source.frames()]
    assert found == [0, 1, 2, 6, 7, 8, 9, 10]
    assert source.dropped == 3
    assert any(note.startswith("3 rows that the list") for note in source.notes)


def test_a_rate_that_is_wrong(tmp_path: Path) -> None:
    top = lerobot_sets.change_info(lerobot_sets.make(tmp_path), fps=30)
    source = source_of()
    source.open(str(top))
    frames = list(source.frames())
    assert [media.read_index(frame.image) for frame in frames] == list(range(11))
    assert [frame.pts for frame in frames[:3]] == [0, 3600, 7200]
    assert any("such as 25 a second, not 30" in note for note in source.notes)


def test_pictures_that_are_not_in_their_rows(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6,), cameras=(WRIST,))
    png = lerobot_sets.png_of(media.moving_square(7, 96, 64))
    made = [None, {"bytes": None, "path": "/etc/passwd"}, *[{"bytes": png, "path": ""}] * 4]
    lerobot_sets.edit_table(top / ROWS, **{WRIST: made})
    source = source_of()
    source.open(str(top))
    assert [frame.index for frame in source.frames()] == [2, 3, 4, 5]
    assert source.dropped == 2


def test_a_video_that_is_missing(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, layout="v2", lengths=(6, 5))
    (top / f"videos/chunk-000/{TOP}/episode_000000.mp4").unlink()
    source = source_of()
    assert list(source.open(str(top))) == [f"ep000001.{TOP}"]
    assert source.notes[0].startswith("1 of 2 streams are left out, because their file is missing")
    with pytest.raises(SourceError, match=r"episode_000000\.mp4 is missing"):
        source_of(episodes="0").open(str(top))


def test_a_time_is_looked_up_in_the_rows(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6, 5))
    source = source_of()
    source.open(str(top))
    places = [(Fraction(0), 0), (Fraction(1, 25), 1), (Fraction(1, 20), 2), (Fraction(9), 6)]
    for seconds, index in places:
        assert source.index_at(seconds) == index


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("*", [TOP, WRIST]), ("top", [TOP]), ("observation.images.w*", [WRIST]), (" wrist,t*", None)],
)
def test_cameras_by_name(tmp_path: Path, wanted: str, found: list[str] | None) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6,), cameras=(TOP, WRIST))
    streams = source_of(cameras=wanted).open(str(top))
    assert list(streams) == [f"ep000000.{camera}" for camera in found or [TOP, WRIST]]
    with pytest.raises(SourceError, match=r"no camera 'tap'; did you mean 'top'"):
        source_of(cameras="tap").open(str(top))


@pytest.mark.parametrize("text", ["1-", "a", "3-1", "1,,2", "-1", "1-2-3", "9" * 50])
def test_episodes_that_are_none(tmp_path: Path, text: str) -> None:
    top = lerobot_sets.make(tmp_path)
    with pytest.raises(ConfigError, match=r"sources\.lerobot\.episodes: "):
        source_of(episodes=text).open(str(top))
    with pytest.raises(SourceError, match=r"no episode 2-9999999999; it has 2, numbered 0 to 1"):
        source_of(episodes="0,2-9999999999").open(str(top))


def test_masks_and_depth_are_no_cameras(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    info = json.loads((top / "meta/info.json").read_text())
    for name, mark in (("masks", "videoseg.mask"), ("depth", "is_depth_map")):
        info["features"][f"observation.{name}"] = {
            "dtype": "video",
            "shape": [1, 1, 3],
            "info": {mark: True},
        }
    lerobot_sets.write_json(top / "meta/info.json", info)
    assert list(source_of().open(str(top))) == [f"ep{n:06d}.{TOP}" for n in (0, 1)]


def test_a_data_set_is_one_input_and_found_by_itself(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    (top / "clip.mp4").write_bytes(b"")
    (top / "photo.png").write_bytes(b"")
    assert registry.source_for(str(top)) == "lerobot"
    assert expand([str(top)], "auto").locations == (str(top),)
    assert registry.source_for(str(top / "meta")) == "images"


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"video_path": "../../{video_key}.mp4"}, "does not lead to a file in the data set"),
    ({"video_path": "/etc/{video_key}"}, "does not lead to a file in the data set"),
    ({"video_path": "C:/{video_key}"}, "does not lead to a file in the data set"),
    ({"video_path": "a\\..\\..\\{video_key}"}, "does not lead to a file in the data set"),
    ({"video_path": "{video_key.__class__}"}, "has a field that is not known"),
    ({"video_path": "{chunk_index:999999999d}"}, "has a field that is not known"),
    ({"video_path": "{0}{video_key}"}, "has a field that is not known"),
    ({"video_path": "{video_key:03d}"}, "cannot be filled in"),
    ({"video_path": "{video_key"}, "is no template"),
    ({"video_path": "a\0b"}, "does not lead to a file"),
    ({"video_path": 7}, "video_path must be a path"),
    ({"data_path": "../{file_index}.parquet"}, "does not lead to a file in the data set"),
    ({"data_path": ["a"]}, "data_path must be a path"),
    ({"data_path": None}, "data_path must be a path"),
    ({"fps": 0}, "fps must be a number above 0"),
    ({"fps": -1e308}, "fps must be a number above 0"),
    ({"fps": 10**400}, "fps must be a number above 0"),
    ({"fps": float("inf")}, "fps must be a number above 0"),
    ({"fps": "30"}, "fps must be a number above 0"),
    ({"fps": True}, "fps must be a number above 0"),
    ({"features": []}, "features must be a table of tables"),
    ({"features": {TOP: 1}}, "features must be a table of tables"),
    ({"features": {"": {}}}, "is no name of a feature"),
    ({"features": {"../../x": {"dtype": "video"}}}, "must be a whole number|does not lead"),
    ({"features": {"x" * 2000: {"dtype": "video"}}}, "is no name of a feature"),
    ({"features": {}}, "has no camera"),
    ({"chunks_size": 0}, "chunks_size must be a whole number"),
    ({"chunks_size": 1e3}, "chunks_size must be a whole number"),
    ({"codebase_version": "v1.6"}, "layout 'v1.6' is not read"),
    ({"codebase_version": ["v3.0"]}, "is not read"),
]


@pytest.mark.parametrize(("changes", "message"), HOSTILE)
def test_a_hostile_description_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    top = lerobot_sets.make(tmp_path)
    lerobot_sets.change_info(top, **changes)
    with pytest.raises(SourceError, match=message) as caught:
        source_of().open(str(top))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_features_that_climb_out_in_the_older_layout(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, layout="v2")
    lerobot_sets.change_info(
        top, video_path="{video_key}", features={"../../x": {"dtype": "video"}}
    )
    with pytest.raises(SourceError, match="does not lead to a file in the data set"):
        source_of().open(str(top))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\ud800", '{"codebase_version": {}}', "[" * 100_000]
)
def test_a_description_that_is_none(tmp_path: Path, text: str) -> None:
    top = lerobot_sets.make(tmp_path)
    (top / "meta/info.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    registry.source_for(str(top))
    with pytest.raises(SourceError) as caught:
        source_of().open(str(top))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"episode_index": -1, "length": 5}', "episode_index must be a whole number"),
        ('{"episode_index": 1e400, "length": 5}', "episode_index must be a whole number"),
        ('{"episode_index": 1, "length": 99999999999}', "length must be a whole number"),
        ('{"episode_index": 0, "length": 5}', "lists episode 0 twice"),
        ("[1]", "must be a table"),
        ("{", "line 3: is no JSON"),
    ],
)
def test_a_hostile_list_of_episodes(tmp_path: Path, line: str, message: str) -> None:
    top = lerobot_sets.make(tmp_path, layout="v2")
    with (top / "meta/episodes.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(SourceError, match=message):
        source_of().open(str(top))


@pytest.mark.parametrize("name", [ROWS, "meta/episodes/chunk-000/file-000.parquet"])
@pytest.mark.parametrize("damage", ["short", "other", "gone"])
def test_damaged_tables_are_said_in_one_line(tmp_path: Path, name: str, damage: str) -> None:
    top = lerobot_sets.make(tmp_path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = top / name
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other":
        pq.write_table(pa.table({"a": ["b"]}), path)
    else:
        path.unlink()
    with pytest.raises(SourceError) as caught:
        read(top)
    assert "\n" not in str(caught.value)
    assert str(top) in str(caught.value)


def test_times_that_are_none(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(3,))
    for times in ([0, float("nan"), 1], [0, 1e30, 2e30]):
        lerobot_sets.edit_table(top / ROWS, timestamp=times)
        with pytest.raises(SourceError, match="timestamps that are no times"):
            read(top)


def test_a_damaged_video_names_its_file(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    (top / FILM).write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"file-000\.mp4"):
        read(top)


def test_pyarrow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "dataset"
    (top / "meta").mkdir(parents=True)
    lerobot_sets.write_json(top / "meta/info.json", {"codebase_version": "v3.0"})
    assert registry.source_for(str(top)) == "lerobot"
    find = importlib.util.find_spec
    hidden = lambda name, *a: None if name == "pyarrow" else find(name, *a)  # noqa: E731
    monkeypatch.setattr("videoseg.formats.lerobot.tables.find_spec", hidden)
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[robotics\]'"):
        source_of().open(str(top))
