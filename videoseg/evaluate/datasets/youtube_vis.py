"""YouTube-VIS (Yang et al., ICCV 2019), OVIS (Qi et al., IJCV 2022), SA-Co/VEval: tracks by name.

One file names ``videos`` with their frames, ``categories``, and ``annotations``: for each track run
lengths a frame, or null where it is not to be seen. YouTube-VIS puts it as ``train/instances.json``
beside ``train/JPEGImages`` (2019: ``train.json``), OVIS as ``annotations_train.json`` beside
``train``, SA-Co/VEval as ``annotation/saco_veval_SET_val.json`` beside ``media/SET``. SA-Co/VEval
also says which phrases were searched for in which video (``video_np_pairs``); without that, every
category was, in every video.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.evaluate.datasets._coco_json import annotation_file, categories_of
from videoseg.evaluate.readers import field, read_image, read_json, shown
from videoseg.evaluate.regions import region
from videoseg.evaluate.samples import Media, OnBroken, VideoSample, VideoTarget, frame_rate_of
from videoseg.types import Mask

Entry = Mapping[str, Any]
_PATTERNS = (
    "instances.json",
    "annotations_*.json",
    "annotation/saco_veval_*.json",
    "saco_veval_*.json",
    "train.json",
    "valid.json",
)


@dataclass
class YoutubeVis:
    """Videos with tracks of named things."""

    name: ClassVar[str] = "youtube-vis"
    media: ClassVar[Media] = "videos"
    path: Path
    json: Annotated[str, Doc("annotation file below the folder; empty = the only one there")] = ""
    images: Annotated[str, Doc("folder of pictures; empty = found beside the annotations")] = ""
    rate: Annotated[float, Gt(0), Doc("frames per second")] = 6.0

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there is an annotation file of a name that such sets use."""
        return path.is_dir() and any(any(path.glob(pattern)) for pattern in _PATTERNS)

    def truth_files(self) -> Iterable[Path]:
        """The annotation file."""
        return (annotation_file(self.path, self.json, _PATTERNS),)

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the videos in the order of the file.

        Raises:
            SourceError: The file or the folder of pictures cannot be read.
        """
        file = annotation_file(self.path, self.json, _PATTERNS)
        content = read_json(file)
        videos = field(content, "videos", list, str(file))
        if content.get("annotations") is None:
            raise SourceError(f"{file}: has no annotations: the truth of this split is away")
        names = {n: one.name for n, one in categories_of(content, file, spoken).items()}
        tracks = _by_video(field(content, "annotations", list, str(file)), file)
        searched = _searched(content, names, file)
        folder = self._folder(file, videos)
        for n, video in enumerate(videos):
            where = f"{file}: videos[{n}]"
            try:
                key = field(video, "id", int, where)
                found = tracks.get(key, ())
                yield self._sample(video, where, folder, found, names, searched.get(key), file)
            except SourceError as error:
                on_broken(error)

    def _sample(
        self,
        video: Entry,
        where: str,
        folder: Path,
        tracks: Sequence[tuple[int, Entry]],
        names: Mapping[int, str],
        searched: Sequence[str] | None,
        file: Path,
    ) -> VideoSample:
        frames = _frames(video, where)
        width, height = (field(video, side, int, where) for side in ("width", "height"))
        targets = []
        for n, track in tracks:
            place = f"{file}: annotations[{n}]"
            category = field(track, "category_id", int, place)
            if category not in names:
                raise SourceError(f"{place}.category_id: no category has the id {category}")
            drawn = field(track, "segmentations", list, place)
            if len(drawn) != len(frames):
                raise SourceError(f"{place}.segmentations: must be {len(frames)}, one a frame")
            load = functools.partial(_mask, drawn, width, height, place)
            crowd = bool(track.get("iscrowd", 0))
            key = str(field(track, "id", int, place))
            targets.append(VideoTarget(key, names[category], load, crowd=crowd))
        present = {target.name for target in targets}
        asked = names.values() if searched is None else searched
        return VideoSample(
            str(Path(frames[0]).parent) if Path(frames[0]).parent.name else str(video["id"]),
            [functools.partial(read_image, folder / frame) for frame in frames],
            tuple(targets),
            frame_rate_of(self.rate),
            absent=tuple(dict.fromkeys(name for name in asked if name not in present)),
        )

    def _folder(self, file: Path, videos: Sequence[Entry]) -> Path:
        """The folder below which the first frame lies."""
        split = file.stem.rpartition("_")[2]
        above = file.parent.parent
        known = [
            *(file.parent / "JPEGImages", file.parent / split / "JPEGImages", file.parent / split),
            *(above / "JPEGImages", above / split / "JPEGImages", file.parent, above),
            *sorted(above.glob("media/*/JPEGImages*")),
        ]
        if self.images:
            known = [file.parent / self.images, self.path / self.images, Path(self.images)]
        first = _frames(videos[0], f"{file}: videos[0]")[0] if videos else ""
        for folder in known:
            if (folder / first).is_file():
                return folder
        tried = ", ".join(map(str, known))
        raise SourceNotFoundError(
            f"{file}: {first} is below none of {tried}; --set data.images=FOLDER"
        )


def spoken(name: str) -> str:
    """A category as people would say it: ``giant_panda`` is a giant panda."""
    return " ".join(name.replace("_", " ").split()) or name


def _frames(video: Entry, where: str) -> list[str]:
    frames = field(video, "file_names", list, where)
    if not frames:
        raise SourceError(f"{where}.file_names: names no frame")
    for name in frames:
        if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
            raise SourceError(f"{where}.file_names: leads out of the data set: {shown(name)}")
    return frames


def _by_video(annotations: Sequence[Any], file: Path) -> dict[int, list[tuple[int, Entry]]]:
    found: dict[int, list[tuple[int, Entry]]] = {}
    for n, entry in enumerate(annotations):
        video = field(entry, "video_id", int, f"{file}: annotations[{n}]")
        found.setdefault(video, []).append((n, entry))
    return found


def _searched(content: Entry, names: Mapping[int, str], file: Path) -> dict[int, list[str]]:
    """By video the phrases that it was searched for; empty where the file does not say."""
    found: dict[int, list[str]] = {}
    for n, pair in enumerate(content.get("video_np_pairs") or ()):
        where = f"{file}: video_np_pairs[{n}]"
        category = field(pair, "category_id", int, where)
        if category not in names:
            raise SourceError(f"{where}.category_id: no category has the id {category}")
        found.setdefault(field(pair, "video_id", int, where), []).append(names[category])
    return found


def _mask(drawn: Sequence[object], width: int, height: int, where: str, index: int) -> Mask | None:
    if drawn[index] is None:
        return None
    place = f"{where}.segmentations[{index}]"
    return region(drawn[index], width=width, height=height, where=place)


DATA_SETS = {YoutubeVis.name: YoutubeVis}
