"""How still outlines are over time, and what that costs, on DAVIS.

    python -m benchmarks.steadiness DATA/davis [--sequences dog camel] [--supervision PYTHON]

``DATA`` holds ``<sequence>/frames/*.jpg`` and ``<sequence>/masks/*.png``. Masks that go in: the
true ones; the true ones with rough edges, another error on every frame; and what a model answers
that carries the first box (``--model``). What comes out, beside the masks themselves: the tracker
as it is set, looking ahead and live; a moving average of five masks; supervision's smoother, run by
a ``PYTHON`` that has it. For each:

* jump: how far an outline jumps from frame to frame beyond the truth's own motion, pixels
  (``metrics.stability``), and which share of it was taken away, of the sequence's raw masks;
* J and F, and the worst that a sequence lost of either;
* lag: how far behind the truth an outline is, in frames, on the fastest sequences.

``--every N`` compares asking on every N-th frame with asking on all. Exits with 1 where a bar is
missed.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from benchmarks.identity.failures import rough
from videoseg import registry
from videoseg.evaluate.metrics.boundary import score_object
from videoseg.evaluate.metrics.stability import corrected_flow, jumps
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.motion.flow import Flow, flow_between
from videoseg.stages.propagated import Propagated
from videoseg.tracking.iou import IouTracker
from videoseg.types import Cue, Detections, Frame, Instance, Mask, Prompt, Scene, StreamInfo

RATE = 24
EDGES = (1.0, 2.0)
"""Standard deviations of the rough edges, pixels."""
WINDOW = 5
"""Masks that the moving average and supervision's smoother see."""
FASTEST = 3
"""Sequences over which lag is measured."""
MAX_JUMPS = 0.5
"""Bar: share of the jumps that is left."""
MAX_J_LOSS = 0.005
"""Bar: loss of J on true masks."""
MAX_F_LOSS = 0.01
"""Bar: loss of F on true masks."""
MAX_LAG = 0.5
"""Bar: lag either way, frames."""

Found = list[Mask | None]


@dataclass(frozen=True)
class Clip:
    """One sequence of DAVIS.

    Attributes:
        name: Its folder.
        frames: Its pictures.
        truth: The object on each of them.
        flows: Motions between them at full size, corrected by the truth.
    """

    name: str
    frames: list[Frame]
    truth: Found
    flows: list[Flow]

    @classmethod
    def read(cls, folder: Path, count: int | None = None) -> Clip:
        """Read its first frames, or all, and work out its motion."""
        images = [read_image(path) for path in sorted((folder / "frames").glob("*.jpg"))[:count]]
        paths = sorted((folder / "masks").glob("*.png"))[:count]
        truth = [masks.from_bitmap(read_labels(path) > 127) for path in paths]
        frames = [
            Frame(folder.name, n, n, Fraction(1, RATE), image) for n, image in enumerate(images)
        ]
        flows = [
            corrected_flow(flow_between(one, two, long_side=max(one.shape)), before, after)
            for (one, two), (before, after) in zip(
                itertools.pairwise(images), itertools.pairwise(truth), strict=True
            )
        ]
        return cls(folder.name, frames, truth, flows)

    @property
    def info(self) -> StreamInfo:
        """What a source would say of it."""
        first = self.frames[0]
        return StreamInfo(self.name, first.width, first.height, Fraction(1, RATE), Fraction(RATE))

    @property
    def speed(self) -> float:
        """Pixels that the object moves between frames, on average."""
        return float(np.mean([np.hypot(*step) for _, step in _steps(self.truth)]))


@dataclass(frozen=True)
class Row:
    """What one way of smoothing reached on one sequence."""

    jump: float
    j: float
    f: float
    lag: float


def measure(sequence: Clip, found: Found) -> Row:
    """Jump, J, F and lag of some masks."""
    excess = jumps(found, sequence.flows) - jumps(sequence.truth, sequence.flows)
    score = score_object(found, sequence.truth, protocol="unsupervised")
    return Row(float(excess.mean()), score.j.mean, score.f.mean, lag(found, sequence.truth))


def lag(found: Found, truth: Found) -> float:
    """Frames by which an outline is behind the truth, along the truth's way."""
    behind = travelled = 0.0
    for index, step in _steps(truth):
        one, true = found[index], truth[index]
        if one is not None and true is not None and masks.iou(one, true) > 0.5:
            offset = np.subtract(_centre(true), _centre(one))
            behind += float(offset @ step)
            travelled += float(step @ step)
    return behind / travelled if travelled else 0.0


