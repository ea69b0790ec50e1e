"""What every reader of a data set keeps to, whichever there are; each has a miniature here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support import datasets, video_datasets
from tests.support.leaderboard_data import colour_photos, leaderboard
from videoseg.errors import SourceError
from videoseg.evaluate.datasets import data_set_classes, open_data_set
from videoseg.evaluate.samples import DataSet, ImageSample, Sample, VideoSample


def refcoco_m(root: Path) -> Path:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return leaderboard(root, colour_photos()) / "refcoco-m"


MINIATURES: Mapping[str, tuple[Callable[[Path], Path], ...]] = {
    "coco": (datasets.coco,),
    "coco-panoptic": (datasets.coco_panoptic,),
    "davis": (datasets.davis, datasets.davis_simple),
    "first-mask": (video_datasets.first_mask,),
    "grabcut": (datasets.grabcut, datasets.grabcut_published),
    "lvis": (datasets.lvis,),
    "mevis": (video_datasets.mevis,),
    "refcoco-m": (refcoco_m,),
    "refer": (datasets.refer,),
    "refer-davis": (video_datasets.refer_davis,),
    "refer-youtube": (video_datasets.refer_youtube,),
    "youtube-vis": (video_datasets.youtube_vis, video_datasets.veval),
}
CASES = [(name, make) for name, makers in MINIATURES.items() for make in makers]


def refuse(error: SourceError) -> None:
    raise error


@pytest.fixture(params=CASES, ids=lambda case: case[1].__name__)
def found(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, DataSet]:
    name, make = request.param
    return name, open_data_set(make(tmp_path / "set"))


def test_every_reader_has_a_miniature() -> None:
    assert set(MINIATURES) == set(data_set_classes())


def test_a_layout_is_recognised(found: tuple[str, DataSet]) -> None:
    name, data_set = found
    assert data_set.name == name


def test_an_empty_folder_is_of_no_layout(tmp_path: Path) -> None:
    assert [name for name, cls in data_set_classes().items() if cls.accepts(tmp_path)] == []


def test_truth_and_pictures_are_of_one_size(found: tuple[str, DataSet]) -> None:
    _, data_set = found
    samples = list(data_set.samples(refuse))
    assert samples
    drawn = 0
    for sample in samples:
        if isinstance(sample, ImageSample):
            masks = [target.mask() for target in sample.targets]
            image = sample.frame().image
        else:
            image = next(sample.frames()).image
            masks = [t.mask(n) for t in sample.targets for n in sample.scored if n >= t.first]
        sizes = {(mask.frame_height, mask.frame_width) for mask in masks if mask is not None}
        assert sizes <= {image.shape[:2]}
        drawn += len(sizes)
    assert drawn


def test_samples_come_in_the_same_order_and_have_names_of_their_own(
    found: tuple[str, DataSet],
) -> None:
    _, data_set = found
    keys = [sample.key for sample in data_set.samples(refuse)]
    assert keys == [sample.key for sample in data_set.samples(refuse)]
    assert len(set(keys)) == len(keys)
    for sample in data_set.samples(refuse):
        targets = [target.key for target in sample.targets]
        assert len(set(targets)) == len(targets)


def test_the_truth_is_files_that_are_there(found: tuple[str, DataSet]) -> None:
    _, data_set = found
    files = list(data_set.truth_files())
    assert files
    assert all(file.is_file() for file in files)


def test_videos_say_what_is_scored(found: tuple[str, DataSet]) -> None:
    _, data_set = found
    for sample in data_set.samples(refuse):
        if isinstance(sample, VideoSample):
            assert list(sample.scored) == sorted(set(sample.scored))
            assert sample.scored[-1] < len(sample.pictures)
            assert all(target.first in sample.scored for target in sample.targets)
            assert not {target.name for target in sample.targets} & set(sample.absent)


def load_masks(sample: Sample) -> None:
    if isinstance(sample, VideoSample):
        for followed in sample.targets:
            followed.mask(sample.scored[0])
    else:
        for target in sample.targets:
            target.mask()


def test_files_without_sense_are_refused_by_name(found: tuple[str, DataSet]) -> None:
    """The first file of the truth, spoiled: one line that names it, whatever the reader."""
    _, data_set = found
    file = next(iter(data_set.truth_files()))
    file.write_bytes(b"\x00 no such thing")
    broken: list[SourceError] = []
    with pytest.raises(SourceError) as refused:
        for sample in data_set.samples(broken.append):
            load_masks(sample)
        raise broken[0] if broken else AssertionError("nothing was noticed")
    assert file.name in str(refused.value)
    assert "\n" not in str(refused.value)
