"""Parts of a network that see coordinates are kept in full precision where the rest is in half.

A place in bfloat16 is known to 1/256 of the frame, some four pixels of 1008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def keep_precise(module: Any, dtype: torch.dtype) -> None:
    """Let a module compute in float32 whatever it is given, and hand on what the rest expects."""
    import torch

    if dtype == torch.float32:
        return

    def before(_: object, given: Any, named: Any) -> tuple[Any, Any]:
        return _cast(given, torch.float32), _cast(named, torch.float32)

    def after(_: object, __: object, made: Any) -> Any:
        return _cast(made, dtype)

    module.float()
    module.register_forward_pre_hook(before, with_kwargs=True)
    module.register_forward_hook(after)


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
