"""Every task on a miniature whose answers can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tests.support import datasets
from tests.support.fakes import Colours
from videoseg.errors import ConfigError, PromptError, SourceError
from videoseg.evaluate.answers import Answer, Found
from videoseg.evaluate.baselines import FilledBox
from videoseg.evaluate.candidates import Candidate, baseline
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.samples import ImageSample
from videoseg.evaluate.tables import Figure, Row, differences, mean, mean_of_labels, summarise
from videoseg.evaluate.tasks import open_task, task_classes
from videoseg.evaluate.tasks._truth import absent_names
from videoseg.geometry import masks
from videoseg.protocols import Segmenter
from videoseg.types import Detections, Frame, Instance, ModelCard, Prompt


def candidate(make: Callable[[], Segmenter]) -> Candidate:
    return Candidate(make().card, {}, make)


def measure(
    data: Path, task: str, model: Candidate, out: Path, **settings: object
) -> dict[tuple[str, str], float]:
    """The table: value by group and figure."""
    return table(evaluate(open_data_set(data), open_task(task, settings), model, out))


def table(result: Result) -> dict[tuple[str, str], float]:
    return {(entry.group, entry.figure): entry.interval.value for entry in result.entries}


def test_names(tmp_path: Path) -> None:
    data = open_data_set(datasets.coco(tmp_path / "data"))
    result = evaluate(data, open_task("names"), candidate(Colours), tmp_path / "out")
    found = table(result)
    # Things: red is right on one image, half on the other; both greens (192 + 256 px) are right.
    assert found["things", "mIoU"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert found["things", "cIoU"] == pytest.approx((256 + 256 + 448) / (256 + 512 + 448))
    assert found["things", "P@0.5"] == 1
    assert found["things", "P@0.6"] == pytest.approx(2 / 3)
    assert found["stuff", "mIoU"] == 1
    # Absent: green and brick wall on the first, blue (which is there, unmarked) and brick wall on
    # the second. Colours knows no walls.
    assert found["absent", "false-alarm rate"] == 1 / 4
    assert found["absent", "phrases refused"] == 2 / 4
    assert found["all names", "presence accuracy"] == 7 / 8
    tp, fp, tn, fn = 4, 1, 3, 0
    mcc = (tp * tn - fp * fn) / ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    assert found["all names", "presence MCC"] == pytest.approx(mcc)
    (point,) = result.curve
    assert point["threshold"] == pytest.approx(0.9)
    assert point["false_alarm_rate"] == 1 / 4
    assert point["recall"] == 1
    assert point["mean_iou"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_absent_names_are_drawn_alike_every_time() -> None:
    many = ImageSample(
        "a.png", lambda: datasets.picture(), (), tuple(f"name {n}" for n in range(80))
    )
    first = absent_names(many, 3, 0)
    assert first == ["name 31", "name 11", "name 8"]
    other = absent_names(many, 5, 1)
    assert len(set(other)) == 5
    assert other[:3] != first
    assert absent_names(many, -1, 0) == list(many.absent)


def test_lvis_asks_only_what_was_judged(tmp_path: Path) -> None:
    data = open_data_set(datasets.lvis(tmp_path / "data"))
    result = evaluate(data, open_task("names"), candidate(Colours), tmp_path / "out")
    asked = {row.question: row.groups for row in result.rows}
    assert asked == {
        "red": ("things", "all names"),
        "air conditioner": ("absent", "all names"),
    }


def test_boxes(tmp_path: Path) -> None:
    root = datasets.coco(tmp_path / "data")
    found = measure(root, "boxes", baseline("baseline-box"), tmp_path / "out")
    # Two squares fill their boxes, the L shape three quarters of its own; the crowd is not asked.
    assert found["all", "mIoU"] == pytest.approx((1 + 1 + 0.75) / 3)
    assert found["all", "P@0.8"] == pytest.approx(2 / 3)
    assert found["small", "cIoU"] == pytest.approx((256 + 512 + 192) / (256 + 512 + 256))
    assert ("medium", "mIoU") not in found


@dataclass
class HalfThenWhole:
    """Knows the red square, but gives its left half until it was clicked twice."""

    card: ClassVar[ModelCard] = ModelCard(
        name="half-then-whole",
        summary="",
        kinds=frozenset({"point", "negative"}),
        open_vocabulary=False,
        licence="",
        megabytes=0,
    )

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        pass

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        ((prompt,),) = prompts
        points = prompt.cues[0].points
        bitmap = datasets.block(16, 16, 32 if len(points) > 1 else 24, 32)
        mask = masks.from_bitmap(bitmap)
        assert mask is not None
        return [Detections(frames[0].stream, frames[0].index, (Instance(mask, 0.5, 0),))]

    def close(self) -> None:
        pass


def test_clicks(tmp_path: Path) -> None:
    root = datasets.grabcut(tmp_path / "data")
    data = open_data_set(root)
    result = evaluate(data, open_task("clicks"), candidate(HalfThenWhole), tmp_path / "out")
    found = table(result)
    curve = [found["all", f"IoU@{k}"] for k in range(1, 6)]
    assert curve == [0.5, 1, 1, 1, 1]
    assert found["all", "NoC@85 (of 5)"] == 2
    assert result.latency is not None
    assert result.latency.count == 2, "no click is made on what is right already"


def test_scribbles(tmp_path: Path) -> None:
    root = datasets.grabcut(tmp_path / "data")
    found = measure(root, "scribbles", candidate(HalfThenWhole), tmp_path / "out")
    assert found["all", "mIoU"] == 1
    assert found["strokes 0", "boundary F"] == 1


def test_grabcut_of_opencv_takes_boxes_and_strokes(tmp_path: Path) -> None:
    root = datasets.grabcut(tmp_path / "data")
    for task in ("boxes", "scribbles", "clicks"):
        found = measure(root, task, baseline("baseline-grabcut"), tmp_path / task)
        figure = "IoU@1" if task == "clicks" else "mIoU"
        assert found["all", figure] > 0.7


def test_expressions(tmp_path: Path) -> None:
    root = datasets.refer(tmp_path / "data")
    found = measure(root, "expressions", candidate(Colours), tmp_path / "out")
    # Red is right, green is half of its truth, and "what is this" is refused.
    assert found["all", "mIoU"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert found["all", "cIoU"] == pytest.approx((256 + 0 + 256) / (256 + 256 + 512))
    assert found["all", "P@0.5"] == pytest.approx(2 / 3)
    assert found["all", "phrases refused"] == pytest.approx(1 / 3)


def test_a_box_repeated_through_a_sequence(tmp_path: Path) -> None:
    root = datasets.davis(tmp_path / "data")
    box = baseline("baseline-box")
    data, task = open_data_set(root), open_task("carried", {"repeat": True})
    rows = evaluate(data, task, box, tmp_path / "out").rows
    by_object = {row.question: row.values for row in rows}
    # The moving object leaves its box by 4 pixels a frame; first and last frame do not count.
    assert by_object["1"]["j"] == pytest.approx((12 / 20 + 8 / 24 + 4 / 28) / 3)
    assert by_object["1"]["j recall"] == pytest.approx(1 / 3)
    assert by_object["2"]["j&f"] == 1
    assert by_object["2"]["instability"] == 0
    assert by_object["1"]["instability"] > 1, "the box stays where the motion says it moves on"


def test_the_first_mask_carried_through_a_sequence(tmp_path: Path) -> None:
    root = datasets.davis(tmp_path / "data")
    found = measure(root, "carried", baseline("baseline-box"), tmp_path / "out", start="mask")
    assert found["drive", "J"] > 0.8


def test_a_phrase_through_a_sequence(tmp_path: Path) -> None:
    root = datasets.davis_simple(tmp_path / "data")
    found = measure(root, "text-video", candidate(Colours), tmp_path / "out")
    # All frames count: right, half, right, and rightly nothing on the last.
    assert found["walk", "J"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert found["all", "phrases refused"] == 0


def test_a_refused_phrase_through_a_sequence(tmp_path: Path) -> None:
    root = datasets.davis_simple(tmp_path / "data")
    datasets.write_json(root / "prompts.json", {"walk": "zebra"})
    found = measure(root, "text-video", candidate(Colours), tmp_path / "out")
    assert found["all", "J"] == pytest.approx(1 / 4)
    assert found["all", "phrases refused"] == 1


def test_what_does_not_fit_is_refused_before_the_work(tmp_path: Path) -> None:
    images, videos = datasets.coco(tmp_path / "coco"), datasets.davis(tmp_path / "davis")
    box = baseline("baseline-box")
    with pytest.raises(SourceError, match="holds videos; boxes needs images"):
        measure(videos, "boxes", box, tmp_path / "out")
    with pytest.raises(PromptError, match="takes box, mask, but task 'names' asks with text"):
        measure(images, "names", box, tmp_path / "out")
    with pytest.raises(SourceError, match="nothing in it fits the task 'expressions'"):
        measure(images, "expressions", candidate(Colours), tmp_path / "out")
    with pytest.raises(ConfigError, match="did you mean 'boxes'"):
        open_task("boxs")
    with pytest.raises(ConfigError, match=r"task\.clicks = 0"):
        open_task("clicks", {"clicks": 0})
    assert len(task_classes()) == 9


def test_a_sequence_too_short_to_score_is_broken_data(tmp_path: Path) -> None:
    root = datasets.davis(tmp_path / "data", frames=2)
    with pytest.raises(SourceError, match="drive: fewer than three frames"):
        measure(root, "carried", baseline("baseline-box"), tmp_path / "out")


def test_a_picture_of_another_size_than_its_truth_is_broken_data(tmp_path: Path) -> None:
    root = datasets.coco(tmp_path / "data")
    small = np.zeros((10, 10, 3), dtype=np.uint8)
    datasets.write_picture(root / "val2017" / "a.png", small)
    with pytest.raises(SourceError, match=r"a\.png: the picture is 10 x 10, its truth 64 x 48"):
        measure(root, "boxes", baseline("baseline-box"), tmp_path / "out")


def test_an_answer_survives_the_cache() -> None:
    parts = [masks.from_bitmap(datasets.block(*at)) for at in ((1, 2, 9, 9), (30, 20, 64, 48))]
    kept = [mask for mask in parts if mask is not None]
    answer = Answer("q", tuple(Found(m, 0.5 - n / 8) for n, m in enumerate(kept)), 0.25, 3, 0.75)
    again = Answer.from_json(answer.to_json())
    assert (again.question, again.seconds, again.frame, again.presence) == ("q", 0.25, 3, 0.75)
    assert [one.score for one in again.found] == [0.5, 0.375]
    merged, expected = again.union, masks.union(kept)
    assert merged is not None
    assert expected is not None
    assert masks.area(merged) == 8 * 7 + 34 * 28
    assert masks.iou(merged, expected) == 1


def row(unit: str, question: str, value: float, group: str = "all") -> Row:
    return Row(unit, question, question, (group,), {"value": value})


def test_figures_are_taken_over_groups_and_paired_by_question() -> None:
    first = [row("a", "1", 1), row("a", "2", 0), row("b", "1", 0.5), row("b", "2", 0.5, "small")]
    second = [row("a", "1", 0.5), row("b", "1", 0.25), row("c", "1", 1)]
    figures: list[Figure] = [mean("mean", "value"), mean("other", "nothing")]
    entries = {entry.group: entry for entry in summarise(first, figures)}
    assert entries["all"].interval.value == 0.5
    assert (entries["all"].n, entries["all"].interval.units) == (3, 2)
    assert entries["small"].interval.units == 1
    (difference,) = differences(first, second, figures)
    assert difference.n == 2
    assert difference.interval.value == pytest.approx((0.5 + 0.25) / 2)


def test_boxes_beyond_the_frame_are_clipped() -> None:
    frame = Frame("one", 0, 0, 1, np.zeros((48, 64, 3), dtype=np.uint8))  # type: ignore[arg-type]
    from videoseg.types import Cue

    prompt = Prompt("x", cues=(Cue(boxes=((-5.0, 40.5, 200.0, 90.0, True),)),))
    (answer,) = FilledBox().segment([frame], [(prompt,)])
    assert masks.bounding_box(answer.instances[0].mask) == (0, 40, 64, 48)


def test_instances_by_name(tmp_path: Path) -> None:
    root = datasets.coco(tmp_path / "data")
    found = measure(root, "instances", candidate(Colours), tmp_path / "out", absent=-1)
    # Red: one instance on each image, right and half found. Green: one answer for the L shape and
    # the crowd together, which lies in the crowd by 256 of its 448 pixels. Stuff is not asked.
    assert found["all", "mIoU per instance"] == pytest.approx((1 + 0.5 + 192 / 448) / 3)
    assert found["all", "mIoU per category"] == pytest.approx((512 / (256 + 512) + 1) / 2)
    # What cannot be counted is a crowd; what is counted wrongly is the blue that nobody has marked.
    assert found["all", "counted exactly"] == pytest.approx(5 / 6)
    assert found["all", "presence accuracy"] < 1
    assert 0 < found["all", "mask AP50"] <= 1
    each = measure(root, "instances", candidate(Colours), tmp_path / "each", absent=0, each=True)
    assert each["name: red", "mIoU per instance"] == pytest.approx(0.75)


def test_a_metric_over_labels_and_its_paired_difference() -> None:
    def rows(red: float) -> list[Row]:
        values = [("a", "red", red, 4.0), ("a", "blue", 1.0, 2.0), ("b", "red", red, 4.0)]
        return [Row(u, name, name, ("all",), {"i": i, "u": n}) for u, name, i, n in values]

    figure = mean_of_labels("by name", ("i", "u"))
    (entry,) = summarise(rows(2.0), [figure])
    assert entry.interval.value == pytest.approx((4 / 8 + 1 / 2) / 2)
    assert entry.interval.units == 2
    (change,) = differences(rows(4.0), rows(2.0), [figure])
    assert change.interval.value == pytest.approx((1 - 0.5) / 2)
    assert change.interval.low > 0
