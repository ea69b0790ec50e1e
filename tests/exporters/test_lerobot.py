"""Copies of LeRobot data sets: what is added is exact, and all else is as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import lerobot_sets, media, scenes
from tests.support.lerobot_sets import TOP, WRIST
from videoseg import registry
from videoseg.cli._app import run as main
from videoseg.errors import OutputError, UsageError
from videoseg.exporters.lerobot.mask_video import write_masks
from videoseg.formats.lerobot import TIME_BASE, DataSet
from videoseg.types import Scene, StreamInfo, TrackedInstance

LAYOUTS = ("v3", "v2")
SIZE = {"width": 96, "height": 64}
MASKS, NOTES = "observation.masks.top", "annotation.top"
LABELS = ("square", scenes.HOSTILE)


def run_over(top: Path, *, skip: tuple[int, ...] = (), **settings: Any) -> scenes.Run:
    """A run that has found the orange square, and from the third row of an episode on a corner.

    Args:
        top: The data set.
        skip: Rows that it has not looked at.
        settings: Of the source.
    """
    source = registry.find("sources", "lerobot").make(**settings)
    streams = source.open(str(top))
    firsts = {name: 10 * place for place, name in enumerate(streams)}
    made = []
    for frame in source.frames():
        if frame.index in skip:
            continue
        first = firsts[frame.stream]
        found = [square(media.read_index(frame.image), first + 1)]
        if frame.index > 1:
            found.append(corner(first + 2))
        made.append(
            Scene(
                frame.stream,
                frame.index,
                frame.pts,
                frame.time_base,
                instances=tuple(found),
            )
        )
    source.close()
    return scenes.Run(streams, scenes.prompts(*LABELS), made)


def square(number: int, track_id: int) -> TrackedInstance:
    mask = scenes.rectangle(*media.square_box(number, **SIZE), **SIZE)
    return scenes.tracked(mask, track_id, label=LABELS[0])


def corner(track_id: int) -> TrackedInstance:
    """It covers a part of the square, below it."""
    mask = scenes.rectangle(0, 0, 20, 40, **SIZE)
    return scenes.tracked(mask, track_id, label=LABELS[1], prompt=1, score=0.25)


def export(run: scenes.Run, folder: Path, **settings: Any) -> Path:
    exporter = registry.find("exporters", "lerobot").make(**settings)
    assert exporter.produces(run.streams) == ("lerobot",)
    folder.mkdir(exist_ok=True)
    exporter.export(run, folder)
    return folder / "lerobot"


def expected(number: int, row: int) -> npt.NDArray[np.uint8]:
    """The numbers of pixels of a row that shows frame ``number``."""
    labels = np.zeros((SIZE["height"], SIZE["width"]), np.uint8)
    if row > 1:
        labels[:40, :20] = 2
    x1, y1, x2, y2 = media.square_box(number, **SIZE)
    labels[y1:y2, x1:x2] = 1
    return labels


def decoded(path: Path) -> list[tuple[float, npt.NDArray[Any]]]:
    """Seconds and RGB of every frame."""
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def mask_file(top: Path, layout: str, episode: int, masks: str = MASKS) -> Path:
    if layout == "v3":
        return top / f"videos/{masks}/chunk-000/file-{episode:03d}.mp4"
    return top / f"videos/chunk-000/{masks}/episode_{episode:06d}.mp4"


def rows_of(top: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    tables = [pq.read_table(path) for path in sorted((top / "data").rglob("*.parquet"))]
    return [row for table in tables for row in table.to_pylist()]


def hashes(top: Path) -> dict[str, str]:
    return {
        str(path.relative_to(top)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in top.rglob("*")
        if path.is_file()
    }


def said(top: Path, name: str = "meta/info.json") -> Any:
    return json.loads((top / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_are_exact_on_every_row(tmp_path: Path, layout: str) -> None:
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=(6, 5))
    copy = export(run_over(top), tmp_path / "out")
    first = 0
    for episode, length in enumerate((6, 5)):
        frames = decoded(mask_file(copy, layout, episode))
        assert [round(seconds * 25, 3) for seconds, _ in frames] == list(range(length))
        for row, (_, image) in enumerate(frames):
            assert (image == expected(first + row, row)[..., None]).all()
        first += length


@pytest.mark.parametrize("layout", LAYOUTS)
def test_columns_say_what_is_where(tmp_path: Path, layout: str) -> None:
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=(6, 5, 4))
    run = run_over(top, episodes="0,2", skip=(3,))
    copy = export(run, tmp_path / "out")
    for row in rows_of(copy):
        number, place, episode = row["index"], row["frame_index"], row["episode_index"]
        ids = row[f"{NOTES}.track_ids"]
        if episode == 1 or place == 3:
            assert ids == [-1, -1]
            assert row[f"{NOTES}.areas"] == [0, 0]
            continue
        first = 10 if episode == 2 else 0
        both = place > 1
        assert ids == [first + 1, first + 2 if both else 0]
        assert row[f"{NOTES}.prompts"] == [1, 2 if both else 0]
        assert row[f"{NOTES}.scores"] == pytest.approx([0.9, 0.25 if both else 0])
        box = list(media.square_box(number, **SIZE))
        assert row[f"{NOTES}.boxes"] == [box, [0, 0, 20, 40] if both else [0, 0, 0, 0]]
        assert row[f"{NOTES}.areas"] == [21 * 21, 800 if both else 0]
    blank = decoded(mask_file(copy, layout, 1))
    assert len(blank) == 5
    assert not any(image.any() for _, image in blank)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_else_is_as_it_was(tmp_path: Path, layout: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    top = lerobot_sets.make(tmp_path, layout=layout, cameras=(TOP, WRIST))
    (top / "README.md").write_text("about", encoding="utf-8")
    (top / ".cache").mkdir()
    (top / ".cache/lock").write_text("", encoding="utf-8")
    before = hashes(top)
    copy = export(run_over(top, cameras="top"), tmp_path / "out")
    assert hashes(top) == before
    after = hashes(copy)
    changed = {name for name in before if after.get(name) != before[name]}
    lists = {"meta/stats.json", "meta/episodes/chunk-000/file-000.parquet"}
    lists = lists if layout == "v3" else {"meta/episodes_stats.jsonl"}
    rows = {name for name in before if name.startswith("data/")}
    assert changed == {"meta/info.json", ".cache/lock", *lists, *rows}
    for name in rows:
        given, made = pq.ParquetFile(top / name), pq.ParquetFile(copy / name)
        assert made.read(columns=given.schema_arrow.names).equals(given.read())
        assert made.metadata.num_row_groups == given.metadata.num_row_groups
        hub = json.loads(made.schema_arrow.metadata[b"huggingface"])["info"]["features"]
        assert hub["timestamp"] == {"dtype": "float32", "_type": "Value"}
        assert hub[f"{NOTES}.boxes"] == {"shape": [2, 4], "dtype": "float32", "_type": "Array2D"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_description_names_what_is_added(tmp_path: Path, layout: str) -> None:
    top = lerobot_sets.make(tmp_path, layout=layout)
    copy = export(run_over(top), tmp_path / "out")
    features = said(copy)["features"]
    given = said(top)
    assert {name: features[name] for name in given["features"]} == given["features"]
    names = [f"{NOTES}.{each}" for each in ("track_ids", "prompts", "scores", "boxes", "areas")]
    assert set(features) - set(given["features"]) == {MASKS, *names}
    assert features[MASKS]["shape"] == [64, 96, 3]
    assert features[f"{NOTES}.boxes"] == {"dtype": "float32", "shape": [2, 4], "names": None}
    assert features[f"{NOTES}.track_ids"] == {"dtype": "int64", "shape": [2], "names": None}
    if layout == "v2":
        assert said(copy)["total_videos"] == 4
    about = said(copy, "meta/videoseg.json")
    assert about["prompts"] == list(LABELS)
    assert about["episodes"][1]["episode_index"] == 1
    assert [each["track_id"] for each in about["episodes"][1]["objects"]] == [11, 12]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_statistics(tmp_path: Path, layout: str) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=(6, 5))
    copy = export(run_over(top), tmp_path / "out")
    masks = [np.stack([expected(n, n) for n in range(6)]) / 255]
    masks.append(np.stack([expected(6 + n, n) for n in range(5)]) / 255)
    boxes = [row[f"{NOTES}.boxes"] for row in rows_of(copy)]
    parts = [np.array(boxes[:6]), np.array(boxes[6:])]
    if layout == "v3":
        rows = pq.read_table(copy / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
        found = [{k.removeprefix("stats/"): v for k, v in row.items()} for row in rows]
        assert [row[f"videos/{MASKS}/file_index"] for row in rows] == [0, 1]
        assert [row[f"videos/{MASKS}/to_timestamp"] for row in rows] == pytest.approx([0.24, 0.2])
        whole = said(copy, "meta/stats.json")
        for name, values in ((MASKS, np.concatenate(masks)), (f"{NOTES}.boxes", np.array(boxes))):
            pixels = values if name == MASKS else values.reshape(len(values), -1)
            axis = None if name == MASKS else 0
            assert np.ravel(whole[name]["mean"])[:8] == pytest.approx(pixels.mean(axis=axis))
            assert np.ravel(whole[name]["std"])[:8] == pytest.approx(pixels.std(axis=axis))
            assert np.ravel(whole[name]["max"])[:8] == pytest.approx(pixels.max(axis=axis))
            assert whole[name]["count"] == [11]
        assert whole["observation.state"] == said(top, "meta/stats.json")["observation.state"]
    else:
        lines = (copy / "meta/episodes_stats.jsonl").read_text().splitlines()
        found = [
            {
                f"{name}/{key}": v
                for name, s in json.loads(line)["stats"].items()
                for key, v in s.items()
            }
            for line in lines
        ]
    for row, mask, box in zip(found, masks, parts, strict=True):
        assert np.shape(row[f"{MASKS}/mean"]) == (3, 1, 1)
        assert row[f"{MASKS}/mean"][2][0][0] == pytest.approx(mask.mean())
        assert row[f"{MASKS}/std"][0][0][0] == pytest.approx(mask.std())
        assert row[f"{MASKS}/max"][0][0][0] == pytest.approx(2 / 255)
        assert row[f"{MASKS}/count"] == [len(mask)]
        assert row[f"{NOTES}.boxes/mean"] == pytest.approx(box.mean(axis=0))
        assert row[f"{NOTES}.boxes/min"] == pytest.approx(box.min(axis=0))
        assert "observation.state/mean" in row
        assert f"{MASKS}/q50" not in row


def test_quantiles_where_the_data_set_has_them(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    stats = said(top, "meta/stats.json")
    stats["observation.state"]["q01"] = [0.0, 0.5]
    lerobot_sets.write_json(top / "meta/stats.json", stats)
    copy = export(run_over(top), tmp_path / "out")
    found = said(copy, "meta/stats.json")[MASKS]
    assert set(found) == {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
    assert found["q50"] == [[[0.0]]] * 3
    assert found["q99"][0][0][0] == pytest.approx(2 / 255)


def test_one_object_makes_columns_of_single_values(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(2, 2))
    copy = export(run_over(top), tmp_path / "out")
    assert [row[f"{NOTES}.track_ids"] for row in rows_of(copy)] == [1, 1, 11, 11]
    assert said(copy)["features"][f"{NOTES}.track_ids"]["shape"] == [1]


def test_episodes_not_looked_at_share_a_video_of_nothing(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    top = lerobot_sets.make(tmp_path, lengths=(3, 5, 4, 7, 5))
    copy = export(run_over(top, episodes="0"), tmp_path / "out")
    rows = pq.read_table(copy / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row[f"videos/{MASKS}/file_index"] for row in rows] == [0, 1, 1, 3, 3]
    made = {path.name for path in (copy / f"videos/{MASKS}/chunk-000").iterdir()}
    assert made == {"file-000.mp4", "file-001.mp4", "file-003.mp4"}
    assert len(decoded(mask_file(copy, "v3", 3))) == 7
    assert [row[f"stats/{MASKS}/count"] for row in rows] == [[3], [5], [4], [7], [5]]
    assert [row[f"stats/{MASKS}/max"][0][0][0] > 0 for row in rows] == [True, *[False] * 4]


def test_numbers_of_prompts(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(4,))
    run = run_over(top)
    swapped = [
        Scene(each.stream, each.index, each.pts, each.time_base, instances=each.instances[::-1])
        for each in run.made
    ]
    copy = export(scenes.Run(run.streams, run.prompts, swapped[2:]), tmp_path / "out")
    _, image = decoded(mask_file(copy, "v3", 0))[3]
    assert set(np.unique(image)) == {0, 1, 2}
    assert image[35, 2, 0] == 1  # the corner came first
    copy = export(
        scenes.Run(run.streams, run.prompts, swapped[2:]), tmp_path / "o", pixels="prompt"
    )
    _, image = decoded(mask_file(copy, "v3", 0))[3]
    assert image[35, 2, 0] == 2


def test_more_objects_than_pixels_have_numbers(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(6,))
    run = run_over(top)
    first = next(iter(run.made))
    crowd = tuple(corner(track_id) for track_id in range(1, 257))
    full = Scene(first.stream, 0, 0, first.time_base, instances=crowd)
    with pytest.raises(OutputError, match="holds 255 numbers"):
        export(scenes.Run(run.streams, run.prompts, [full]), tmp_path / "out")
    export(scenes.Run(run.streams, run.prompts, [full]), tmp_path / "o", pixels="prompt")


def test_pictures_in_rows_get_videos_of_masks(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, lengths=(4,), cameras=(WRIST,), info={"video_path": None})
    copy = export(run_over(top), tmp_path / "out")
    frames = decoded(mask_file(copy, "v3", 0, "observation.masks.wrist"))
    for row, (_, image) in enumerate(frames):
        assert (image == expected(100 + row, row)[..., None]).all()
    assert said(copy)["video_path"].startswith("videos/{video_key}/")


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    uneven = (0, 40, 120, 130, 200)
    film = media.clip(name="few.mp4", frames=5, pts=uneven, time_base=Fraction(1, 1000))
    times = [time / 1000 for time in uneven]
    top = lerobot_sets.make(tmp_path, lengths=(5,), video=film, times=times)
    copy = export(run_over(top), tmp_path / "out")
    seconds = [seconds for seconds, _ in decoded(mask_file(copy, "v3", 0))]
    assert seconds == pytest.approx(times, abs=1e-4)


def test_the_copy_is_read_like_the_original_and_not_annotated_twice(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path, cameras=(TOP, WRIST))
    copy = export(run_over(top), tmp_path / "out")
    source = registry.find("sources", "lerobot").make()
    names = list(source.open(str(copy)))
    assert names == list(source.open(str(top)))
    run = run_over(copy)
    with pytest.raises(UsageError, match=rf"has the feature {MASKS} already"):
        registry.find("exporters", "lerobot").make().produces(run.streams)


def test_an_output_folder_inside_the_data_set(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    copy = export(run_over(top), top / "out")
    assert (copy / "meta/info.json").is_file()
    assert not (copy / "out").exists()


def test_a_file_of_the_data_set_is_not_overwritten(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    other = top / f"videos/{MASKS}/chunk-000/file-000.mp4"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"mine")
    with pytest.raises(OutputError, match="the data set has a file of this name"):
        export(run_over(top), tmp_path / "out")


def test_links_are_copied_as_what_they_lead_to(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    (top / "videos").rename(tmp_path / "elsewhere")
    (top / "videos").symlink_to(tmp_path / "elsewhere")
    copy = export(run_over(top), tmp_path / "out")
    assert not (copy / "videos").is_symlink()
    assert (copy / f"videos/{TOP}/chunk-000/file-000.mp4").is_file()
    assert not (tmp_path / f"elsewhere/{MASKS}").exists()


def test_from_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    top, out = lerobot_sets.make(tmp_path, lengths=(3, 3)), tmp_path / "out"
    asked = ["segment", str(top), "the orange square", "-o", str(out), "--write", "mot,lerobot"]
    assert main([*asked, "--set", "sources.lerobot.episodes=1"]) == 0
    assert "3 frames" in capfd.readouterr().err
    ids = [row[f"{NOTES}.track_ids"] for row in rows_of(out / "lerobot")]
    assert ids == [-1, -1, -1, 1, 1, 1]
    for row, (_, image) in enumerate(decoded(mask_file(out / "lerobot", "v3", 1)), start=3):
        wanted = expected(row, 0) > 0
        found = image[..., 0] > 0
        assert (wanted & found).sum() / (wanted | found).sum() > 0.85
    before = hashes(out / "lerobot")
    assert main(["write", str(out), "--write", "lerobot", "--overwrite"]) == 0
    assert hashes(out / "lerobot") == before


def test_other_inputs_are_refused() -> None:
    exporter = registry.find("exporters", "lerobot").make()
    with pytest.raises(UsageError, match="clip is none; if it was moved, --set"):
        exporter.produces(scenes.streams())


def test_a_data_set_that_was_moved(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path)
    run = run_over(top)
    moved = top.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"exporters\.lerobot\.data_set=FOLDER"):
        registry.find("exporters", "lerobot").make().produces(run.streams)
    copy = export(run, tmp_path / "out", data_set=str(moved))
    assert (copy / f"videos/{TOP}/chunk-000/file-000.mp4").is_file()


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 13), (1, 1)])
def test_every_number_comes_back_exactly(tmp_path: Path, width: int, height: int) -> None:
    rng = np.random.default_rng(3)
    made = [rng.integers(0, 256, (height, width), np.uint8) for _ in range(3)]
    made.append(np.resize(np.arange(256, dtype=np.uint8), (height, width)))

    def frames() -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        yield from ((3000 * place, labels) for place, labels in enumerate(made))

    write_masks(tmp_path / "a.mp4", frames(), Fraction(30), width, height)
    found = decoded(tmp_path / "a.mp4")
    assert len(found) == len(made)
    for labels, (_, image) in zip(made, found, strict=True):
        assert (image == labels[..., None]).all()


def test_two_cameras_whose_features_would_be_the_same_are_refused_first(tmp_path: Path) -> None:
    top = lerobot_sets.make(tmp_path / "set")
    features = json.loads((top / "meta/info.json").read_bytes())["features"]
    other = {**features[TOP], "dtype": "image"}
    lerobot_sets.change_info(top, features={**features, "observation.top": other})
    data = DataSet.at(top)
    streams = {
        name: StreamInfo(name, 96, 64, TIME_BASE, location=str(top)) for name in data.by_name()
    }
    exporter = registry.find("exporters", "lerobot").make()
    with pytest.raises(UsageError, match=rf"{TOP} and observation.top would have the same names"):
        exporter.produces(streams)
