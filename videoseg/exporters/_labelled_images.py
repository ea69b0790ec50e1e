"""What outputs for robots share: frames with stamps, ids, what is said of the whole run, names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from videoseg.formats.coco import json_text
from videoseg.formats.label_classes import one_line, utf8_text
from videoseg.formats.robotics.labelled import (
    LabelledImage,
    class_table,
    labeller,
)
from videoseg.protocols import RunReader
from videoseg.system.addresses import is_address, is_stored
from videoseg.types import StreamInfo

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 150
"""Bytes of UTF-8 of a name, to which endings are added."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """What ids a run has given out.

    Attributes:
        highest: The highest, or 0.
        labels: Of each track, in the order in which they appear.
        topics: What messages its pictures came by.
    """

    highest: int
    labels: Mapping[int, str]
    topics: Set[str]


def tracked_in(run: RunReader) -> Tracked:
    """The tracks of a run, from one pass over its Scenes."""
    labels: dict[int, str] = {}
    topics: set[str] = set()
    for scene in run.scenes():
        if scene.recorded is not None:
            topics.add(scene.recorded.topic)
        for tracked in scene.instances:
            labels.setdefault(tracked.track_id, one_line(tracked.label))
    return Tracked(max(labels, default=0), labels, topics)


def labelled_images(run: RunReader) -> Iterator[LabelledImage]:
    """The frames of a run in its order."""
    yield from map(labeller(run.streams), run.scenes())


def facts_of(run: RunReader, tracks: Tracked, encoding: str) -> dict[str, dict[str, str]]:
    """What is said of the whole run, by the name of the record: what made it, classes, tracks."""
    prompts = [
        {"label": utf8_text(prompt.label), "text": prompt.text and utf8_text(prompt.text)}
        for prompt in run.prompts
    ]
    return {
        "videoseg": {
            **run.made_with,
            "prompts": json_text(prompts),
            "mask_encoding": encoding,
            "mask_pixels": "track_id, 0 where there is nothing",
        },
        "videoseg.classes": class_table(run.labels),
        "videoseg.tracks": {str(number): label for number, label in tracks.labels.items()},
    }


def stem_of(streams: Mapping[str, StreamInfo]) -> str:
    """The name of the input without its ending, safe in a file's name; the stream's if need be.

    Of an address it is that of the path alone: keys and signatures stand elsewhere.
    """
    first = next(iter(streams.values()))
    place = first.location or first.stream
    if is_address(place) and not is_stored(place):
        place = unquote(urlsplit(place).path)
    plain = _UNSAFE.sub("_", Path(place).stem).strip("._") or "run"
    return plain.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
