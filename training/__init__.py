"""Builds the files that the embedded model ships; needs the extra ``train``."""
