"""The embedded model: CPU, ONNX Runtime, everything it needs inside the package."""
