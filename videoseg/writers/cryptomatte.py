"""Mattes as Cryptomatte, by Psyop's specification 1.2: ``cryptomatte/clip_crypto.1001.exr``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.errors import missing_package
from videoseg.formats.exr import Channel, Compression
from videoseg.geometry.alphas import alpha_of
from videoseg.types import WHOLE, Scene, StreamInfo
from videoseg.writers._mattes.layered import LayeredExr, Objects
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import Strip

_LAYER = "uCryptoObject"
Floats = npt.NDArray[np.float32]
"""float32 (H, W)."""


@dataclass
class Cryptomatte(LayeredExr):
    """Writes one EXR for each frame, from which programs pick objects by a click or a name.

    Channels ``uCryptoObject00.R``, ``.G``, ``.B``, ``.A`` are id and coverage of the object that
    covers a pixel most, and of the next; further layers follow where more overlap. Ids are hashes
    of names (``dog_001``), which the manifest in the header lists. Coverage is that of each object
    by itself, so overlapping ones may add up to more than 1.
    """

    top: ClassVar[str] = "cryptomatte"
    sample: ClassVar[type[np.floating[Any]]] = np.float32

    template: Annotated[str, Doc("names of files; fields {shot} {version} {frame} {stream}")] = (
        "{shot}_crypto.{frame:04}.exr"
    )

    @property
    def way(self) -> Compression:
        """As the specification advises, since programs read single rows."""
        return "zips"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            UsageError: The template cannot be used.
            MissingDependencyError: A package is missing.
        """
        _hash("")
        return super().produces(streams)

    def about(self, objects: Objects) -> dict[str, str]:
        """The metadata of the specification; its key is made of the layer's name."""
        manifest = {one.name: f"{_bits(one.name):08x}" for one in objects.values()}
        key = f"cryptomatte/{_bits(_LAYER):08x}"[: len("cryptomatte/") + 7]
        return {
            f"{key}/name": _LAYER,
            f"{key}/hash": "MurmurHash3_32",
            f"{key}/conversion": "uint32_to_float32",
            f"{key}/manifest": json.dumps(manifest, ensure_ascii=False),
        }

    def channels(
        self, strip: Strip, scene: Scene, objects: Objects, plate: Plate | None
    ) -> dict[str, Channel]:
        """Ids and coverages, two of each in a layer, by falling coverage."""
        del plate
        ids, coverages = ranked(strip.info, scene, objects)
        found = {}
        for rank, pair in enumerate(zip(ids, coverages, strict=True)):
            for letter, values in zip("RG" if rank % 2 == 0 else "BA", pair, strict=True):
                found[f"{_LAYER}{rank // 2:02d}.{letter}"] = values
        return found


def ranked(info: StreamInfo, scene: Scene, objects: Objects) -> tuple[list[Floats], list[Floats]]:
    """Ids and coverages of each pixel by falling coverage; as many as overlap, even in number."""
    size = (info.height, info.width)
    ids = [np.zeros(size, np.float32) for _ in range(2)]
    coverages = [np.zeros(size, np.float32) for _ in range(2)]
    for tracked in scene.instances:
        alpha = alpha_of(tracked)
        x1, y1, x2, y2 = alpha.crop
        new = (alpha.values / np.float32(WHOLE)).astype(np.float32)
        bits = np.array(_bits(objects[tracked.track_id].name), np.uint32)
        new_id = np.where(new > 0, bits.view(np.float32), np.float32(0))
        rank = 0
        while new.any():
            if rank == len(ids):
                ids += [np.zeros(size, np.float32) for _ in range(2)]
                coverages += [np.zeros(size, np.float32) for _ in range(2)]
            here, here_id = coverages[rank][y1:y2, x1:x2], ids[rank][y1:y2, x1:x2]
            more = new > here
            # What is pushed out goes on to the next rank.
            pushed, pushed_id = np.where(more, here, new), np.where(more, here_id, new_id)
            here[more], here_id[more] = new[more], new_id[more]
            new, new_id, rank = pushed, pushed_id, rank + 1
    return ids, coverages


def _bits(name: str) -> int:
    """The hash of a name, made a float that is neither denormal, infinite nor NaN."""
    bits = _hash(name)
    return bits ^ (1 << 23) if (bits >> 23) & 255 in (0, 255) else bits


def _hash(name: str) -> int:
    try:
        import mmh3
    except ImportError as error:
        raise missing_package("writing Cryptomatte", "mmh3", extra="media") from error
    return int(mmh3.hash(name.encode(), signed=False))


PARTS = {"cryptomatte": Cryptomatte}
