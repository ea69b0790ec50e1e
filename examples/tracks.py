"""Writes all outputs, then prints a line for each track.

Usage: tracks.py CLIP PHRASE OUT
"""

import sys

import videoseg

clip, phrase, out = sys.argv[1:]
with videoseg.Job(clip, phrase, videoseg.load_config(preset="fast")) as job:
    job.run(out)
for row in videoseg.read_run(out).tracks():
    print(row)
