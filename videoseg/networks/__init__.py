"""Networks of PyTorch and transformers: where they run, and where their weights are."""
