"""A shipped network in OpenVINO on the CPU, asked like one in ONNX Runtime."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import missing_package


def need_openvino() -> None:
    """Check that OpenVINO is installed.

    Raises:
        MissingDependencyError: It is not; says how to get it.
    """
    if importlib.util.find_spec("openvino") is None:
        raise missing_package("models.embedded.provider=openvino", "openvino", extra="openvino")


class OpenVinoSession:
    """A network that computes with bfloat16 where the CPU can; not for two threads at once."""

    def __init__(self, weights: Path, threads: int) -> None:
        """Load an ONNX file, to be run on so many threads.

        Raises:
            MissingDependencyError: OpenVINO is not installed.
        """
        openvino = _openvino()
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        network = core.compile_model(core.read_model(weights), "CPU", settings)
        self._request: Any = network.create_infer_request()

    def run(
        self, outputs: Sequence[str], inputs: Mapping[str, npt.NDArray[np.float32]]
    ) -> list[npt.NDArray[np.float32]]:
        """The named outputs, float32, as ``InferenceSession.run`` gives them."""
        self._request.infer(dict(inputs), share_inputs=True)
        # The request writes its next answers where these lie.
        return [np.array(self._request.get_tensor(name).data) for name in outputs]


def _openvino() -> Any:
    """OpenVINO, which by default reports its import to its makers; here it sends nothing."""
    need_openvino()
    reports = "openvino_telemetry"
    known = sys.modules.get(reports)
    if known is None:
        sys.modules[reports] = None  # type: ignore[assignment] # as if it were not installed
    try:
        import openvino
    finally:
        if known is None:
            del sys.modules[reports]
    return openvino
