"""Phrases that the model does not know, among others that it does: the run goes on without them."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import videoseg
from benchmarks.kill_resume import contents
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg import Job, Prompt, load_config, registry
from videoseg.cli._app import run
from videoseg.errors import UnknownPhraseError, UnknownPhraseWarning
from videoseg.protocols import Resumable, Segmenter
from videoseg.runlog.reader import read_run
from videoseg.stages.known_phrases import known_only, prepare_known
from videoseg.types import Cue, Detections, Frame

SOME, NONE = 3, 4
FLAGS = ["--model", "presence", "--write", "masks"]
MIXED = ["--text", "purple", "--text", "red", "--text", "kettle", "--text", "blue"]


class Presence(Colours):
    """Says of each prompt whether it is there, and breaks where it is told to."""

    breaks_at: int | None = None

    def segment(self, frames: Any, prompts: Any) -> Any:
        if any(frame.index == Presence.breaks_at for frame in frames):
            raise RuntimeError("the model broke")
        answers = super().segment(frames, prompts)
        return [
            Detections(
                answer.stream,
                answer.index,
                answer.instances,
                tuple(0.5 + 0.1 * n for n in range(len(asked))),
            )
            for answer, asked in zip(answers, prompts, strict=True)
        ]

    def explain(self, prompts: Sequence[Prompt]) -> list[str]:
        return [f"{prompt.label!r} is taken lightly" for prompt in prompts]


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"presence": Presence} if kind == "models" else {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    monkeypatch.setattr(Presence, "breaks_at", None)
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(clip(frames=6, width=160, height=96), "film.mp4")


def drawn(out: str) -> list[list[tuple[str, int]]]:
    return [
        [(one.label, one.instance.prompt) for one in scene.instances]
        for scene in read_run(Path(out)).scenes()
    ]


def test_a_run_goes_on_with_what_the_model_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "film.mp4", *MIXED, *FLAGS, "-o", "out", "--json"]) == SOME
    said = capsys.readouterr()
    (line,) = [each for each in said.err.splitlines() if "not looked for: " in each and "," in each]
    assert "'purple', 'kettle'; model 'colours' does not know them" in line
    assert "--box or --point" in line
    for document in (json.loads(said.out), json.loads(Path("out/run.json").read_bytes())):
        assert [(each["prompt"], each["label"]) for each in document["refused"]] == [
            (0, "purple"),
            (2, "kettle"),
        ]
        assert document["refused"][0]["reason"] == "no colour is called 'purple'"
        assert document["notes"] == ["'red' is taken lightly", "'blue' is taken lightly"]
    counts = json.loads(Path("out/run.json").read_bytes())["counts"]
    assert not {"purple", "kettle"} & set(counts["not_found"])

    known = ["--text", "red", "--text", "blue"]
    assert run(["segment", "film.mp4", *known, *FLAGS, "-o", "known"]) == 0
    places = {0: 1, 1: 3}
    expected = [[(label, places[n]) for label, n in scene] for scene in drawn("known")]
    assert drawn("out") == expected
    assert any(drawn("out"))
    answers = [answer for *_, answer in read_run(Path("out")).detections()]
    assert {answer.presence for answer in answers if answer} == {(None, 0.5, None, 0.6)}


def test_where_nothing_is_known_the_run_ends(capsys: pytest.CaptureFixture[str]) -> None:
    text = ["--text", "purple", "--text", "kettle"]
    assert run(["segment", "film.mp4", *text, *FLAGS, "-o", "out"]) == NONE
    (line,) = capsys.readouterr().err.splitlines()
    assert "'purple'" in line
    assert "'kettle'" in line
    assert not Path("out").exists()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_batch_goes_on_too(jobs: str, capfd: pytest.CaptureFixture[str]) -> None:
    """In processes of their own the built-in models alone are there."""
    shutil.copyfile("film.mp4", "again.mp4")
    text = ["--text", "frobnicator", "--text", "dog", "--model", "embedded", "--write", "masks"]
    films = ["film.mp4", "again.mp4"]
    assert run(["segment", *films, *text, "-o", "out", "--jobs", jobs, "--json"]) == SOME
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert [each["state"] for each in document["inputs"]] == ["done", "done"]
    assert all(each["refused"][0]["label"] == "frobnicator" for each in document["inputs"])
    assert said.err.count("not looked for: 'frobnicator'") == 1
    assert said.err.count("not known: frobnicator") == 2
    again = ["segment", *films, *text, "-o", "out", "--skip-existing"]
    assert run(again) == SOME


def test_every_other_verb_goes_on_too(capsys: pytest.CaptureFixture[str]) -> None:
    preview = ["preview", "film.mp4", *MIXED, "--model", "presence", "-o", "a.png", "--json"]
    assert run(preview) == SOME
    said = capsys.readouterr()
    assert [each["label"] for each in json.loads(said.out)["refused"]] == ["purple", "kettle"]
    assert "kettle: not looked for" in said.err
    assert Path("a.png").exists()
    assert run(["segment", "film.mp4", *MIXED, *FLAGS, "--dry-run", "--json"]) == SOME
    assert len(json.loads(capsys.readouterr().out)["refused"]) == 2
    bench = ["bench", "film.mp4", "red|purple", "--model", "presence", "--count", "2", "--json"]
    assert run(bench) == SOME
    said = capsys.readouterr()
    assert "not looked for: 'purple'" in said.err
    assert json.loads(said.out)["refused"][0]["text"] == "purple"
    assert run(["bench", "film.mp4", "purple", "--model", "presence"]) == NONE


BOX = Cue(frame=2, boxes=((4.0, 0.0, 156.0, 96.0, True),))
PROMPTS = {
    "text": (Prompt("purple", "purple"), Prompt("red", "red"), Prompt("blue", "blue")),
    "marks": (Prompt("no", "purple", (BOX,)), Prompt("thing", cues=(BOX,)), Prompt("red", "red")),
}


def job(kind: str) -> Job:
    settings = load_config(
        flags={"model": "presence", "write": ["masks"]}, assignments=["run.batch=1"]
    )
    return Job("film.mp4", PROMPTS[kind], settings)


@pytest.mark.parametrize("kind", list(PROMPTS))
def test_a_broken_run_is_gone_on_with_to_the_same_bytes(kind: str) -> None:
    with job(kind) as made:
        whole = made.run(Path("whole"))
        assert [each.prompt for each in made.refused] == [0]
    assert [each.text for each in whole.refused] == ["purple"]
    for at in (3, 5):
        Presence.breaks_at = at
        with pytest.raises(RuntimeError, match="the model broke"), job(kind) as made:
            made.run(Path("out"), resume=True)
    Presence.breaks_at = None
    with job(kind) as made:
        summary = made.run(Path("out"), resume=True)
    assert summary.known > 0
    assert (summary.refused, summary.notes) == (whole.refused, whole.notes)
    assert contents(Path("out")) == contents(Path("whole"))
    with job(kind) as made:
        assert made.run(Path("out"), resume=True).refused == whole.refused


def test_what_is_redone_later_still_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    run(["segment", "film.mp4", *MIXED, *FLAGS, "-o", "out"])
    before = json.loads(Path("out/run.json").read_bytes())
    capsys.readouterr()
    assert run(["rerun", "out", "-o", "again", "--json"]) == 0
    said = capsys.readouterr()
    assert "kettle: not looked for" in said.err
    assert json.loads(said.out)["refused"] == before["refused"]
    made = json.loads(Path("again/run.json").read_bytes())
    assert (made["refused"], made["notes"]) == (before["refused"], before["notes"])
    assert run(["write", "out", "--write", "svg"]) == 0
    assert json.loads(Path("out/run.json").read_bytes())["refused"] == before["refused"]


def test_python_is_warned_once_for_each_phrase() -> None:
    settings = load_config(flags={"model": "presence"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = list(videoseg.segment("film.mp4", "purple|red", "kettle", config=settings))
    found = [each.message for each in caught if issubclass(each.category, UnknownPhraseWarning)]
    assert [each.phrase for each in found if isinstance(each, UnknownPhraseWarning)] == [
        "purple",
        "kettle",
    ]
    assert {one.label for _, scene in pairs for one in scene.instances} == {"red"}
    with pytest.raises(UnknownPhraseError):
        list(videoseg.segment("film.mp4", "purple", config=settings))


def test_an_error_about_another_phrase_is_not_swallowed() -> None:
    class Odd(Colours):
        def prepare(self, prompts: Sequence[Prompt]) -> None:
            raise UnknownPhraseError("no", phrase="something else")

    model: Segmenter = Odd()
    with pytest.raises(UnknownPhraseError, match="no"):
        prepare_known(model, PROMPTS["text"])


def test_a_stage_that_remembers_still_does() -> None:
    class Stage:
        recalled: Detections | None = None

        def run(self, frames: Any) -> Any: ...

        def recall(self, frame: Frame, detections: Detections | None) -> None:
            self.recalled = detections

        def snapshot(self) -> Any:
            return {}

        def restore(self, state: Any) -> None: ...

    inner = Stage()
    stage = known_only(inner, (1,), 2)
    assert isinstance(stage, Resumable)
    assert known_only(inner, (0, 1), 2) is inner
    stage.recall(None, Detections("a", 0, (), (None, 0.5)))  # type: ignore[arg-type]
    assert inner.recalled is not None
    assert inner.recalled.presence == (0.5,)
