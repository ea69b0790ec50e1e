"""Reads a TensorFlow.js graph model, and runs it in NumPy as its operations are defined.

It is what an exported network is checked against: slow, plain, and in the model's own layout.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: its name, kind, what it takes (nodes, or ``node:output``), attributes."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def text(self, name: str) -> str:
        """An attribute that is text."""
        return base64.b64decode(self.attributes[name]["s"]).decode()

    def numbers(self, name: str) -> list[int]:
        """An attribute that is a list of whole numbers."""
        return [int(value) for value in self.attributes[name]["list"]["i"]]

    def number(self, name: str) -> float:
        """An attribute that is one number."""
        return float(self.attributes[name]["f"])


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A graph model: its operations in an order in which they can run, and its constants."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]

    @classmethod
    def read(cls, path: Path) -> Graph:
        """Read ``model.json`` and the weights beside it."""
        model = json.loads(path.read_text())
        nodes = [
            Node(each["name"], each["op"], tuple(each.get("input", ())), each.get("attr", {}))
            for each in model["modelTopology"]["node"]
        ]
        constants: dict[str, Array] = {}
        for group in model["weightsManifest"]:
            stored = b"".join((path.parent / name).read_bytes() for name in group["paths"])
            constants.update(_arrays(group["weights"], stored))
        return cls(tuple(node for node in nodes if node.kind != "Const"), constants)

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Every node's value for these values of the placeholders."""
        values: dict[str, Array] = {**self.constants, **inputs}
        for node in self.nodes:
            if node.kind == "Placeholder":
                continue
            results = _RUN[node.kind](node, *(values[_value_name(name)] for name in node.inputs))
            for index, result in enumerate(results if isinstance(results, list) else [results]):
                values[node.name if index == 0 else f"{node.name}:{index}"] = result
        return values


def _value_name(name: str) -> str:
    return name.removesuffix(":0")


def _arrays(weights: list[dict[str, Any]], stored: bytes) -> Mapping[str, Array]:
    arrays, start = {}, 0
    for weight in weights:
        kept = np.dtype(weight.get("quantization", weight)["dtype"])
        count = math.prod(weight["shape"])
        values = np.frombuffer(stored, kept, count, start).astype(weight["dtype"])
        arrays[weight["name"]] = values.reshape(weight["shape"])
        start += count * kept.itemsize
    if start != len(stored):
        raise ValueError(f"the weights have {len(stored)} bytes, but {start} are described")
    return arrays


def _convolution(node: Node, image: Array, kernel: Array) -> Array:
    """(n, rows, columns, c) with (k, k, c, d), nothing added at the borders."""
    if node.text("padding") != "VALID" or set(node.numbers("dilations")) != {1}:
        raise ValueError(f"{node.name} is a convolution of a kind that is not expected")
    step = node.numbers("strides")[1]
    high, wide = kernel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(image, (high, wide), axis=(1, 2))
    taken = windows[:, ::step, ::step]  # (n, rows, columns, c, k, k)
    return np.tensordot(taken, kernel.transpose(2, 0, 1, 3), axes=((3, 4, 5), (0, 1, 2)))


def _largest(node: Node, image: Array) -> Array:
    size, step = node.numbers("ksize")[1], node.numbers("strides")[1]
    windows = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(1, 2))
    return np.asarray(windows[:, ::step, ::step].max(axis=(4, 5)))


def _resize(node: Node, image: Array, size: Array) -> Array:
    """Bilinear, by half-pixel centres."""
    if not node.attributes["half_pixel_centers"]["b"]:
        raise ValueError(f"{node.name} does not resize by half-pixel centres")
    for axis, target in zip((1, 2), size.tolist(), strict=True):
        length = image.shape[axis]
        at = np.clip((np.arange(target) + 0.5) * length / target - 0.5, 0, length - 1)
        low = np.floor(at).astype(int)
        share = (at - low).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(4)])
        high = np.minimum(low + 1, length - 1)
        image = image.take(low, axis) * (1 - share) + image.take(high, axis) * share
    return image


def _pad(_: Node, image: Array, width: Array, value: Array | float = 0.0) -> Array:
    return np.pad(image, width.tolist(), constant_values=np.float32(value))


def _dense(_: Node, where: Array, shape: Array, values: Array, default: Array) -> Array:
    dense = np.full(tuple(shape.tolist()), default)
    for index, value in zip(where, values, strict=True):
        dense[tuple(index)] = value
    return dense


def _split(_: Node, values: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(values, np.cumsum(sizes)[:-1].tolist(), int(axis))


_RUN: Mapping[str, Callable[..., Array | list[Array]]] = {
    "Add": lambda _, one, other: one + other,
    "AddV2": lambda _, one, other: one + other,
    "ConcatV2": lambda _, *parts: np.concatenate(parts[:-1], int(parts[-1])),
    "Conv2D": _convolution,
    "Identity": lambda _, values: values,
    "LeakyRelu": lambda n, x: np.where(x > 0, x, np.float32(n.number("alpha")) * x),
    "MaxPool": _largest,
    "Pad": _pad,
    "PadV2": _pad,
    "Reshape": lambda _, values, shape: values.reshape(shape.tolist()),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda _, values: 1 / (1 + np.exp(-values)),
    "SparseToDense": _dense,
    "SplitV": _split,
    "Transpose": lambda _, values, order: values.transpose(order.tolist()),
}
"""What each kind of operation does with the values of its inputs."""
