"""Masks held still over time."""
