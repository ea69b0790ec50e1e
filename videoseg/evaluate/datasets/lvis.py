"""LVIS v1 (Gupta et al., "LVIS", CVPR 2019): ``lvis_v1_val.json`` beside COCO's ``val2017/``.

An image is searched for some categories only: those of its annotations, those that are known to be
absent (``neg_category_ids``), and some of which not every instance is marked
(``not_exhaustive_category_ids``). No other category may be asked there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlparse

from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.datasets._coco_json import AnnotatedImages, CocoIndex, Entry
from videoseg.evaluate.readers import field, read_image, shown
from videoseg.evaluate.samples import ImageSample, OnBroken

_FREQUENCIES = {"r": "rare", "c": "common", "f": "frequent"}
"""How often a category is in the training images: in up to 10, in up to 100, in more."""


@dataclass
class Lvis(AnnotatedImages):
    """Images with instances of about 1,200 categories."""

    name: ClassVar[str] = "lvis"
    patterns: ClassVar[tuple[str, ...]] = ("lvis_v1_*.json", "annotations/lvis_v1_*.json")
    images: Annotated[
        str, Doc("folder that holds val2017; empty = where the set lies, or images there")
    ] = ""

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images in the order of the file.

        Raises:
            SourceError: The file cannot be read.
        """
        file = self.annotations()
        index = CocoIndex.read(file, on_broken, spoken)
        folder = self._folder(file, index)
        kinds = {
            each.name: _FREQUENCIES[each.frequency]
            for each in index.categories.values()
            if each.frequency in _FREQUENCIES
        }
        for key, entry in index.images.items():
            where = f"{file}: image {key}"
            try:
                picture = _picture(entry, where)
                absent = _names(index, entry, "neg_category_ids", where)
                partly = _names(index, entry, "not_exhaustive_category_ids", where)
            except SourceError as error:
                on_broken(error)
                continue
            yield ImageSample(
                key=picture,
                image=functools.partial(read_image, folder / picture),
                targets=tuple(index.targets(key)),
                absent=absent,
                partly=frozenset(partly),
                kinds=kinds,
            )

    def _folder(self, file: Path, index: CocoIndex) -> Path:
        root = self.path if self.path.is_dir() else file.parent
        if self.images:
            return root / self.images
        return _holder((root, root / "images", root.parent), index, file)


def _holder(folders: Sequence[Path], index: CocoIndex, file: Path) -> Path:
    """The folder that the first picture is below; the first of all where none is."""
    try:
        first = _picture(next(iter(index.images.values()), {}), f"{file}")
    except SourceError:
        return folders[0]
    return next((folder for folder in folders if (folder / first).is_file()), folders[0])


def spoken(name: str) -> str:
    """A category of LVIS as people would say it: without underscores and what explains it."""
    return " ".join(re.sub(r"\(.*?\)", " ", name).replace("_", " ").split()) or name


def _picture(entry: Entry, where: str) -> str:
    """``val2017/000000397133.jpg``, from the address of the picture: LVIS has no ``file_name``."""
    address = field(entry, "coco_url", str, where)
    pieces = urlparse(address).path.split("/")[-2:]
    if len(pieces) != 2 or not all(pieces) or ".." in pieces:
        raise SourceError(f"{where}.coco_url: must end in FOLDER/FILE, got {shown(address)}")
    return "/".join(pieces)


def _names(index: CocoIndex, entry: Entry, name: str, where: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for category in field(entry, name, list, where):
        if category not in index.categories:
            raise SourceError(f"{where}.{name}: no category has the id {shown(category)}")
        found[index.categories[category].name] = None
    return tuple(found)


DATA_SETS = {Lvis.name: Lvis}
