"""What is measured, side by side with the alternative; run each as ``python -m benchmarks.NAME``."""
