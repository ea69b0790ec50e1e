"""Writes ``features.onnx``: the part of ``network.onnx`` by which objects are followed.

    python -m training.features

ONNX Runtime computes every output of a file, whichever are asked for: deep features, ImageNet
classes and the head for phrases take three quarters of the time, and following needs none of them.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx.utils import Extractor

from training.export import SHIPPED

OUTPUTS = ("stride8", "stride16")


def write_features(network: Path, path: Path) -> None:
    """Write the part of a network that its features need."""
    part = Extractor(onnx.load(network)).extract_model(["image"], list(OUTPUTS))
    onnx.checker.check_model(part)
    path.write_bytes(part.SerializeToString(deterministic=True))


if __name__ == "__main__":
    write_features(SHIPPED / "network.onnx", SHIPPED / "features.onnx")
