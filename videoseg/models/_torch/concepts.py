"""SAM 3's concept network, made to compute what its reference computes, without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from videoseg.models._torch.precision import keep_precise, precise_positions, take_in

if TYPE_CHECKING:
    import torch

PRECISE = ("geometry_encoder", "detr_decoder", "dot_product_scoring")
"""What sees coordinates or scores; the reference computes their sums in float32."""


def compute_as_the_reference(network: Any, dtype: torch.dtype) -> None:
    """Boxes, their codes and scores in float32, where the rest is in half precision.

    The reference runs float32 weights under autocast, which keeps them so.
    """
    import torch

    keep_precise(network.geometry_encoder, dtype)
    keep_precise(network.detr_decoder, dtype, hand_on=torch.float32)
    keep_precise(network.dot_product_scoring, dtype, hand_on=torch.float32)
    take_in(network.mask_decoder, dtype)
    precise_positions(network)


def know_shapes_here(encoder: Any) -> None:
    """Let the size of the features be known on this machine.

    transformers puts it on the device and reads it back for every layer of the decoder, and each
    time this machine waits until the device has done all that is queued.
    """
    import torch

    def prepare(features: Any, positions: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        (feature,), (position,) = features, positions
        shapes = torch.tensor([feature.shape[-2:]])
        return feature.flatten(2).mT, position.flatten(2).mT, shapes

    encoder._prepare_multilevel_features = prepare
