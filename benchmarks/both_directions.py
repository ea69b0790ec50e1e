"""An object that is marked in the middle of a clip, followed one way, both ways, and joined.

    python -m benchmarks.both_directions DATA/davis DATA/davis_more [--most 24] [--model NAME]

Folders are laid out as ``benchmarks.davis`` says. J is the intersection over union with the true
mask, averaged over ALL frames of a sequence, also those that are marked, then over sequences:

* ``first``: the true box of the first frame, followed forward;
* ``forward``: that of the middle frame, followed forward alone, so that earlier frames are empty;
* ``both``: the same, followed back to the first frame, too;
* ``two``: those of the first and the last frame, followed forward alone;
* ``joined``: the same, where the way back from the last frame has a say in between.

``--most N`` takes the first N frames of each sequence. Where the object is not to be seen on the
middle or last frame, the next one before it is marked instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks import davis
from benchmarks.spread import mean_text
from videoseg import registry
from videoseg.evaluate.readers import read_labels
from videoseg.geometry import masks
from videoseg.protocols import FrameSource, Segmenter
from videoseg.stages.backwards import Backwards
from videoseg.stages.propagated import Propagated
from videoseg.types import Bitmap, Cue, Frame, Prompt

WAYS = ("first", "forward", "both", "two", "joined")


@dataclass(frozen=True)
class Clip:
    """The first frames of a sequence, read again and again."""

    folder: Path
    most: int | None

    @property
    def truths(self) -> list[Bitmap]:
        """Its true masks."""
        paths = sorted((self.folder / "masks").glob("*.png"))
        return [read_labels(path) > 127 for path in paths[: self.most]]

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Some of its frames."""
        whole = islice(davis.frames(self.folder), self.most)
        return (frame for frame in whole if start <= frame.index < (stop or 1 << 30))

    @contextmanager
    def again(self) -> Iterator[FrameSource]:
        """Itself."""
        yield self  # type: ignore[misc]

    def cue(self, index: int) -> Cue:
        """The true box on a frame, or on the next one before it that shows the object."""
        truths = self.truths
        while (seen := masks.from_bitmap(truths[index])) is None:
            index -= 1
        x1, y1, x2, y2 = map(float, masks.bounding_box(seen))
        return Cue(index, boxes=((x1, y1, x2, y2, True),))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--sequences", nargs="+", help="default: all below DATA")
    parser.add_argument("--most", type=int, help="frames of a sequence at most")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--model", default="embedded")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    folders = sorted(path.parent for data in arguments.data for path in data.glob("*/masks"))
    print(f"{'sequence':20}" + "".join(f"{way:>9}" for way in arguments.ways))
    rows = []
    for folder in folders:
        if arguments.sequences and folder.name not in arguments.sequences:
            continue
        rows.append(measure(Clip(folder, arguments.most), arguments.ways, arguments.model))
        print_row(folder.name, rows[-1])
    print_row("mean", np.mean(rows, axis=0).tolist())
    for way, values in zip(arguments.ways, zip(*rows, strict=True), strict=True):
        print(f"mean J, {way} {mean_text(values)}")


def print_row(name: str, values: Sequence[float]) -> None:
    """Print one line of the table."""
    print(f"{name:20}" + "".join(f"{value:9.3f}" for value in values), flush=True)


def measure(clip: Clip, ways: Sequence[str], model: str) -> list[float]:
    """Mean J over all frames of a clip, for each of some ways."""
    last = len(clip.truths) - 1
    cues = {
        "first": (clip.cue(0),),
        "forward": (clip.cue(last // 2),),
        "both": (clip.cue(last // 2),),
        "two": (clip.cue(0), clip.cue(last)),
        "joined": (clip.cue(0), clip.cue(last)),
    }
    segmenter: Segmenter = registry.find("models", model).make()
    values = []
    for way in ways:
        prompt = Prompt(clip.folder.name, cues=cues[way])
        segmenter.prepare((prompt,))
        backwards = Backwards(clip.again) if way in ("both", "joined") else None
        answers = Propagated(segmenter, (prompt,), backwards).run(clip.frames())
        scores = [
            davis.jaccard(davis.bitmap(davis.best(found), truth), truth)
            for (_, found), truth in zip(answers, clip.truths, strict=True)
        ]
        values.append(float(np.mean(scores)))
    segmenter.close()
    return values


if __name__ == "__main__":
    main()
