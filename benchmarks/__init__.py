"""What is measured; run each as ``python -m benchmarks.NAME``."""
