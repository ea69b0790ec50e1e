"""Every data set layout read from a miniature, and what is said of broken data."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_tools

from tests.support import datasets
from videoseg.errors import ConfigError, MissingDependencyError, SourceError
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.datasets.coco import spoken as spoken_coco
from videoseg.evaluate.datasets.refcoco_m import sample_of
from videoseg.evaluate.readers import read_labels
from videoseg.evaluate.regions import fill_polygon, region
from videoseg.evaluate.samples import ImageSample, Sample, VideoSample
from videoseg.geometry import masks
from videoseg.types import Bitmap, Mask


def refuse(error: SourceError) -> None:
    raise error


def read(path: Path, name: str | None = None, **settings: object) -> list[Any]:
    return list(open_data_set(path, name, settings).samples(refuse))


def pixels(mask: Mask | None) -> Bitmap:
    assert mask is not None
    return masks.to_bitmap(mask)


def test_coco(tmp_path: Path) -> None:
    first, second = read(datasets.coco(tmp_path))
    assert (first.key, second.key) == ("a.png", "b.png")
    assert [(t.key, t.name, t.thing, t.crowd) for t in first.targets + second.targets] == [
        ("1", "red", True, False),
        ("2", "blue", False, False),
        ("3", "red", True, False),
        ("4", "green", True, False),
        ("5", "green", True, True),
    ]
    assert first.absent == ("green", "brick wall")
    assert second.absent == ("blue", "brick wall")
    assert (pixels(first.targets[0].mask()) == datasets.block(16, 16, 32, 32)).all()
    assert (pixels(first.targets[1].mask()) == datasets.block(0, 0, 64, 16)).all()
    assert (pixels(second.targets[0].mask()) == datasets.block(16, 16, 48, 32)).all()
    assert pixels(second.targets[1].mask()).sum() == 192
    image = first.frame().image
    assert image.shape == (48, 64, 3)
    assert image[20, 20].tolist() == [255, 0, 0]


def test_coco_beside_its_images_or_as_a_file(tmp_path: Path) -> None:
    root = datasets.coco(tmp_path / "published")
    file = root / "annotations" / "instances_val2017.json"
    assert len(read(file, "coco")) == 2
    flat = tmp_path / "flat"
    flat.mkdir()
    file.rename(flat / "annotations.json")
    (root / "val2017").rename(flat / "images")
    assert [sample.frame().width for sample in read(flat)] == [64, 64]


def moved_to(root: Path, json: str, pictures: str) -> Path:
    """The miniature of COCO in another layout, by the places of its file and its folder."""
    made = datasets.coco(root.parent / f"{root.name} published")
    for place, old in ((json, made / "annotations/instances_val2017.json"),):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        old.rename(root / place)
    (root / pictures).mkdir(parents=True, exist_ok=True)
    for picture in (made / "val2017").iterdir():
        picture.rename(root / pictures / picture.name)
    return root


LAYOUTS = {
    "Roboflow, one split": ("_annotations.coco.json", "."),
    "Roboflow": ("valid/_annotations.coco.json", "valid"),
    "FiftyOne": ("labels.json", "data"),
    "Label Studio": ("result.json", "images"),
    "CVAT": ("annotations/instances_default.json", "images"),
    "CVAT, named": ("annotations/instances_default.json", "images/default"),
    "Datumaro": ("annotations/instances_train.json", "images/train"),
    "without annotations/": ("instances_val2017.json", "val2017"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_coco_as_other_programs_write_it(name: str, tmp_path: Path) -> None:
    root = moved_to(tmp_path / "set", *LAYOUTS[name])
    data_set = open_data_set(root)
    assert data_set.name == "coco"
    samples: list[Any] = list(data_set.samples(refuse))
    assert [sample.frame().width for sample in samples] == [64, 64]
    assert (pixels(samples[0].targets[0].mask()) == datasets.block(16, 16, 32, 32)).all()


def test_roboflow_with_all_its_splits(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        root = moved_to(tmp_path / "set", f"{split}/_annotations.coco.json", split)
    with pytest.raises(ConfigError, match=r"several annotation files .*--set data\.json=ONE"):
        read(root)
    assert len(read(root, json="test/_annotations.coco.json")) == 2
    assert len(read(root / "valid")) == 2
    # Roboflow's first category stands above the others and is marked nowhere.
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        *({"id": n, "name": name, "supercategory": "things"}
          for n, name in enumerate(("red", "green", "blue", "wall-brick"), 1)),
    ]  # fmt: skip
    datasets.edit_json(root / "test/_annotations.coco.json", {"categories": categories})
    first, second = read(root / "test")
    assert first.absent == ("green", "brick wall")
    assert second.absent == ("blue", "brick wall")


def test_a_category_that_is_its_own_group_is_asked(tmp_path: Path) -> None:
    """As "person" in COCO."""
    root = datasets.coco(tmp_path)
    datasets.edit_json(
        root / "annotations/instances_val2017.json",
        {"categories.1.supercategory": "green", "categories.0.supercategory": "red"},
    )
    first, _ = read(root)
    assert first.absent == ("green", "brick wall")


def test_boxes_without_outlines_say_so(tmp_path: Path) -> None:
    root = datasets.coco(tmp_path)
    datasets.edit_json(
        root / "annotations/instances_val2017.json",
        {f"annotations.{n}.segmentation": [] for n in range(5)},
    )
    with pytest.raises(SourceError, match="marks boxes, but no outlines"):
        read(root)


def test_coco_panoptic(tmp_path: Path) -> None:
    (sample,) = read(datasets.coco_panoptic(tmp_path))
    assert [(target.name, target.thing) for target in sample.targets] == [
        ("red", True),
        ("sky", False),
    ]
    assert (pixels(sample.targets[0].mask()) == datasets.block(16, 16, 32, 32)).all()
    assert pixels(sample.targets[1].mask()).sum() == 64 * 16
    assert sample.absent == ("sand",)
    assert sample.frame().height == 48


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("dining table", "dining table"),
        ("wall-other-merged", "wall"),
        ("wall-brick", "brick wall"),
        ("floor-wood", "wood floor"),
        ("window-blind", "window blind"),
        ("mirror-stuff", "mirror"),
    ],
)
def test_names_of_coco_are_said_in_words(written: str, said: str) -> None:
    assert spoken_coco(written) == said


def test_lvis(tmp_path: Path) -> None:
    (sample,) = read(datasets.lvis(tmp_path))
    assert sample.key == "val2017/000000000007.jpg"
    assert sample.frame().height == 48
    assert [target.name for target in sample.targets] == ["red", "bottle"]
    assert sample.absent == ("air conditioner",)
    assert sample.partly == {"bottle"}


@pytest.mark.parametrize("place", ["images", ".."], ids=["in images", "beside the set"])
def test_lvis_with_pictures_elsewhere(place: str, tmp_path: Path) -> None:
    root = datasets.lvis(tmp_path / "lvis")
    (root / place).mkdir(exist_ok=True)
    (root / "val2017").rename(root / place / "val2017")
    (sample,) = read(root)
    assert sample.frame().height == 48


@pytest.mark.parametrize("place", ["images/train2014", "train2014", "../train2014"])
def test_refer_with_pictures_elsewhere(place: str, tmp_path: Path) -> None:
    root = datasets.refer(tmp_path / "refcoco")
    old = next(path.parent for path in tmp_path.rglob("*.jpg"))
    moved = tmp_path / "moved"
    old.rename(moved)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    moved.rename(root / place)
    (sample,) = read(root)
    assert sample.frame().height == 48


def test_davis(tmp_path: Path) -> None:
    (sample,) = read(datasets.davis(tmp_path))
    assert isinstance(sample, VideoSample)
    assert sample.key == "drive"
    assert [frame.index for frame in sample.frames()] == [0, 1, 2, 3, 4]
    assert [target.key for target in sample.targets] == ["1", "2"]
    moved = pixels(sample.targets[0].mask(3))
    assert (moved == datasets.block(28, 0, 44, 16)).all()
    assert (pixels(sample.targets[1].mask(3)) == datasets.block(0, 32, 16, 48)).all()


def test_davis_by_split_and_as_one_object(tmp_path: Path) -> None:
    root = datasets.davis(tmp_path)
    (sample,) = read(root, split="2017/val", single=True)
    (target,) = sample.targets
    assert pixels(target.mask(0)).sum() == 2 * 256
    (root / "ImageSets" / "2017" / "val.txt").write_text(
        "/JPEGImages/480p/drive/00000.jpg /Annotations/480p/drive/00000.png\n"
    )
    assert [sample.key for sample in read(root, split="2017/val")] == ["drive"]
    with pytest.raises(SourceError, match=r"2017/train\.txt: file does not exist"):
        read(root, split="2017/train")


@pytest.mark.parametrize("resolution", ["1080p", "Full-Resolution", "480p", ""])
def test_davis_at_any_resolution(resolution: str, tmp_path: Path) -> None:
    root = datasets.davis(tmp_path)
    for kind in ("JPEGImages", "Annotations"):
        moved = root / "moved"
        (root / kind / "480p").rename(moved)
        if resolution:
            moved.rename(root / kind / resolution)
        else:
            (root / kind).rmdir()
            moved.rename(root / kind)
    (sample,) = read(root)
    assert (sample.key, len(list(sample.frames()))) == ("drive", 5)
    assert (pixels(sample.targets[0].mask(3)) == datasets.block(28, 0, 44, 16)).all()
    truth = list(open_data_set(root).truth_files())
    assert len(truth) == 5


def test_davis_at_several_resolutions(tmp_path: Path) -> None:
    root = datasets.davis(tmp_path)
    for kind in ("JPEGImages", "Annotations"):
        (root / kind / "480p").rename(root / kind / "720p")
        (root / kind / "1080p").mkdir()
    with pytest.raises(ConfigError, match=r"several folders \(1080p, 720p\).*data\.resolution=ONE"):
        read(root)
    assert len(read(root, resolution="720p")) == 1


def test_davis_simple(tmp_path: Path) -> None:
    (sample,) = read(datasets.davis_simple(tmp_path))
    (target,) = sample.targets
    assert target.phrases == ("red",)
    assert pixels(target.mask(1)).sum() == 512
    assert target.mask(3) is None


def test_grabcut(tmp_path: Path) -> None:
    (sample,) = read(datasets.grabcut(tmp_path), points=5)
    (target,) = sample.targets
    assert target.name == "red"
    assert (pixels(target.mask()) == datasets.block(16, 16, 32, 32)).all()
    assert target.ignore is not None
    assert target.ignore().sum() == 20 * 20 - 16 * 16
    cue = target.scribbles[0]()
    inside = [point[:2] for point in cue.points if point[2]]
    outside = [point[:2] for point in cue.points if not point[2]]
    assert inside == [(18.5, 20.5), (20.5, 20.5), (23.5, 20.5), (26.5, 20.5), (29.5, 20.5)]
    assert len(outside) == 5
    assert {y for _, y in outside} == {40.5}


def test_grabcut_published(tmp_path: Path) -> None:
    (sample,) = read(datasets.grabcut_published(tmp_path))
    assert sample.frame().width == 64
    assert pixels(sample.targets[0].mask()).sum() == 256


def test_refer(tmp_path: Path) -> None:
    root = datasets.refer(tmp_path)
    (sample,) = read(root)
    assert sample.frame().height == 48
    assert [target.phrases for target in sample.targets] == [("red", "what is this"), ("green",)]
    assert pixels(sample.targets[1].mask()).sum() == 512
    (other,) = read(root, split="testA")
    assert [target.phrases for target in other.targets] == [("blue",)]
    (root / "refs(google).p").write_bytes(datasets.python2_pickle([]))
    with pytest.raises(ConfigError, match=r"data\.by=ONE of google, unc"):
        read(root)
    assert len(read(root, by="unc")) == 1


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        import os

        return os.system, ("touch owned",)


def test_a_pickle_that_calls_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = datasets.refer(tmp_path / "data")
    (root / "refs(unc).p").write_bytes(pickle.dumps([Evil()]))
    with pytest.raises(SourceError, match=r"refs\(unc\)\.p: .* names \w+\.system"):
        read(root)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"not a pickle", b"I5\n.", b"(l"])
def test_a_damaged_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    root = datasets.refer(tmp_path)
    (root / "refs(unc).p").write_bytes(content)
    with pytest.raises(SourceError, match=r"refs\(unc\)\.p: "):
        read(root)


def test_refcoco_m_row() -> None:
    sample = sample_of(datasets.refcoco_m_row(), "row 0", None)
    (target,) = sample.targets
    assert target.phrases == ("red", "the red one")
    assert (pixels(target.mask()) == datasets.block(16, 16, 32, 32)).all()
    assert sample.frame().image[20, 20].tolist() == [255, 0, 0]


def test_refcoco_m_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "validation.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingDependencyError, match="pip install pyarrow"):
        read(tmp_path)


def test_refcoco_m_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.Table.from_pylist([datasets.refcoco_m_row()] * 3)
    parquet.write_table(table, tmp_path / "validation.parquet")
    samples = read(tmp_path)
    assert [sample.key for sample in samples] == ["five.jpg"] * 3
    assert pixels(samples[2].targets[0].mask()).sum() == 256
    (tmp_path / "validation.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(SourceError, match="not a parquet file"):
        read(tmp_path)


def edited(name: str, **change: object) -> Callable[[Path], None]:
    """What breaks a set: values of its json, by path with __ for dots."""
    return lambda root: datasets.edit_json(
        root / name, {key.replace("__", "."): value for key, value in change.items()}
    )


def removed(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / name).write_bytes(content)

    return write


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


INSTANCES = "annotations/instances_val2017.json"
BROKEN: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None], str]] = {
    "image missing": (
        datasets.coco,
        removed("val2017/a.png"),
        r"val2017/a\.png: image does not exist",
    ),
    "image damaged": (
        datasets.coco,
        replaced("val2017/a.png", b"no picture"),
        r"a\.png: not a picture",
    ),
    "image cut short": (
        datasets.lvis,
        lambda root: shorten(root / "val2017" / "000000000007.jpg"),
        r"000000000007\.jpg: the picture is cut short",
    ),
    "no such category": (
        datasets.coco,
        edited(INSTANCES, annotations__0__category_id=99),
        r"instances_val2017\.json: annotations\[0\]\.category_id: no category has the id 99",
    ),
    "field missing": (
        datasets.coco,
        edited(INSTANCES, annotations__0__segmentation=None),
        r"annotations\[0\]: field 'segmentation' is missing",
    ),
    "run lengths too short": (
        datasets.coco,
        edited(INSTANCES, annotations__2__segmentation__counts=[5, 5]),
        r"annotations\[2\]\.segmentation\.counts: run lengths add up to 10, not 64 x 48",
    ),
    "run lengths of text": (
        datasets.coco,
        edited(INSTANCES, annotations__1__segmentation__counts="?"),
        r"annotations\[1\]\.segmentation\.counts: run lengths add up",
    ),
    "polygon of two points": (
        datasets.coco,
        edited(INSTANCES, annotations__0__segmentation=[[1, 2, 3, 4]]),
        r"annotations\[0\]\.segmentation: a polygon must be at least three pairs",
    ),
    "size of another image": (
        datasets.coco,
        edited(INSTANCES, annotations__1__segmentation__size=[10, 10]),
        r"annotations\[1\]\.segmentation\.size: must be \[48, 64\]",
    ),
    "way out of the folder": (
        datasets.coco,
        edited(INSTANCES, images__0__file_name="../../secret.png"),
        r"image 7\.file_name: leads out of the data set",
    ),
    "not JSON": (
        datasets.coco,
        replaced(INSTANCES, b'{"images": ['),
        r"instances_val2017\.json: not JSON",
    ),
    "panoptic segment without pixels": (
        datasets.coco_panoptic,
        edited("annotations/panoptic_val2017.json", annotations__0__segments_info__1__id=8),
        r"annotations\[0\]\.segments_info\[1\]\.id: .*a\.png has no pixel of segment 8",
    ),
    "panoptic mask missing": (
        datasets.coco_panoptic,
        removed("annotations/panoptic_val2017/a.png"),
        r"panoptic_val2017/a\.png: image does not exist",
    ),
    "lvis address": (
        datasets.lvis,
        edited("lvis_v1_val.json", images__0__coco_url="nowhere"),
        r"image 7\.coco_url: must end in FOLDER/FILE",
    ),
    "davis mask missing": (
        datasets.davis,
        removed("Annotations/480p/drive/00002.png"),
        r"drive/00002\.png: mask does not exist",
    ),
    "davis mask cut short": (
        datasets.davis,
        replaced("Annotations/480p/drive/00002.png", b"\x89PNG\r\n\x1a\n\x00\x00"),
        r"drive/00002\.png: not a mask",
    ),
    "davis mask in colours": (
        datasets.davis,
        lambda root: datasets.write_picture(
            root / "Annotations/480p/drive/00002.png", datasets.picture(("red", (0, 0, 9, 9)))
        ),
        r"drive/00002\.png: a mask must be a palette or grey picture",
    ),
    "grabcut name missing": (
        datasets.grabcut,
        replaced("names.json", b'{"two": "x"}'),
        r"names\.json: field 'one' is missing",
    ),
    "strokes without the object": (
        datasets.grabcut,
        lambda root: datasets.write_png(
            root / "one.scribbles0.png", np.full((48, 64), 2, dtype=np.uint8)
        ),
        r"one\.scribbles0\.png: has no stroke on the object",
    ),
    "expression of nothing": (
        lambda root: datasets.refer(root),
        lambda root: datasets.edit_json(root / "instances.json", {"annotations.0.id": 77}),
        r"instances\.json: image 5 has no annotation 11, which 'red' names",
    ),
}


def touch(sample: Sample) -> None:
    """Load everything of a sample."""
    if isinstance(sample, ImageSample):
        sample.frame()
        for target in sample.targets:
            target.mask()
            for strokes in target.scribbles:
                strokes()
    else:
        for index, _ in enumerate(sample.frames()):
            for followed in sample.targets:
                followed.mask(index)


@pytest.mark.parametrize("case", BROKEN)
def test_broken_data_is_one_line_with_file_and_field(tmp_path: Path, case: str) -> None:
    make, damage, message = BROKEN[case]
    root = make(tmp_path)
    damage(root)
    with pytest.raises(SourceError, match=message) as caught:
        for sample in read(root):
            touch(sample)
    assert "\n" not in str(caught.value)


def test_what_looks_like_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="looks like no data set layout"):
        open_data_set(tmp_path)
    with pytest.raises(SourceError, match="there is no data set"):
        open_data_set(tmp_path / "gone")
    with pytest.raises(ConfigError, match="did you mean 'coco'"):
        open_data_set(tmp_path, "coko")
    with pytest.raises(ConfigError, match="did you mean 'json'"):
        open_data_set(datasets.coco(tmp_path), "coco", {"jsn": "x"})
    with pytest.raises(ConfigError, match=r"data\.points = 0"):
        open_data_set(tmp_path, "grabcut", {"points": 0})


@pytest.mark.parametrize(
    ("palette", "depth"), [(True, 1), (True, 2), (True, 4), (True, 8), (False, 1), (False, 8)]
)
def test_labels_are_indices_at_any_depth(tmp_path: Path, palette: bool, depth: int) -> None:
    labels = (np.arange(21).reshape(3, 7) % 2**depth).astype(np.uint8)
    path = tmp_path / "labels.png"
    datasets.write_png(path, labels, palette=palette, depth=depth)
    assert read_labels(path).tolist() == labels.tolist()


corner = st.tuples(st.floats(-8, 40), st.floats(-8, 30))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(st.lists(corner, min_size=3, max_size=8), st.booleans())
def test_polygons_are_filled_as_pycocotools_does(
    corners: list[tuple[float, float]], whole: bool
) -> None:
    vertices: npt.NDArray[np.float64] = np.asarray(corners)
    vertices = np.round(vertices) if whole else vertices
    coded = coco_tools.frPyObjects([vertices.ravel().tolist()], 22, 31)
    expected = coco_tools.decode(coded)[..., 0].astype(bool)
    assert (fill_polygon(vertices, width=31, height=22) == expected).all()


@pytest.mark.parametrize("value", [None, 5, "text", {}, {"counts": 1.5}, {"counts": [-1, 9]}])
def test_what_is_no_region_is_refused(value: object) -> None:
    with pytest.raises(SourceError, match=r"^here"):
        region(value, width=4, height=2, where="here")
