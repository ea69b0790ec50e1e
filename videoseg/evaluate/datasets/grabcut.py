"""GrabCut-style masks: one object per image, with what is not scored, and strokes by people.

Masks are 0 for background, 128 for pixels that are not scored, 255 for the object, as in the
benchmark of Rother et al., "GrabCut", SIGGRAPH 2004 (published as ``data_GT/ID.jpg`` with
``boundary_GT/ID.bmp``). The flat layout is ``ID.image.jpg``, ``ID.mask.png``,
``ID.scribbles0.png`` (1 object, 2 background) and so on, and ``names.json``, which maps ``ID`` to
what the object is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.evaluate.readers import field, read_image, read_json, read_labels
from videoseg.evaluate.samples import ImageSample, Media, OnBroken, Target
from videoseg.geometry import masks
from videoseg.types import Bitmap, Cue, Mask

_IGNORED = 128
"""Level of pixels in a truth mask that are not judged; the object's are above."""
_OBJECT = 1
"""Index of scribbles on the object."""
_BACKGROUND = 2
"""Index of scribbles on the background."""


@dataclass
class GrabCut:
    """Images with one object each."""

    name: ClassVar[str] = "grabcut"
    media: ClassVar[Media] = "images"
    path: Path
    points: Annotated[
        int, Ge(1), Doc("points taken from a set of strokes for each side, evenly, at least 1")
    ] = 100

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether the files of either layout are there."""
        return any(path.glob("*.mask.png")) or (path / "boundary_GT").is_dir()

    def truth_files(self) -> Iterable[Path]:
        """All masks and strokes, and the names."""
        for key, mask, _ in self._files():
            yield mask
            yield from self._strokes(key)
        if (self.path / "names.json").is_file():
            yield self.path / "names.json"

    def samples(self, on_broken: OnBroken) -> Iterator[ImageSample]:
        """Yield the images by name.

        Raises:
            SourceError: There is no mask at all.
        """
        file = self.path / "names.json"
        names = read_json(file) if file.is_file() else {}
        for key, mask, image in self._files():
            try:
                name = field(names, key, str, str(file)) if names else ""
            except SourceError as error:
                on_broken(error)
                continue
            target = Target(
                key="1",
                name=name or key,
                mask=functools.partial(_mask, mask),
                phrases=(name,) if name else (),
                scribbles=tuple(
                    functools.partial(_cue, strokes, self.points) for strokes in self._strokes(key)
                ),
                ignore=functools.partial(_ignored, mask),
            )
            yield ImageSample(key, functools.partial(read_image, image), (target,))

    def _files(self) -> list[tuple[str, Path, Path]]:
        """Key, mask and image of each sample; an image that is missing is found when it is read."""
        published = self.path / "boundary_GT"
        if published.is_dir():
            found = [
                (mask.stem, mask, _beside(self.path / "data_GT", mask.stem))
                for mask in sorted(published.glob("*"))
            ]
        else:
            keys = [mask.name.removesuffix(".mask.png") for mask in self.path.glob("*.mask.png")]
            found = [
                (key, self.path / f"{key}.mask.png", _beside(self.path, f"{key}.image"))
                for key in sorted(keys)
            ]
        if not found:
            raise SourceNotFoundError(f"{self.path}: holds no masks")
        return found

    def _strokes(self, key: str) -> list[Path]:
        return sorted(self.path.glob(f"{key}.scribbles*.png"))


def _beside(folder: Path, stem: str) -> Path:
    """The picture of this name, whatever its format."""
    known = (folder / f"{stem}{suffix}" for suffix in (".jpg", ".png", ".bmp", ".JPG"))
    return next((file for file in known if file.is_file()), folder / f"{stem}.jpg")


def _mask(path: Path) -> Mask | None:
    return masks.from_bitmap(read_labels(path) > _IGNORED)


def _ignored(path: Path) -> Bitmap:
    ignored: Bitmap = read_labels(path) == _IGNORED
    return ignored


def _cue(path: Path, count: int) -> Cue:
    """Points spread evenly over the strokes of each side, at pixel centres."""
    labels = read_labels(path)
    points: list[tuple[float, float, bool]] = []
    for value, positive in ((_OBJECT, True), (_BACKGROUND, False)):
        rows, columns = np.nonzero(labels == value)
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64))
        points += [(columns[n] + 0.5, rows[n] + 0.5, positive) for n in chosen.tolist()]
    if not any(positive for *_, positive in points):
        raise SourceError(f"{path}: has no stroke on the object (label {_OBJECT})")
    return Cue(points=tuple((float(x), float(y), positive) for x, y, positive in points))


DATA_SETS = {GrabCut.name: GrabCut}