def _steps(truth: Found) -> Iterator[tuple[int, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """Frames with a neighbour on either side, and the object's velocity there."""
    for index in range(1, len(truth) - 1):
        before, after = truth[index - 1], truth[index + 1]
        if before is not None and after is not None:
            yield index, np.subtract(_centre(after), _centre(before)) / 2


def _centre(mask: Mask) -> tuple[float, float]:
    """Centre of mass, pixels."""
    rows, columns = np.nonzero(mask.bitmap)
    return float(columns.mean()) + mask.x, float(rows.mean()) + mask.y


# What goes in -------------------------------------------------------------------------------------


def rough_masks(sequence: Clip, edge: float) -> Found:
    """The truth with an edge that errs on every frame in another way."""
    rng = np.random.default_rng(7)
    return [None if mask is None else rough(mask, edge, rng) for mask in sequence.truth]


def model_masks(sequence: Clip, name: str) -> Found:
    """What a model answers that carries the first true box."""
    (start,) = (sequence.truth[0],)
    assert start is not None
    x1, y1, x2, y2 = masks.bounding_box(start)
    prompts = (Prompt("it", cues=(Cue(frame=0, boxes=((x1, y1, x2, y2, True),)),)),)
    model = registry.find("models", name).make()
    model.prepare(prompts)
    steps = Propagated(model, prompts).run(sequence.frames)
    answers = [answer.instances[0].mask if answer.instances else None for _, answer in steps]
    model.close()
    return answers


# What comes out -----------------------------------------------------------------------------------


def tracked(sequence: Clip, found: Found, tracker: IouTracker, every: int = 1) -> Found:
    """What a tracker draws; it is told which object is meant, and nothing between every N-th."""
    tracker.start({sequence.name: sequence.info}, (Prompt("it", text="it"),))
    scenes: list[Scene] = []
    for frame, mask in zip(sequence.frames, found, strict=True):
        instances = () if mask is None else (Instance(mask, 1.0, 0, object_id=0),)
        answer = Detections(sequence.name, frame.index, instances)
        last = frame.index == len(sequence.frames) - 1
        scenes += tracker.update(frame, None if frame.index % every and not last else answer)
    scenes += tracker.finish()
    return [scene.instances[0].instance.mask if scene.instances else None for scene in scenes]


def moving_average(found: Found) -> Found:
    """Where most of the last ``WINDOW`` masks agree."""
    drawn: Found = []
    for index, mask in enumerate(found):
        if mask is None:
            drawn.append(None)
            continue
        recent = [one for one in found[max(0, index - WINDOW + 1) : index + 1] if one is not None]
        votes = np.mean([masks.to_bitmap(one) for one in recent], axis=0)
        drawn.append(masks.from_bitmap(np.asarray(votes > 0.5)))
    return drawn


_SUPERVISION = """
import sys
import numpy as np
import supervision as sv
with np.load(sys.argv[1]) as given:
    bitmaps, boxes = given["bitmaps"], given["boxes"]
smoother = sv.DetectionsSmoother(length=int(sys.argv[3]))
drawn = []
for bitmap, box in zip(bitmaps, boxes):
    seen = bitmap.any()
    detections = sv.Detections(
        xyxy=box[None][: int(seen)].astype(np.float32),
        mask=bitmap[None][: int(seen)],
        confidence=np.ones(int(seen), np.float32),
        class_id=np.zeros(int(seen), int),
        tracker_id=np.ones(int(seen), int),
    )
    smooth = smoother.update_with_detections(detections)
    drawn.append(smooth.mask[0] if len(smooth) else np.zeros_like(bitmap))
np.savez(sys.argv[2], drawn=np.stack(drawn))
"""


def supervised(found: Found, python: Path) -> Found:
    """What supervision's smoother makes of the masks."""
    like = next(mask for mask in found if mask is not None)
    nothing = np.zeros((like.frame_height, like.frame_width), np.bool_)
    bitmaps = [nothing if mask is None else masks.to_bitmap(mask) for mask in found]
    boxes = [(0, 0, 1, 1) if mask is None else masks.bounding_box(mask) for mask in found]
    with tempfile.TemporaryDirectory() as folder:
        given, drawn = Path(folder) / "given.npz", Path(folder) / "drawn.npz"
        np.savez(given, bitmaps=np.stack(bitmaps), boxes=np.array(boxes))
        command = [str(python), "-c", _SUPERVISION, str(given), str(drawn), str(WINDOW)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        with np.load(drawn) as made:
            return [masks.from_bitmap(bitmap) for bitmap in made["drawn"]]


def ways(python: Path | None) -> Mapping[str, Callable[[Clip, Found], Found]]:
    """Every way of smoothing, by name; the first leaves masks as they are."""
    made: dict[str, Callable[[Clip, Found], Found]] = {
        "raw": lambda _, found: found,
        "videoseg": lambda sequence, found: tracked(sequence, found, IouTracker()),
        "videoseg, live": lambda sequence, found: tracked(
            sequence, found, IouTracker(look_ahead=0)
        ),
        "videoseg, strength 1": lambda sequence, found: tracked(
            sequence, found, IouTracker(smoothing=1)
        ),
        "moving average": lambda _, found: moving_average(found),
    }
    if python is not None:
        made["supervision"] = lambda _, found: supervised(found, python)
    return made


# The run ------------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sequences", nargs="+", help="default: all below DATA")
    parser.add_argument("--supervision", type=Path, help="Python that has supervision")
    parser.add_argument("--model", default="embedded", help="model whose masks are steadied, or -")
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--frames", type=int, help="first frames of each, default all")
    parser.add_argument("--edges", type=float, nargs="+", default=EDGES, help="rough edges, pixels")
    options = parser.parse_args()
    sys.exit(0 if run(options) else 1)


def run(options: argparse.Namespace) -> bool:
    """Measure and print; whether every bar is met."""
    cv2.setNumThreads(1)
    found = sorted(path.name for path in options.data.iterdir() if (path / "masks").is_dir())
    inputs = ["truth", *(f"rough {edge:g} px" for edge in options.edges)]
    inputs += [options.model] if options.model != "-" else []
    table: dict[str, dict[str, dict[str, Row]]] = {name: {} for name in inputs}
    asked: dict[str, dict[str, tuple[Row, Row]]] = {"truth": {}, options.model: {}}
    speeds: dict[str, float] = {}
    for name in options.sequences or found:
        sequence = Clip.read(options.data / name, options.frames)
        speeds[name] = sequence.speed
        given = [sequence.truth, *(rough_masks(sequence, edge) for edge in options.edges)]
        given += [model_masks(sequence, options.model)] if options.model != "-" else []
        for kind, masks_in in zip(inputs, given, strict=True):
            for way, smooth in ways(options.supervision).items():
                row = measure(sequence, smooth(sequence, masks_in))
                table[kind].setdefault(way, {})[name] = row
            if kind in asked:
                pair = (tracked(sequence, masks_in, IouTracker(), n) for n in (1, options.every))
                asked[kind][name] = tuple(measure(sequence, one) for one in pair)  # type: ignore[assignment]
    ok = report(table, speeds)
    report_every(asked, options.every)
    return ok


def report(table: dict[str, dict[str, dict[str, Row]]], speeds: dict[str, float]) -> bool:
    """Print what was measured; whether every bar is met."""
    fastest = sorted(speeds, key=lambda name: -speeds[name])[:FASTEST]
    print(f"fastest: {', '.join(f'{name} {speeds[name]:.1f} px a frame' for name in fastest)}")
    ok = True
    for kind, by_way in table.items():
        print(f"\n{kind}")
        raw = by_way["raw"]
        before = mean(row.jump for row in raw.values())
        for way, rows in by_way.items():
            jump = mean(row.jump for row in rows.values())
            lost_j = max(raw[name].j - row.j for name, row in rows.items())
            lost_f = max(raw[name].f - row.f for name, row in rows.items())
            behind = mean(rows[name].lag - raw[name].lag for name in fastest)
            left = f"{jump / before:6.2f} left" if before > 0.02 else " " * 11
            print(
                f"  {way:22s} jump {jump:6.3f} px {left}  "
                f"J {mean(row.j for row in rows.values()):.4f} "
                f"F {mean(row.f for row in rows.values()):.4f}  "
                f"most lost: J {lost_j:+.4f} F {lost_f:+.4f}  lag {behind:+.3f}"
            )
            if way == "videoseg":
                allowed = (MAX_J_LOSS, MAX_F_LOSS) if kind == "truth" else (0.0, 0.0)
                ok &= lost_j <= allowed[0] and lost_f <= allowed[1] and abs(behind) <= MAX_LAG
                ok &= kind == "truth" or jump <= MAX_JUMPS * before
    return ok


def report_every(asked: dict[str, dict[str, tuple[Row, Row]]], every: int) -> None:
    """Print what asking only on every N-th frame keeps."""
    print(f"\nasked on every frame, and on every {every}th")
    for kind, rows in asked.items():
        if not rows:
            continue
        for name, (all_, some) in rows.items():
            _print_every(kind, name, (all_.j, some.j), (all_.f, some.f))
        j, f = (
            [mean(getattr(pair[n], what) for pair in rows.values()) for n in (0, 1)]
            for what in "jf"
        )
        _print_every(kind, "mean", j, f)


def _print_every(kind: str, name: str, j: Sequence[float], f: Sequence[float]) -> None:
    print(f"  {kind:10s} {name:18s} J {j[0]:.3f} -> {j[1]:.3f}  F {f[0]:.3f} -> {f[1]:.3f}")


def mean(values: Iterable[float]) -> float:
    """Mean as a plain number."""
    return float(np.mean(list(values)))


if __name__ == "__main__":
    main()
