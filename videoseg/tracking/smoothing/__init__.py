"""Outlines held still over time."""
