"""Tiny random configurations of transformers' real classes, saved so that they can be loaded."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
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
    """A network with random weights that are the same on every run.

    One that judges whether an object is visible says that it is.
    """
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = cls(config).eval()
    head = getattr(getattr(made, "mask_decoder", None), "pred_obj_score_head", None)
    if head is not None:
        torch.nn.init.constant_(head.proj_out.bias, 5.0)
    return made


def _tiny_prompting() -> dict[str, Any]:
    """Prompt encoder and mask decoder of networks of the SAM 2 kind."""
    return {
        "prompt_encoder_config": {
            "hidden_size": 32,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 8,
        },
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    }


def tiny_hiera() -> Any:
    """The settings of SAM 2's backbone with five blocks."""
    transformers = pytest.importorskip("transformers")
    return transformers.Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )


def tiny_sam2() -> Any:
    """Sam2Model with a backbone of five blocks."""
    transformers = pytest.importorskip("transformers")
    cells = SIDE // 16
    config = transformers.Sam2Config(
        vision_config=transformers.Sam2VisionConfig(
            backbone_config=tiny_hiera(),
            backbone_channel_list=[64, 32, 16, 8],
            backbone_feature_sizes=[[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
            fpn_hidden_size=32,
        ),
        **_tiny_prompting(),
    )
    return seeded(transformers.Sam2Model, config)


def tiny_sam3_vision(wide: int = 32) -> dict[str, Any]:
    """The settings of SAM 3's backbone and of a neck that gives so many numbers a cell."""
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
        "fpn_hidden_size": wide,
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
        vision_config={"model_type": "sam3_vision_model", **tiny_sam3_vision()},
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
        vision_config={"model_type": "sam3_vision_model", **tiny_sam3_vision()},
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
        vision_config={"model_type": "sam3_vision_model", **tiny_sam3_vision()},
        **_tiny_prompting(),
    )
    return seeded(transformers.Sam3TrackerModel, config)


def tiny_clipseg() -> Any:
    """CLIPSegForImageSegmentation that sees eight by eight patches."""
    transformers = pytest.importorskip("transformers")
    layer = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    config = transformers.CLIPSegConfig(
        vision_config={**layer, "num_hidden_layers": 3, "image_size": 64, "patch_size": 16},
        text_config={
            **layer,
            "vocab_size": VOCABULARY,
            "num_hidden_layers": 2,
            "max_position_embeddings": 20,
            "eos_token_id": VOCABULARY - 1,
            "bos_token_id": VOCABULARY - 2,
        },
        projection_dim=16,
        extract_layers=[0, 1],
        reduce_dim=16,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=16,
        use_complex_transposed_convolution=True,
    )
    return seeded(transformers.CLIPSegForImageSegmentation, config)


def tiny_owlv2() -> Any:
    """Owlv2ForObjectDetection that sees four by four patches."""
    transformers = pytest.importorskip("transformers")
    layer = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    config = transformers.Owlv2Config(
        vision_config={**layer, "num_hidden_layers": 2, "image_size": 64, "patch_size": 16},
        text_config={
            **layer,
            "vocab_size": VOCABULARY,
            "num_hidden_layers": 2,
            "max_position_embeddings": 40,
            "eos_token_id": VOCABULARY - 1,
            "bos_token_id": VOCABULARY - 2,
        },
        projection_dim=32,
    )
    return seeded(transformers.Owlv2ForObjectDetection, config)


def tiny_rf_detr() -> Any:
    """RfDetrForInstanceSegmentation with six queries and the kinds of things that tests ask for."""
    transformers = pytest.importorskip("transformers")
    names = ["cat", "dog", "big dog", "red thing", "dot", "cup"]
    config = transformers.RfDetrConfig(
        backbone_config={
            "model_type": "rf_detr_dinov2",
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 8,
            "num_windows": 2,
            "out_indices": [2, 4],
        },
        d_model=32,
        decoder_layers=2,
        decoder_self_attention_heads=2,
        decoder_cross_attention_heads=2,
        decoder_ffn_dim=32,
        num_queries=6,
        group_detr=1,
        intermediate_size=32,
        c2f_num_blocks=1,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )
    return seeded(transformers.RfDetrForInstanceSegmentation, config)


def _tiny_grounding_dino(kind: str, **more: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=transformers.SwinConfig(
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=2,
            out_indices=[2, 3, 4],
        ),
        text_config=transformers.BertConfig(
            vocab_size=_BERT_VOCABULARY,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=128,
        ),
        d_model=32,
        num_queries=6,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_text_len=64,
        **more,
    )
    return seeded(getattr(transformers, f"{kind}ForObjectDetection"), config)


def tiny_grounding_dino() -> Any:
    """GroundingDinoForObjectDetection with six queries."""
    return _tiny_grounding_dino("GroundingDino")


def tiny_mm_grounding_dino() -> Any:
    """MMGroundingDinoForObjectDetection with six queries."""
    return _tiny_grounding_dino("MMGroundingDino")


_BERT_VOCABULARY = 1100


def save_bert_tokenizer(folder: Path) -> None:
    """A tokenizer of BERT's kind that spells every word, with the special pieces where BERT's are.

    Grounding DINO knows the pieces that end a phrase by their numbers.
    """
    transformers = pytest.importorskip("transformers")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    numbers = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}
    numbers |= {".": 1012, "?": 1029}
    numbers |= {letter: 200 + place for place, letter in enumerate(letters)}
    numbers |= {f"##{letter}": 300 + place for place, letter in enumerate(letters)}
    taken = set(numbers.values())
    free = (number for number in range(_BERT_VOCABULARY) if number not in taken)
    numbers |= {f"[unused{number}]": number for number in free}
    transformers.BertTokenizer(vocab=numbers).save_pretrained(folder)


