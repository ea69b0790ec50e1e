"""The codes with which commands end, beside 0."""

FAILED = 1
"""Nothing was done."""
USAGE = 2
"""The command line is wrong."""
PARTLY = 3
"""Some inputs failed, a limit ended the run, or some phrases are not known."""
MISSING = 4
"""A model, key or package is missing, or no phrase is known."""
INTERRUPTED = 130
"""Ctrl-C."""
