"""Fits the constants that turn the network's maps into answers, on photographs kept from training.

    python -m training.fit_evidence --data DATA/images

Prints, for things and for stuff: mean IoU of the cells over shifts of the evidence, for stuff with
several weights of its rivals (``_THING_BIAS``, ``_STUFF_BIAS`` and ``_STUFF_RIVAL`` of
``videoseg/models/embedded/grounding/evidence.py``), and the logistic regression of presence on
strength (``THING_PRESENCE`` and ``STUFF_PRESENCE`` of ``kinds.py``), in which names that are
there and names that are not weigh the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training import classes
from training.samples import INDEX, SOURCES, held_out, photographs
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.frame_view import near_side
from videoseg.models.embedded.grounding.candidates import candidates
from videoseg.models.embedded.grounding.evidence import (
    OUTPUTS,
    Maps,
    noun_evidence,
    rival_evidence,
    thing_evidence,
)
from videoseg.models.embedded.language.vocabulary import Target, vocabulary

_ABSENT = 5
"""Names asked on each photograph that are not there."""
_LEAST_SHARE = 0.002
_SHIFTS = np.arange(-1.0, 5.01, 0.25)
_WEIGHTS = (0.0, -0.15, -0.3, -0.45, -0.6, -0.8)
_FloatMap = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Question:
    """One name on one photograph.

    Attributes:
        thing: It names countable things.
        shape: Evidence for cells, float32 (rows, columns); of stuff, for its kind.
        rival: Evidence for everything else, of the same shape.
        kind: Evidence for the kind, of the same shape.
        offsets: float32 (2, rows, columns).
        truth: bool (rows, columns), or None where it is not there.
    """

    thing: bool
    shape: _FloatMap
    rival: _FloatMap
    kind: _FloatMap
    offsets: _FloatMap
    truth: npt.NDArray[np.bool_] | None

    def evidence(self, shift: float, weight: float) -> _FloatMap:
        """Evidence for cells, moved and against that of the rivals."""
        return self.shape + shift + weight * np.maximum(self.rival, -3.0)

    def strength(self, shift: float, weight: float) -> float:
        """Strength of the surest thing there, or minus infinity."""
        shape = self.evidence(shift, weight)
        found = candidates(shape, self.kind, self.offsets if self.thing else None)
        return found[0].strength if found else -np.inf


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    asked = list(questions(parser.parse_args().data))
    for thing in (True, False):
        some = [one for one in asked if one.thing == thing]
        there = [one for one in some if one.truth is not None]
        print("things" if thing else "stuff", len(there), "of", len(some))
        best = (-1.0, 0.0, 0.0)
        for weight in (0.0,) if thing else _WEIGHTS:
            shares = [np.mean([overlap(one, shift, weight) for one in there]) for shift in _SHIFTS]
            top = int(np.argmax(shares))
            print(f"  rivals {weight:5.2f}: {shares[top]:.4f} at shift {_SHIFTS[top]:.2f}")
            best = max(best, (float(shares[top]), float(_SHIFTS[top]), weight))
        presence(some, *best[1:])


def presence(some: list[Question], shift: float, weight: float) -> None:
    """Fit and print how strength says what is there."""
    strengths = np.array([one.strength(shift, weight) for one in some])
    present = np.array([one.truth is not None for one in some])
    known = np.isfinite(strengths)
    gain, bias = logistic(strengths[known], present[known])
    print(f"  presence {gain:.3f} * strength + {bias:.3f}")
    for least in (0.2, 0.3, 0.4, 0.5):
        found = known & (gain * strengths + bias >= np.log(least / (1 - least)))
        right, wrong = found[present].mean(), found[~present].mean()
        print(f"  from {least}: {right:.3f} of those there, {wrong:.3f} of those not")


def questions(data: Path) -> Iterator[Question]:
    """What is asked on the held-out photographs of COCO."""
    network, words = Backbone(), vocabulary()
    random = np.random.default_rng(0)
    for source in SOURCES:
        if not source.folder.startswith("coco"):
            continue
        names = [name for table in source.tables for name in table]
        for file, image, segments in photographs(data / source.folder, source):
            if not held_out(f"{source.folder}/{file}"):
                continue
            maps = network.run(image, OUTPUTS, long_side=near_side(image, 640))
            rows, columns = maps["classes"].shape[1:]
            truths: dict[str, npt.NDArray[np.bool_]] = {}
            for segment in segments:
                for name in segment.names:
                    truths[name] = truths.get(name, np.zeros_like(segment.bitmap)) | segment.bitmap
            away = [name for name in dict.fromkeys(names) if name not in truths]
            absent = random.choice(away, _ABSENT, replace=False).tolist()
            for name in (*(n for n in truths if n in names), *absent):
                truth = truths.get(name)
                if truth is not None and truth.mean() < _LEAST_SHARE:
                    continue
                if truth is not None:
                    size = (columns, rows)
                    share = cv2.resize(truth.astype(np.float32), size, interpolation=cv2.INTER_AREA)
                    truth = share > 0.5
                yield _question(maps, name, truth, words.things)


def overlap(one: Question, shift: float, weight: float) -> float:
    """IoU of the cells."""
    assert one.truth is not None
    found = one.evidence(shift, weight) > 0
    either = (found | one.truth).sum()
    return float((found & one.truth).sum() / either) if either else 0.0


def logistic(
    values: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Gain and bias of a logistic regression in which both outcomes weigh the same."""
    weights = np.where(present, 0.5 / present.sum(), 0.5 / (~present).sum())
    gain, bias = 1.0, 0.0
    design = np.stack([values, np.ones_like(values)], axis=1)
    for _ in range(200):
        chance = 1 / (1 + np.exp(-(gain * values + bias)))
        slope = design.T @ (weights * (present - chance))
        bend = (design * (weights * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(bend + 1e-6 * np.eye(2), slope)
        step *= min(1.0, 0.2 / float(np.abs(step).max()))
        gain, bias = gain + float(step[0]), bias + float(step[1])
    return gain, bias


def _question(
    maps: Maps, name: str, truth: npt.NDArray[np.bool_] | None, things: frozenset[int]
) -> Question:
    words = vocabulary()
    target = Target((INDEX[name],))
    kind = noun_evidence(maps, target, words)
    thing = INDEX[name] in things and name in classes.THINGS
    shape = thing_evidence(maps, kind, target, words) if thing else kind
    return Question(thing, shape, rival_evidence(maps, target, words), kind, maps["offsets"], truth)


if __name__ == "__main__":
    main()
