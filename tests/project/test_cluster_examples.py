"""The examples for clouds have the form that their tools read, and what the guide says of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.places import ROOT

EXAMPLES = ROOT / "examples" / "cluster"


def loaded(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="yaml is not installed")
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def test_ray_up() -> None:
    made = loaded("ray-up-aws.yaml")
    pytest.importorskip("ray", reason="ray is not installed")
    import json
    from pathlib import Path

    import jsonschema
    import ray

    schema = json.loads((Path(ray.__file__).parent / "autoscaler/ray-schema.json").read_text())
    jsonschema.validate(made, schema)
    assert made["head_node_type"] in made["available_node_types"]


def test_kuberay() -> None:
    made = loaded("kuberay.yaml")
    assert (made["apiVersion"], made["kind"]) == ("ray.io/v1", "RayCluster")
    spec = made["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert group["rayStartParams"] is not None
    (gpus,) = spec["workerGroupSpecs"]
    assert gpus["minReplicas"] <= gpus["replicas"] <= gpus["maxReplicas"]
