"""The table's figures beside those of the tools that the data sets come with, on kept answers.

``pip install lvis trackeval`` and what these miss, in an environment of their own or on the path.
RefCOCO's own code is on no package index: its two formulas are written out here once more, over
masks that pycocotools decodes.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.support.leaderboard_data import Photo, Thing, box, colour_photos, leaderboard
from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.errors import SourceError
from videoseg.evaluate.candidates import Candidate, candidate
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.leaderboard.readiness import Entrant
from videoseg.evaluate.leaderboard.rows import ROWS
from videoseg.evaluate.leaderboard.run import measure_all
from videoseg.evaluate.samples import VideoSample
from videoseg.evaluate.tasks import open_task
from videoseg.geometry import masks
from videoseg.types import RgbImage

SAMPLES = Path(__file__).parents[2] / "sample_media"
TOLERANCE = 1e-6
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def photos_of_samples() -> list[Photo]:
    """Photos on which the built-in model finds things; the outlines are rough on purpose."""
    coffee = _photo(SAMPLES / "coffee.jpg")
    cat = _frame(SAMPLES / "cat.mp4", 10)
    astronaut = _frame(SAMPLES / "astronaut.mp4", 5)
    return [
        Photo(3, coffee, (_inner(coffee, "cup", "the coffee cup"),)),
        Photo(4, cat, (_inner(cat, "cat", "the cat"), Thing("dog", ("a dog",), box(0, 0, 40, 30)))),
        Photo(6, astronaut, (_inner(astronaut, "person", "the astronaut"),)),
    ]


def _photo(path: Path) -> RgbImage:
    read = cv2.imread(str(path))
    assert read is not None
    scale = 320 / max(read.shape[:2])
    small = cv2.resize(read, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1], dtype=np.uint8)


def _frame(path: Path, index: int) -> RgbImage:
    video = cv2.VideoCapture(str(path))
    for _ in range(index + 1):
        done, read = video.read()
        assert done
    scale = 320 / max(read.shape[:2])
    small = cv2.resize(read, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1], dtype=np.uint8)


def _inner(image: RgbImage, name: str, phrase: str) -> Thing:
    height, width = image.shape[:2]
    return Thing(
        name, (phrase, name), box(width // 4, height // 4, 3 * width // 4, 7 * height // 8)
    )


@pytest.fixture(
    scope="module", params=["colours", pytest.param("embedded", marks=pytest.mark.slow)]
)
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, str, dict[str, Result]]:
    """The folder of data, that of the runs, the model's name, and what was measured."""
    from tests.support.fakes import Colours

    name: str = request.param
    root = tmp_path_factory.mktemp(name)
    photos = colour_photos() if name == "colours" else photos_of_samples()
    data = leaderboard(root / "data", photos, parquet=False)
    if name == "colours":
        made = Entrant(name, RunConfig(), Candidate(Colours.card, {}, Colours), None)
    else:
        registry.card(name)
        config = RunConfig()
        made = Entrant(name, config, candidate(config), None)
    rows = [row for row in ROWS if row.layout != "refcoco-m"]
    cells = measure_all(data, [made], root / "out", rows=rows)
    results = {cell.row.folder: cell.result for cell in cells if cell.result is not None}
    assert len(results) == len(rows)
    whole = evaluate(
        open_data_set(data / "lvis", "lvis"),
        open_task("instances", {"absent": -1}),
        made.candidate,
        root / "whole",
    )
    return data, root, name, {**results, "all names": whole}


def value(result: Result, figure: str, group: str = "all") -> float:
    (found,) = (e for e in result.entries if (e.group, e.figure) == (group, figure))
    return found.interval.value


