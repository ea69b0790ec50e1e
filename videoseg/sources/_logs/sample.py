"""The first messages of a topic: how large its pictures are, how often they come, their stamps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from videoseg.errors import SourceError
from videoseg.formats.robotics.decoding import TopicDecoder
from videoseg.formats.robotics.log_messages import Damage
from videoseg.formats.robotics.messages import MessageError
from videoseg.sources._logs.log import Log

USUAL = 12
"""Messages of a topic that are looked at to learn its rate and whether it has stamps."""
_MOST_SAMPLED = 600
"""Messages in which a picture has to be found; video begins with the next key frame."""


@dataclass
class Sample:
    """What the first messages of a topic say.

    Attributes:
        times: Times of those that could be read, by kind.
        size: Width and height of the first picture; None if there was none.
        first: Which of ``times`` is that picture's.
        lost: Messages without a picture, by why.
    """

    times: Mapping[str, list[int]] = field(
        default_factory=lambda: {"header": [], "log": [], "publish": []}
    )
    size: tuple[int, int] | None = None
    first: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, log: Log, topic: str, decoder: TopicDecoder, least: int = USUAL) -> Sample:
        """Look at a topic: at so many messages, and on until there is a picture."""
        sample = cls()
        entries = log.messages({topic}, Damage())
        try:
            for number, entry in enumerate(entries):
                if number >= _MOST_SAMPLED or (number >= least and sample.size is not None):
                    break
                try:
                    message = decoder.read(entry.data)
                    sample.times["header"].append(message.stamp)
                    sample.times["log"].append(entry.log_time)
                    sample.times["publish"].append(entry.publish_time)
                    if sample.size is None:
                        image = decoder.rgb(message)
                        sample.size = image.shape[1], image.shape[0]
                        sample.first = len(sample.times["log"]) - 1
                except MessageError as error:
                    sample.lost[str(error)] += 1
        except SourceError:
            if sample.size is None:
                raise  # else the reading of all frames says it, after those before
        finally:
            entries.close()
        return sample

    @property
    def has_stamps(self) -> bool:
        """Whether headers say when pictures were taken: not all the same, and not zero."""
        stamps = self.times["header"]
        return any(stamps) and (len(stamps) == 1 or len(set(stamps)) > 1)
