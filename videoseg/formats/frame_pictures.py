"""Which file is the picture of a frame, for outputs that name it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from videoseg.errors import OutputError
from videoseg.system.output_files import FRAMES, FrameNames, frame_folders, frame_name
from videoseg.types import Scene, StreamInfo


class FramePictures:
    """Which file a frame's picture is: known when all is written, since settings may name it.

    Args:
        folder: The output folder, with all that the run writes.
        streams: The streams of the source.
        earlier: The output folder that has pictures from an earlier time, or None; those that are
            written now come first.
    """

    def __init__(
        self, folder: Path, streams: Mapping[str, StreamInfo], earlier: Path | None = None
    ) -> None:
        places = [place for place in (folder, earlier) if place and (place / FRAMES).is_dir()]
        self._folder = places[0] if places else folder
        self._exported = bool(places)
        self._folders = frame_folders(streams, FRAMES)
        self._naming = FrameNames("source")
        self._which: int | None = None

    @property
    def written(self) -> bool:
        """Whether there are pictures of the frames in an output folder."""
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

        Raises:
            OutputError: The picture is not there any more.
        """
        copy = f"{stem}{PurePath(name).suffix}"
        if self.written:
            picture = self._folder / name
            # A folder may come from anybody: a link in it must not bring in what lies elsewhere.
            if picture.is_symlink() or not picture.is_file():
                raise OutputError(f"{picture} is not there, or is a link; write frames again")
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, to / copy)
        return copy
