"""Sources of logs: each topic with pictures is a stream, and frames come in the log's order."""

from __future__ import annotations

import inspect
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.formats.images.colour import Background
from videoseg.formats.robotics.decoding import TopicDecoder
from videoseg.formats.robotics.log_messages import Damage, Entrance, LogReader
from videoseg.formats.robotics.messages import MessageError
from videoseg.formats.robotics.pixels import Shown
from videoseg.formats.robotics.schemas import image_reader
from videoseg.formats.robotics.topics import chosen_topics, globs_of, stream_names
from videoseg.geometry.sizes import check_pixels
from videoseg.sources._av.decoding import OnTruncation
from videoseg.sources._logs.clock import Stamp, TopicClock, rate_of, usual_distance
from videoseg.sources._logs.growth import Growth
from videoseg.sources._logs.log import Entry, Log, Topic
from videoseg.sources._logs.sample import Sample
from videoseg.sources._logs.seeking import Sought, entrance_for_index, entrance_for_time
from videoseg.sources._logs.topic_reader import TIME_BASE, TopicReader
from videoseg.types import Frame, StreamInfo, TopicInfo

_WRITTEN_LAST = "metadata.yaml"
"""What the recorder of a folder of files writes beside them when it ends."""


@dataclass(frozen=True)
class _Opened:
    """A topic that is read.

    Attributes:
        topic: The topic.
        info: Its stream.
        stamp: Which times are taken.
        usual: Usual distance of two pictures, ns.
        lag: Log time of its first message minus its stamp, ns.
    """

    topic: Topic
    info: StreamInfo
    stamp: Stamp
    usual: int | None
    lag: int


