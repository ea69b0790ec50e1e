"""From a parsed phrase to regions of a frame."""
