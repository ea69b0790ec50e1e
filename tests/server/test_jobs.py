"""Jobs of a server: whole videos, followed, cancelled and fetched."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import media, web
from tests.support.fakes import Colours, Slow
from tests.support.waiting import until
from videoseg import registry
from videoseg.config.run_config import RunConfig, load
from videoseg.server.guard import Limits
from videoseg.server.paths import Folders
from videoseg.types import Detections, Frame, Prompt

web.need_web()

from videoseg.server.job_queue import JobQueue  # noqa: E402 - as the others here
from videoseg.server.job_requests import JobMaker, check_settings  # noqa: E402
from videoseg.server.job_skills import JOBS, JobSkills  # noqa: E402

HELD = threading.Event()
"""While it is not set, the model waits on the third frame."""


class Held(Colours):
    """Waits on the third frame."""

    def _answer(self, frame: Frame, prompts: Sequence[Prompt]) -> Detections:
        if frame.index == 2:
            HELD.wait(60)
        return super()._answer(frame, prompts)


@pytest.fixture(autouse=True)
def _our_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> Mapping[str, Any]:
        ours = {"colours": Colours, "slow": Slow, "held": Held} if kind == "models" else {}
        return {**real(kind), **ours}

    monkeypatch.setattr(registry, "_built_in", with_ours)
    HELD.clear()
    yield
    HELD.set()


@contextmanager
def serving(tmp_path: Path, model: str = "colours", **queue: int) -> Iterator[str]:
    """A server that takes jobs on ``tmp_path/open``, where ``film.mp4`` is."""
    folder = tmp_path / "open"
    folder.mkdir(exist_ok=True)
    film = media.clip(name="film.mp4", width=64, height=48, frames=8, picture=red_square)
    (folder / "film.mp4").write_bytes(film.read_bytes())

    def settings(flags: Mapping[str, Any], assignments: Sequence[str]) -> RunConfig:
        given = {name: value for name, value in flags.items() if value}
        return load(flags={**given, "model": model}, assignments=assignments)

    jobs = JobSkills(JobQueue(tmp_path / "out", **queue), JobMaker(Folders.of([folder]), settings))
    limits = Limits(upload_bytes=1 << 20, uploads=(JOBS,))
    with web.answering(Colours(), jobs=jobs, limits=limits) as place:
        yield place


def red_square(index: int, width: int, height: int) -> Any:
    import numpy as np

    image = np.full((height, width, 3), 60, np.uint8)
    image[10:30, 10 + index : 30 + index] = (230, 20, 20)
    return image


def begin(place: str, **asked: Any) -> tuple[int, Any]:
    return web.post_json(place, JOBS, {"path": "film.mp4", "text": ["red"], **asked})


def status(place: str, job: str) -> Any:
    return json.loads(web.send(place, "GET", f"{JOBS}/{job}")[2])


def ended(place: str, job: str) -> Any:
    found: dict[str, Any] = {}

    def has_ended() -> bool:
        found.update(status(place, job))
        return found["state"] not in ("queued", "running")

    until(has_ended)
    return found


def events(place: str, job: str) -> list[tuple[str, Any]]:
    body = web.send(place, "GET", f"{JOBS}/{job}/events")[2].decode()
    found = []
    for event in filter(None, body.split("\n\n")):
        kind, data = event.split("\n")
        found.append((kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_job_is_done_followed_and_fetched(tmp_path: Path) -> None:
    HELD.set()
    with serving(tmp_path) as place:
        code, job = begin(place, write=["svg", "masks"], every=1)
        assert code == 202
        name = job["id"]
        kind, last = events(place, name)[-1]
        assert (kind, last["state"]) == ("end", "done")
        assert (last["frames"], last["total"], last["objects"]) == (8, 8, 1)
        assert [one["id"] for one in json.loads(web.send(place, "GET", JOBS)[2])["jobs"]] == [name]
        listed = json.loads(web.send(place, "GET", f"{JOBS}/{name}/files")[2])
        paths = [one["path"] for one in listed["files"]]
        assert {"masks.json", "run.json", "svg/000000.svg"} <= set(paths)
        code, headers, body = web.send(place, "GET", f"{JOBS}/{name}/files/svg/000000.svg")
        assert (code, b"<svg" in body) == (200, True)
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-disposition"].startswith("attachment;")
        counted = web.send(place, "GET", "/metrics")[2].decode()
        assert "\nvideoseg_jobs_running 0\n" in counted
        assert 'path="/jobs/..."' in counted, "no id of a job makes rows of its own"
        code, _, _ = web.send(place, "DELETE", f"{JOBS}/{name}")
        assert code == 200
        assert not (tmp_path / "out" / name).exists()
        assert web.send(place, "GET", f"{JOBS}/{name}")[0] == 404


def test_it_is_what_the_command_makes(tmp_path: Path) -> None:
    from videoseg.cli._app import run

    film = tmp_path / "open" / "film.mp4"
    with serving(tmp_path) as place:
        _, job = begin(place, write=["svg"], set=["writers.svg.precision=3"])
        assert ended(place, job["id"])["state"] == "done"
    asked = ["segment", str(film), "red", "--model", "colours", "--write", "svg", "-q"]
    out = tmp_path / "command"
    assert run([*asked, "--set", "writers.svg.precision=3", "-o", str(out)]) == 0
    drawn = sorted((out / "svg").iterdir())
    assert len(drawn) == 8
    for drawing in drawn:
        made = tmp_path / "out" / job["id"] / "svg" / drawing.name
        assert made.read_bytes() == drawing.read_bytes()


def form(file: bytes, job: Any, name: str = "film.mp4") -> tuple[bytes, str]:
    edge = "----edge"
    parts = (
        f'--{edge}\r\nContent-Disposition: form-data; name="job"\r\n\r\n{json.dumps(job)}\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    )
    body = parts.encode() + file + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"


def test_a_job_is_cancelled_while_it_runs_and_before(tmp_path: Path) -> None:
    with serving(tmp_path, "held") as place:
        _, first = begin(place)
        until(lambda: status(place, first["id"])["state"] == "running")
        _, second = begin(place)
        assert status(place, second["id"])["state"] == "queued"
        for job in (second, first):
            assert web.send(place, "DELETE", f"{JOBS}/{job['id']}")[0] == 200
        assert status(place, second["id"])["state"] == "cancelled"
        HELD.set()
        assert ended(place, first["id"])["state"] == "cancelled"
        assert web.send(place, "GET", f"{JOBS}/{first['id']}/files")[0] == 404
        until(lambda: not (tmp_path / "out" / first["id"]).exists())
        _, third = begin(place)
        assert ended(place, third["id"])["state"] == "done", "others go on"


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    with serving(tmp_path, "held", most_waiting=1) as place:
        _, first = begin(place)
        until(lambda: status(place, first["id"])["state"] == "running")
        assert begin(place)[0] == 202
        code, answer = begin(place)
        assert (code, answer) == (503, {"error": "too many jobs wait; ask again later"})
        HELD.set()


def test_the_end_of_the_server_ends_jobs_and_streams(tmp_path: Path) -> None:
    with serving(tmp_path, "held") as place:
        _, job = begin(place)
        until(lambda: status(place, job["id"])["state"] == "running")
        with web.raw(place) as stream:
            stream.sendall(
                f"GET {JOBS}/{job['id']}/events HTTP/1.1\r\nHost: {place}\r\n\r\n".encode()
            )
            assert b"200 OK" in stream.recv(65536)
            HELD.set()
    assert not list((tmp_path / "out").rglob("run.json.part"))


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"path": "../film.mp4"}, 422, "is no file in a folder that is open"),
        ({"path": "/etc/passwd"}, 422, "is no file in a folder that is open"),
        ({"path": "out.mp4"}, 422, "is no file in a folder that is open"),
        ({"path": "camera:0"}, 422, "is no file in a folder that is open"),
        ({"path": None}, 422, "give either the path of an input, or a file"),
        ({"text": []}, 422, "nothing to look for"),
        ({"box": ["1,2,3"]}, 422, "box is x1,y1,x2,y2"),
        ({"prompt": ["mask=/etc/passwd"]}, 422, "is no file in a folder that is open"),
        ({"set": ["models.colours.fail_at=1"]}, 422, "said where the server is started"),
        ({"set": ["run.model=slow"]}, 422, "said where the server is started"),
        ({"set": ["run.ignore_mask=/etc/passwd"]}, 422, "said where the server is started"),
        ({"set": ["exporters.lerobot.data_set=/etc"]}, 422, "said where the server is started"),
        ({"set": ["nonsense"]}, 422, "--set takes part.key=value"),
        ({"write": ["nonsense"]}, 422, "nonsense"),
        ({"every": 0}, 422, "every"),
        ({"model": "slow"}, 422, "model: Extra inputs"),
        ({"start": "nonsense"}, 202, ""),
    ],
)
def test_what_clients_may_not_choose(
    asked: dict[str, Any], code: int, said: str, tmp_path: Path
) -> None:
    if os.name != "nt":
        (tmp_path / "open").mkdir()
        (tmp_path / "open" / "out.mp4").symlink_to("/etc/hostname")
    with serving(tmp_path) as place:
        found, answer = begin(place, **asked)
        assert found == code, answer
        if code != 202:
            assert said in answer["error"]
            assert not list((tmp_path / "out").rglob("*")), "nothing is left of it"
        else:
            failed = ended(place, answer["id"])
            assert failed["state"] == "failed"
            assert "nonsense" in failed["error"]


@pytest.mark.parametrize(
    "path", ["../../open/film.mp4", "..%2f..%2fopen%2ffilm.mp4", "/etc/passwd", "out", "svg", "%00"]
)
def test_only_files_of_the_result_are_given(path: str, tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        _, job = begin(place, write=["svg"])
        ended(place, job["id"])
        if os.name != "nt":
            (tmp_path / "out" / job["id"] / "out").symlink_to("/etc/hostname")
        assert web.send(place, "GET", f"{JOBS}/{job['id']}/files/{path}")[0] == 404


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
        '<?xml version="1.0"?><MPD profiles="x"><BaseURL>{}</BaseURL></MPD>',
    ],
)
def test_a_list_of_files_leads_nowhere(text: str, tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        own = tmp_path / "own.mp4"
        shutil.copy(tmp_path / "open" / "film.mp4", own)
        (tmp_path / "open" / "list.mp4").write_text(text.format(own))
        code, answer = begin(place, path="list.mp4")
        assert code == 422
        assert "is a list of files" in answer["error"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_folder_of_links_that_lead_outside_is_refused(tmp_path: Path) -> None:
    HELD.set()
    with serving(tmp_path) as place:
        pictures = tmp_path / "open" / "pictures"
        pictures.mkdir()
        Image.fromarray(red_square(0, 64, 48)).save(tmp_path / "own.png")
        shutil.copy(tmp_path / "own.png", pictures / "1.png")
        (pictures / "2.png").symlink_to(pictures / "1.png")
        code, job = begin(place, path="pictures")
        assert code == 202
        assert ended(place, job["id"])["state"] == "done"
        (pictures / "3.png").symlink_to(tmp_path / "own.png")
        code, answer = begin(place, path="pictures")
        assert code == 422
        assert "is no file in a folder that is open to requests" in answer["error"]


def test_a_job_that_fails_says_why_and_others_go_on(tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        (tmp_path / "open" / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"x" * 500)
        _, job = begin(place, path="broken.mp4")
        failed = ended(place, job["id"])
        assert failed["state"] == "failed"
        assert "broken.mp4" in failed["error"]
        _, unknown = begin(place, text=["mauve"])
        assert "no colour is called" in ended(place, unknown["id"])["error"]
        _, good = begin(place)
        assert ended(place, good["id"])["state"] == "done"


def test_settings_of_outputs_are_for_clients_to_choose() -> None:
    check_settings(["writers.svg.precision=2", "tracking.iou.smoothing=0.5", "run.every=2"])


def test_jobs_that_are_forgotten_keep_their_files(tmp_path: Path) -> None:
    with serving(tmp_path, most_waiting=1, remembered=2) as place:
        names = []
        for _ in range(4):
            _, job = begin(place, write=["masks"])
            names.append(job["id"])
            ended(place, job["id"])
        assert web.send(place, "GET", f"{JOBS}/{names[0]}")[0] == 404
        assert (tmp_path / "out" / names[0] / "masks.json").exists()
