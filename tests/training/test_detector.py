"""The translation of TensorFlow.js graphs: a small one, in NumPy and in ONNX Runtime."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the training needs videoseg[train]")

from training.export_detector import translated
from training.tfjs_graph import Graph

_SIDE = 416


class _Model:
    """A graph model that is written as it grows."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.weights: list[dict[str, Any]] = []
        self.stored = b""
        self.random = np.random.default_rng(0)

    def constant(self, name: str, values: Any, stored: str = "int32") -> str:
        values = np.asarray(values)
        about: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": stored}
        if stored == "float16":
            about |= {"dtype": "float32", "quantization": {"dtype": stored}}
        self.weights.append(about)
        self.nodes.append({"name": name, "op": "Const"})
        self.stored += values.astype(stored).tobytes()
        return name

    def add(self, kind: str, inputs: list[str], **given: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append({"name": name, "op": kind, "input": inputs, "attr": given})
        return name

    def transposed(self, name: str, order: list[int]) -> str:
        return self.add("Transpose", [name, self.constant(f"{name}/order", order)])

    def convolved(self, name: str, taken: int, given: int, side: int, step: int) -> str:
        """From and to planes before rows, as the original has it around each convolution."""
        width = self.constant(f"{name}/pad", [[0, 0], [0, 0], [side // 2] * 2, [side // 2] * 2])
        padded = self.transposed(self.add("Pad", [name, width]), [0, 2, 3, 1])
        kernel = self.random.normal(size=(side, side, taken, given)) / (side * taken**0.5)
        conv = self.add(
            "Conv2D",
            [padded, self.constant(f"{name}/kernel", kernel, "float16")],
            padding={"s": base64.b64encode(b"VALID").decode()},
            strides={"list": {"i": ["1", str(step), str(step), "1"]}},
            dilations={"list": {"i": ["1", "1", "1", "1"]}},
        )
        bias = self.constant(f"{name}/bias", self.random.normal(size=given), "float16")
        added = self.transposed(self.add("Add", [conv, bias]), [0, 3, 1, 2])
        return self.add("LeakyRelu", [added], alpha={"f": 0.1})

    def answered(self, name: str, place: int) -> None:
        """Scores and edges of one size of cells, by the names of the original."""
        sizes, axis = self.constant(f"{name}/sizes", [80, 44]), self.constant(f"{name}/axis", 1)
        both = self.add("SplitV", [name, sizes, axis])
        for output, part, channels in ((place, both, 80), (place + 3, f"{both}:1", 44)):
            shape = self.constant(f"{name}/shape{output}", [1, channels, -1])
            flat = self.add("Reshape", [part, shape])
            rows = self.transposed(flat, [0, 2, 1])
            final = f"Identity_{output}".removesuffix("_0")
            self.nodes.append({"name": final, "op": "Identity", "input": [rows], "attr": {}})

    def write(self, path: Path) -> None:
        manifest = [{"paths": ["weights.bin"], "weights": self.weights}]
        model = {"modelTopology": {"node": self.nodes}, "weightsManifest": manifest}
        path.write_text(json.dumps(model))
        path.with_name("weights.bin").write_bytes(self.stored)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    model = _Model()
    model.nodes.append({"name": "input_1", "op": "Placeholder"})
    name, taken = "input_1", 3
    for place in range(3):
        name = model.convolved(name, taken, 124, 3, 8 if place == 0 else 2)
        model.answered(name, place)
        taken = 124
    model.write(tmp_path / "model.json")
    return Graph.read(tmp_path / "model.json")


def _answers(graph: Graph, *, rounded: bool, image: np.ndarray[Any, Any]) -> list[Any]:
    onnxruntime = pytest.importorskip("onnxruntime")
    stored = translated(graph, rounded=rounded).SerializeToString()
    session = onnxruntime.InferenceSession(stored)
    return [np.asarray(each) for each in session.run(["scores", "edges"], {"image": image})]


def test_a_translated_graph_answers_as_the_original_does(graph: Graph) -> None:
    image = np.random.default_rng(1).normal(size=(1, 3, _SIDE, _SIDE)).astype(np.float32)
    values = graph.run({"input_1": image})
    scores = np.concatenate([values[f"Identity{end}"] for end in ("", "_1", "_2")], axis=1)
    edges = np.concatenate([values[f"Identity{end}"] for end in ("_3", "_4", "_5")], axis=1)
    assert scores.shape == (1, 3549, 80)
    found = _answers(graph, rounded=False, image=image)
    assert np.abs(found[0] - scores).max() < 1e-4
    assert np.abs(found[1] - edges).max() < 1e-4
    rounded = _answers(graph, rounded=True, image=image)
    assert 0 < np.abs(rounded[0] - scores).mean() < 0.02 * scores.std()
    assert np.abs(rounded[1] - edges).mean() < 0.02 * edges.std()


def test_weights_that_do_not_fit_their_description_are_refused(tmp_path: Path) -> None:
    model = _Model()
    model.constant("a", [1.0, 2.0], "float16")
    model.stored += b"more"
    model.write(tmp_path / "model.json")
    with pytest.raises(ValueError, match="8 bytes, but 4 are described"):
        Graph.read(tmp_path / "model.json")


def test_operations_of_other_kinds_are_refused(tmp_path: Path) -> None:
    model = _Model()
    model.nodes.append({"name": "input_1", "op": "Placeholder"})
    model.add("Softmax", ["input_1"])
    model.write(tmp_path / "model.json")
    with pytest.raises(ValueError, match="Softmax, which is not expected"):
        translated(Graph.read(tmp_path / "model.json"), rounded=False)
