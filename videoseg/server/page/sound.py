"""The sound of a clip as any browser plays it: made once, when somebody plays the clip."""

from __future__ import annotations

import tempfile
import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from videoseg.errors import UsageError

_RATE = 48_000
"""Samples a second."""
_BITS = 128_000
"""A second."""


class Sound(AbstractContextManager["Sound"]):
    """The first sound of a file.

    Args:
        location: The file; anything else has no sound.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._lock = threading.Lock()
        self._made: tuple[Path, float] | None = None
        self._left = False
        self._folder = tempfile.TemporaryDirectory(prefix="videoseg-", ignore_cleanup_errors=True)
        self.is_there = Path(location).is_file() and _has_sound(location)

    def __exit__(self, *_: object) -> None:
        self._left = True
        with self._lock:
            self._folder.cleanup()

    def made(self) -> tuple[Path, float]:
        """A file of AAC, and when it begins on the clip's own clock, in seconds; waits for it.

        Raises:
            UsageError: There is no sound, or it cannot be read.
        """
        with self._lock:
            if self._made is None:
                if not self.is_there or self._left:
                    raise UsageError("this clip has no sound")
                path = Path(self._folder.name) / "sound.m4a"
                self._made = path, self._write(path)
            return self._made

    def _write(self, path: Path) -> float:
        """Write the file; gives its first time."""
        import av

        first: float | None = None
        try:
            with av.open(self._location) as source, av.open(str(path), "w", format="mp4") as file:
                (sound, *_) = source.streams.audio
                made: Any = file.add_stream("aac", rate=_RATE, bit_rate=_BITS, layout="stereo")
                resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_RATE)
                for frame in source.decode(sound):
                    if self._left:
                        raise UsageError("the page is left")
                    if first is None:
                        first = float(frame.time or 0.0)
                    frame.pts = None
                    for piece in resampler.resample(frame):
                        file.mux(made.encode(piece))
                for piece in resampler.resample(None):
                    file.mux(made.encode(piece))
                file.mux(made.encode(None))
        except (av.FFmpegError, OSError) as error:
            self.is_there = False
            raise UsageError(f"the sound cannot be read: {error.strerror or error}") from error
        return first or 0.0


def _has_sound(location: str) -> bool:
    import av

    with suppress(av.FFmpegError, OSError, ValueError), av.open(location) as opened:
        return bool(opened.streams.audio)
    return False
