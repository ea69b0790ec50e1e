"""The OpenAPI document says what is served, in the words of the checks themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest

from tests.support import web
from tests.support.fakes import Colours
from videoseg.config.run_config import load
from videoseg.server.paths import Folders

web.need_web()

from videoseg.server.job_queue import JobQueue  # noqa: E402 - as the others here
from videoseg.server.job_requests import JobMaker  # noqa: E402
from videoseg.server.job_skills import JobSkills  # noqa: E402


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    def settings(flags: Any, assignments: Any) -> Any:
        return load(flags=flags, assignments=assignments)

    out = tmp_path_factory.mktemp("out")
    jobs = JobSkills(JobQueue(out), JobMaker(Folders(), settings))
    with web.answering(Colours(), jobs=jobs) as place:
        status, headers, body = web.send(place, "GET", "/openapi.json")
        found: dict[str, Any] = json.loads(body)
        assert (status, headers["content-type"]) == (200, "application/json")
        for path, methods in found["paths"].items():
            asked = re.sub(r"\{\w+\}", "0", path)
            for method in methods:
                answered = web.send(place, method.upper(), asked, b"{}")[0]
                assert str(answered) in methods[method]["responses"], (method, path)
    return found


def test_it_lists_what_there_is(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {
        *("/v1/detect", "/v1/point", "/v1/segment", "/v1/caption", "/v1/query"),
        *("/jobs", "/jobs/{id}", "/jobs/{id}/events", "/jobs/{id}/files"),
        *("/jobs/{id}/files/{path}", "/healthz", "/metrics", "/openapi.json"),
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named <= set(document["components"]["schemas"])
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("Segmented", {"image_url": "data:", "object": "cat", "spatial_refs": [[0, 1]]}, True),
        ("Segmented", {"image_url": "data:", "object": "cat", "spatial_refs": [[0, 2]]}, False),
        ("Located", {"object": "cat"}, False),
        ("JobRequest", {"path": "a.mp4", "text": ["cat"], "every": 2}, True),
        ("JobRequest", {"every": 0}, False),
        ("JobRequest", {"model": "other"}, False),
    ],
)
def test_its_schemas_are_those_of_the_checks(
    document: dict[str, Any], name: str, value: dict[str, Any], fits: bool
) -> None:
    schema = {**document, "$ref": f"#/components/schemas/{name}"}
    assert jsonschema.Draft202012Validator(schema).is_valid(value) == fits
