"""Scenes with hard and soft mattes, and what files of them must hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support import scenes
from videoseg.errors import OutputError
from videoseg.geometry.alphas import alpha_of
from videoseg.protocols import Writer
from videoseg.types import WHOLE, Alpha, Frame, Prompt, Scene, StreamInfo, TrackedInstance

Array = npt.NDArray[Any]


def soft(tracked: TrackedInstance) -> TrackedInstance:
    """The same object with a matte that falls off to the right over the whole of its box."""
    mask = tracked.instance.mask
    ramp = np.linspace(WHOLE, 1, mask.bitmap.shape[1]).astype(np.uint16)
    values = np.where(mask.bitmap, ramp[None, :], np.uint16(0))
    alpha = Alpha(mask.x, mask.y, mask.frame_width, mask.frame_height, values)
    return replace(tracked, alpha=alpha)


def softened(made: Iterable[Scene]) -> list[Scene]:
    """Scenes whose objects all have soft mattes."""
    return [replace(each, instances=tuple(map(soft, each.instances))) for each in made]


def even(count: int = 6, **more: Any) -> list[Scene]:
    """The Scenes of ``scenes.moving``, one at each 25th of a second."""
    return scenes.moving(pts=[24 * n for n in range(count)], **more)


def coverage(scene: Scene, track_id: int | None = None) -> npt.NDArray[np.uint16]:
    """What a matte must be: of one object, or of each pixel the largest."""
    full = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.uint16)
    for tracked in scene.instances:
        if track_id in (None, tracked.track_id):
            full = np.maximum(full, alpha_of(tracked).to_array())
    return full


def write(
    writer: Writer,
    folder: Path,
    made: Iterable[Scene],
    *infos: StreamInfo,
    frames: Iterable[Frame] | None = None,
    prompts: tuple[Prompt, ...] = (),
) -> list[str]:
    """Write Scenes as a run does; the paths of all files, relative, sorted."""
    streams = scenes.streams(*infos)
    made = list(made)
    shown = [scenes.frame_of(each) for each in made] if frames is None else list(frames)
    tops = writer.produces(streams)
    writer.open(folder, streams, prompts or scenes.prompts())
    try:
        for scene, frame in zip(made, shown, strict=True):
            writer.write(scene, frame if writer.needs_image else None)
        writer.close(complete=True)
    except OutputError:
        writer.close(complete=False)
        raise
    assert {path.name for path in folder.iterdir()} <= set(tops)
    return files(folder)


def files(folder: Path) -> list[str]:
    """The paths of all files below a folder, relative, sorted."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {name: (folder / name).read_bytes() for name in files(folder)}
