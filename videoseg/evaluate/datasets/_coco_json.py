"""What COCO-style json files share: an index by image, and masks of annotations."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from typing_extensions import Doc

from videoseg.errors import ConfigError, SourceError, SourceNotFoundError
from videoseg.evaluate.readers import field, read_json, shown
from videoseg.evaluate.regions import region
from videoseg.evaluate.samples import Media, OnBroken, Target
from videoseg.types import Mask

Entry = Mapping[str, Any]


@dataclass
class AnnotatedImages:
    """What data sets share whose truth stands in one annotation file of a known name."""

    media: ClassVar[Media] = "images"
    patterns: ClassVar[tuple[str, ...]]
    path: Path
    json: Annotated[str, Doc("annotation file below the folder; empty = the only one there")] = ""

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there is an annotation file of a name that such sets use."""
        return path.is_dir() and any(any(path.glob(pattern)) for pattern in cls.patterns)

    def annotations(self) -> Path:
        """The annotation file.

        Raises:
            SourceError: There is none.
            ConfigError: There are several, and none is named.
        """
        return annotation_file(self.path, self.json, self.patterns)

    def truth_files(self) -> Iterable[Path]:
        """The annotation file."""
        return (self.annotations(),)


@dataclass(frozen=True, slots=True)
class Category:
    """A category.

    Attributes:
        name: Its name in words.
        thing: Whether it is countable.
        group: Whether another category names it as the one above it.
        frequency: How many training images of LVIS have it: r, c or f; empty elsewhere.
    """

    name: str
    thing: bool
    group: bool = False
    frequency: str = ""


@dataclass(frozen=True, slots=True)
class CocoIndex:
    """A COCO-style file in memory; masks are decoded when they are asked for.

    Attributes:
        file: Where it was read from.
        images: Image entries by id, in the order of the file.
        categories: By id, in the order of the file.
        annotations: Annotation entries by image id, each with its place in the file.
    """

    file: Path
    images: Mapping[int, Entry]
    categories: Mapping[int, Category]
    annotations: Mapping[int, Sequence[tuple[int, Entry]]]

    @classmethod
    def read(cls, file: Path, on_broken: OnBroken, speak: Callable[[str], str]) -> CocoIndex:
        """Read and index a file; ``speak`` puts a category's name as written into words.

        Raises:
            SourceError: It is missing, not JSON, or lacks images, annotations or categories.
        """
        content = read_json(file)
        lists = {name: field(content, name, list, str(file)) for name in ("images", "annotations")}
        images: dict[int, Entry] = {}
        for n, entry in enumerate(lists["images"]):
            try:
                where = f"{file}: images[{n}]"
                for side in ("width", "height"):
                    if field(entry, side, int, where) < 1:
                        raise SourceError(f"{where}.{side}: must be at least 1, got {entry[side]}")
                images[field(entry, "id", int, where)] = entry
            except SourceError as error:
                on_broken(error)
        categories = categories_of(content, file, speak)
        annotations: dict[int, list[tuple[int, Entry]]] = {}
        for n, entry in enumerate(lists["annotations"]):
            try:
                where = f"{file}: annotations[{n}]"
                image = field(entry, "image_id", int, where)
                if image not in images:
                    raise SourceError(f"{where}.image_id: no image has the id {image}")
                category = field(entry, "category_id", int, where)
                if category not in categories:
                    raise SourceError(f"{where}.category_id: no category has the id {category}")
                field(entry, "id", int, where)
                field(entry, "segmentation", (list, dict), where)
                annotations.setdefault(image, []).append((n, entry))
            except SourceError as error:
                on_broken(error)
        found = [entry for entries in annotations.values() for _, entry in entries]
        if found and not any(entry["segmentation"] for entry in found):
            raise SourceError(f"{file}: marks boxes, but no outlines; export it for segmentation")
        return cls(file, images, categories, annotations)

    def askable(self) -> Iterator[str]:
        """Names of the categories, in the order of the file.

        Without those that only stand above others (Roboflow puts one first): what is below them is
        marked, so that they are absent nowhere.
        """
        used = {
            annotation["category_id"]
            for annotations in self.annotations.values()
            for _, annotation in annotations
        }
        for number, category in self.categories.items():
            if number in used or not category.group:
                yield category.name

    def targets(self, image: int) -> Iterator[Target]:
        """Yield the annotations of an image."""
        entry = self.images[image]
        for n, annotation in self.annotations.get(image, ()):
            category = self.categories[annotation["category_id"]]
            load = functools.partial(
                _mask, annotation, entry["width"], entry["height"], f"{self.file}: annotations[{n}]"
            )
            yield Target(
                key=str(annotation["id"]),
                name=category.name,
                mask=load,
                thing=category.thing,
                crowd=bool(annotation.get("iscrowd", 0)),
            )


