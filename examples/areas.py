"""Prints how large an object is on every frame.

Usage: areas.py CLIP PHRASE
"""

import sys

import videoseg

clip, phrase = sys.argv[1:]
for frame, scene in videoseg.segment(clip, phrase):
    for item in scene.instances:
        print(frame.index, item.track_id, item.instance.mask.area)
