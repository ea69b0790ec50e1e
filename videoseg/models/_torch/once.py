"""A part of a network that two networks share is run once for both."""

from __future__ import annotations

from typing import Any


def remembering(module: Any) -> Any:
    """A module that gives its last result again where it is given the same tensor.

    Only the tensor itself counts, not its content, so nothing is compared on the device. The tensor
    and the result are held until another comes.
    """
    import torch

    class Remembering(torch.nn.Module):  # type: ignore[misc]  # Any, as all of torch is
        def __init__(self) -> None:
            super().__init__()
            self.inner = module
            self.last: tuple[Any, Any] = (None, None)

        def forward(self, pixels: Any, **options: Any) -> Any:
            if self.last[0] is not pixels:
                self.last = (None, None)  # makes room before the next is computed
                self.last = (pixels, self.inner(pixels, **options))
            return self.last[1]

    return Remembering().eval()