def categories_of(content: object, file: Path, speak: Callable[[str], str]) -> dict[int, Category]:
    """The categories of a file by id, in its order; one without ``isthing`` is a thing.

    Raises:
        SourceError: They are missing, or one lacks a field.
    """
    categories: dict[int, Category] = {}
    entries = field(content, "categories", list, str(file))
    groups = collections.Counter(
        above
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(above := entry.get("supercategory"), str)
    )
    for n, entry in enumerate(entries):
        where = f"{file}: categories[{n}]"
        name = field(entry, "name", str, where)
        group = groups[name] > (entry.get("supercategory") == name)
        thing = bool(entry.get("isthing", 1))
        often = str(entry.get("frequency", ""))
        categories[field(entry, "id", int, where)] = Category(speak(name), thing, group, often)
    return categories


def _mask(annotation: Entry, width: int, height: int, where: str) -> Mask | None:
    return region(
        annotation["segmentation"], width=width, height=height, where=f"{where}.segmentation"
    )


def annotation_file(path: Path, name: str, patterns: Sequence[str]) -> Path:
    """The json file of a data set: ``path`` itself, ``name`` below it, or the only one that fits.

    Raises:
        SourceError: There is none.
        ConfigError: There are several to choose from.
    """
    if path.is_file():
        return path
    if name:
        if not (path / name).is_file():
            raise SourceNotFoundError(f"{path / name}: file does not exist")
        return path / name
    for pattern in patterns:
        fitting = sorted(path.glob(pattern))
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(str(file.relative_to(path)) for file in fitting)
            raise ConfigError(f"{path} has several annotation files ({names}); --set data.json=ONE")
    raise SourceNotFoundError(f"{path}: has no {' or '.join(patterns)}")


def image_folder(file: Path, name: str, images: Iterable[Entry]) -> Path:
    """The folder of pictures that belongs to an annotation file.

    Beside the file it is ``images`` or ``data``, or the file's own folder; in the published layout
    ``annotations/instances_val2017.json`` it is ``val2017``, beside ``annotations`` or below
    ``images`` there.

    Args:
        file: The annotation file.
        name: What the user calls the folder; empty = to be found.
        images: Entries of the images; the folder that holds the first is the one.

    Raises:
        SourceError: There is none.
    """
    if name:
        return _existing((file.parent / name, file.parent.parent / name, Path(name)), file)
    split = file.stem.rpartition("_")[2]
    above = file.parent.parent
    known = (
        *(file.parent / "images", file.parent / "data", file.parent / split),
        *(above / split, above / "images" / split, above / "images"),
    )
    first = next((entry.get("file_name") for entry in images), None)
    if isinstance(first, str):
        for folder in (*known, file.parent, above):
            if (folder / first).is_file():
                return folder
    return _existing(known, file)


def _existing(folders: Sequence[Path], file: Path) -> Path:
    for folder in folders:
        if folder.is_dir():
            return folder
    tried = ", ".join(str(folder) for folder in folders)
    raise SourceNotFoundError(
        f"{file}: its folder of pictures is none of {tried}; --set data.images=FOLDER"
    )


def file_name(entry: Entry, where: str) -> str:
    """The ``file_name`` of an image entry.

    Raises:
        SourceError: It is missing, or leads out of the folder of pictures.
    """
    name = field(entry, "file_name", str, where)
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise SourceError(f"{where}.file_name: leads out of the data set: {shown(name)}")
    return name
