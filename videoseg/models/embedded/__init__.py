"""The embedded model: CPU, ONNX Runtime, everything it needs inside the package."""

from videoseg.models.embedded.model import PARTS, Embedded

__all__ = ["PARTS", "Embedded"]
