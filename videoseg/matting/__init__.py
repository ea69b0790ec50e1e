"""Soft edges: how much of each pixel an object covers, around the edge of its mask."""
