"""The interfaces between parts, one to four methods each.

A part is a dataclass whose fields are its settings: annotate each with its bounds
(``annotated_types``) and one line of documentation (``typing_extensions.Doc``) that names unit and
range. State is kept in fields with ``init=False, repr=False``. Heavy packages (torch, av, cv2,
onnxruntime, scipy, shapely) are imported inside methods, never by importing a part's module.

What only some parts can do is a protocol, too: whoever needs it asks with ``isinstance``.
"""

from videoseg.protocols.abilities import AsyncSegmenter as AsyncSegmenter
from videoseg.protocols.abilities import Composite as Composite
from videoseg.protocols.abilities import Explains as Explains
from videoseg.protocols.abilities import Follows as Follows
from videoseg.protocols.abilities import KeepsMissed as KeepsMissed
from videoseg.protocols.abilities import Keyframed as Keyframed
from videoseg.protocols.abilities import Metered as Metered
from videoseg.protocols.abilities import NamesHost as NamesHost
from videoseg.protocols.abilities import Pending as Pending
from videoseg.protocols.abilities import Remote as Remote
from videoseg.protocols.abilities import RemoteSegmenter as RemoteSegmenter
from videoseg.protocols.abilities import Sends as Sends
from videoseg.protocols.abilities import Weighed as Weighed
from videoseg.protocols.abilities import destinations_of as destinations_of
from videoseg.protocols.models import Grounder as Grounder
from videoseg.protocols.models import Segmenter as Segmenter
from videoseg.protocols.models import VideoSegmenter as VideoSegmenter
from videoseg.protocols.outputs import Exporter as Exporter
from videoseg.protocols.outputs import ExportsAlong as ExportsAlong
from videoseg.protocols.outputs import HasHidden as HasHidden
from videoseg.protocols.outputs import Log as Log
from videoseg.protocols.outputs import Matter as Matter
from videoseg.protocols.outputs import NamesFrames as NamesFrames
from videoseg.protocols.outputs import ReviewItem as ReviewItem
from videoseg.protocols.outputs import RunReader as RunReader
from videoseg.protocols.outputs import TakesHidden as TakesHidden
from videoseg.protocols.outputs import TakesMattes as TakesMattes
from videoseg.protocols.outputs import Viewer as Viewer
from videoseg.protocols.outputs import Writer as Writer
from videoseg.protocols.sources import Accepts as Accepts
from videoseg.protocols.sources import CountsLosses as CountsLosses
from videoseg.protocols.sources import Describes as Describes
from videoseg.protocols.sources import FrameSource as FrameSource
from videoseg.protocols.sources import Growing as Growing
from videoseg.protocols.sources import HasNotes as HasNotes
from videoseg.protocols.sources import ReadsBeside as ReadsBeside
from videoseg.protocols.sources import Sparse as Sparse
from videoseg.protocols.sources import Stoppable as Stoppable
from videoseg.protocols.sources import Timed as Timed
from videoseg.protocols.stages import LooksAhead as LooksAhead
from videoseg.protocols.stages import Resumable as Resumable
from videoseg.protocols.stages import Stage as Stage
from videoseg.protocols.stages import Tracker as Tracker
from videoseg.protocols.stages import TwoPassTracker as TwoPassTracker
