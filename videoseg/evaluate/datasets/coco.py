"""COCO-style json (Lin et al., "Microsoft COCO", ECCV 2014): polygons, run lengths, ``isthing``.

Read from the published layout ``annotations/instances_val2017.json`` beside ``val2017/``, and from
what other programs write: ``annotations.json`` beside ``images/``, ``_annotations.coco.json`` among
the pictures of ``train/``, ``valid/`` or ``test/`` (Roboflow), ``labels.json`` beside ``data/``
(FiftyOne), ``result.json`` beside ``images/`` (Label Studio) and
``annotations/instances_default.json`` beside ``images/`` (CVAT, Datumaro).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.datasets._coco_json import (
    AnnotatedImages,
    CocoIndex,
    file_name,
    image_folder,
)
from videoseg.evaluate.readers import read_image
from videoseg.evaluate.samples import ImageSample, OnBroken

_NOT_SAID = frozenset({"merged", "other", "stuff"})
"""Endings that panoptic COCO adds to names of stuff."""


@dataclass
class Coco(AnnotatedImages):
    """Images with segments by category; a category without ``isthing`` is a thing."""

    name: ClassVar[str] = "coco"
    patterns: ClassVar[tuple[str, ...]] = (
        "annotations.json",
        "annotations/instances_*.json",
        "_annotations.coco.json",
        "*/_annotations.coco.json",
        "instances_*.json",
        "labels.json",
        "result.json",
    )
    images: Annotated[str, Doc("folder of pictures; empty = found beside the annotations")] = ""

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images in the order of the file.

        Raises:
            SourceError: The file or the folder of pictures cannot be read.
        """
        file = self.annotations()
        index = CocoIndex.read(file, on_broken, spoken)
        folder = image_folder(file, self.images, index.images.values())
        names = dict.fromkeys(index.askable())
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
