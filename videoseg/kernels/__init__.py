"""Compiled code for what is computed of every object, where a compiler was at hand.

Each function that is compiled has a reference in Python that gives the same bytes and is used where
there is no compiled one. Compiled ones are called without the interpreter's lock.
"""
