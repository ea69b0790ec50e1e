"""Prompts as people write them: shorthand on the command line, and ``prompts.json``.

Shorthand is ``key=value`` pairs joined by ``;``::

    label=cup;text=red cup
    label=hand;box=10,20,80,90;at=12
    text=dog;point=200,150;not-point=90,40;max=1

``box``, ``not-box``, ``point``, ``not-point`` and ``mask`` may be repeated; ``at`` is the index of
the frame they were made on (default the first). Numbers are pixels, or all of one mark are shares
of the frame such as ``box=10%,20%,50%,60%``, in JSON ``["10%", "20%", "50%", "60%"]``. A mask is a
picture or an SVG, as ``jobs/mask_files.py`` says; in ``prompts.json`` its name is relative to
that file. A text that lists several things (``cat. dog.``, ``cat|dog``; ``split_phrases`` says
when) stands for a prompt for each.

``prompts.json`` is a list of objects with the same keys, or with ``cues``, a list of objects, where
an object is corrected on several frames::

    [{"label": "cup", "text": "red cup"},
     {"label": "hand", "cues": [{"at": 12, "box": [10, 20, 80, 90]},
                                {"at": 40, "point": [[200, 150]], "not-point": [[90, 40]]}]}]
"""

from __future__ import annotations

from videoseg.prompts.added import with_added as with_added
from videoseg.prompts.asked import Refused as Refused
from videoseg.prompts.asked import as_prompts as as_prompts
from videoseg.prompts.asked import is_carried as is_carried
from videoseg.prompts.asked import mask_files as mask_files
from videoseg.prompts.asked import on_every_frame as on_every_frame
from videoseg.prompts.asked import prompt_on as prompt_on
from videoseg.prompts.checks import check_kinds as check_kinds
from videoseg.prompts.checks import check_prompts as check_prompts
from videoseg.prompts.file import load_prompts as load_prompts
from videoseg.prompts.file import parse_prompt as parse_prompt
from videoseg.prompts.file import prompts_of as prompts_of
from videoseg.prompts.marks import Marks as Marks
from videoseg.prompts.marks import Numbers as Numbers
from videoseg.prompts.marks import ShareCue as ShareCue
from videoseg.prompts.marks import Shares as Shares
from videoseg.prompts.marks import in_pixels as in_pixels
from videoseg.prompts.marks import parse_numbers as parse_numbers
from videoseg.prompts.phrases import listed as listed
from videoseg.prompts.phrases import split_phrases as split_phrases
