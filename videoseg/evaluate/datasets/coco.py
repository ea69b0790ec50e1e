"""COCO-style json (Lin et al., "Microsoft COCO", ECCV 2014): polygons, run lengths, ``isthing``.

Read from ``annotations.json`` beside ``images/``, or from the published layout
``annotations/instances_val2017.json`` beside ``val2017/``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.datasets._coco_json import (
    CocoIndex,
    annotation_file,
    file_name,
    image_folder,
)
from videoseg.evaluate.readers import read_image
from videoseg.evaluate.samples import ImageSample, Media, OnBroken

_NOT_SAID = frozenset({"merged", "other", "stuff"})
"""Endings that panoptic COCO adds to names of stuff."""
_PATTERNS = ("annotations.json", "annotations/instances_*.json")


@dataclass
class Coco:
    """Images with segments by category; a category without ``isthing`` is a thing."""

    name: ClassVar[str] = "coco"
    media: ClassVar[Media] = "images"
    path: Path
    json: Annotated[str, Doc("annotation file below the folder; empty = the only one there")] = ""
    images: Annotated[str, Doc("folder of pictures; empty = found beside the annotations")] = ""

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there is an annotation file of a name that COCO sets use."""
        return path.is_dir() and any(any(path.glob(pattern)) for pattern in _PATTERNS)

    def truth_files(self) -> Iterable[Path]:
        """The annotation file."""
        return (annotation_file(self.path, self.json, _PATTERNS),)

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images in the order of the file.

        Raises:
            SourceError: The file or the folder of pictures cannot be read.
        """
        file = annotation_file(self.path, self.json, _PATTERNS)
        index = CocoIndex.read(file, on_broken, spoken)
        folder = image_folder(file, self.images)
        names = dict.fromkeys(category.name for category in index.categories.values())
        for key, entry in index.images.items():
            try:
                name = file_name(entry, f"{file}: image {key}")
            except SourceError as error:
                on_broken(error)
                continue
            targets = tuple(index.targets(key))
            present = {target.name for target in targets}
            yield ImageSample(
                key=name,
                image=functools.partial(read_image, folder / name),
                targets=targets,
                absent=tuple(word for word in names if word not in present),
            )


def spoken(name: str) -> str:
    """A category of COCO as people would say it: ``wall-brick`` is a brick wall."""
    words = [word for word in name.split("-") if word not in _NOT_SAID]
    return " ".join(reversed(words) if words[:1] in (["wall"], ["floor"]) else words) or name


DATA_SETS = {Coco.name: Coco}
