"""Metrics of masks, outlines, clicks, presence, tracks and time: plain functions over arrays.

One file is one subject. Nothing here reads a file, runs a model or prints. Masks go in as a
``Mask``, a full-frame bool (H, W) array, or None where there is nothing.
"""
