"""Films and pictures that are sent to a server: what is kept, what is refused, and what is said."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from tests.support import web
from tests.support.waiting import until

web.need_web()

from tests.server.test_jobs import (  # noqa: E402 - needs the extra
    HELD,
    _our_models,  # noqa: F401 - a fixture
    begin,
    ended,
    form,
    serving,
    status,
)
from videoseg.server.job_skills import JOBS, UPLOADS  # noqa: E402 - needs the extra


def test_a_film_can_be_uploaded_and_is_not_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        film = (tmp_path / "open" / "film.mp4").read_bytes()
        body, kind = form(film, {"text": ["red"], "write": ["masks"]}, "../../<b>x.mp4")
        code, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
        assert code == 202, answer
        job = json.loads(answer)
        assert job["input"] == "<b>x.mp4"
        assert ended(place, job["id"])["state"] == "done"
        until(lambda: not list((tmp_path / "out" / UPLOADS).iterdir()))
        assert (tmp_path / "out" / job["id"] / "masks.json").exists()


@pytest.mark.parametrize(
    "file",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"",
        b"MZ\x90\x00",
    ],
)
def test_what_is_no_film_is_not_opened(file: bytes, tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        body, kind = form(file, {"text": ["red"]})
        code, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
        assert code == 415
        assert "no film and no picture" in json.loads(answer)["error"]
    assert not list((tmp_path / "out").rglob("*.*"))


def test_an_upload_has_a_limit(tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        body, kind = form(b"\x1aE\xdf\xa3" + b"x" * (1 << 20), {"text": ["red"]})
        code, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
    assert (code, json.loads(answer)) == (
        413,
        {"error": "the request is larger than 1 MiB; send less"},
    )


@pytest.mark.parametrize("body", [b"", b"nonsense", b"------edge\r\n\r\n"])
def test_a_broken_form_is_refused(body: bytes, tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        kind = "multipart/form-data; boundary=----edge"
        for content_type in (kind, "multipart/form-data"):
            code, _, answer = web.send(place, "POST", JOBS, body, content_type=content_type)
            assert code in (400, 422)
            assert set(json.loads(answer)) == {"error"}


@pytest.mark.parametrize("charset", ["punycode", "undefined", "idna", "latin-1"])
def test_a_form_is_in_utf_8(charset: str, tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        body, kind = form(b"\x1aE\xdf\xa3", {"text": ["red"]})
        code, _, answer = web.send(
            place, "POST", JOBS, body, content_type=f"{kind}; charset={charset}"
        )
        assert (code, json.loads(answer)) == (415, {"error": "send the form in UTF-8"})
        code, _, _ = web.send(place, "POST", JOBS, body, content_type=f"{kind}; charset=UTF-8")
        assert code == 202


@pytest.mark.parametrize("where", ["on its way", "in its place", "no folder"])
def test_a_full_disk_is_said(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(tmp_path) as place:
        body, kind = form(b"\x1aE\xdf\xa3" + b"x" * 999, {"text": ["red"]})
        if where == "on its way":
            monkeypatch.setattr("starlette.datastructures.UploadFile.write", full)
        elif where == "in its place":
            monkeypatch.setattr("videoseg.server.uploads.shutil.copyfileobj", full)
        else:
            (tmp_path / "out").write_text("no folder")
        code, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
    assert code == 507
    assert "cannot be kept" in json.loads(answer)["error"]
    assert not list(tmp_path.glob(f"out/{UPLOADS}/*"))


def test_an_upload_that_finds_no_place_is_not_read(tmp_path: Path) -> None:
    with serving(tmp_path, "held", most_waiting=1) as place:
        _, first = begin(place)
        until(lambda: status(place, first["id"])["state"] == "running")
        assert begin(place)[0] == 202
        with web.raw(place) as client:
            _, kind = form(b"", {})
            head = (
                f"POST {JOBS} HTTP/1.1\r\nHost: {place}\r\nContent-Type: {kind}\r\n"
                "Content-Length: 999999\r\n\r\n"
            )
            client.sendall(head.encode())  # and nothing of the body
            assert client.recv(65536).startswith(b"HTTP/1.1 503 ")
        HELD.set()


def test_a_job_that_is_cancelled_gives_up_its_place_and_its_file(tmp_path: Path) -> None:
    with serving(tmp_path, "held", most_waiting=1) as place:
        _, first = begin(place)
        until(lambda: status(place, first["id"])["state"] == "running")
        body, kind = form(b"\x1aE\xdf\xa3", {"text": ["red"]})
        _, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
        assert list((tmp_path / "out" / UPLOADS).iterdir())
        web.send(place, "DELETE", f"{JOBS}/{json.loads(answer)['id']}")
        assert not list((tmp_path / "out" / UPLOADS).iterdir())
        assert begin(place)[0] == 202, "there is a place again"
        HELD.set()


def test_messages_say_no_path_of_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as place:
        body, kind = form(b"\x1aE\xdf\xa3" + b"x" * 999, {"text": ["red"]}, "mine.mkv")
        _, _, answer = web.send(place, "POST", JOBS, body, content_type=kind)
        said = ended(place, json.loads(answer)["id"])["error"]
        assert said.startswith("mine.mkv")
        assert str(tmp_path) not in said
        _, job = begin(place, path=".")
        said = ended(place, job["id"])["error"]
        assert str(tmp_path) not in said
