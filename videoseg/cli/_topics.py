"""The topics of a robot's log, as ``videoseg info`` shows them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.cli._media import duration_text
from videoseg.cli._plan import in_bytes
from videoseg.cli._streams import print_json
from videoseg.cli._summary import count
from videoseg.cli._terminal import tell

if TYPE_CHECKING:
    from videoseg.types import TopicInfo


def show_topics(location: str, topics: Sequence[TopicInfo], *, as_json: bool) -> None:
    """Print them, those with pictures first."""
    stored = _bytes(Path(location))
    if as_json:
        print_json({"bytes": stored, "topics": [_plain(topic) for topic in topics]})
        return
    tell(f"{Path(location).name}: {count(len(topics), 'topic')}, {in_bytes(stored)}")
    for topic in sorted(topics, key=lambda topic: not topic.has_pictures):
        tell(f"  {topic.name}")
        tell(f"    {', '.join(_said(topic))}")


def _said(topic: TopicInfo) -> Iterator[str]:
    yield f"{topic.schema or 'no schema'} ({topic.encoding or 'no encoding'})"
    if topic.size is not None:
        yield f"{topic.size[0]} x {topic.size[1]} pixels"
    elif topic.has_pictures:
        yield "no picture that can be read"
    if topic.count is not None:
        yield count(topic.count, "message")
    if topic.rate is not None:
        yield f"about {topic.rate:.4g} a second"
    if topic.seconds is not None:
        yield duration_text(topic.seconds)


def _plain(topic: TopicInfo) -> dict[str, object]:
    return {**dataclasses.asdict(topic), "rate": topic.rate, "seconds": topic.seconds}


def _bytes(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
