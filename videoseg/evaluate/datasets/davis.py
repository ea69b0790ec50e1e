"""DAVIS-style folders (Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv:1704.00675).

The published layout is ``JPEGImages/480p/SEQUENCE/00000.jpg`` with
``Annotations/480p/SEQUENCE/00000.png`` (any resolution, or sequences without a folder for it, as in
YouTube-VOS and MOSE): palette PNG whose index is the object's number (0 is
background; in DAVIS 2016, grey 255 is its one object). ``ImageSets/2017/val.txt`` names the
sequences of a split. The simple layout is ``SEQUENCE/frames`` and ``SEQUENCE/masks`` with
``prompts.json``, which maps sequences to a phrase for their one object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from typing_extensions import Doc

from videoseg.errors import ConfigError, SourceError, SourceNotFoundError
from videoseg.evaluate.datasets._label_frames import (
    VOID,
    LastLabels,
    lacks_masks,
    object_mask,
)
from videoseg.evaluate.readers import field, read_image, read_json, read_labels
from videoseg.evaluate.samples import Media, OnBroken, VideoSample, VideoTarget
from videoseg.formats.file_names import is_picture
from videoseg.system.text_files import read_text

_USUAL = "480p"


@dataclass
class Davis:
    """Sequences with a mask of every object on every frame."""

    name: ClassVar[str] = "davis"
    media: ClassVar[Media] = "videos"
    path: Path
    resolution: Annotated[
        str, Doc("folder below JPEGImages and Annotations; empty = 480p, or the only one")
    ] = ""
    split: Annotated[str, Doc("file below ImageSets without .txt, as 2017/val; empty = all")] = ""
    single: Annotated[bool, Doc("take all objects of a sequence as one, as DAVIS 2016 does")] = (
        False
    )

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the folders of either layout are there, a mask for each frame, no expressions."""
        if (path / "davis_text_annotations").is_dir() or lacks_masks(path):
            return False
        return _is_published(path) or any(path.glob("*/masks/*.png"))

    def truth_files(self) -> Iterable[Path]:
        """All masks, and the phrases."""
        for name in self._names():
            yield from sorted(self._folders(name)[1].glob("*.png"))
        if (self.path / "prompts.json").is_file():
            yield self.path / "prompts.json"

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the sequences by name.

        Raises:
            SourceError: There is no sequence at all.
        """
        phrases = self._phrases(on_broken)
        for name in self._names():
            try:
                yield self._sample(name, phrases)
            except SourceError as error:
                on_broken(error)

    def _sample(self, name: str, phrases: Mapping[str, str]) -> VideoSample:
        pictures, labels = self._folders(name)
        frames = sorted(file for file in pictures.glob("*") if is_picture(file))
        if not frames:
            raise SourceNotFoundError(f"{pictures}: holds no frames")
        annotated = [labels / f"{frame.stem}.png" for frame in frames]
        first = read_labels(annotated[0])
        numbers = [int(value) for value in np.unique(first) if value]
        if self.single or numbers == [VOID]:
            numbers = [0]
        numbers = [number for number in numbers if number != VOID]
        if not numbers or not first.any():
            raise SourceError(f"{annotated[0]}: shows no object")
        phrase = phrases.get(name)
        cached = LastLabels()
        targets = tuple(
            VideoTarget(
                key=str(number or 1),
                name=phrase or f"{name} {number or 1}",
                mask=functools.partial(object_mask, cached, annotated, number),
                phrases=(phrase,) if phrase and len(numbers) == 1 else (),
            )
            for number in numbers
        )
        loaders: list[Callable[[], np.ndarray]] = [
            functools.partial(read_image, frame) for frame in frames
        ]
        return VideoSample(name, loaders, targets)

    def _names(self) -> list[str]:
        if self.split:
            file = self.path / "ImageSets" / f"{self.split}.txt"
            if not file.is_file():
                raise SourceNotFoundError(f"{file}: file does not exist; --set data.split names it")
            lines = read_text(file, "names of sequences", SourceError).splitlines()
            # DAVIS 2016 lists pairs of files instead of sequences.
            words = [line.split()[0] for line in lines if line.strip()]
            return list(dict.fromkeys(w if "/" not in w else Path(w).parent.name for w in words))
        published = _is_published(self.path)
        root = self.path / "JPEGImages" / self._resolution() if published else self.path
        names = [
            folder.name
            for folder in sorted(root.glob("*"))
            if folder.is_dir() and (published or (folder / "frames").is_dir())
        ]
        if not names:
            raise SourceNotFoundError(f"{root}: holds no sequences")
        return names

    def _folders(self, name: str) -> tuple[Path, Path]:
        if _is_published(self.path):
            resolution = self._resolution()
            return tuple(  # type: ignore[return-value]
                self.path / kind / resolution / name for kind in ("JPEGImages", "Annotations")
            )
        return self.path / name / "frames", self.path / name / "masks"

    def _resolution(self) -> str:
        """The folder that sequences lie in; empty where they lie in none.

        Raises:
            ConfigError: There are several, and none is named.
        """
        root = self.path / "JPEGImages"
        if self.resolution:
            return self.resolution
        if (root / _USUAL).is_dir():
            return _USUAL
        folders = [folder for folder in sorted(root.glob("*")) if folder.is_dir()]
        if any(_holds_pictures(folder) for folder in folders):
            return ""
        if len(folders) > 1:
            names = ", ".join(folder.name for folder in folders)
            raise ConfigError(f"{root} has several folders ({names}); --set data.resolution=ONE")
        return folders[0].name if folders else ""

    def _phrases(self, on_broken: OnBroken) -> dict[str, str]:
        file = self.path / "prompts.json"
        phrases: dict[str, str] = {}
        if file.is_file():
            content = read_json(file)
            for name in content if isinstance(content, dict) else [""]:
                try:
                    phrases[name] = field(content, name, str, str(file))
                except SourceError as error:
                    on_broken(error)
        return phrases


def _holds_pictures(folder: Path) -> bool:
    return any(is_picture(file) for file in folder.iterdir())


def _is_published(path: Path) -> bool:
    return (path / "JPEGImages").is_dir() and (path / "Annotations").is_dir()


DATA_SETS = {Davis.name: Davis}
