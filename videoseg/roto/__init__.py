"""Tracks as keyed shapes: rings over time, shared knots, key frames."""
