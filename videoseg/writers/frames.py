"""The frames themselves as pictures, ``frames/000012.jpg``: upright, in the source's size."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.system.output_files import FRAMES, FrameNames, Naming, make_frame_folders, writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo


@dataclass
class Frames:
    """Writes each frame as models see it: 8-bit RGB, nothing drawn on it.

    These are the pictures that ``masks.json`` speaks of, named and numbered like the masks. Several
    streams get a folder each.
    """

    format: Annotated[Literal["jpg", "png"], Doc("kind of the files; png is lossless")] = "jpg"
    quality: Annotated[int, Doc("quality of JPEG, 1 (worst) to 100 (best)"), Ge(1), Le(100)] = 95
    names: Naming = "number"
    needs_image: bool = field(init=False, repr=False, default=True)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _folders: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _naming: FrameNames = field(init=False, repr=False, default=FrameNames("number"))

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (FRAMES,)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders."""
        del prompts
        self._streams, self._naming = streams, FrameNames(self.names)
        names = make_frame_folders(folder, streams, FRAMES)
        self._folders = {stream: str(folder / name) for stream, name in names.items()}

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one picture.

        Raises:
            OutputError: The file cannot be written.
        """
        import cv2

        if frame is None:
            raise ValueError("writing frames needs the frame's image")
        suffix = f".{self.format}"
        options = [cv2.IMWRITE_JPEG_QUALITY, self.quality] if self.format == "jpg" else []
        image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(suffix, image, options)
        name = self._naming.of(scene, self._streams[scene.stream], suffix)
        # Not a Path: it would keep the name of every file for good (Python 3.12).
        path = os.path.join(self._folders[scene.stream], name)
        with writing(path), open(path, "wb") as file:
            file.write(data.tobytes())

    def close(self, *, complete: bool) -> None:
        """Nothing is held open."""


PARTS = {"frames": Frames}
