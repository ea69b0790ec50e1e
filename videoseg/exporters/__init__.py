"""Outputs that need the whole run, one file per format."""
