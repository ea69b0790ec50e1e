"""Folds the padding of shipped networks into the convolutions behind it.

    python -m training.fold_padding [FILE ...]

EfficientNet-Lite pads like TensorFlow, more on one side than on the other. Exported from PyTorch
that is a node of its own before each convolution, which copies the whole map; ONNX's convolutions
can do it by themselves. Answers differ by rounding alone. A file without such nodes stays as it is.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

SHIPPED = Path(__file__).parents[1] / "videoseg" / "models" / "embedded" / "weights"
"""Where the package keeps its weights."""


def fold_padding(model: onnx.ModelProto) -> int:
    """Fold what can be folded, in place; how many nodes that was."""
    graph = model.graph
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(output.name for output in graph.output)
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad"}
    folded = []
    for node in graph.node:
        pad = pads.get(node.input[0]) if node.op_type == "Conv" else None
        if pad is None or uses[pad.output[0]] > 1 or not _is_of_zeros(model, pad):
            continue
        amounts = _constant(model, pad.input[1])
        if amounts is not None and _fold(node, amounts.tolist()):
            node.input[0] = pad.input[0]
            folded.append(pad)
    for pad in folded:
        graph.node.remove(pad)
    _drop_unused(graph)
    return len(folded)


def _fold(conv: onnx.NodeProto, amounts: list[int]) -> bool:
    """Give a convolution padding for batch, channels, rows and columns, at both ends of each."""
    before, after = amounts[:4], amounts[4:]
    known = {each.name: each for each in conv.attribute}
    by_name = "auto_pad" in known and known["auto_pad"].s not in (b"NOTSET", b"VALID")
    if len(amounts) != 8 or any(before[:2]) or any(after[:2]) or by_name:
        return False
    own = list(known["pads"].ints) if "pads" in known else [0, 0, 0, 0]
    both = [one + other for one, other in zip(own, before[2:] + after[2:], strict=True)]
    for name in ("pads", "auto_pad"):
        if name in known:
            conv.attribute.remove(known[name])
    conv.attribute.append(helper.make_attribute("pads", both))
    return True


def _is_of_zeros(model: onnx.ModelProto, pad: onnx.NodeProto) -> bool:
    modes = [each.s for each in pad.attribute if each.name == "mode"]
    value = _constant(model, pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    return modes in ([], [b"constant"]) and value is not None and not value.any()


def _constant(model: onnx.ModelProto, name: str) -> npt.NDArray[np.generic] | None:
    """A value that does not depend on what goes in; None where it does."""
    made = {output: node for node in model.graph.node for output in node.output}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted, seen, nodes = [name], set(), []
    while wanted:
        each = wanted.pop()
        if each in seen or not each or each in stored:
            continue
        if each not in made:
            return None
        seen.add(each)
        nodes.append(made[each])
        wanted += made[each].input
    order = [node for node in model.graph.node if node in nodes]
    needed = {part for node in order for part in node.input}
    kept = [tensor for key, tensor in stored.items() if key in needed or key == name]
    output = helper.make_empty_tensor_value_info(name)
    graph = helper.make_graph(order, "constant", [], [output], kept)
    part = helper.make_model(graph, opset_imports=model.opset_import)
    found: npt.NDArray[np.generic] = np.asarray(ReferenceEvaluator(part).run(None, {})[0])
    return found


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and weights that nothing needs any more."""
    while True:
        used = {name for node in graph.node for name in node.input}
        used |= {output.name for output in graph.output}
        unused = [node for node in graph.node if not used.intersection(node.output)]
        if not unused:
            break
        for node in unused:
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def main() -> None:
    """Rewrite files in place."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="default: those made with PyTorch")
    shipped = [SHIPPED / f"{name}.onnx" for name in ("network", "outliner")]
    for path in parser.parse_args().files or shipped:
        model = onnx.load(path)
        count = fold_padding(model)
        if count:
            onnx.checker.check_model(model)
            path.write_bytes(model.SerializeToString(deterministic=True))
        print(f"{path.name}: {count} folded")


if __name__ == "__main__":
    main()
