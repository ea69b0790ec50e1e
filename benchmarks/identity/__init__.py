"""Hard sequences with exact truth, and who keeps the identities in them.

``python -m benchmarks.identity DATA --rivals PYTHON`` prints the table. The generator was written
before the tracker was tuned; its seeds and the pictures it cuts objects from come in two halves, of
which only one was looked at while tuning.
"""