_BYTES = 256
_FLORENCE_VOCABULARY = _BYTES + 5 + 1000 + 3


def tiny_florence2() -> Any:
    """Florence2ForConditionalGeneration that sees one place for each 32 pixels."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Florence2Config(
        vision_config={
            "depths": [1, 1, 1, 1],
            "embed_dim": [8, 8, 16, 16],
            "num_heads": [1, 1, 2, 2],
            "num_groups": [1, 1, 2, 2],
            "window_size": 4,
            "drop_path_rate": 0.0,
            "projection_dim": 32,
        },
        text_config={
            "model_type": "bart",
            "vocab_size": _FLORENCE_VOCABULARY,
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "decoder_ffn_dim": 32,
            "max_position_embeddings": 256,
            "bos_token_id": _BYTES,
            "pad_token_id": _BYTES + 1,
            "eos_token_id": _BYTES + 2,
            "decoder_start_token_id": _BYTES + 2,
            "init_std": 0.5,
        },
        image_token_id=_FLORENCE_VOCABULARY - 1,
    )
    return seeded(transformers.Florence2ForConditionalGeneration, config)


def save_florence_tokenizer(folder: Path) -> None:
    """A tokenizer of BART's kind that spells every byte, with Florence-2's words for places."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, "<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces += [*(f"<loc_{place}>" for place in range(1000)), "<sep>", "<poly>", "</poly>"]
    numbers = {piece: number for number, piece in enumerate(pieces)}
    spelling = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=numbers, merges=[]))
    spelling.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelling.decoder = tokenizers.decoders.ByteLevel()
    spelling.add_special_tokens(pieces[len(letters) :])
    names = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=spelling, **{f"{name}_token": piece for name, piece in names.items()}
    ).save_pretrained(folder)


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


