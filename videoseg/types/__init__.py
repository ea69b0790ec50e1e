"""The values that flow through videoseg, and the conventions they share.

Conventions, written once:

* Points and boxes are ``x, y``; arrays are ``H, W`` (row, column).
* Coordinates are pixels of the upright frame, y down, on the *pixel-edge* grid: pixel
  ``(x, y)`` covers ``[x, x + 1) x [y, y + 1)``, so its centre is ``(x + 0.5, y + 0.5)`` and a
  10 x 10 square has area 100.
* Boxes are ``x1, y1, x2, y2`` with exclusive upper edges, so width is ``x2 - x1``.
* Time is an integer ``pts`` and a ``Fraction`` time base; it becomes a float only when printed.
* Sizes are named (``width``, ``height``), never bare pairs.

All types are frozen, slotted and check themselves; a violated check is a ``ValueError`` that
shows the value. Each has its home in a file of this folder; all are found here.
"""

from __future__ import annotations

from videoseg.types.alpha import WHOLE as WHOLE
from videoseg.types.alpha import Alpha as Alpha
from videoseg.types.alpha import EdgeWindow as EdgeWindow
from videoseg.types.detections import Detections as Detections
from videoseg.types.detections import Grounding as Grounding
from videoseg.types.detections import Instance as Instance
from videoseg.types.media import Colour as Colour
from videoseg.types.media import Frame as Frame
from videoseg.types.media import Recorded as Recorded
from videoseg.types.media import RgbImage as RgbImage
from videoseg.types.media import StreamInfo as StreamInfo
from videoseg.types.media import TopicInfo as TopicInfo
from videoseg.types.model_card import Figure as Figure
from videoseg.types.model_card import ModelCard as ModelCard
from videoseg.types.prompts import Cue as Cue
from videoseg.types.prompts import Prompt as Prompt
from videoseg.types.prompts import PromptKind as PromptKind
from videoseg.types.roto_shape import Knot as Knot
from videoseg.types.roto_shape import Placement as Placement
from videoseg.types.roto_shape import RotoLayer as RotoLayer
from videoseg.types.roto_shape import RotoShape as RotoShape
from videoseg.types.scenes import Scene as Scene
from videoseg.types.scenes import TrackedInstance as TrackedInstance
from videoseg.types.scenes import TrackState as TrackState
from videoseg.types.shapes import Bezier as Bezier
from videoseg.types.shapes import Bitmap as Bitmap
from videoseg.types.shapes import Box as Box
from videoseg.types.shapes import Mask as Mask
from videoseg.types.shapes import Part as Part
from videoseg.types.shapes import Polygon as Polygon
from videoseg.types.shapes import Ring as Ring
from videoseg.types.shapes import Shape as Shape
