"""ViTMatte (Yao et al. 2023, arXiv 2305.15272) through transformers; needs its weights.

A vision transformer that was trained on hair, fur and the like. It sees the window and the trimap:
what is outside, what is inside, and the band between them.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.networks import weights as weight_files
from videoseg.networks.device import PACKAGES, Device, choose, memory_errors, need_packages
from videoseg.settings import Guarded
from videoseg.types import EdgeWindow

if TYPE_CHECKING:
    import torch

WEIGHTS = "hustvl/vitmatte-small-composition-1k@6a58ad7646403c1df626fbd746900aec7361ea1d"
"""The smaller of the published networks, 26 million parameters, Apache-2.0; 103,294,572 bytes."""
DIVISOR = 32
"""Rows and columns come in multiples of it: of a patch (16), and of the steps of the decoder."""


@dataclass
class VitMatte:
    """Soft edges by ViTMatte, for hair and fur; needs videoseg[models] and 103 MB of weights."""

    weights: Annotated[
        str,
        Doc("hub id, hub id@revision, or folder with the weights; empty = ViTMatte small"),
        Guarded("weights"),
    ] = ""
    device: Annotated[str, Doc("where to compute: auto, cpu, cuda, cuda:1 or mps")] = "auto"
    offline: Annotated[bool, Doc("never ask the hub; weights must be on this machine")] = False
    long_side: Annotated[
        int, Ge(64), Doc("a longer window is shown to the network with its longer side this long")
    ] = 1536

    _loaded: tuple[Any, Device] | None = field(init=False, repr=False, default=None)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def alpha(self, window: EdgeWindow) -> npt.NDArray[np.float32]:
        """See ``protocols.Matter``.

        Raises:
            MissingDependencyError: Packages or weights are missing; says how to get them.
            ModelError: There is no such device, or the weights are not right.
            OutOfMemoryError: The window does not fit; a smaller ``long_side`` may.
        """
        # The network keeps all cores or the GPU busy by itself.
        with self._lock:
            network, device = self._load()
            if not (np.abs(window.distance) < window.softness).any():
                return window.coverage
            return _resized(_answer(network, device, self._pixels(window)), window.distance.shape)

    def weight_files(self) -> tuple[Path, ...]:
        """The files of the network, fetched where they are not on this machine.

        Raises:
            MissingDependencyError: They are not here and cannot be fetched.
        """
        return weight_files.files(self._folder())

    def _folder(self) -> Path:
        return weight_files.fetch(self.weights or WEIGHTS, offline=self.offline)

    def _load(self) -> tuple[Any, Device]:
        """The network and where it is; loads it at the first call."""
        if self._loaded is None:
            need_packages("matting 'vitmatte'", PACKAGES, "models")
            import transformers

            # Half precision has 256 steps or fewer; mattes have 65,536.
            device = choose(self.device, "fp32")
            cls = transformers.VitMatteForImageMatting
            self._loaded = weight_files.load(cls, self._folder(), device), device
        return self._loaded

    def _pixels(self, window: EdgeWindow) -> npt.NDArray[np.float32]:
        """What the network sees: float32 (4, h, w), RGB from -1 to 1 and the trimap, 0 to 1."""
        import cv2

        height, width = window.distance.shape
        scale = min(1.0, self.long_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(window.image, size, interpolation=cv2.INTER_AREA)
        trimap = cv2.resize(window.trimap, size, interpolation=cv2.INTER_NEAREST)
        pixels = np.concatenate([2 * image.transpose(2, 0, 1) - 1, trimap[None]])
        return np.asarray(pixels, dtype=np.float32)


def padded(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels (N, h, w) with zeros below and at the right, to multiples of ``DIVISOR``."""
    import torch

    height, width = pixels.shape[-2:]
    below, right = (math.ceil(side / DIVISOR) * DIVISOR - side for side in (height, width))
    return torch.nn.functional.pad(pixels, (0, right, 0, below))


def _answer(
    network: Any, device: Device, pixels: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The network's matte of (4, h, w), float32 (h, w)."""
    import torch

    _, height, width = pixels.shape
    with torch.inference_mode(), memory_errors(device):
        alphas = network(pixel_values=padded(device.put(pixels))[None]).alphas
        found = alphas[0, 0, :height, :width].float().cpu().numpy()
    return np.asarray(found, dtype=np.float32)


def _resized(alpha: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """A matte in the size of its window."""
    import cv2

    if alpha.shape == shape:
        return alpha
    size = (shape[1], shape[0])
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


PARTS = {"vitmatte": VitMatte}