def tiny_sam3_checkpoint(folder: Path, tracker: Any = None) -> str:
    """Weights laid out as those of SAM 3 are: both networks under names of their own.

    The backbone is the concept network's; the tracker network has a neck of its own. It is one
    without a memory unless another is given.
    """
    safetensors = pytest.importorskip("safetensors.torch")
    concept = tiny_sam3()
    tracker = tiny_sam3_tracker() if tracker is None else tracker
    tensors = {f"detector_model.{name}": value for name, value in concept.state_dict().items()}
    for name, value in tracker.state_dict().items():
        if name.startswith("vision_encoder.neck."):
            tensors[f"tracker_neck.{name.removeprefix('vision_encoder.neck.')}"] = value
        elif not name.startswith("vision_encoder."):
            tensors[f"tracker_model.{name}"] = value
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.save_file(
        {name: value.contiguous().clone() for name, value in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = {
        "model_type": "sam3_video",
        "architectures": ["Sam3VideoModel"],
        "detector_config": concept.config.to_dict(),
        "tracker_config": {
            **tracker.config.to_dict(),
            "model_type": "sam3_tracker_video",
        },
    }
    (folder / "config.json").write_text(json.dumps(config, default=str), encoding="utf-8")
    save_clip_tokenizer(folder)
    return str(folder)


def tiny_edgetam() -> Any:
    """EdgeTamModel on a stand-in for its backbone, which is one of timm's."""
    transformers = pytest.importorskip("transformers")
    register_maps()
    cells = SIDE // 16
    config = transformers.EdgeTamConfig(
        vision_config={
            "model_type": "edgetam_vision_model",
            "backbone_config": {"model_type": "tiny_maps"},
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
            "fpn_hidden_size": 32,
        },
        **_tiny_prompting(),
    )
    return seeded(transformers.EdgeTamModel, config)


@functools.cache
def register_maps() -> None:
    """A backbone that gives four maps, of 4 to 32 pixels a cell, as timm's wrapper does."""
    torch: Any = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    outputs: Any = pytest.importorskip("transformers.modeling_outputs")
    steps = [(3, 8, 4), (8, 16, 2), (16, 32, 2), (32, 64, 2)]

    def __init__(self: Any, config: Any) -> None:  # noqa: N807
        transformers.PreTrainedModel.__init__(self, config)
        layers = [torch.nn.Conv2d(old, new, step, stride=step) for old, new, step in steps]
        self.layers = torch.nn.ModuleList(layers)
        self.post_init()

    def forward(self: Any, pixel_values: Any, **_: Any) -> Any:
        maps = [pixel_values]
        for layer in self.layers:
            maps.append(layer(maps[-1]).tanh())
        return outputs.BaseModelOutput(last_hidden_state=maps[1:])

    config = type("TinyMapsConfig", (transformers.PretrainedConfig,), {"model_type": "tiny_maps"})
    content = {"config_class": config, "__init__": __init__, "forward": forward}
    network = type("TinyMaps", (transformers.PreTrainedModel,), content)
    transformers.AutoConfig.register("tiny_maps", config)
    transformers.AutoModel.register(config, network)


def _saved(
    make: Callable[[], Any], words: Callable[[Path], None] | None = None
) -> Callable[[Path], str]:
    def save_into(folder: Path) -> str:
        text = save(make(), folder)
        if words is not None:
            words(folder)
        return text

    return save_into


def tiny_vitmatte() -> Any:
    """VitMatteForImageMatting on two blocks, one of which sees windows alone."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.VitDetConfig(
        num_channels=4,
        image_size=64,
        pretrain_image_size=32,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        use_relative_position_embeddings=True,
        window_size=3,
        window_block_indices=[0],
        residual_block_indices=[1],
        out_features=["stage2"],
    )
    config = transformers.VitMatteConfig(
        backbone_config=backbone,
        hidden_size=16,
        convstream_hidden_sizes=[4, 8, 8],
        fusion_hidden_sizes=[16, 8, 8, 4],
        initializer_range=0.5,  # else every matte is even, to six digits
    )
    return seeded(transformers.VitMatteForImageMatting, config)


TINY: dict[str, Callable[[Path], str]] = {
    "sam2.1-tiny": _saved(tiny_sam2),
    "sam2.1-small": _saved(tiny_sam2),
    "sam2.1-base-plus": _saved(tiny_sam2),
    "sam2.1-large": _saved(tiny_sam2),
    "edgetam": _saved(tiny_edgetam),
    "sam3": tiny_sam3_checkpoint,
    "sam3-litetext-s0": _saved(tiny_sam3_lite_text, save_clip_tokenizer),
    "sam3-litetext-s1": _saved(tiny_sam3_lite_text, save_clip_tokenizer),
    "sam3-litetext-l": _saved(tiny_sam3_lite_text, save_clip_tokenizer),
    "sam3-tracker": tiny_sam3_checkpoint,
    "clipseg": _saved(tiny_clipseg, save_clip_tokenizer),
    "florence2": _saved(tiny_florence2, save_florence_tokenizer),
    "florence2-large": _saved(tiny_florence2, save_florence_tokenizer),
    "florence2-boxes": _saved(tiny_florence2, save_florence_tokenizer),
    "owlv2": _saved(tiny_owlv2, save_clip_tokenizer),
    "grounding-dino": _saved(tiny_grounding_dino, save_bert_tokenizer),
    "grounding-dino-base": _saved(tiny_grounding_dino, save_bert_tokenizer),
    "mm-grounding-dino": _saved(tiny_mm_grounding_dino, save_bert_tokenizer),
    "mm-grounding-dino-base": _saved(tiny_mm_grounding_dino, save_bert_tokenizer),
    "llmdet-tiny": _saved(tiny_mm_grounding_dino, save_bert_tokenizer),
    "llmdet-base": _saved(tiny_mm_grounding_dino, save_bert_tokenizer),
    "llmdet-large": _saved(tiny_mm_grounding_dino, save_bert_tokenizer),
    "rf-detr-seg-nano": _saved(tiny_rf_detr),
    "rf-detr-seg-medium": _saved(tiny_rf_detr),
}
"""For each model on PyTorch what saves tiny weights of its kind into a folder and names them."""
SAME_CLASS = frozenset(
    {
        *("sam2.1-small", "sam2.1-base-plus", "sam2.1-large"),
        *("sam3-litetext-s1", "sam3-litetext-l"),
        *("grounding-dino-base", "mm-grounding-dino-base"),
        *("llmdet-tiny", "llmdet-base", "llmdet-large"),
        "rf-detr-seg-medium",
    }
)
"""Models that differ from another in nothing but their weights."""
WRITERS = frozenset({"florence2", "florence2-large", "florence2-boxes"})
"""Those that write their answer as text."""
GROUNDERS = frozenset(
    {
        *("owlv2", "grounding-dino", "grounding-dino-base"),
        *("mm-grounding-dino", "mm-grounding-dino-base"),
        *("llmdet-tiny", "llmdet-base", "llmdet-large"),
    }
)
"""Those that find boxes; all others but the writers answer with mask logits."""
