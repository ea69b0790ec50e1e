"""Files, folders, addresses and threads: what the machine offers, and nothing of segmentation."""
