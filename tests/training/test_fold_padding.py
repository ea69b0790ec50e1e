"""Padding of networks folded into their convolutions: the same answers, fewer nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the training needs videoseg[train]")


def model(*, value: float = 0.0, twice: bool = False) -> Any:
    """A convolution of 3 x 3 whose padding (1 and 0 up and left, 2 and 3 down and right) is made.

    As PyTorch exports it: by a node of its own, with amounts that are computed.
    """
    from onnx import helper, numpy_helper

    weights = np.random.default_rng(0).normal(size=(2, 1, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["amounts"], ["pads"], to=onnx.TensorProto.INT64),
        helper.make_node("Pad", ["image", "pads", "value"], ["padded"], mode="constant"),
        helper.make_node("Conv", ["padded", "weights"], ["out"], pads=[1, 1, 0, 0]),
    ]
    nodes += [helper.make_node("Identity", ["padded"], ["also"])] if twice else []
    stored = {
        "amounts": np.array([0, 0, 1, 0, 0, 0, 2, 3], np.int32),
        "value": np.array(value, np.float32),
        "weights": weights,
    }
    names = ["out", "also"] if twice else ["out"]
    sizes = [1, None, None, None]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 1, 5, 7])],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes) for name in names],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(made: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(made.SerializeToString())
    image = np.arange(35, dtype=np.float32).reshape(1, 1, 5, 7)
    return session.run(["out"], {"image": image})[0]


def test_answers_stay_and_the_node_goes() -> None:
    from training.fold_padding import fold_padding

    made = model()
    before = answer(made)
    assert fold_padding(made) == 1
    assert [node.op_type for node in made.graph.node] == ["Conv"]
    assert [tensor.name for tensor in made.graph.initializer] == ["weights"]
    assert np.allclose(answer(made), before, atol=1e-5)
    assert fold_padding(made) == 0


@pytest.mark.parametrize("other", [{"value": 1.0}, {"twice": True}])
def test_what_is_no_plain_padding_stays(other: dict[str, Any]) -> None:
    from training.fold_padding import fold_padding

    made = model(**other)
    before = answer(made)
    assert fold_padding(made) == 0
    assert np.array_equal(answer(made), before)


@pytest.mark.parametrize("name", ["network", "outliner", "features"])
def test_shipped_networks_have_none_left(name: str) -> None:
    from training.fold_padding import SHIPPED, fold_padding

    assert fold_padding(onnx.load(SHIPPED / f"{name}.onnx")) == 0
