"""File formats, each written down once for the inputs and the outputs that share it."""
