"""Networks that OpenVINO runs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from tests.stages.test_memory import ball, begin, mask_of
from videoseg import registry
from videoseg.errors import MissingDependencyError
from videoseg.geometry import masks
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.memory.tracker import Memory


@pytest.fixture
def installed() -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("needs openvino (videoseg[openvino])")


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    model = registry.find("models", "embedded").make(provider="openvino")
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[openvino\]'"):
        model.prepare(())
    registry.find("models", "embedded").make().prepare(())


@pytest.mark.usefixtures("installed")
def test_features_are_alike() -> None:
    image = ball(0, 100).image
    one = Backbone(1, 320, only_features=True).run(image)
    other = Backbone(1, 320, only_features=True, provider="openvino").run(image)
    for name, values in one.items():
        assert other[name].shape == values.shape
        assert np.corrcoef(other[name].ravel(), values.ravel())[0, 1] > 0.99


@pytest.mark.usefixtures("installed")
def test_answers_are_not_written_over() -> None:
    backbone = Backbone(1, 320, only_features=True, provider="openvino")
    first = backbone.run(ball(0, 100).image)["stride8"]
    before = first.copy()
    backbone.run(ball(0, 250).image)
    assert (first == before).all()


@pytest.mark.usefixtures("installed")
def test_objects_are_followed() -> None:
    memory = Memory(1, "openvino")
    begin(memory)
    for index in range(1, 4):
        (found,) = memory.step(ball(index, 100 + 6 * index), None).instances
        assert masks.iou(found.mask, mask_of(100 + 6 * index)) > 0.85


@pytest.mark.usefixtures("installed")
def test_nothing_is_sent_to_its_makers() -> None:
    code = (
        "import sys; from videoseg.models.embedded.features import Backbone; "
        "Backbone(1, 320, only_features=True, provider='openvino'); "
        "print(any(name.startswith('openvino_telemetry') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    assert done.stdout.split() == [b"False"]
