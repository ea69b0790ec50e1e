"""Runs the shipped network on a frame: named maps that each cover the whole frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.errors import MissingDependencyError
from videoseg.models.embedded.openvino_session import OpenVinoSession
from videoseg.system.threads import granted_threads
from videoseg.types import RgbImage

if TYPE_CHECKING:
    import onnxruntime

Provider: TypeAlias = Literal["onnxruntime", "openvino"]
"""What runs a network."""

CELL = 32
"""The network's input sides are multiples of this many pixels."""


class Backbone:
    """The network in ONNX Runtime on the CPU, loaded once.

    Its outputs, float32 (C, rows, columns), each over the whole frame:

    * ``stride8`` (40 channels) and ``stride16`` (112 channels): features of EfficientNet-Lite0.
      A cell's centre lies about 3.5 network pixels right of and below its middle at stride 8, and
      in its middle at stride 16.
    * ``deep16`` (320 channels): its deepest features, stride 16.
    * ``imagenet`` (1000 channels): logits of the ImageNet classes, stride 32.
    """

    def __init__(
        self,
        threads: int = 0,
        long_side: int = 512,
        *,
        only_features: bool = False,
        provider: Provider = "onnxruntime",
    ) -> None:
        """Load the network.

        Args:
            threads: CPU threads; 0 = as many as are granted, or one per core.
            long_side: Longer side of the network's input in pixels; frames are resized to it.
            only_features: Load what ``stride8`` and ``stride16`` need alone, a quarter of the work.
            provider: What runs it.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them, or OpenVINO
                is not installed.
        """
        name = "features.onnx" if only_features else "network.onnx"
        self._session: onnxruntime.InferenceSession = session(name, threads, provider)
        self._long_side = long_side

    def run(
        self,
        image: RgbImage,
        outputs: Sequence[str] = ("stride8", "stride16"),
        *,
        long_side: int | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """The named maps of one frame, at its usual or another size; all are computed."""
        pixels = fit(image, long_side or self._long_side)
        tensor = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
        maps = self._session.run(list(outputs), {"image": tensor})
        return {name: values[0] for name, values in zip(outputs, maps, strict=True)}


def fit(image: RgbImage, long_side: int) -> RgbImage:
    """Resize a frame so that its sides are multiples of ``CELL`` and the longer about long_side."""
    import cv2

    height, width = fitted_size(image, long_side)
    smaller = width < image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=how)
    return np.asarray(resized, dtype=np.uint8)


def fitted_size(image: RgbImage, long_side: int) -> tuple[int, int]:
    """Height and width, pixels, of a frame that is resized so."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    rows, columns = (max(round(side * scale / CELL), 1) for side in (height, width))
    return rows * CELL, columns * CELL


def onnx_runtime() -> Any:
    """ONNX Runtime, which by default reports its use to its makers; here it sends nothing."""
    # Read once, when it is first imported. Who wants the reports sets the variable to 0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def session(name: str, threads: int, provider: Provider = "onnxruntime") -> Any:
    """A shipped network, in ONNX Runtime or OpenVINO on the CPU.

    Raises:
        MissingDependencyError: The file is not where the package keeps its weights, or OpenVINO is
            not installed.
    """
    weights = files(__package__).joinpath("weights", name)
    if not weights.is_file():
        raise MissingDependencyError(
            f"the embedded model's weights (weights/{name}) are missing from this installation; "
            "install videoseg again"
        )
    threads = threads or granted_threads()
    if provider == "openvino":
        with as_file(weights) as path:
            return OpenVinoSession(path, threads)
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what fails is raised, and said once
    # Networks take turns: threads of one that spin would take the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        weights.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
