"""What the model found on each frame of a run, before it was steadied; read when asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from videoseg.errors import VideosegError
from videoseg.formats.svg_path import format_path
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.reader import RunFolder
from videoseg.server.page.stored_frames import StoredFrames


class FoundFrames:
    """The model's own outlines of a run's first stream; read on a thread of its own.

    Args:
        run: Its log.
        vectorizer: Makes the outlines.
    """

    def __init__(self, run: RunFolder, vectorizer: Vectorizer) -> None:
        self._run, self._vectorizer = run, vectorizer
        self._stream = next(iter(run.streams))
        self._stored = StoredFrames()
        self._left = False
        self._thread = threading.Thread(target=self._read, name="videoseg-found", daemon=True)
        self._thread.start()

    def outlines(self, indices: Sequence[int]) -> dict[str, Any]:
        """The outlines of some frames, as far as they have been read, and whether all have."""
        whole = not self._thread.is_alive()
        found = self._stored.get(indices)
        return {"frames": {str(index): items for index, items in found.items()}, "whole": whole}

    def wait(self) -> None:
        """Return when all of it has been read."""
        self._thread.join()

    def close(self) -> None:
        """End reading."""
        self._left = True
        self._thread.join()
        self._stored.close()

    def _read(self) -> None:
        with suppress(VideosegError):  # damage is said where tracks are read
            for stream, index, found in self._run.detections():
                if self._left:
                    return
                if stream != self._stream or found is None:
                    continue
                shapes = self._vectorizer.shapes(found.instances)
                items = [
                    {"prompt": each.prompt, "path": format_path(shape)}
                    for each, shape in zip(found.instances, shapes, strict=True)
                ]
                self._stored.put(index, items)
