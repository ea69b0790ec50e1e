"""The addresses of the page, asked as a browser and as somebody hostile would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.asgi import Answered, ask, request
from tests.support.commandline import captured, parts
from tests.support.fakes import Colours
from tests.support.media import clip
from tests.support.waiting import until
from tests.support.web import need_web, running, send
from videoseg.config.run_config import load
from videoseg.server.access import Access
from videoseg.server.guard import Guard
from videoseg.server.page import app as page
from videoseg.server.page.project import Project

need_web()
FRAMES = 8
OURS = {"models": {"colours": Colours}}
STATIC = Path(page.__file__).with_name("static")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "out"
    film = str(clip(frames=FRAMES, width=160, height=96))
    wanted = ("--text", "red", "--text", "blue", "--model", "colours", "--write", "svg,masks")
    code, _, said = captured(("segment", film, *wanted, "-o", str(folder)), OURS)
    assert code == 0, said
    return folder


@pytest.fixture
def project(out: Path) -> Iterator[Project]:
    (out / "edits.json").unlink(missing_ok=True)
    film = str(clip(frames=FRAMES, width=160, height=96))
    with parts(OURS), Project(film, out, load(), shows_run=True) as made:
        made.results.wait()
        yield made


def get(project: Project, path: str) -> Answered:
    return ask(page.page_app(project), request("GET", path))


def post(project: Project, path: str, said: Any) -> Answered:
    body = json.dumps(said).encode()
    return ask(page.page_app(project), request("POST", path, content_type="application/json"), body)


def test_the_page_and_its_modules_are_served(project: Project) -> None:
    kinds = {each.name: get(project, f"/{each.name}") for each in STATIC.iterdir()}
    assert {answer.status for answer in kinds.values()} == {200}
    assert get(project, "/").body == (STATIC / "index.html").read_bytes()
    assert kinds["main.js"].headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/app.py", "/../app.py", "/%2e%2e/app.py", "/..", "/none.js"])
def test_nothing_else_of_the_package_is_served(project: Project, path: str) -> None:
    assert get(project, path).status == 404


def test_no_module_makes_markup_of_text_and_no_page_holds_a_script() -> None:
    for each in STATIC.glob("*.js"):
        text = each.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), each
    page_text = (STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|style=|\son\w+=", page_text)


def test_a_frame_says_when_it_is_shown(project: Project) -> None:
    answer = get(project, "/frames/3/2.jpg")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert float(answer.headers["x-frame-seconds"]) > 0
    assert get(project, "/frames/99/1.jpg").status == 404
    assert get(project, "/frames/0/3.jpg").status == 404


def test_results_have_tracks_with_bars_and_outlines(project: Project) -> None:
    results = get(project, "/api/results").json
    assert [track["label"] for track in results["tracks"]] == ["red", "blue"]
    assert results["tracks"][0]["runs"] == [[0, FRAMES - 1, "matched"]]
    outlines = get(project, f"/api/outlines/0/{FRAMES}").json["frames"]
    assert list(outlines) == [str(index) for index in range(FRAMES)]
    assert outlines["0"][0]["path"].startswith("m")
    assert get(project, "/api/outlines/0/9999").status == 422


def test_edits_are_made_taken_back_and_refused_where_others_were_quicker(project: Project) -> None:
    label = "<img src=x onerror=alert(1)>"
    made = post(
        project, "/api/edits", {"generation": 0, "edit": "rename", "track": 1, "label": label}
    )
    assert made.json["tracks"][0]["label"] == label
    late = post(project, "/api/edits", {"generation": 0, "edit": "delete", "track": 2})
    assert late.status == 409
    assert "another window" in late.json["error"]
    merged = post(project, "/api/edits", {"generation": 1, "edit": "merge", "track": 1, "other": 2})
    assert [track["track"] for track in merged.json["tracks"]] == [1]
    undone = post(project, "/api/edits", {"generation": 2, "edit": "undo"}).json
    assert [track["track"] for track in undone["tracks"]] == [1, 2]
    assert undone["redoable"]
    assert undone["generation"] == 3


def test_a_split_gives_the_later_frames_to_a_new_track(project: Project) -> None:
    made = post(project, "/api/edits", {"generation": 0, "edit": "split", "track": 1, "at": 4})
    runs = {track["track"]: track["runs"] for track in made.json["tracks"]}
    assert runs[1] == [[0, 3, "matched"]]
    assert runs[3] == [[4, FRAMES - 1, "matched"]]


@pytest.mark.parametrize(
    "said",
    [
        {"edit": "paint", "track": 1},
        {"edit": "rename", "track": 9, "label": "x"},
        {"edit": "rename", "track": True, "label": "x"},
        {"edit": "rename", "track": 1, "label": " "},
        {"edit": "split", "track": 1, "at": 99},
        {"edit": "merge", "track": 1, "other": 1},
    ],
)
def test_an_edit_that_is_none_is_refused(project: Project, said: dict[str, Any]) -> None:
    answer = post(project, "/api/edits", {"generation": 0, **said})
    assert answer.status == 422
    assert "\n" not in answer.json["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"1"])
def test_what_is_no_request_is_refused(project: Project, body: bytes) -> None:
    answer = ask(page.page_app(project), request("POST", "/api/outline"), body)
    assert answer.status == 400


def test_an_outline_is_asked_for_and_its_draft_first(project: Project) -> None:
    said = {"frame": 2, "prompts": [{"label": "it", "cues": [{"at": 2, "point": [[40, 40]]}]}]}
    draft = post(project, "/api/outline", {**said, "draft": True}).json
    whole = post(project, "/api/outline", said).json
    assert draft["draft"]
    assert not whole["draft"]
    assert len(draft["found"]) == len(whole["found"]) == 1


def test_a_part_or_the_whole_of_what_is_clicked_is_asked_for(project: Project) -> None:
    said = {"frame": 2, "prompts": [{"label": "it", "cues": [{"at": 2, "point": [[40, 40]]}]}]}
    found = [
        each
        for extent in ("part", "whole")
        for each in post(project, "/api/outline", {**said, "extent": extent}).json["found"]
    ]
    assert found
    assert all(each["prompt"] == 0 and each["path"] for each in found)
    refused = post(project, "/api/outline", {**said, "extent": "half"})
    assert refused.status == 422
    assert refused.json["error"] == "extent is part or whole"


def test_a_model_that_gives_one_extent_says_so(out: Path, tmp_path: Path) -> None:
    film = str(clip(frames=FRAMES, width=160, height=96))
    said = {"frame": 2, "extent": "part", "prompts": [{"label": "red", "text": "red"}]}
    with parts(OURS), Project(film, tmp_path / "new", load(flags={"model": "colours"})) as opened:
        assert not opened.to_json()["model"]["extents"]
        answer = post(opened, "/api/outline", said)
    assert answer.status == 422
    assert "colours gives one extent" in answer.json["error"]


def test_a_mark_on_another_frame_says_nothing_of_this_one(project: Project) -> None:
    said = {"frame": 3, "prompts": [{"label": "it", "cues": [{"at": 2, "point": [[40, 40]]}]}]}
    assert post(project, "/api/outline", said).json["found"] == []


@pytest.mark.parametrize("path", ["/api/outline", "/api/run"])
def test_no_frame_is_sent_to_a_service(out: Path, tmp_path: Path, path: str) -> None:
    film = str(clip(frames=FRAMES, width=160, height=96))
    with Project(film, tmp_path / "new", load(flags={"model": "moondream"})) as opened:
        answer = post(opened, path, {"frame": 2, "prompts": [{"text": "cat"}]})
    assert answer.status == 422
    assert "moondream is a service" in answer.json["error"]


def test_words_that_the_model_does_not_know_are_said(project: Project) -> None:
    said = {"frame": 2, "prompts": [{"text": "blorptang"}]}
    answer = post(project, "/api/outline", said)
    assert answer.status == 200
    assert answer.json["found"] == []
    assert "blorptang" in answer.json["refused"]["0"]


@pytest.mark.parametrize(
    "said",
    [
        {"frame": 2, "prompts": []},
        {"frame": 99, "prompts": [{"text": "cat"}]},
        {"frame": "2", "prompts": [{"text": "cat"}]},
        {"frame": 2, "prompts": [{"cues": [{"at": 2, "point": [[9999, 4]]}]}]},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(
    project: Project, said: dict[str, Any]
) -> None:
    answer = post(project, "/api/outline", said)
    assert answer.status == 422
    assert answer.json["error"]


def test_outputs_are_listed_with_settings_and_written(project: Project, out: Path) -> None:
    outputs = {each["name"]: each for each in get(project, "/api/outputs").json["outputs"]}
    precision = next(
        each for each in outputs["svg"]["settings"] if each["path"] == "writers.svg.precision"
    )
    assert precision["type"] == "integer"
    assert precision["description"]
    said = {"names": ["jsonl", "svg"], "settings": {"writers.svg.precision": "0"}}
    assert post(project, "/api/export", said).status == 200
    until(lambda: project.worker.work is not None and project.worker.work.is_over)
    work = get(project, "/api/work").json["work"]
    assert work["status"] == "done", work["reason"]
    assert "." not in re.findall(r' d="([^"]*)"', (out / "svg" / "000000.svg").read_text())[0]


def test_a_setting_that_does_not_fit_is_said(project: Project) -> None:
    post(project, "/api/export", {"names": ["svg"], "settings": {"writers.svg.precision": "99"}})
    until(lambda: project.worker.work is not None and project.worker.work.is_over)
    work = get(project, "/api/work").json["work"]
    assert work["status"] == "failed"
    assert "precision" in work["reason"]


def test_files_of_the_run_are_given_for_saving_and_no_others(project: Project) -> None:
    with running(Guard(page.page_app(project), Access())) as place:
        status, headers, body = send(place, "GET", "/files/masks.json")
        others = ("/files/../made", "/files//etc/passwd", "/files/svg", "/files/none", "/files/")
        refused = [send(place, "GET", path)[0] for path in others]
    assert status == 200
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert body == (project.out / "masks.json").read_bytes()
    assert refused == [404] * len(others)


def test_work_is_told_what_it_knows_alone(project: Project) -> None:
    assert get(project, "/api/work").json == {"work": None}
    post(project, "/api/export", {"names": ["jsonl"], "settings": {}})
    assert post(project, "/api/work", {"do": "explode"}).status == 422
    project.worker.end()
