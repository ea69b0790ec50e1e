"""Whatever comes as a request is answered, and never by a fault of the server's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.test_jobs import serving
from tests.server.test_skills import picture
from tests.support import web

web.need_web()

WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *(
                "red",
                "red|blue",
                "film.mp4",
                "../film.mp4",
                "1,2,30,40",
                "10%,20%,50%,60%",
                "nan,1",
            ),
            *("label=a;box=1,2,30,40;at=3", "text=red;max=0", "mask=x", "point=1e999,1", "nan,1"),
            *("run.every=2", "run.batch=x", "writers.svg.precision=[", "outlines.tolerance=nan"),
            *("exporters.x.y=1", "tracking.iou.smoothing=" + "9" * 400, "svg", "-1f", "0:99"),
        ]
    ),
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.none(), st.booleans())
LISTS = st.lists(st.one_of(WORDS, NUMBERS), max_size=4)
JOB_KEYS = ("path", "text", "box", "not_box", "point", "not_point", "prompt", "write", "set")
MORE_KEYS = ("start", "end", "every", "max_size", "tracker", "repeat_prompt", "other")
JOBS_ASKED = st.dictionaries(
    st.sampled_from(JOB_KEYS + MORE_KEYS), st.one_of(WORDS, LISTS, NUMBERS), max_size=5
)
REFS = st.lists(st.lists(st.one_of(st.floats(0, 1), NUMBERS), max_size=5), max_size=3)
SKILLS_ASKED = st.fixed_dictionaries(
    {"image_url": st.just("")},
    optional={
        "object": st.one_of(WORDS, NUMBERS),
        "spatial_refs": st.one_of(REFS, NUMBERS),
        "stream": st.one_of(st.booleans(), WORDS),
        "settings": st.dictionaries(st.sampled_from(["max_objects", "top_p"]), NUMBERS),
        "model": st.one_of(WORDS, NUMBERS),
    },
)
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(Path(tmp_path_factory.mktemp("any")), "embedded") as found:
        yield found


def post(place: str, path: str, value: Any) -> tuple[int, bytes]:
    body = json.dumps(value).encode()
    status, _, said = web.send(place, "POST", path, body, content_type="application/json")
    return status, said


def test_jobs(place: str) -> None:
    seen: set[int] = set()

    @QUIET
    @given(asked=JOBS_ASKED)
    def check(asked: dict[str, Any]) -> None:
        status, said = post(place, "/jobs", {"path": "film.mp4", "text": ["cat"], **asked})
        seen.add(status)
        assert status in (202, 422, 503), said
        if status != 202:
            assert set(json.loads(said)) == {"error"}

    check()
    assert {202, 422} <= seen


@QUIET
@given(asked=SKILLS_ASKED, skill=st.sampled_from(["detect", "point", "segment"]))
def test_skills(place: str, asked: dict[str, Any], skill: str) -> None:
    posted = {**asked, "image_url": web.data_uri(picture())}
    status, said = post(place, f"/v1/{skill}", posted)
    assert status in (200, 422), said


@QUIET
@given(path=st.text(max_size=30), method=st.sampled_from(["GET", "DELETE", "POST"]))
def test_paths(place: str, path: str, method: str) -> None:
    from urllib.parse import quote

    for start in ("/", "/jobs/", "/jobs/x/files/", "/v1/"):
        status, _, _ = web.send(place, method, start + quote(path, safe="/.%"))
        assert status < 500