@dataclass
class LogSource(ABC):
    """Frames of the topics of a log that hold pictures, several streams at once.

    ``Frame.pts`` is the header's stamp in ns; ``Frame.recorded`` keeps it, the log's own times and
    the name of the topic. Indices count the messages of each topic from 0, also those that are left
    out. A message is left out, and counted, if it is damaged, of another size than the first of its
    topic, in an unknown encoding, before the first key frame, or has a stamp that does not rise
    (``_logs/clock.py``).

    Attributes:
        notes: Lines for people about what was found and left out; grows while frames are read.
        dropped: Messages that the latest pass has left out.
        repeated: 0: nothing is shown again in their place.
    """

    topics: Annotated[
        str | list[str],
        Doc("topics to read, with commas between; * and ? stand for any letters; none = all"),
    ] = ""
    stamp: Annotated[
        Stamp, Doc("time of a frame: header (when it was taken), log (written) or publish (sent)")
    ] = "header"
    on_truncation: Annotated[
        OnTruncation, Doc("log that breaks off: fail after its last frame, or accept what is there")
    ] = "accept"
    white: Annotated[
        int, Ge(1), Le(65535), Doc("value of grey of 16 bits that is shown white; depth: in mm")
    ] = 65535
    background: Background = "#000000"
    every: Annotated[int, Ge(1), Doc("yield every n-th frame of each topic only")] = 1
    repeated: ClassVar[int] = 0
    _log: Log | None = field(init=False, repr=False, default=None)
    _location: str = field(init=False, repr=False, default="")
    _opened: tuple[_Opened, ...] = field(init=False, repr=False, default=())
    _found: tuple[str, ...] = field(init=False, repr=False, default=())
    _readers: Sequence[TopicReader] = field(init=False, repr=False, default=())
    _damage: Damage = field(init=False, repr=False, default_factory=Damage)
    _growth: Growth | None = field(init=False, repr=False, default=None)
    _running: weakref.WeakSet[Generator[Frame]] = field(
        init=False, repr=False, default_factory=weakref.WeakSet
    )

    @abstractmethod
    def reader_at(self, path: Path) -> LogReader:
        """Who reads the log in a file or folder that exists.

        Raises:
            SourceError: It is none of this kind.
        """

    def growth_of(self, path: Path) -> Growth | None:
        """Who waits for more of a log that is still written; None to read what is there."""
        del path
        return None

    def part_after(self, path: Path) -> Path | None:
        """The file in which a recorder would go on after this one; None where it would not."""
        del path
        return None

    @property
    def is_growing(self) -> bool:
        """Whether frames come as the log is written; see ``Growing``."""
        return self._growth is not None

    def stop(self) -> None:
        """Wait for no more; see ``Stoppable``."""
        if self._growth is not None:
            self._growth.stopped = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about this input; see the class."""
        read = [note for reader in self._readers for note in reader.notes()]
        damage = [f"{what} and were left out: {n}" for what, n in self._damage.counts.items()]
        ends = (
            [f"the log is incomplete: {self._damage.truncated}"] if self._damage.truncated else []
        )
        return (*self._found, *read, *damage, *ends)

    @property
    def dropped(self) -> int:
        """Messages that the latest pass has left out."""
        return sum(reader.lost.total() for reader in self._readers)

    def describe(self, location: str) -> Sequence[TopicInfo]:
        """What topics a log has, of those asked for; see ``Describes``."""
        log = self._log_of(location)
        topics = {topic.name: topic for topic in log.topics()}
        return [
            TopicInfo(
                name=name,
                schema=(topic := topics[name]).schema,
                encoding=topic.encoding,
                count=topic.count,
                span=topic.span,
                has_pictures=topic.kind is not None,
                size=self._size(log, topic),
            )
            for name in self._chosen(location, list(topics), "topic")
        ]

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Find the topics with pictures, and look at the first messages of each.

        Raises:
            SourceNotFoundError: There is no such file or folder.
            SourceError: It is no log of this kind, has no topic with pictures or none that fits
                ``topics``, or none of the pictures can be read.
        """
        self.close()
        log = self._log_of(location)
        self._growth = growth = self.growth_of(Path(location))
        if growth is not None and growth.until(lambda: self._is_begun(location)):
            log = self._log_of(location)
        topics = [topic for topic in log.topics() if topic.kind is not None]
        names = self._chosen(location, [topic.name for topic in topics])
        if not names:
            raise SourceError(
                f"{location}: has no topic with pictures; videoseg info lists all topics"
            )
        found: list[str] = []
        if not self.topics and len(names) > 1:
            found.append(f"reads all {len(names)} topics with pictures; choose with --topic")
        streams = stream_names(names)
        opened = [
            self._sampled(log, topic, streams[topic.name], location, found)
            for topic in topics
            if topic.name in streams
        ]
        self._opened = tuple(each for each in opened if each is not None)
        if not self._opened:
            raise SourceError(f"{location}: no picture can be read; {'; '.join(found)}")
        self._log, self._location, self._found = log, location, tuple(found)
        return {each.info.stream: each.info for each in self._opened}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield every n-th of the frames ``start <= index < stop`` of each topic.

        Raises:
            SourceError: No log is open, or it breaks off and ``on_truncation`` is to fail; all
                that could be read has been yielded by then.
        """
        if self._log is None:
            raise SourceError("no log is open; call open() with a file or folder first")
        frames = self._frames(self._log, start, stop)
        self._running.add(frames)
        return frames

    def index_at(self, seconds: Fraction) -> int:
        """Index of the first frame of the first topic at this time or later; their number if none.

        Reads the log up to there, where it has an index from a little before.

        Raises:
            SourceError: No log is open.
        """
        if self._log is None:
            raise SourceError("no log is open; call open() with a file or folder first")
        first, wanted = self._opened[0], seconds / TIME_BASE
        name = first.topic.name
        begin = entrance_for_time(self._log, name, self._sought(first), math.ceil(wanted))
        reader = self._reader(first, 0, None, begin)
        entries = self._log.messages({name}, Damage(), begin)
        try:
            for entry in entries:
                time = reader.time(entry)
                if time is not None and time >= wanted:
                    return reader.index - 1
            return reader.index
        finally:
            entries.close()

    def close(self) -> None:
        """Let go of the log. A second call does nothing."""
        self.stop()
        for frames in tuple(self._running):
            if inspect.getgeneratorstate(frames) != inspect.GEN_RUNNING:
                frames.close()
        self._running.clear()
        self._log, self._opened, self._found, self._readers = None, (), (), ()
        self._growth = None
        self._damage = Damage()

    def _is_begun(self, location: str) -> bool:
        """Whether a log that is still written has a picture of each topic that it tells of."""
        if not Path(location).stat().st_size:
            return False
        log = self._log_of(location)
        try:
            topics = {topic.name: topic for topic in log.topics() if topic.kind is not None}
            names = self._chosen(location, list(topics))
        except SourceError:
            return False  # so far
        return bool(names) and all(self._size(log, topics[name]) is not None for name in names)

    def _chosen(
        self, location: str, names: list[str], what: str = "topic with pictures"
    ) -> list[str]:
        """Those of some topics that are asked for; ``what`` is said of one.

        Raises:
            SourceError: A pattern fits none.
        """
        try:
            return chosen_topics(names, globs_of(self.topics), what)
        except ValueError as error:
            raise SourceError(f"{location}: {error}; videoseg info lists all topics") from error

    def _size(self, log: Log, topic: Topic) -> tuple[int, int] | None:
        """Width and height of a topic's first picture, if one can be read."""
        try:
            return Sample.of(log, topic.name, self._decoder(topic), least=1).size
        except (MessageError, SourceError):
            return None

    def _log_of(self, location: str) -> Log:
        path = Path(location)
        if not path.exists():
            raise SourceNotFoundError(f"{location}: no such file or folder; check the path")
        return Log(self.reader_at(path))

    def _frames(self, log: Log, start: int, stop: int | None) -> Generator[Frame]:
        sought = {each.topic.name: self._sought(each) for each in self._opened}
        begin = entrance_for_index(log, sought, start)
        readers = {each.topic.name: self._reader(each, start, stop, begin) for each in self._opened}
        damage = Damage()
        self._readers, self._damage = tuple(readers.values()), damage
        if all(reader.is_done for reader in self._readers):
            return
        entries = self._entries(log, readers.keys(), damage, begin)
        try:
            for entry in entries:
                reader = readers[entry.topic]
                if reader.is_done:
                    continue
                frame = reader.frame(entry)
                if frame is not None:
                    yield frame
                if reader.is_done and all(each.is_done for each in self._readers):
                    return
        finally:
            entries.close()
        self._note_end_of_growth(damage)
        if damage.truncated and self.on_truncation == "fail":
            raise SourceError(
                f"{self._location}: is incomplete: {damage.truncated}; record or copy it again, or "
                "take what is there (on_truncation=accept)"
            )

    def _entries(
        self, log: Log, topics: Set[str], damage: Damage, begin: Entrance | None
    ) -> Generator[Entry]:
        """The messages of a log; of one that is followed, also those of the files after it."""
        path: Path | None = Path(self._location)
        while path is not None:
            yield from log.messages(topics, damage, begin, self._growth)
            path = None if damage.truncated else self._next_part(path)
            if path is not None:
                log, begin = log.continued(self.reader_at(path)), None

    def _next_part(self, path: Path) -> Path | None:
        """The file in which the recorder of a log goes on, once it can be read; None at its end."""
        growth, part = self._growth, self.part_after(path)
        if growth is None or part is None:
            return None
        index = part.with_name(_WRITTEN_LAST)
        begun = growth.goes_on_in(part, index.exists) and growth.until(lambda: self._is_log(part))
        return part if begun else None

    def _is_log(self, path: Path) -> bool:
        """Whether enough of a file is there to tell what it holds."""
        try:
            self.reader_at(path).channels()
        except SourceError:
            return False
        return True

    def _note_end_of_growth(self, damage: Damage) -> None:
        """Of a log that was followed the recorder says the end; else nobody waits any longer."""
        if damage.truncated and self._growth is not None:
            idle = f"nothing was added for {self._growth.idle:g} s, and {damage.truncated}"
            damage.truncated = None if self._growth.stopped else idle

    def _sought(self, opened: _Opened) -> Sought:
        by_stamp = opened.stamp == "header"
        return Sought(lambda: self._decoder(opened.topic), opened.lag if by_stamp else None)

    def _reader(
        self, opened: _Opened, start: int, stop: int | None, begin: Entrance | None
    ) -> TopicReader:
        return TopicReader(
            info=opened.info,
            decoder=self._decoder(opened.topic),
            clock=TopicClock(opened.stamp, opened.usual),
            start=start,
            stop=stop,
            every=self.every,
            index=0 if begin is None else begin.before[opened.topic.name],
        )

    def _decoder(self, topic: Topic) -> TopicDecoder:
        reader = image_reader(topic.schema, topic.encoding, topic.definition)
        if reader is None or topic.kind is None:
            raise MessageError(f"written in {topic.encoding or 'no encoding'}, which is not read")
        return TopicDecoder(topic.kind, reader, Shown(self.background, self.white))

    def _sampled(
        self, log: Log, topic: Topic, stream: str, location: str, found: list[str]
    ) -> _Opened | None:
        """A topic as its first messages show it; None, with a note, if it has no picture."""
        try:
            sample = Sample.of(log, topic.name, self._decoder(topic))
        except MessageError as error:
            found.append(f"{topic.name}: {error}")
            return None
        if sample.size is None:
            why = ", ".join(f"{count} {reason}" for reason, count in sample.lost.items())
            found.append(f"{topic.name} has no picture that can be read: {why or 'it is empty'}")
            return None
        stamp = self.stamp
        if stamp == "header" and not sample.has_stamps:
            stamp = "log"
            found.append(f"{topic.name}: has no stamps; times are those of the log")
        times = sample.times[stamp]
        usual = usual_distance(times)
        width, height = sample.size
        check_pixels(width, height)
        info = StreamInfo(
            stream=stream,
            width=width,
            height=height,
            time_base=TIME_BASE,
            frame_rate=rate_of(usual),
            frame_count=None if self.is_growing else topic.count,
            start_pts=times[sample.first],
            location=location,
        )
        lag = sample.times["log"][0] - sample.times["header"][0]
        return _Opened(topic, info, stamp, usual, lag)
