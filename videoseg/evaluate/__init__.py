"""Measuring: data sets with truth, tasks that ask a model, metrics, and tables with intervals."""
