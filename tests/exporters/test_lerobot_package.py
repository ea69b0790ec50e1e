"""Data sets as the package ``lerobot`` makes and reads them, in an environment of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.exporters.test_lerobot import LAYOUTS, MASKS, NOTES, expected, export, run_over
from tests.support import lerobot_sets, media
from tests.support.lerobot_package import LENGTHS
from tests.support.lerobot_sets import TOP, WRIST
from videoseg import registry

PACKAGE = "VIDEOSEG_LEROBOT"


def ask(command: str, folder: Path) -> Any:
    python = os.environ.get(PACKAGE)
    if python is None:
        pytest.skip(f"set {PACKAGE} to the Python of an environment with lerobot")
    script = Path(media.__file__).with_name("lerobot_package.py")
    done = subprocess.run(
        [python, "-P", script, command, folder],  # beside the script is a datasets.py
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HF_HUB_OFFLINE": "1", "HOME": str(folder.parent)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_data_set_of_the_package_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    ask("make", folder)
    source = registry.find("sources", "lerobot").make()
    source.open(str(folder))
    frames = list(source.frames())
    first, wanted = 0, []
    for episode, length in enumerate(LENGTHS):
        for camera, ahead in ((TOP, 0), (WRIST, 100)):
            name = f"ep{episode:06d}.{camera}"
            wanted += [(name, row, first + row + ahead, 3000 * row) for row in range(length)]
        first += length
    found = [
        (frame.stream, frame.index, media.read_index(frame.image), frame.pts) for frame in frames
    ]
    assert found == wanted
    assert source.notes == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_package_reads_our_copy(tmp_path: Path, layout: str) -> None:
    lengths = (6, 5, 4)
    top = lerobot_sets.make(tmp_path, layout=layout, lengths=lengths, cameras=(TOP, WRIST))
    copy = export(run_over(top, episodes="0,2"), tmp_path / "out")
    for rows in ask("read", copy).values():
        assert len(rows) == sum(lengths)
        for number, row in enumerate(rows):
            place, episode = row["frame_index"], row["episode_index"]
            assert row[TOP] == number
            assert row[WRIST] == number + lerobot_sets.WRIST_AHEAD
            looked = episode != 1
            labels = expected(number, place) * looked
            assert row[MASKS] == hashlib.sha256(labels.tobytes()).hexdigest()
            first = 20 if episode == 2 else 0
            ids = [first + 1, first + 2 if place > 1 else 0] if looked else [-1, -1]
            assert row[f"{NOTES}.track_ids"] == ids
            box = list(media.square_box(number, 96, 64))
            assert row[f"{NOTES}.boxes"][0] == (box if looked else [0, 0, 0, 0])
