"""How often the backbone looks at a frame, by what is asked about it, counted.

    python -m benchmarks.backbone_calls

Networks are tiny, of the real classes, with random weights. Four frames go in one batch; what is
printed is frames that the backbone was given, for each frame of the batch, and calls of the network
that decodes marks or finds what phrases mean.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.reference_models import frame, model
from tests.support.torch_models import TINY
from videoseg.types import Cue, Prompt

FRAMES = 4


@dataclasses.dataclass(frozen=True)
class Calls:
    """What was counted.

    Attributes:
        looks: Frames that the backbone was given, for each frame that was asked about.
        decodings: Calls of the network behind it, for the whole batch.
    """

    looks: float
    decodings: int


def main() -> None:
    """Count and print."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    print(f"{'asked':44} {'looks a frame':>14} {'decodings':>10}")
    for name, count in COUNTS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = count(Path(folder))
        print(f"{name:44} {found.looks:14g} {found.decodings:10}", flush=True)


def counted(
    name: str, folder: Path, asked: Sequence[Sequence[Prompt]], backbone: str, decoder: str
) -> Calls:
    """Ask a model about four frames and count calls of two of its parts.

    Args:
        name: The model.
        folder: An empty one.
        asked: Prompts of each frame.
        backbone: Path of the part that looks at frames, from the model.
        decoder: Path of the part that decodes.
    """
    part = model(name, TINY[name](folder), **({"least": 0.0} if name == "sam3" else {}))
    part.prepare([prompt for prompts in asked for prompt in prompts])
    looks: list[int] = []
    decodings: list[int] = []
    _at(part, backbone).register_forward_hook(lambda _, given, __: looks.append(len(given[0])))
    _at(part, decoder).register_forward_hook(lambda *_: decodings.append(1))
    part.segment([frame(index) for index in range(len(asked))], asked)
    return Calls(sum(looks) / len(asked), len(decodings))


def _at(part: Any, path: str) -> Any:
    for name in path.split("."):
        part = getattr(part, name)
    return part


def _box(index: int) -> Prompt:
    cue = Cue(boxes=((10.0 + index, 10.0, 60.0, 50.0, True),))
    return Prompt(f"box {index}", cues=(cue,))


def _words_and_points(folder: Path) -> Calls:
    point = Prompt("point", cues=(Cue(points=((40.0, 30.0, True),)),))
    asked = [(Prompt("cat", text="cat"), point)] * FRAMES
    backbone = "_network.vision_encoder.backbone.inner"
    return counted("sam3", folder, asked, backbone, "_network.detr_encoder")


def _phrases(folder: Path) -> Calls:
    asked = [tuple(Prompt(word, text=word) for word in ("cat", "dog", "cup", "hat"))] * FRAMES
    backbone = "_network.vision_encoder.backbone.inner"
    return counted("sam3", folder, asked, backbone, "_network.detr_encoder")


def _boxes(folder: Path) -> Calls:
    asked = [tuple(_box(number) for number in range(4))] * FRAMES
    encoder, decoder = "_made.network.vision_encoder.backbone", "_made.network.mask_decoder"
    return counted("sam2.1-tiny", folder, asked, encoder, decoder)


def _other_boxes(folder: Path) -> Calls:
    asked = [(_box(index), _box(index + 10)) for index in range(FRAMES)]
    encoder, decoder = "_made.network.vision_encoder.backbone", "_made.network.mask_decoder"
    return counted("sam2.1-tiny", folder, asked, encoder, decoder)


COUNTS: dict[str, Callable[[Path], Calls]] = {
    "SAM 3: words and a point": _words_and_points,
    "SAM 3: four phrases": _phrases,
    "SAM 2.1: four boxes": _boxes,
    "SAM 2.1: boxes of its own on every frame": _other_boxes,
}
"""Every count by what is asked; each takes an empty folder."""


if __name__ == "__main__":
    main()
