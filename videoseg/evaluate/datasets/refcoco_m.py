"""RefCOCO-M: RefCOCO's validation expressions with masks drawn anew, one parquet file.

The published columns are ``image``, ``image_id``, ``file_name`` and ``samples``, a list of
``{id, label, sentences, bbox, mask: {counts, size}}`` with COCO run lengths.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError, missing_package
from videoseg.evaluate.readers import decode_image, field, read_image, shown
from videoseg.evaluate.regions import region
from videoseg.evaluate.samples import ImageSample, Media, OnBroken, Target
from videoseg.types import Mask

_COLUMNS = ("image", "file_name", "samples")
_ROWS_AT_ONCE = 8
_ALWAYS = 1 << 26
"""Bytes that a group of rows may have in a file of any size."""
_UNPACKED = 16
"""Bytes that a group of rows may have for each byte of its file; pictures hardly pack."""


@dataclass
class RefCocoM:
    """Images with expressions; pictures lie inside the parquet files or in a folder."""

    name: ClassVar[str] = "refcoco-m"
    media: ClassVar[Media] = "images"
    path: Path
    images: Annotated[str, Doc("folder of pictures; empty = they are inside the file")] = ""

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether there is a parquet file."""
        return bool(_parquets(path))

    def truth_files(self) -> Iterable[Path]:
        """The parquet files."""
        return _parquets(self.path)

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images in the order of the files.

        Raises:
            SourceError: A file is missing, damaged, or lacks a column.
            MissingDependencyError: The package that reads parquet is not installed.
        """
        files = _parquets(self.path)
        if not files:
            raise SourceNotFoundError(f"{self.path}: holds no parquet file")
        root = self.path if self.path.is_dir() else self.path.parent
        folder = root / self.images if self.images else None
        for file in files:
            for n, row in enumerate(_rows(file)):
                try:
                    yield sample_of(row, f"{file}: row {n}", folder)
                except SourceError as error:
                    on_broken(error)


def sample_of(row: Mapping[str, Any], where: str, folder: Path | None) -> ImageSample:
    """The sample of one row.

    Raises:
        SourceError: A field is missing or does not fit.
    """
    name = field(row, "file_name", str, where)
    targets = []
    for n, entry in enumerate(field(row, "samples", list, where)):
        place = f"{where}.samples[{n}]"
        mask = field(entry, "mask", dict, place)
        size = field(mask, "size", list, f"{place}.mask")
        if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
            raise SourceError(f"{place}.mask.size: must be [height, width], got {shown(size)}")
        said = field(entry, "sentences", list, place)
        targets.append(
            Target(
                key=str(entry.get("id", n)),
                name=str(entry.get("category", "object")),
                mask=functools.partial(_mask, mask, size, f"{place}.mask"),
                phrases=tuple(
                    _phrase(one, f"{place}.sentences[{k}]") for k, one in enumerate(said)
                ),
            )
        )
    if folder is not None:
        image = functools.partial(read_image, folder / name)
    else:
        content = field(field(row, "image", dict, where), "bytes", bytes, f"{where}.image")
        image = functools.partial(decode_image, content, f"{where}.image")
    return ImageSample(name, image, tuple(targets))


def _mask(mask: object, size: list[int], where: str) -> Mask | None:
    return region(mask, width=size[1], height=size[0], where=where)


def _phrase(sentence: object, where: str) -> str:
    """A sentence as plain text, or as RefCOCO's record of it."""
    return sentence if isinstance(sentence, str) else field(sentence, "sent", str, where)


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    try:
        pyarrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise missing_package(f"{file}: reading parquet", "pyarrow") from error
    try:
        with parquet.ParquetFile(file) as table:
            missing = [name for name in _COLUMNS if name not in table.schema_arrow.names]
            if missing:
                raise SourceError(f"{file}: column {missing[0]!r} is missing")
            _check_unpacked(table.metadata, file)
            for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(_COLUMNS)):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{file}: not a parquet file: {error}") from error


def _check_unpacked(metadata: Any, file: Path) -> None:
    """Refuse what is far larger than its file once it is unpacked; rows are read by groups.

    Raises:
        SourceError: It is.
    """
    largest = max(
        (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)), default=0
    )
    if largest > max(_ALWAYS, _UNPACKED * file.stat().st_size):
        raise SourceError(f"{file}: claims {largest:,} bytes of pictures in one group of rows")


def _parquets(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    return sorted(path.glob("**/*.parquet"))


DATA_SETS = {RefCocoM.name: RefCocoM}
