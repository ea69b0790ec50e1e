"""Writes a torch module as an ONNX file whose weights are stored in half precision."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.fold_padding import SHIPPED, fold_padding

__all__ = ["SHIPPED", "write_half", "write_onnx"]
_SMALLEST = 64
"""Arrays with fewer numbers stay in single precision: they cost nothing and are often bounds."""


def write_onnx(
    module: nn.Module,
    path: Path,
    *,
    outputs: Sequence[str],
    example: tuple[torch.Tensor, ...],
    inputs: Sequence[str] = ("image",),
) -> None:
    """Export with dynamic batch, height and width; weights become fp16, cast when loaded."""
    buffer = io.BytesIO()
    axes = {name: {0: "batch", 2: "rows", 3: "columns"} for name in inputs}
    with torch.inference_mode():
        for name, values in zip(outputs, module(*example), strict=True):
            maps = {2: f"{name}_rows", 3: f"{name}_columns"} if values.ndim == 4 else {}
            axes[name] = {0: "batch", **maps}
    torch.onnx.export(
        module,
        example,
        buffer,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load_from_string(buffer.getvalue())
    fold_padding(model)
    write_half(model, path)


def write_half(model: onnx.ModelProto, path: Path) -> None:
    """Write a model whose weights become fp16, cast when loaded; the model itself changes too."""
    _halve(model)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _halve(model: onnx.ModelProto) -> None:
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALLEST:
            continue
        full = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{full}_half"))
        casts.append(helper.make_node("Cast", [f"{full}_half"], [full], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
