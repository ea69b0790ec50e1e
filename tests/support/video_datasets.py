"""Miniature video sets in their published layouts: a red block that moves, a green one that rests.

Every frame is 64 x 48; the truth is what is seen, but for what a test is told to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.datasets import (
    HEIGHT,
    WIDTH,
    Block,
    block,
    compressed,
    picture,
    uncompressed,
    write_json,
    write_picture,
    write_png,
)
from videoseg.types import Bitmap

LENGTH = 12


def moving(index: int) -> Block:
    return (8 + 2 * index, 0, 24 + 2 * index, 16)


RESTING: Block = (0, 32, 16, 48)


def labels(index: int) -> npt.NDArray[np.uint8]:
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[block(*moving(index))] = 1
    drawn[block(*RESTING)] = 2
    return drawn


def frames(folder: Path, length: int = LENGTH) -> list[str]:
    """Write the pictures; their names without ending."""
    names = [f"{index:05d}" for index in range(length)]
    for index, name in enumerate(names):
        image = picture(("red", moving(index)), ("green", RESTING))
        write_picture(folder / f"{name}.jpg", image)
    return names


def mevis(root: Path) -> Path:
    """A split of MeViS: an expression for each block, and one for both."""
    names = frames(root / "JPEGImages" / "vid")
    said = {
        "0": {"exp": "red", "obj_id": [0], "anno_id": [7]},
        "1": {"exp": "green", "obj_id": [1], "anno_id": [8]},
        "2": {"exp": "red", "obj_id": [0, 1], "anno_id": [7, 8]},
    }
    write_json(
        root / "meta_expressions.json", {"videos": {"vid": {"expressions": said, "frames": names}}}
    )
    drawn = {
        "7": [compressed(block(*moving(index))) for index in range(LENGTH)],
        # Gone from the picture's truth on the last frame.
        "8": [*[compressed(block(*RESTING))] * (LENGTH - 1), None],
    }
    write_json(root / "mask_dict.json", drawn)
    return root


def refer_youtube(root: Path) -> Path:
    """Ref-YouTube-VOS: masks of every fifth frame."""
    names = frames(root / "train" / "JPEGImages" / "vid")
    for index in range(0, LENGTH, 5):
        write_png(root / "train" / "Annotations" / "vid" / f"{names[index]}.png", labels(index))
    said = {"0": {"exp": "red", "obj_id": "1"}, "1": {"exp": "green", "obj_id": "2"}}
    write_json(
        root / "meta_expressions" / "train" / "meta_expressions.json",
        {"videos": {"vid": {"expressions": said, "frames": names}}},
    )
    return root


def refer_davis(root: Path) -> Path:
    """DAVIS 2017 with the four files of two annotators, the second's in Latin-1."""
    for index, name in enumerate(frames(root / "JPEGImages" / "480p" / "classic-car")):
        write_png(root / "Annotations" / "480p" / "classic-car" / f"{name}.png", labels(index))
    split = root / "ImageSets" / "2017" / "val.txt"
    split.parent.mkdir(parents=True)
    split.write_text("classic-car\n")
    folder = root / "davis_text_annotations"
    folder.mkdir()
    for annotator, coding in ((1, "utf-8"), (2, "latin-1")):
        for ending in ("", "_full_video"):
            # The published files spell this sequence so.
            lines = 'clasic-car 1 "red"\nclasic-car 2 "green"\n'
            if annotator == 2 and ending:
                lines = 'clasic-car 1 "caf\xe9"\nclasic-car 2 "green"\n'
            (folder / f"Davis17_annot{annotator}{ending}.txt").write_bytes(lines.encode(coding))
    return root


def first_mask(root: Path) -> Path:
    """LVOS: masks of every third frame; the resting object is first marked on the fourth."""
    for index, name in enumerate(frames(root / "JPEGImages" / "vid")):
        if index % 3 == 0:
            drawn = labels(index)
            if index < 3:
                drawn[drawn == 2] = 0
            write_png(root / "Annotations" / "vid" / f"{name}.png", drawn)
    return root


def youtube_vis(root: Path) -> Path:
    """YouTube-VIS 2021: run lengths as lists, null where nothing is to be seen."""
    names = frames(root / "train" / "JPEGImages" / "vid")
    resting: list[Any] = [uncompressed(block(*RESTING))] * LENGTH
    write_json(
        root / "train" / "instances.json",
        _tracks(
            names,
            [
                (1, [uncompressed(block(*moving(index))) for index in range(LENGTH)]),
                (2, [*resting[:6], *([None] * 6)]),
            ],
        ),
    )
    return root / "train"


def veval(root: Path) -> Path:
    """SA-Co/VEval: which phrases each video was searched for, one of them in vain."""
    media = root / "media" / "saco_sav"
    names = frames(media / "JPEGImages_6fps" / "vid")
    content = _tracks(names, [(1, [compressed(block(*moving(index))) for index in range(LENGTH)])])
    content["video_np_pairs"] = [
        {"id": 1, "video_id": 1, "category_id": 1, "noun_phrase": "red", "num_masklets": 1},
        {"id": 2, "video_id": 1, "category_id": 3, "noun_phrase": "blue", "num_masklets": 0},
    ]
    write_json(root / "annotation" / "saco_veval_sav_val.json", content)
    return root


def _tracks(names: Sequence[str], tracks: Sequence[tuple[int, list[Any]]]) -> dict[str, Any]:
    return {
        "videos": [
            {
                "id": 1,
                "width": WIDTH,
                "height": HEIGHT,
                "length": len(names),
                "file_names": [f"vid/{name}.jpg" for name in names],
            }
        ],
        "annotations": [
            {
                "id": n,
                "video_id": 1,
                "category_id": category,
                "iscrowd": 0,
                "width": WIDTH,
                "height": HEIGHT,
                "segmentations": drawn,
                "bboxes": [None if one is None else [0, 0, 1, 1] for one in drawn],
                "areas": [None if one is None else 256 for one in drawn],
            }
            for n, (category, drawn) in enumerate(tracks, 1)
        ],
        "categories": [
            {"id": n, "name": name} for n, name in enumerate(("red", "green", "blue"), 1)
        ],
    }


def bitmap_of(number: int, index: int) -> Bitmap:
    """What is seen of object 1 or 2."""
    return np.asarray(labels(index) == number)