def answers(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every answer that was kept, with the name of its picture."""
    for line in (folder / "predictions.jsonl").read_text().splitlines():
        kept = json.loads(line)
        for answer in kept.get("answers", ()):
            yield kept["sample"], answer


@pytest.mark.parametrize("folder", ["refcoco", "refcoco+", "refcocog"])
def test_expressions_as_referring_segmentation_counts_them(
    measured: tuple[Path, Path, str, dict[str, Result]], folder: str
) -> None:
    data, root, name, results = measured
    truth = quiet_coco(data / folder / "instances.json")
    overlaps = []
    for _, answer in answers(root / "out" / f"{folder}-expressions" / name):
        annotation = int(answer["question"].partition("/")[0])
        meant = truth.annToMask(truth.anns[annotation]).astype(bool)
        found = decoded(answer["found"][0]) if answer["found"] else np.zeros_like(meant)
        overlaps.append(((meant & found).sum(), (meant | found).sum()))
    pairs = np.asarray(overlaps, dtype=np.float64)
    assert len(pairs) == len(results[folder].rows)
    assert abs(value(results[folder], "mIoU") - (pairs[:, 0] / pairs[:, 1]).mean()) < TOLERANCE
    sums = pairs.sum(axis=0)
    assert abs(value(results[folder], "cIoU") - sums[0] / sums[1]) < TOLERANCE
    assert 0 < value(results[folder], "mIoU") < 1, "or nothing would be compared"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mask_ap_is_that_of_lvis(
    measured: tuple[Path, Path, str, dict[str, Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lvis")
    from lvis import LVIS, LVISEval, LVISResults

    # The package was written for a NumPy that had this name.
    monkeypatch.setattr(np, "float", float, raising=False)
    data, root, _, results = measured
    truth = LVIS(str(data / "lvis" / "lvis_v1_val.json"))
    judged = LVISEval(truth, LVISResults(truth, detections(data, root)), "segm")
    judged.run()
    theirs = judged.get_results()
    assert theirs["AP"] > 0, "or nothing would be compared"
    sizes = {f"mask AP {size}": f"AP{size[0]}" for size in ("small", "medium", "large")}
    for figure, name in {"mask AP": "AP", "mask AP50": "AP50", **sizes}.items():
        ours = value(results["all names"], figure)
        assert (np.isnan(ours) and theirs[name] == -1) or abs(ours - theirs[name]) < TOLERANCE
    frequencies = [
        (value(results["all names"], "mask AP", kind), theirs[f"AP{kind[0]}"])
        for kind in ("rare", "common", "frequent")
    ]
    assert all(abs(ours - of_lvis) < TOLERANCE for ours, of_lvis in frequencies)
    assert len({ours for ours, _ in frequencies}) > 1, "or they would not be told apart"


def test_mask_ap_is_that_of_coco(
    measured: tuple[Path, Path, str, dict[str, Result]],
) -> None:
    data, root, _, results = measured
    truth = quiet_coco(data / "lvis" / "lvis_v1_val.json")
    with contextlib.redirect_stdout(io.StringIO()):
        judged = COCOeval(truth, truth.loadRes(detections(data, root)), "segm")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    names = ("mask AP", "mask AP50", "mask AP75", "small", "medium", "large")
    theirs = dict(zip(names, judged.stats[:6], strict=True))
    ours = results["all names"]
    for figure in ("mask AP", "mask AP50"):
        assert abs(value(ours, figure) - theirs[figure]) < TOLERANCE
    for size in ("small", "medium", "large"):
        mine = value(ours, f"mask AP {size}")
        assert (np.isnan(mine) and theirs[size] == -1) or abs(mine - theirs[size]) < TOLERANCE


def detections(data: Path, root: Path) -> list[dict[str, Any]]:
    """The kept answers about LVIS as a result file."""
    content = json.loads((data / "lvis" / "lvis_v1_val.json").read_text())
    numbers = {category["name"]: category["id"] for category in content["categories"]}
    return [
        {
            "image_id": int(Path(picture).stem),
            "category_id": numbers[answer["question"]],
            "score": one["score"],
            "segmentation": {"size": one["size"], "counts": one["counts"]},
        }
        for picture, answer in answers(root / "whole")
        for one in answer["found"]
    ]


def decoded(found: dict[str, Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(coco_mask.decode({k: found[k] for k in ("size", "counts")}), dtype=bool)


def quiet_coco(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def test_tracks_are_counted_as_by_trackeval(tmp_path: Path) -> None:
    trackeval = pytest.importorskip("trackeval")
    from tests.evaluate.test_video_tasks import Pieces
    from tests.support import video_datasets
    from tests.support.fakes import Colours

    data = video_datasets.youtube_vis(tmp_path / "set")
    made = Candidate(Colours.card, {}, Pieces)
    task = open_task("tracks", {"absent": -1})
    ours = evaluate(open_data_set(data), task, made, tmp_path / "out")
    content = json.loads((data / "instances.json").read_text())
    categories = {each["name"]: each["id"] for each in content["categories"]}
    found = tracks_in(tmp_path / "out", categories)
    theirs = by_trackeval(trackeval, tmp_path / "as it is", content, found)
    single = theirs["COMBINED_SEQ"]["cls_comb_cls_av"]["TrackMAP"]
    assert abs(value(ours, "mask AP") - np.mean(single["AP_all"])) < TOLERANCE
    assert 0 < value(ours, "mask AP") < 1, "or nothing would be compared"
    # pHOTA: each pair of video and phrase as a video of its own, of one class.
    remapped, moved = as_phrases(content, found)
    theirs = by_trackeval(trackeval, tmp_path / "phrases", remapped, moved)
    combined = theirs["COMBINED_SEQ"]["cls_comb_cls_av"]
    assert abs(value(ours, "pHOTA") - combined["HOTA"]["HOTA"].mean()) < TOLERANCE
    assert abs(value(ours, "IDF1") - combined["Identity"]["IDF1"]) < TOLERANCE
    assert 0 < value(ours, "pHOTA") < 1


def tracks_in(folder: Path, categories: dict[str, int]) -> list[dict[str, Any]]:
    """The kept answers as a result file of YouTube-VIS."""
    tracks: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    length = 1 + max(answer["frame"] for _, answer in answers(folder))
    for _, answer in answers(folder):
        for one in answer["found"]:
            tracks.setdefault((answer["question"], one["track"]), {})[answer["frame"]] = one
    return [
        {
            "video_id": 1,
            "category_id": categories[name],
            "score": float(np.mean([one["score"] for one in frames.values()])),
            "segmentations": [
                {key: frames[n][key] for key in ("size", "counts")} if n in frames else None
                for n in range(length)
            ],
        }
        for (name, _), frames in tracks.items()
    ]


def as_phrases(
    content: dict[str, Any], found: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Every category's part of the one video as a video of its own, all of one class."""
    (video,) = content["videos"]
    videos = []
    for category in content["categories"]:
        names = [f"phrase{category['id']}/{name}" for name in video["file_names"]]
        videos.append({**video, "id": category["id"], "file_names": names})
    annotations = [
        {**one, "video_id": one["category_id"], "category_id": 1} for one in content["annotations"]
    ]
    moved = [{**one, "video_id": one["category_id"], "category_id": 1} for one in found]
    remapped = {
        "videos": videos,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "thing"}],
    }
    return remapped, moved


