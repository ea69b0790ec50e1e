"""Cropped masks and SVG path data: pure geometry, nothing of models or media."""
