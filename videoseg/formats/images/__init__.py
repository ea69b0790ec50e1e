"""Formats of still pictures, decoded with their orientation, depth and colours."""