def by_trackeval(
    trackeval: Any, root: Path, content: dict[str, Any], found: list[dict[str, Any]]
) -> dict[str, Any]:
    """What TrackEval gives for tracks against the truth."""
    truth, tracks = root / "youtube_vis_all", root / "tracks" / "youtube_vis_all" / "ours" / "data"
    for folder, name, written in ((truth, "gt.json", content), (tracks, "tracks.json", found)):
        folder.mkdir(parents=True)
        (folder / name).write_text(json.dumps(written))
    options = {
        "GT_FOLDER": f"{root}/",
        "TRACKERS_FOLDER": f"{root / 'tracks'}/",
        "OUTPUT_FOLDER": str(root / "out"),
        "SPLIT_TO_EVAL": "all",
        "PRINT_CONFIG": False,
    }
    evaluator = {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "TIME_PROGRESS": False}
    evaluator |= {"OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False, "PLOT_CURVES": False}
    evaluator |= {"USE_PARALLEL": False, "BREAK_ON_ERROR": True, "RETURN_ON_ERROR": False}
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.YouTubeVIS(options)
        metrics = [
            trackeval.metrics.HOTA(),
            trackeval.metrics.Identity({"THRESHOLD": 0.5, "PRINT_CONFIG": False}),
            trackeval.metrics.TrackMAP(
                {
                    "USE_AREA_RANGES": False,
                    "AREA_RANGES": [],
                    "USE_TIME_RANGES": False,
                    "TIME_RANGES": [],
                    "IOU_THRESHOLDS": np.linspace(0.5, 0.95, 10),
                    "RECALL_THRESHOLDS": np.linspace(0, 1, 101),
                    "MAX_DETECTIONS": 0,
                    "PRINT_CONFIG": False,
                }
            ),
        ]
        output, _ = trackeval.Evaluator(evaluator).evaluate([dataset], metrics)
    result: dict[str, Any] = output["YouTubeVIS"]["ours"]
    return result


@pytest.mark.parametrize("layout", ["mevis", "davis"])
def test_j_and_f_are_those_of_trackeval(layout: str, tmp_path: Path) -> None:
    """Each expression of MeViS over all frames; each object of DAVIS but for the first and last."""
    trackeval = pytest.importorskip("trackeval")
    from tests.evaluate.test_video_tasks import Shifted
    from tests.support import datasets, video_datasets

    made = Candidate(Shifted.card, {}, Shifted)
    if layout == "mevis":
        data = open_data_set(video_datasets.mevis(tmp_path / "set"))
        task, ends = open_task("text-video", {"tracked": True}), slice(None)
    else:
        data = open_data_set(datasets.davis(tmp_path / "set", frames=9))
        task, ends = open_task("carried", {"start": "mask", "tracked": True}), slice(1, -1)
    ours = evaluate(data, task, made, tmp_path / "out")
    (sample,) = data.samples(refuse)
    assert isinstance(sample, VideoSample)
    targets = {target.key: target for target in sample.targets}
    kept: dict[str, dict[int, Any]] = {}
    for _, answer in answers(tmp_path / "out"):
        kept.setdefault(answer["question"], {})[answer["frame"]] = answer["found"]
    scores = []
    for question, frames in kept.items():
        target = targets[question.partition("/")[0]]
        order = range(len(sample.pictures))[ends]
        truth = [encoded([m] if (m := target.mask(n)) else []) for n in order]
        found = [united(frames.get(n, [])) for n in order]
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = trackeval.metrics.JAndF().eval_sequence(as_sequence(truth, found))
        (row,) = (each for each in ours.rows if each.question == question)
        assert abs(row.values["j"] - theirs["J-Mean"]) < TOLERANCE
        assert abs(row.values["f"] - theirs["F-Mean"]) < TOLERANCE
        scores.append(theirs["J&F"])
    assert abs(value(ours, "J&F") - np.mean(scores)) < TOLERANCE
    assert 0 < value(ours, "J&F") < 1, "or nothing would be compared"


def as_sequence(truth: list[Any], found: list[Any]) -> dict[str, Any]:
    """One object and one track of it, as TrackEval takes a sequence."""
    return {
        "num_timesteps": len(truth),
        "num_gt_ids": 1,
        "num_tracker_ids": 1,
        "gt_ids": [np.arange(len(each)) for each in truth],
        "tracker_ids": [np.arange(len(each)) for each in found],
        "gt_dets": truth,
        "tracker_dets": found,
    }


def encoded(masks_of: list[Any]) -> list[Any]:
    """Masks as pycocotools has them."""
    return [
        coco_mask.encode(np.asfortranarray(masks.to_bitmap(mask).astype(np.uint8)))
        for mask in masks_of
    ]


def united(found: list[dict[str, Any]]) -> list[Any]:
    """All that was found on a frame as one mask, if anything was."""
    return [coco_mask.merge([{k: one[k] for k in ("size", "counts")} for one in found])][
        : len(found)
    ]


def refuse(error: SourceError) -> None:
    raise error


def test_refer_davis_is_scored_as_published(tmp_path: Path) -> None:
    """One label map an annotator by argmax, then objects and labels paired for the best J&F."""
    trackeval = pytest.importorskip("trackeval")
    from tests.evaluate.test_video_tasks import Mistaken
    from tests.support import video_datasets

    data = open_data_set(video_datasets.refer_davis(tmp_path / "set"))
    made = Candidate(Mistaken.card, {}, Mistaken)
    ours = evaluate(data, open_task("text-video"), made, tmp_path / "out")
    (sample,) = data.samples(refuse)
    assert isinstance(sample, VideoSample)
    kept: dict[str, dict[int, Any]] = {}
    for _, answer in answers(tmp_path / "out"):
        kept.setdefault(answer["question"], {})[answer["frame"]] = answer["found"]
    order, scores = range(len(sample.pictures)), []
    truth = [encoded([m for target in sample.targets if (m := target.mask(n))]) for n in order]
    for annotator in range(4):
        maps = [kept.get(f"{target.key}/{annotator}", {}) for target in sample.targets]
        found = [by_argmax([frames.get(n, []) for frames in maps]) for n in order]
        sequence = {**as_sequence(truth, found), "num_gt_ids": 2, "num_tracker_ids": 2}
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = trackeval.metrics.JAndF().eval_sequence(sequence)
        scores.append(float(theirs["J&F"]))
        rows = [row for row in ours.rows if row.question.endswith(f"/{annotator}")]
        assert abs(np.mean([row.values["j"] for row in rows]) - theirs["J-Mean"]) < TOLERANCE
        assert abs(np.mean([row.values["f"] for row in rows]) - theirs["F-Mean"]) < TOLERANCE
    assert abs(value(ours, "J&F") - np.mean(scores)) < TOLERANCE
    assert 0.5 < value(ours, "J&F") < 1, "without pairing it would be near 0"


def by_argmax(maps: list[list[dict[str, Any]]]) -> list[Any]:
    """One mask a map of those given, no pixel in two of them: the highest score has it."""
    size = next(one["size"] for found in maps for one in found)
    scores = np.zeros((1 + len(maps), *size))
    scores[0] = 0.1
    for n, found in enumerate(maps, 1):
        for one in found:
            mask = coco_mask.decode({key: one[key] for key in ("size", "counts")}) > 0
            scores[n] = np.maximum(scores[n], mask * one["score"])
    labels = scores.argmax(axis=0)
    return [
        coco_mask.encode(np.asfortranarray((labels == n).astype(np.uint8)))
        for n in range(1, len(scores))
    ]
