"""The frames of a finished run with their pictures, and how the files of data sets are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

from typing_extensions import Doc

from videoseg.formats.frame_pictures import FramePictures
from videoseg.protocols import RunReader
from videoseg.system.output_files import FrameNames, Naming, stream_names
from videoseg.types import Scene, StreamInfo

CopyPictures: TypeAlias = Annotated[
    bool, Doc("copy the pictures that `frames` writes, now or earlier, into the data set")
]


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """A frame of a finished run.

    Attributes:
        scene: What is on it.
        info: Its stream.
        place: Which frame of its stream it is in this run, from 0.
        picture: Its picture's file, relative to the output folder.
        stem: Name for files of its own, without an ending.
        pictures: Copies the picture.
    """

    scene: Scene
    info: StreamInfo
    place: int
    picture: str
    stem: str
    pictures: FramePictures = field(repr=False)

    def copy_picture(self, to: Path, stem: str) -> str:
        """Put a copy of the picture into a folder, if it is written; give its file name there."""
        return self.pictures.copied(self.picture, to, stem)


def labelled_frames(
    run: RunReader, folder: Path, naming: Naming = "number"
) -> Iterator[LabelledFrame]:
    """The frames of a run in their order.

    Args:
        run: The run.
        folder: The output folder, in which its pictures may be.
        naming: How files of single frames are named.
    """
    pictures, names = FramePictures(folder, run.streams, run.frames_in), FrameNames(naming)
    places = dict.fromkeys(run.streams, 0)
    for scene in run.scenes():
        info, place = run.streams[scene.stream], places[scene.stream]
        picture, stem = pictures.name_of(scene, info), names.of(scene, info, "")
        yield LabelledFrame(scene, info, place, picture, stem, pictures)
        places[scene.stream] = place + 1


def file_for_each(streams: Mapping[str, StreamInfo], stem: str, ending: str) -> dict[str, str]:
    """The file of each stream: ``stem.ending``, or ``stem-NAME.ending`` if there are several."""
    if len(streams) == 1:
        return dict.fromkeys(streams, f"{stem}.{ending}")
    return {stream: f"{stem}-{name}.{ending}" for stream, name in stream_names(streams).items()}
