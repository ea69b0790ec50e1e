"""Parts of a network that see coordinates are kept in full precision where the rest is in half.

A place in bfloat16 is known to 1/256 of the frame, some four pixels of 1008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_CODES = ("SinePositionEmbedding", "PositionEmbeddingSine")
"""How transformers' modules for sine codes are called, behind the name of their network."""


def keep_precise(module: Any, dtype: torch.dtype, *, hand_on: torch.dtype | None = None) -> None:
    """Let a module compute in float32 whatever it is given.

    Args:
        module: A part of a network, which is changed.
        dtype: What the rest of the network computes in.
        hand_on: In which precision its results go on; None = ``dtype``.
    """
    import torch

    if dtype == torch.float32:
        return
    made_as = dtype if hand_on is None else hand_on

    def after(_: object, __: object, made: Any) -> Any:
        return _cast(made, made_as)

    module.float()
    take_in(module, torch.float32)
    module.register_forward_hook(after)


def take_in(module: Any, dtype: torch.dtype) -> None:
    """Let a module be given everything in one precision, whoever calls it."""

    def before(_: object, given: Any, named: Any) -> tuple[Any, Any]:
        return _cast(given, dtype), _cast(named, dtype)

    module.register_forward_pre_hook(before, with_kwargs=True)


def precise_positions(network: Any) -> None:
    """Let the sine codes of places on a map be computed in float32, then rounded.

    transformers counts cells in the precision of the map: beyond 256 bfloat16 knows every second
    cell alone.

    Args:
        network: Any network; its modules for such codes are changed.
    """
    import torch

    for module in network.modules():
        if type(module).__name__.endswith(_CODES):
            # Whoever computes codes in half the precision asks the module's forward for them.
            module.forward = _in_full(module.forward, torch.float32)


def precise_prompts(network: Any, dtype: torch.dtype) -> None:
    """Let a network of the SAM 2 kind see places, of prompts and on maps, in float32.

    Args:
        network: The network, which is changed.
        dtype: What the rest of it computes in.
    """
    keep_precise(network.prompt_encoder, dtype)
    keep_precise(network.shared_image_embedding, dtype)
    precise_positions(network)


def _in_full(forward: Any, full: torch.dtype) -> Any:
    def precise(shape: Any, device: Any, dtype: Any, mask: Any = None) -> torch.Tensor:
        code: torch.Tensor = forward(shape, device, full, mask)
        return code.to(dtype)

    return precise


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Every floating-point tensor in nested tuples, lists and mappings, in another precision."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, (tuple, list)):
        return type(value)(_cast(one, dtype) for one in value)
    if isinstance(value, dict):
        for key in value:
            value[key] = _cast(value[key], dtype)
    return value
