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


def _tiny_sam3_vision() -> dict[str, Any]:
    cells = SIDE // 16
    return {
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 16,
            "window_size": 4,
            "global_attn_indexes": [1],
            "pretrain_image_size": SIDE,
        },
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
    }


def _tiny_detr() -> dict[str, Any]:
    layer = {
        "hidden_size": 32,
        "num_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "dropout": 0.0,
    }
    return {
        "geometry_encoder_config": {**layer, "roi_size": 3},
        "detr_encoder_config": layer,
        "detr_decoder_config": {**layer, "num_queries": 6},
        "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 2},
    }


def tiny_sam3() -> Any:
    """Sam3Model with six queries."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Sam3Config(
        vision_config={"model_type": "sam3_vision_model", **_tiny_sam3_vision()},
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 16,
            "eos_token_id": VOCABULARY - 1,
            "bos_token_id": VOCABULARY - 2,
        },
        **_tiny_detr(),
    )
    return seeded(transformers.Sam3Model, config)


def tiny_sam3_lite_text() -> Any:
    """Sam3LiteTextModel with six queries."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Sam3LiteTextConfig(
        vision_config={"model_type": "sam3_vision_model", **_tiny_sam3_vision()},
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
            "max_position_embeddings": 20,
        },
        **_tiny_detr(),
    )
    return seeded(transformers.Sam3LiteTextModel, config)


def tiny_sam3_tracker() -> Any:
    """Sam3TrackerModel on the backbone of ``tiny_sam3``."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Sam3TrackerConfig(
        vision_config={"model_type": "sam3_vision_model", **_tiny_sam3_vision()},
        prompt_encoder_config={
            "hidden_size": 32,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 8,
        },
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    return seeded(transformers.Sam3TrackerModel, config)


VOCABULARY = 2 * 26 + 2
"""Letters, letters that end a word, and the two ends of a phrase."""


def save_clip_tokenizer(folder: Path) -> None:
    """A tokenizer of CLIP's kind that spells every word."""
    transformers = pytest.importorskip("transformers")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = transformers.CLIPTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)}, merges=[]
    )
    tokenizer.save_pretrained(folder)
