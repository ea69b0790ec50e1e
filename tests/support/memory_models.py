"""Tiny random networks of the SAM 2 kind with memories, saved as their published weights are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.torch_models import (
    SIDE,
    register_maps,
    seeded,
    tiny_hiera,
    tiny_sam3_vision,
)

WIDE = 128
"""Numbers a cell; the memory attention wants more than the 64 of a memory."""


def _common() -> dict[str, Any]:
    cells = SIDE // 16
    return {
        "prompt_encoder_config": {
            "hidden_size": WIDE,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 8,
        },
        "mask_decoder_config": {
            "hidden_size": WIDE,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        "image_size": SIDE,
        "memory_attention_hidden_size": WIDE,
        "memory_attention_num_layers": 2,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_rope_feat_sizes": [cells, cells],
        "memory_encoder_hidden_size": WIDE,
        "memory_encoder_output_channels": 64,
        "mask_downsampler_embed_dim": WIDE,
        "memory_fuser_embed_dim": WIDE,
        "memory_fuser_intermediate_dim": 32,
    }


def _maps() -> dict[str, Any]:
    cells = SIDE // 16
    return {
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
        "fpn_hidden_size": WIDE,
    }


def sam2_with_memory() -> Any:
    """Sam2VideoModel with a backbone of five blocks."""
    transformers = pytest.importorskip("transformers")
    vision = transformers.Sam2VisionConfig(backbone_config=tiny_hiera(), **_maps())
    config = transformers.Sam2VideoConfig(vision_config=vision, **_common())
    return seeded(transformers.Sam2VideoModel, config)


def edgetam_with_memory() -> Any:
    """EdgeTamVideoModel on a stand-in for its backbone."""
    transformers = pytest.importorskip("transformers")
    register_maps()
    config = transformers.EdgeTamVideoConfig(
        vision_config={
            "model_type": "edgetam_vision_model",
            "backbone_config": {"model_type": "tiny_maps"},
            **_maps(),
        },
        perceiver_resampler_num_latents=16,
        perceiver_resampler_num_latents_2d=16,
        perceiver_resampler_mlp_intermediate_size=32,
        memory_attention_rope_k_sizes=[4, 4],
        **_common(),
    )
    return seeded(transformers.EdgeTamVideoModel, config)


def sam3_with_memory() -> Any:
    """Sam3TrackerVideoModel."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Sam3TrackerVideoConfig(
        vision_config={"model_type": "sam3_vision_model", **tiny_sam3_vision(WIDE)}, **_common()
    )
    return seeded(transformers.Sam3TrackerVideoModel, config)


def held(memory: Any) -> int:
    """Bytes of all tensors that a memory holds, each storage once."""
    seen: dict[int, int] = {}

    def add(value: Any) -> None:
        if hasattr(value, "untyped_storage"):
            seen[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        elif isinstance(value, dict):
            for one in value.values():
                add(one)
        elif isinstance(value, (list, tuple)):
            for one in value:
                add(one)

    add(vars(memory._session))
    add(vars(memory._session.cache))
    add(memory._code)
    return sum(seen.values())
