"""Makes and reads data sets with the package ``lerobot``, in an environment of its own.

    python lerobot_package.py make FOLDER
    python lerobot_package.py read FOLDER

``make`` makes one of three episodes with a camera as videos and one in rows. ``read`` loads one,
after the package's own conversion where it is of v2.1, and prints for each of its decoders every
row: what it shows, as JSON. It imports nothing of this project.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOP, WRIST = "observation.images.top", "observation.images.wrist"
WIDTH, HEIGHT, BITS = 128, 96, 8
LENGTHS = (20, 25, 30)


def picture(number: int) -> Any:
    """A square that moves, and the number in binary along the upper edge."""
    image = np.full((HEIGHT, WIDTH, 3), (30, 60, 90), np.uint8)
    left = 10 + 2 * (number % 40)
    image[40:70, left : left + 30] = (230, 120, 20)
    for bit in range(BITS):
        at = bit * WIDTH // BITS
        image[: HEIGHT // BITS, at : at + WIDTH // BITS] = 235 if number >> bit & 1 else 20
    return image


def make(folder: str) -> None:
    """Frame n of the whole shows n, and n + 100 in rows."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    shape = {"shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    state = {"dtype": "float32", "shape": (2,), "names": ["x", "y"]}
    features = {TOP: {"dtype": "video", **shape}, WRIST: {"dtype": "image", **shape}}
    features |= {"observation.state": state, "action": state}
    made = LeRobotDataset.create("a/b", 30, features, root=folder, use_videos=True)
    number = 0
    for length in LENGTHS:
        for _ in range(length):
            values = np.full(2, number, np.float32)
            pictures = {TOP: picture(number), WRIST: picture(number + 100)}
            made.add_frame(
                {**pictures, "observation.state": values, "action": values, "task": "push"}
            )
            number += 1
        made.save_episode()
    made.finalize()


def read(folder: str) -> dict[str, list[dict[str, Any]]]:
    """Every row by every decoder."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    version = json.loads((Path(folder) / "meta/info.json").read_text())["codebase_version"]
    if version == "v2.1":
        from lerobot.scripts.convert_dataset_v21_to_v30 import convert_dataset

        convert_dataset("a/b", root=folder, push_to_hub=False)
    found = {}
    for decoder in ("torchcodec", "pyav"):
        rows = LeRobotDataset("a/b", root=folder, video_backend=decoder)
        found[decoder] = [row_of(rows[number]) for number in range(len(rows))]
    return found


def row_of(item: dict[str, Any]) -> dict[str, Any]:
    """Numbers as they are; of a picture of masks a digest, of others the number in it."""
    row: dict[str, Any] = {}
    for name, value in item.items():
        if name.startswith("observation.masks."):
            levels = np.rint(value.numpy() * 255).astype(np.uint8)
            assert (levels == levels[:1]).all()
            row[name] = hashlib.sha256(levels[0].tobytes()).hexdigest()
        elif name in (TOP, WRIST):
            cell = value.shape[2] // BITS
            line = value.numpy()[:, value.shape[1] // BITS // 2].mean(axis=0)
            row[name] = sum(int(line[bit * cell + cell // 2] > 0.5) << bit for bit in range(BITS))
        elif hasattr(value, "tolist"):
            row[name] = value.tolist()
    return row


if __name__ == "__main__":
    result = {"make": make, "read": read}[sys.argv[1]](sys.argv[2])
    print(json.dumps(result))
