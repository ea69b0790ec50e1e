"""Soft edges of objects: windows around edges, mattes, and what an artist does to them."""
