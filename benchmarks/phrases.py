"""A hundred phrases that no training named, on photographs with and without what they mean.

    python -m benchmarks.phrases DATA/images/coco_val [--table]

``phrases.csv`` has synonyms, kinds and hypernyms of names in a COCO-style folder. Each is asked on
the photographs where what it means covers a hundredth at least (four of them at most), and on as
many where there is none. For each kind of phrase, over phrases: mean IoU and share of answers with
an IoU of 0.3 where it is there, how often it is found where it is not, and phrases that the model
refuses.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.asking import ask
from benchmarks.spread import mean_text
from videoseg.evaluate.datasets.coco import Coco
from videoseg.geometry import masks
from videoseg.models.embedded import Embedded
from videoseg.types import Detections, Mask, RgbImage

_MOST_IMAGES = 4
_LEAST_AREA = 0.01
_FOUND = 0.3
_TABLE = Path(__file__).with_name("phrases.csv")


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """One photograph and everything that is named on it, as one mask for each name."""

    image: RgbImage
    named: dict[str, Mask]

    def shows(self, names: Sequence[str]) -> Mask | None:
        """All that has one of the names."""
        return masks.union([self.named[name] for name in names if name in self.named])


@dataclass(frozen=True, slots=True)
class Asked:
    """How one phrase fared: IoU on each photograph with it; found on how many without."""

    kind: str
    phrase: str
    refused: bool
    overlaps: tuple[float, ...]
    alarms: tuple[bool, ...]


def read(data: Path) -> list[Photograph]:
    """All photographs of a COCO-style folder."""
    found = []
    for sample in Coco(data).samples(_broken):
        named: dict[str, list[Mask]] = defaultdict(list)
        for target in sample.targets:
            mask = target.mask()
            if mask is not None:
                named[target.name].append(mask)
        merged = {name: masks.union(many) for name, many in named.items()}
        found.append(Photograph(sample.image(), {n: m for n, m in merged.items() if m}))
    return found


def asked_of(
    model: Embedded, kind: str, phrase: str, names: list[str], all_: list[Photograph]
) -> Asked:
    """Ask one phrase on the photographs with most of it and on as many without."""
    shown = [(photograph, photograph.shows(names)) for photograph in all_]
    there = [(p, mask) for p, mask in shown if mask is not None and _share(mask) >= _LEAST_AREA]
    there.sort(key=lambda pair: -_share(pair[1]))
    there = there[:_MOST_IMAGES]
    absent = [photograph for photograph, mask in shown if mask is None]
    random = np.random.default_rng(list(phrase.encode()))
    chosen = random.choice(len(absent), len(there), replace=False).tolist()
    answers = [ask(model, photograph.image, phrase) for photograph, _ in there]
    others = [ask(model, absent[n].image, phrase) for n in chosen]
    return Asked(
        kind,
        phrase,
        refused=None in answers,
        overlaps=tuple(_overlap(a, truth) for a, (_, truth) in zip(answers, there, strict=True)),
        alarms=tuple(bool(answer and answer.instances) for answer in others),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="a COCO-style folder")
    parser.add_argument("--table", action="store_true", help="one line for every phrase")
    given = parser.parse_args()
    photographs, model, asked = read(given.data), Embedded(), []
    for row in csv.DictReader(_TABLE.read_text().splitlines()):
        names = row["names"].split(";")
        one = asked_of(model, row["kind"], row["phrase"], names, photographs)
        if one.overlaps:
            asked.append(one)
            if given.table:
                marks = " ".join(f"{overlap:.2f}" for overlap in one.overlaps)
                wrong = "refused" if one.refused else f"{sum(one.alarms)} false"
                print(f"{one.kind:9s} {one.phrase:20s} {wrong:8s} {marks}", flush=True)
    print("| kind | phrases | refused | mean IoU | found | false alarms |")
    print("|---|---:|---:|---:|---:|---:|")
    for kind in (*dict.fromkeys(one.kind for one in asked), "all"):
        some = [one for one in asked if kind in (one.kind, "all")]
        refused = sum(one.refused for one in some)
        overlap = mean_text([float(np.mean(one.overlaps)) for one in some])
        found = np.mean([np.mean(np.asarray(one.overlaps) >= _FOUND) for one in some])
        alarms = np.mean([np.mean(one.alarms) for one in some])
        print(f"| {kind} | {len(some)} | {refused} | {overlap} | {found:.2f} | {alarms:.2f} |")


def _overlap(answer: Detections | None, truth: Mask) -> float:
    found = masks.union([each.mask for each in answer.instances]) if answer else None
    return 0.0 if found is None else masks.iou(found, truth)


def _share(mask: Mask) -> float:
    return masks.area(mask) / (mask.frame_width * mask.frame_height)


def _broken(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    main()
