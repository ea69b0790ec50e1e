"""Which file is the picture of a frame, for outputs that name it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from videoseg.system.output_files import FRAMES, FrameNames, frame_folders, frame_name
from videoseg.types import Scene, StreamInfo


class FramePictures:
    """Which file a frame's picture is: known when all is written, since settings may name it.

    Args:
        folder: The output folder, with all that the run writes.
        streams: The streams of the source.
    """

    def __init__(self, folder: Path, streams: Mapping[str, StreamInfo]) -> None:
        self._folder = folder
        self._exported = (folder / FRAMES).is_dir()
        self._folders = frame_folders(streams, FRAMES)
        self._naming = FrameNames("source")
        self._which: int | None = None

    @property
    def written(self) -> bool:
        """Whether the pictures of the frames are in the output folder."""
        return bool(self._which)

    def names_of(self, scene: Scene, info: StreamInfo) -> list[str]:
        """The file if frames are not written, and then those that ``frames`` may write."""
        top = self._folders[scene.stream]
        numbered = f"{top}/{frame_name(scene, info, '')}"
        names = [scene.name or f"{numbered}.jpg"]
        if self._exported:
            named = f"{top}/{self._naming.of(scene, info, '')}"
            names += [f"{stem}.{kind}" for stem in (numbered, named) for kind in ("jpg", "png")]
        return names

    def found(self, names: Sequence[str]) -> str:
        """The one that is there; all frames are named alike."""
        if self._which is None:
            there = (i for i, n in enumerate(names) if i and (self._folder / n).is_file())
            self._which = next(there, 0)
        return names[self._which]

    def name_of(self, scene: Scene, info: StreamInfo) -> str:
        """The next frame's file, relative to the output folder; when all frames are written."""
        return self.found(self.names_of(scene, info))

    def copied(self, name: str, to: Path, stem: str) -> str:
        """Put a copy of a written picture into a folder; give its file name there.

        Args:
            name: As ``name_of`` gives it.
            to: The folder.
            stem: Name of the copy, without its ending.
        """
        copy = f"{stem}{PurePath(name).suffix}"
        if self.written:
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._folder / name, to / copy)
        return copy
