"""Runs put together: one, many, a finished one taken up again."""
