"""Makes the committed clips and the still again: ``python -m sample_media.make``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2

from sample_media._drawing import Pose, photograph
from sample_media.clips import NAMES, Clip, Layer, absent_phrases, write

FOLDER = Path(__file__).parent
STILL = FOLDER / "coffee.jpg"
_JPEG_QUALITY = 92


def committed() -> dict[Path, Clip]:
    """File -> the clip it holds."""
    return {FOLDER / f"{clip.name}.mp4": clip for clip in (_cat(), _coffee(), _astronaut())}


def _cat() -> Clip:
    return Clip(
        name="cat",
        subject="cat",
        phrase=f"the {NAMES['cat']}",
        absent=absent_phrases({"chelsea"}),
        width=640,
        height=360,
        frame_rate=Fraction(24),
        frame_count=60,
        background=Layer(
            "chelsea",
            start=Pose(x=303, y=218, scale=1.52, degrees=0.4),
            end=Pose(x=286, y=170, scale=1.58, degrees=-0.6),
            sway=(1, 3, 0),
        ),
        cutout=None,
        melody=(60, 64, 67, 72, 69),
    )


def _coffee() -> Clip:
    return Clip(
        name="coffee",
        subject="cup",
        phrase=f"the {NAMES['cup']}",
        absent=absent_phrases({"coffee"}),
        width=640,
        height=360,
        frame_rate=Fraction(30000, 1001),
        frame_count=72,
        background=Layer(
            "coffee",
            start=Pose(x=292, y=220, scale=1.22, degrees=0.9),
            end=Pose(x=334, y=206, scale=1.15, degrees=-0.5),
            sway=(2, 2, 0.2),
            cycles=1.5,
        ),
        cutout=None,
        melody=(67, 64, 62, 60, 62, 64),
    )


def _astronaut() -> Clip:
    return Clip(
        name="astronaut",
        subject="astronaut",
        phrase=f"the {NAMES['astronaut']}",
        absent=absent_phrases({"astronaut", "rocket"}),
        width=640,
        height=360,
        frame_rate=Fraction(25),
        frame_count=60,
        background=Layer(
            "rocket",
            start=Pose(x=372, y=126, scale=1.25, degrees=-0.5),
            end=Pose(x=300, y=108, scale=1.32, degrees=0.5),
        ),
        cutout=Layer(
            "astronaut",
            start=Pose(x=190, y=205, scale=0.74, degrees=-2),
            end=Pose(x=420, y=212, scale=0.8, degrees=2),
            sway=(6, 3, 1),
            cycles=1.5,
        ),
        melody=(60, 67, 72, 76, 74, 72),
    )


def main() -> None:
    """Write every committed file."""
    for path, clip in committed().items():
        write(clip, path)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    cv2.imwrite(str(STILL), photograph("coffee")[..., ::-1], quality)


if __name__ == "__main__":
    main()
