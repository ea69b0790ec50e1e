"""Data sets from strangers: absurd numbers in them are one line, and cost little."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile.test_claims import apng, chunk, packed, png
from tests.support.measured import MOST_SECONDS
from videoseg.errors import SourceError
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.datasets._coco_json import categories_of
from videoseg.evaluate.datasets.refer import _unpickled
from videoseg.evaluate.readers import decode_image, read_labels
from videoseg.evaluate.regions import fill_polygon, region

MOST = 300 << 20
SQUARE = [10.0, 10, 90, 10, 90, 90, 10, 90]


@contextmanager
def cheap() -> Iterator[None]:
    """Within, no more than a few seconds of processor and 300 MB are taken."""
    tracemalloc.start()
    begun = time.process_time()
    try:
        yield
        assert time.process_time() - begun <= MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] <= MOST
    finally:
        tracemalloc.stop()


REGIONS: dict[str, tuple[Any, tuple[int, int], str]] = {
    "a picture of any size": ([SQUARE], (10**9, 10**9), "are too large"),
    "run lengths of any size": ({"counts": "0" * 8}, (10**9, 10**9), "are too large"),
    "far outside": ([[0, 0, 1e9, 0, 1e9, 1e9]], (100, 100), "longer than any outline"),
    "beyond numbers": ([[0, 0, 1e300, 0, 1e300, 1e300]], (100, 100), "longer than any outline"),
    "to and fro": ([[0, 0, 1e5, 0] * 1000], (100, 100), "longer than any outline"),
    "very many corners": ([[1.0, 2.0] * 10**6], (100, 100), "too many for one object"),
    "very many polygons": ([SQUARE] * 10**5, (640, 480), "too many for one object"),
    "runs that overflow": (
        {"counts": [2**63 - 1, 2**63 - 1, 10002]},
        (100, 100),
        "run lengths add up",
    ),
    "a run that is no run": ({"counts": [10**30]}, (100, 100), "must be whole numbers"),
    "a size that is no list": ({"size": 7, "counts": "0"}, (100, 100), "must be"),
    "run lengths beyond the picture": ({"counts": "oooo0"}, (100, 100), "counts"),
}


@pytest.mark.parametrize("name", REGIONS)
def test_absurd_regions_are_refused(name: str) -> None:
    value, (width, height), says = REGIONS[name]
    with cheap(), pytest.raises(SourceError, match=rf"^here.*{says}"):
        region(value, width=width, height=height, where="here")


def test_large_pictures_are_filled_in_little_memory() -> None:
    corners = np.array([[1, 1], [11999, 1], [11999, 7999], [1, 7999]], float)
    with cheap():
        assert fill_polygon(corners, width=12000, height=8000).sum() == 11998 * 7998


def test_very_many_categories_take_no_longer_than_a_look_at_each() -> None:
    content = {
        "categories": [
            {"id": n, "name": f"thing {n}", "supercategory": f"thing {n // 2}"}
            for n in range(50_000)
        ]
    }
    with cheap():
        found = categories_of(content, Path("a.json"), str)
    assert found[0].group, "thing 1 names it, too"
    assert found[24_999].group
    assert not found[49_999].group


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02]r\xff\xff\xff\x07.",  # a number in the memo that C would make room for
        b"\x80\x02X\xff\xff\xff\x7fab.",  # a string of two gigabytes that is not there
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].",
        b"\x80\x02" + b"(" * 10**5 + b".",
        b"cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_pickles_that_ask_for_much(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "refs(unc).p"
    path.write_bytes(data)
    with cheap():
        try:
            found = _unpickled(path)
        except SourceError as error:
            said = str(error)
        else:
            said = ""
            assert found == []
    assert "\n" not in said


def test_parquet_that_unpacks_to_much(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = pyarrow.table(
        {
            "image": [{"bytes": bytes(80 << 20)}],
            "file_name": ["a.png"],
            "samples": [[{"id": 1}]],
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    before = pyarrow.total_allocated_bytes()
    with pytest.raises(SourceError, match=r"a\.parquet: claims .* bytes"):
        list(open_data_set(tmp_path, "refcoco-m").samples(lambda error: None))
    assert pyarrow.total_allocated_bytes() - before < 1 << 20


LARGE_PICTURES: dict[str, Callable[[], bytes]] = {
    "size": lambda: png(16384, 16384, packed(1 << 25), depth=1, kind=0),
    "texts": lambda: apng(extra=chunk(b"zTXt", b"a\0\0" + packed(1 << 28))),
}


@pytest.mark.parametrize("name", LARGE_PICTURES)
@pytest.mark.parametrize("read", [decode_image, read_labels])
def test_pictures_and_labels_that_claim_much(
    name: str, read: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(LARGE_PICTURES[name]())
    given = (path.read_bytes(), "a.png") if read is decode_image else (path,)
    with cheap(), pytest.raises(SourceError, match=r"does not hold|the texts"):
        read(*given)


def test_a_set_with_an_absurd_picture_goes_on_with_the_next(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png(8, 8, b""))
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 10**12, "height": 10**12}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    (sample,) = open_data_set(tmp_path, "coco").samples(lambda error: None)
    load: Any = sample.targets[0].mask
    with cheap(), pytest.raises(SourceError, match="too large"):
        load()
