"""Stages drive models over frames: they own order, batching and what is asked when."""
