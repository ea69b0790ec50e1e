"""Per-frame outputs, one file per format."""
