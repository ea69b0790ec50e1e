"""Follows what is in a box.

Usage: box.py CLIP X1 Y1 X2 Y2
"""

import sys

import videoseg

clip, *corners = sys.argv[1:]
for frame, scene in videoseg.segment(clip, box=[float(corner) for corner in corners]):
    for item in scene.instances:
        print(frame.index, item.instance.mask.box)
