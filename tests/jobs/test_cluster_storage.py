"""From S3 to S3 on Ray: runs on any node, outputs published whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import s3, storage
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from videoseg import registry
from videoseg.cli._app import run

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    install_models(tmp_path)
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._outside.cache_clear()
    with s3.s3_server(monkeypatch) as address:
        yield address
    registry._outside.cache_clear()


@pytest.fixture
def nodes(bucket: str) -> Iterator[Any]:
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    yield cluster
    cluster.shutdown()


def test_clips_of_a_bucket_are_spread(bucket: str, nodes: Any) -> None:
    for name in ("a", "b"):
        storage.put(clip(frames=40, audio=True), f"{bucket}/clips/{name}.mp4")
    words = ["segment", f"{bucket}/clips/*.mp4", "red", "--model", "colours", "--write", "svg"]
    words += ["--write", "overlay", "-q"]
    assert run([*words, "-o", f"{bucket}/one/{{stem}}"]) == 0
    spread = ["--cluster", nodes.address, "--workers", "2"]
    assert run([*words, "-o", f"{bucket}/two/{{stem}}", *spread]) == 0
    one, two = (storage.contents(f"{bucket}/{each}") for each in ("one", "two"))
    assert set(one) == set(two)
    differing = {name for name in one if one[name] != two[name]}
    assert differing == {"a/run.json", "b/run.json"}, "which say how long it took"
    assert run([*words, "-o", f"{bucket}/two/{{stem}}", *spread]) == 1, "they are there already"
