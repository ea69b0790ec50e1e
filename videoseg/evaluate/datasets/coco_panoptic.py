"""COCO panoptic (Kirillov et al., "Panoptic Segmentation", CVPR 2019): every pixel one segment.

The published layout is ``annotations/panoptic_val2017.json`` with a folder of PNG of the same name
beside it, and ``val2017/``. A pixel's segment is ``R + 256 G + 65536 B`` of the PNG; 0 is unmarked.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.datasets._coco_json import (
    AnnotatedImages,
    Category,
    categories_of,
    file_name,
    image_folder,
)
from videoseg.evaluate.datasets.coco import spoken
from videoseg.evaluate.readers import field, read_image, read_json
from videoseg.evaluate.samples import ImageSample, OnBroken, Target
from videoseg.geometry import masks
from videoseg.types import Mask


@dataclass
class CocoPanoptic(AnnotatedImages):
    """Images parted into segments: one for each thing, one for each kind of stuff."""

    name: ClassVar[str] = "coco-panoptic"
    patterns: ClassVar[tuple[str, ...]] = ("annotations/panoptic_*.json", "panoptic_*.json")
    images: Annotated[str, Doc("folder of pictures; empty = found beside the annotations")] = ""

    def truth_files(self) -> Iterable[Path]:
        """The annotation file and its PNG."""
        file = self.annotations()
        yield file
        yield from sorted(file.with_suffix("").glob("*.png"))

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images in the order of the annotations.

        Raises:
            SourceError: The file or the folder of pictures cannot be read.
        """
        file = self.annotations()
        content = read_json(file)
        categories = categories_of(content, file, spoken)
        images = {
            field(entry, "id", int, f"{file}: images[{n}]"): entry
            for n, entry in enumerate(field(content, "images", list, str(file)))
        }
        folder = image_folder(file, self.images, images.values())
        for n, entry in enumerate(field(content, "annotations", list, str(file))):
            where = f"{file}: annotations[{n}]"
            try:
                image = field(entry, "image_id", int, where)
                if image not in images:
                    raise SourceError(f"{where}.image_id: no image has the id {image}")
                name = file_name(images[image], f"{file}: image {image}")
                labels = _Segments(file.with_suffix("") / file_name(entry, where))
                targets = tuple(_targets(entry, categories, labels, where))
            except SourceError as error:
                on_broken(error)
                continue
            present = {target.name for target in targets}
            known = dict.fromkeys(category.name for category in categories.values())
            yield ImageSample(
                key=name,
                image=functools.partial(read_image, folder / name),
                targets=targets,
                absent=tuple(word for word in known if word not in present),
            )


class _Segments:
    """The segment of every pixel of one image, read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers: npt.NDArray[np.uint32] | None = None

    def mask(self, segment: int, where: str) -> Mask | None:
        if self._numbers is None:
            pixels = read_image(self._path).astype(np.uint32)
            self._numbers = pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2]
        found = masks.from_bitmap(self._numbers == segment)
        if found is None:
            raise SourceError(f"{where}.id: {self._path} has no pixel of segment {segment}")
        return found


def _targets(
    entry: Mapping[str, Any],
    categories: Mapping[int, Category],
    labels: _Segments,
    where: str,
) -> Iterator[Target]:
    for n, segment in enumerate(field(entry, "segments_info", list, where)):
        place = f"{where}.segments_info[{n}]"
        number = field(segment, "id", int, place)
        category = field(segment, "category_id", int, place)
        if category not in categories:
            raise SourceError(f"{place}.category_id: no category has the id {category}")
        yield Target(
            key=str(number),
            name=categories[category].name,
            mask=functools.partial(labels.mask, number, place),
            thing=categories[category].thing,
            crowd=bool(segment.get("iscrowd", 0)),
        )


DATA_SETS = {CocoPanoptic.name: CocoPanoptic}
