"""Tiny random configurations of transformers' real classes, saved so that they can be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SIDE = 128
"""Pixels across and down of the tiny networks' inputs."""


def save(network: Any, folder: Path) -> str:
    """Save a network as weights are saved; the folder is what the setting ``weights`` takes."""
    network.save_pretrained(folder, safe_serialization=True)
    return str(folder)


def seeded(cls: Any, config: Any, seed: int = 0) -> Any:
    """A network with random weights that are the same on every run."""
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls(config).eval()


def tiny_sam2() -> Any:
    """Sam2Model with a backbone of five blocks."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )
    cells = SIDE // 16
    config = transformers.Sam2Config(
        vision_config=transformers.Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[4 * cells, 4 * cells], [2 * cells, 2 * cells], [cells, cells]],
            fpn_hidden_size=32,
        ),
        prompt_encoder_config={"hidden_size": 32, "image_size": SIDE, "mask_input_channels": 8},
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    return seeded(transformers.Sam2Model, config)
