"""Servers: what stands between a browser or a program and videoseg, and what is served."""
