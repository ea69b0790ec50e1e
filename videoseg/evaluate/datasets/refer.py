"""RefCOCO, RefCOCO+ and RefCOCOg: expressions for one object of an image each.

Sources: Kazemzadeh et al., "ReferItGame", EMNLP 2014; Yu et al., "Modeling Context in Referring
Expressions", ECCV 2016; Mao et al., CVPR 2016. The published layout is a folder with
``instances.json`` (COCO) and pickles that name who made the split: ``refs(unc).p``,
``refs(google).p``, ``refs(umd).p``. Pictures are COCO's train2014.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn

from typing_extensions import Doc

from videoseg.errors import ConfigError, SourceError, SourceNotFoundError
from videoseg.evaluate.datasets._coco_json import CocoIndex, file_name
from videoseg.evaluate.readers import field, read_image, shown
from videoseg.evaluate.samples import ImageSample, Media, OnBroken, Target

_PUBLISHED = "images/mscoco/images/train2014"
"""Where the published archives put the pictures, beside the folders of the sets."""


@dataclass
class Refer:
    """Images with expressions that each name one object."""

    name: ClassVar[str] = "refer"
    media: ClassVar[Media] = "images"
    path: Path
    split: Annotated[str, Doc("val, testA, testB, test or train; empty = all")] = "val"
    by: Annotated[str, Doc("who made the split: unc, google or umd; empty = the only one")] = ""
    images: Annotated[str, Doc("folder of pictures; empty = where the archives put it")] = ""

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there are pickles of expressions."""
        return any(path.glob("refs(*).p"))

    def truth_files(self) -> Iterable[Path]:
        """The pickle and the instances."""
        return (self._pickle(), self.path / "instances.json")

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images that have expressions, in the order of the pickle.

        Raises:
            SourceError: The files cannot be read.
        """
        file = self._pickle()
        index = CocoIndex.read(self.path / "instances.json", on_broken, lambda name: name)
        folder = self._pictures()
        by_image: dict[int, dict[int, list[str]]] = {}
        for n, ref in enumerate(_unpickled(file)):
            where = f"{file}: refs[{n}]"
            try:
                if self.split and field(ref, "split", str, where) != self.split:
                    continue
                image = field(ref, "image_id", int, where)
                annotation = field(ref, "ann_id", int, where)
                if image not in index.images:
                    raise SourceError(f"{where}.image_id: no image has the id {image}")
                said = by_image.setdefault(image, {}).setdefault(annotation, [])
                said += _sentences(ref, where)
            except SourceError as error:
                on_broken(error)
        if not by_image:
            raise SourceError(f"{file}: no expression is of the split {self.split!r}")
        for image, said_of in by_image.items():
            try:
                name = file_name(index.images[image], f"{index.file}: image {image}")
                targets = _targets(index, image, said_of)
            except SourceError as error:
                on_broken(error)
                continue
            yield ImageSample(name, functools.partial(read_image, folder / name), targets)

    def _pickle(self) -> Path:
        if self.by:
            file = self.path / f"refs({self.by}).p"
            if not file.is_file():
                raise SourceNotFoundError(f"{file}: file does not exist; --set data.by names it")
            return file
        files = sorted(self.path.glob("refs(*).p"))
        if not files:
            raise SourceNotFoundError(f"{self.path}: has no refs(unc).p or refs(umd).p")
        if len(files) > 1:
            makers = ", ".join(file.stem.removeprefix("refs(").removesuffix(")") for file in files)
            raise ConfigError(f"{self.path} has several splits; --set data.by=ONE of {makers}")
        return files[0]

    def _pictures(self) -> Path:
        if self.images:
            folders = [self.path / self.images, Path(self.images)]
        else:
            folders = [
                *(self.path / "images" / "train2014", self.path / "images"),
                *(self.path / "train2014", self.path.parent / "train2014"),
                self.path.parent / _PUBLISHED,
            ]
        for folder in folders:
            if folder.is_dir():
                return folder
        tried = ", ".join(str(folder) for folder in folders)
        raise SourceNotFoundError(f"the pictures are in none of {tried}; --set data.images=FOLDER")


class _NothingButData(pickle._Unpickler):
    """Unpickles lists, dicts, strings and numbers; refuses every class and function.

    A pickle may name any function of Python to be called while it is read. The reader that is
    written in C takes gigabytes for a memo whose number is large; this one does not.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}; only plain data is read")


def _unpickled(file: Path) -> list[Any]:
    try:
        # From memory: a file would be asked for as many bytes as it claims to have. The published
        # ones were written by Python 2, whose strings are bytes.
        refs = _NothingButData(io.BytesIO(file.read_bytes()), encoding="latin1").load()
    except OSError as error:
        raise SourceError(f"{file}: cannot be read: {error.strerror}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        text = " ".join(str(error).split())
        raise SourceError(f"{file}: not a pickle of expressions: {text}") from error
    if not isinstance(refs, list):
        raise SourceError(f"{file}: must hold a list, got {shown(refs)}")
    return refs


def _sentences(ref: Mapping[str, Any], where: str) -> list[str]:
    sentences = field(ref, "sentences", list, where)
    return [
        field(sentence, "sent", str, f"{where}.sentences[{n}]")
        for n, sentence in enumerate(sentences)
    ]


def _targets(index: CocoIndex, image: int, said_of: Mapping[int, list[str]]) -> tuple[Target, ...]:
    by_key = {target.key: target for target in index.targets(image)}
    targets = []
    for annotation, said in said_of.items():
        if str(annotation) not in by_key:
            raise SourceError(
                f"{index.file}: image {image} has no annotation {annotation}, "
                f"which {shown(said[0] if said else '')} names"
            )
        targets.append(dataclasses.replace(by_key[str(annotation)], phrases=tuple(said)))
    return tuple(targets)


DATA_SETS = {Refer.name: Refer}
