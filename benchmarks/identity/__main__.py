"""Who keeps identities: videoseg beside roboflow's trackers, on the same failing detections.

    python -m benchmarks.identity DATA --rivals PYTHON [--halves tuned held-out] [--count 16]

``DATA`` is as ``cutouts.py`` says; ``PYTHON`` is one of an environment in which roboflow
``trackers`` 2.6 is installed. HOTA, IDF1 and switches are those of ``videoseg eval``, over the
masks that each tracker shows. Each rival runs with its defaults and with the best of five
settings, chosen by HOTA on the tuned half. ``causal`` is videoseg without looking ahead, filling in
or smoothing: the association alone. Exits with 1 where videoseg is not ahead of every rival.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from benchmarks.identity.cutouts import HALVES, Stock
from benchmarks.identity.rivals import Rivals, variants
from benchmarks.identity.sequences import KINDS, HardSequence, make
from videoseg.evaluate.metrics.tracking import (
    ClearMot,
    FrameTracks,
    Hota,
    Identity,
    clear_mot,
    hota,
    identity,
    mask_tracks,
)
from videoseg.tracking.iou import IouTracker
from videoseg.tracking.two_pass import TwoPassIouTracker
from videoseg.types import Mask, Prompt, Scene

PROMPTS = (Prompt("thing", text="thing"),)
Tracks = Sequence[dict[int, Mask]]


@dataclass(frozen=True)
class Score:
    """What one tracker reached over some sequences."""

    hota: Hota
    identity: Identity
    clear: ClearMot

    @classmethod
    def of(cls, frames: Sequence[FrameTracks]) -> Score:
        """The score of one sequence."""
        return cls(hota(frames), identity(frames), clear_mot(frames))

    def __add__(self, other: Score) -> Score:
        return Score(
            self.hota + other.hota, self.identity + other.identity, self.clear + other.clear
        )

    def __str__(self) -> str:
        return (
            f"HOTA {self.hota.hota:.3f}  (DetA {self.hota.det_a:.3f}, AssA {self.hota.ass_a:.3f})  "
            f"IDF1 {self.identity.f1:.3f}  switches {self.clear.switches:4d}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rivals", type=Path, help="Python that has roboflow trackers")
    parser.add_argument("--halves", nargs="+", choices=HALVES, default=list(HALVES))
    parser.add_argument("--count", type=int, default=16, help="sequences of each half")
    parser.add_argument("--kinds", action="store_true", help="also one line for each kind")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    chosen: dict[str, str] = {}
    ahead = True
    for half in options.halves:
        stock = Stock.read(options.data, half)
        scores = measure((make(stock, half, n) for n in range(options.count)), options.rivals)
        print(f"\n{half} half, {options.count} sequences")
        ahead &= report(scores, chosen, by_kind=options.kinds)
    sys.exit(0 if ahead else 1)


def measure(sequences: Iterable[HardSequence], python: Path | None) -> dict[str, dict[str, Score]]:
    """Scores by tracker and kind of sequence."""
    rivals = {f"{name} {n}": (made, own) for n, (name, made, own) in enumerate(variants())}
    scores: dict[str, dict[str, Score]] = defaultdict(dict)

    def add(tracker: str, sequence: HardSequence, tracks: Tracks) -> None:
        score = Score.of([mask_tracks(*pair) for pair in zip(sequence.truth, tracks, strict=True)])
        known = scores[tracker].get(sequence.kind)
        scores[tracker][sequence.kind] = score if known is None else known + score

    def each(process: Rivals | None) -> None:
        for sequence in sequences:
            for name, tracker in ours().items():
                add(name, sequence, followed(tracker, sequence))
            for name, tracks in process.track(sequence, rivals).items() if process else ():
                add(name, sequence, tracks)

    if python is None:
        each(None)
    else:
        with Rivals(python) as process:
            each(process)
    return scores


def ours() -> dict[str, IouTracker]:
    """Our own, by name."""
    causal: dict[str, Any] = {"look_ahead": 0, "max_gap_frames": 0, "smoothing": 0}
    return {
        "videoseg": IouTracker(),
        "videoseg, two passes": TwoPassIouTracker(),
        "videoseg, causal": IouTracker(**causal),
    }


def followed(tracker: IouTracker, sequence: HardSequence) -> Tracks:
    """The masks that a tracker shows on each frame, by identity."""
    streams = {sequence.name: sequence.info}
    if isinstance(tracker, TwoPassIouTracker):
        tracker.study(streams, zip(sequence.frames, sequence.detections, strict=True))
    tracker.start(streams, PROMPTS)
    scenes: list[Scene] = []
    for frame, detections in zip(sequence.frames, sequence.detections, strict=True):
        scenes += tracker.update(frame, detections)
    scenes += tracker.finish()
    return [{item.track_id: item.instance.mask for item in scene.instances} for scene in scenes]


def report(scores: dict[str, dict[str, Score]], chosen: dict[str, str], *, by_kind: bool) -> bool:
    """Print the table of a half; the rivals' best settings are chosen on the first half.

    Returns:
        Whether videoseg is ahead of every rival in HOTA and IDF1 and has no more switches.
    """
    own = ours()
    total = {
        name: sum(list(kinds.values())[1:], start=next(iter(kinds.values())))
        for name, kinds in scores.items()
    }
    firsts: dict[str, str] = {}
    best: dict[str, str] = {}
    for name in total.keys() - own.keys():
        rival = name.rpartition(" ")[0]
        firsts[rival] = min(firsts.get(rival, name), name, key=_number)
        leader = best.setdefault(rival, name)
        if (total[name].hota.hota, -_number(name)) > (total[leader].hota.hota, -_number(leader)):
            best[rival] = name
    chosen.update({rival: name for rival, name in best.items() if rival not in chosen})
    lines = {name: name for name in own}
    lines |= {name: rival for rival, name in sorted(firsts.items())}
    lines |= {name: f"{rival}, best settings" for rival, name in sorted(chosen.items())}
    for name, shown in lines.items():
        print(f"  {shown:26s} {total[name]}")
        if by_kind:
            for kind in KINDS:
                if kind in scores[name]:
                    print(f"      {kind:22s} {scores[name][kind]}")
    return all(
        total["videoseg"].hota.hota > total[name].hota.hota
        and total["videoseg"].identity.f1 > total[name].identity.f1
        for name in lines
        if name not in own
    )


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])


if __name__ == "__main__":
    main()
