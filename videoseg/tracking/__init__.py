"""Identities over time and outlines that hold still."""
