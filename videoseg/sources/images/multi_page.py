"""Several pictures in one file: the frames of an animated WebP, the pages of a TIFF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.formats.images.picture import decoded, read_file
from videoseg.formats.images.tiff import TIFF, Page, beginning_with, mapped, pages
from videoseg.geometry.sizes import check_pixels

_WEBP = 12
"""Bytes before the first chunk."""
_ANIMATED = 0x02
"""Flag of the chunk VP8X: there are several frames."""
_ALPHA = 0x10
"""Flag of the chunk VP8X: some frame has alpha."""
_NO_BLEND = 0x02
"""Flag of the chunk ANMF: the frame replaces what is below it."""
_DISPOSE = 0x01
"""Flag of the chunk ANMF: the frame is cleared before the next one."""
_UNTIMED = 100
"""Milliseconds that a frame without a duration is shown, as browsers do."""


class Reel(Protocol):
    """Pictures of one file, in order."""

    @property
    def durations(self) -> Sequence[int] | None:
        """How long each is shown; None where the file says nothing."""
        ...

    @property
    def time_base(self) -> Fraction | None:
        """Seconds per unit of these; None likewise."""
        ...

    def __len__(self) -> int: ...

    def pictures(self, indices: range) -> Iterator[npt.NDArray[Any]]:
        """Yield some of them in rising order, as ``decoded_image`` gives one.

        Raises:
            SourceError: One cannot be decoded.
        """
        ...


def reel_of(path: Path) -> Reel | None:
    """The pictures of a file that holds several; None for one that holds one.

    Raises:
        SourceError: It is damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & _ANIMATED:
        return WebpReel.of(path)
    return TiffReel.of(path) if head.startswith(TIFF) else None


@dataclass
class TiffReel:
    """The pages of a TIFF, without smaller versions of others and masks."""

    path: Path
    pages: Sequence[Page]
    durations: None = None
    time_base: None = None

    @classmethod
    def of(cls, path: Path) -> TiffReel | None:
        """The pages, where there are several of one size."""
        found = [page for page in pages(mapped(path)) if not page.belongs]
        sizes = {(page.width, page.height) for page in found}
        return cls(path, found) if len(found) > 1 and len(sizes) == 1 else None

    def __len__(self) -> int:
        return len(self.pages)

    def pictures(self, indices: range) -> Iterator[npt.NDArray[Any]]:
        """Yield pages, each decoded by itself."""
        for index in indices:
            yield decoded(beginning_with(self.path, self.pages[index]), self.path)


@dataclass(frozen=True, slots=True)
class Patch:
    """One frame of an animated WebP: what changes on the canvas.

    Attributes:
        x: Left edge on the canvas.
        y: Upper edge.
        width: Pixels across.
        height: Pixels down.
        flags: Of the chunk.
        start: Where its picture begins in the file.
        end: Where it ends.
    """

    x: int
    y: int
    width: int
    height: int
    flags: int
    start: int
    end: int


@dataclass
class WebpReel:
    """The frames of an animated WebP (RFC 9649), each drawn over those before it."""

    path: Path
    data: npt.NDArray[np.uint8]
    width: int
    height: int
    patches: list[Patch] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    time_base: Fraction = Fraction(1, 1000)

    @classmethod
    def of(cls, path: Path) -> WebpReel:
        """Read where its frames are.

        Raises:
            SourceError: It breaks off, holds no frame, or one lies outside.
        """
        data = read_file(path)
        width, height = (1 + _little(data, at, 3) for at in (24, 27))
        made = cls(path, data, width, height)
        try:
            check_pixels(width, height, len(data))
        except ValueError as error:
            raise SourceError(f"{path}: {error}") from error
        if _little(data, 4, 4) + 8 > len(data):
            raise SourceError(f"{path}: is incomplete; copy or export it again")
        for kind, start, end in _chunks(data, _WEBP, len(data)):
            if kind == b"ANMF":
                made._add(start, end)
        if not made.patches:
            raise SourceError(f"{path}: holds no frame; copy or export it again")
        return made

    def __len__(self) -> int:
        return len(self.patches)

    def pictures(self, indices: range) -> Iterator[npt.NDArray[Any]]:
        """Yield what is seen, BGRA; what was drawn before is drawn again."""
        canvas = np.zeros((self.height, self.width, 4), np.uint8)
        for number, patch in enumerate(self.patches[: indices[-1] + 1] if indices else ()):
            part = canvas[patch.y : patch.y + patch.height, patch.x : patch.x + patch.width]
            picture = self._decoded(patch)
            part[:] = picture if patch.flags & _NO_BLEND else _over(picture, part)
            if number in indices:
                yield canvas.copy()
            if patch.flags & _DISPOSE:
                part[:] = 0

    def _add(self, start: int, end: int) -> None:
        x, y = (2 * _little(self.data, start + at, 3) for at in (0, 3))
        width, height = (1 + _little(self.data, start + at, 3) for at in (6, 9))
        if end - start < 16 or x + width > self.width or y + height > self.height:
            raise SourceError(
                f"{self.path}: frame {len(self.patches)} is damaged; copy or export it again"
            )
        flags = int(self.data[start + 15])
        self.patches.append(Patch(x, y, width, height, flags, start + 16, end))
        self.durations.append(_little(self.data, start + 12, 3) or _UNTIMED)

    def _decoded(self, patch: Patch) -> npt.NDArray[Any]:
        """A frame's own picture, BGRA.

        Raises:
            SourceError: It is damaged.
        """
        content = self.data[patch.start : patch.end].tobytes()
        sizes = ((patch.width - 1) | (patch.height - 1) << 24).to_bytes(6, "little")
        head = b"VP8X\x0a\0\0\0" + bytes((_ALPHA, 0, 0, 0)) + sizes
        body = b"WEBP" + (head if content[:4] == b"ALPH" else b"") + content
        file = b"RIFF" + len(body).to_bytes(4, "little") + body
        picture = decoded(np.frombuffer(file, np.uint8), self.path)
        if picture.shape[:2] != (patch.height, patch.width):
            raise SourceError(f"{self.path}: a frame has another size than it says")
        if picture.shape[2] == 4:
            return picture
        return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _over(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """BGRA with straight alpha, laid over another."""
    top = above[..., 3:].astype(np.float32) / 255
    if top.min() == 1:
        return np.asarray(above, dtype=np.uint8)
    rest = below[..., 3:].astype(np.float32) / 255 * (1 - top)
    alpha = top + rest
    colour = (above[..., :3] * top + below[..., :3] * rest) / np.maximum(alpha, 1e-6)
    mixed: npt.NDArray[np.uint8] = np.rint(np.dstack([colour, 255 * alpha])).astype(np.uint8)
    return mixed


def _chunks(data: npt.NDArray[np.uint8], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, beginning and end of each chunk's content."""
    while start + 8 <= end:
        size = _little(data, start + 4, 4)
        yield data[start : start + 4].tobytes(), start + 8, min(start + 8 + size, end)
        start += 8 + size + size % 2


def _little(data: npt.NDArray[np.uint8], start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size].tobytes(), "little")
