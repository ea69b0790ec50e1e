"""Class name or phrase -> every track of it through a video: identities, mask AP, presence.

Each name goes through model, tracker and smoothing alone, as a run has it. A row is one name in one
video, so that HOTA added up over rows is pHOTA: every pair of video and phrase is a class of its
own (Carion et al., "SAM 3", arXiv:2511.16719). Mask AP is that of YouTube-VIS, over the names that
were asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.metrics.average_precision import Overlaps
from videoseg.evaluate.metrics.tracking import (
    ALPHAS,
    FrameTracks,
    clear_mot,
    hota,
    hota_statistic,
    identity,
)
from videoseg.evaluate.samples import Media, VideoSample, VideoTarget
from videoseg.evaluate.tables import Figure, Picture, Row, Summed, mean
from videoseg.evaluate.tasks._instances import (
    VIDEO_AREAS,
    instance_columns,
    instance_figures,
    overlap_table,
)
from videoseg.evaluate.tasks._truth import absent_names, check_size
from videoseg.geometry import masks
from videoseg.geometry.arrays import Values
from videoseg.types import Mask, Prompt, PromptKind

_HOTA = tuple(f"hota {alpha} {what}" for alpha in range(len(ALPHAS)) for what in range(5))
"""Columns of ``Hota.totals``, raveled."""
_NO_SEQUENCE = frozenset({"mIoU per instance"})
"""Figures of images that say nothing of tracks."""


@dataclass
class Tracks:
    """Every track of a name in a video."""

    name: ClassVar[str] = "tracks"
    media: ClassVar[Media] = "videos"
    worst: ClassVar[str] = "hota"
    tracked: ClassVar[bool] = True
    absent: Annotated[
        int, Ge(-1), Doc("names per video that are not in it, at least 0; -1 = all that are known")
    ] = 3
    seed: Annotated[int, Doc("of the choice of absent names; each video draws for itself")] = 0
    each: Annotated[bool, Doc("a line for each name, too")] = False

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Text."""
        return frozenset({"text"})

    @property
    def figures(self) -> Sequence[Figure]:
        """Identities, mask AP over tracks, cgF1, counts, and presence over time."""
        shared = [each for each in instance_figures() if each.name not in _NO_SEQUENCE]
        return (
            Summed("pHOTA", _HOTA, hota_statistic),
            Summed("IDF1", ("id matched", "id detections")),
            mean("identity switches", "switches", higher_is_better=False),
            *shared,
            Summed("presence over time, tIoU", ("frames both", "frames either")),
            mean("presence over time, accuracy", "frames right"),
        )

    def questions(self, sample: VideoSample) -> int:
        """One for each name."""
        return len(_by_name(sample)) + len(absent_names(sample, self.absent, self.seed))

    def ask(self, sample: VideoSample, driver: Driver) -> Iterator[Answer]:
        """Ask each name through the whole video, alone."""
        scored = sample.scored[0]
        known = [target.mask(scored) for target in sample.targets]
        check_size(next(sample.frames()), (m for m in known if m is not None), sample.key)
        for name in (*_by_name(sample), *absent_names(sample, self.absent, self.seed)):
            question = {name: Prompt(label=name, text=name)}
            yield from driver.track(sample.frames(), question)

    def score(self, sample: VideoSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per name."""
        given: dict[str, list[Answer]] = {}
        for answer in answers:
            given.setdefault(answer.question, []).append(answer)
        targets = _by_name(sample)
        for name, found in given.items():
            yield self._row(sample, name, targets.get(name, []), found)

    def _row(
        self,
        sample: VideoSample,
        name: str,
        targets: Sequence[VideoTarget],
        answers: Sequence[Answer],
    ) -> Row:
        video = _Compared(sample.scored, targets, answers)
        values, lists = instance_columns(video.overlaps(), VIDEO_AREAS)
        identities = identity(video.frames)
        totals = hota(video.frames)
        matched = 2 * identities.true_positives
        wrong = identities.false_positives + identities.false_negatives
        values |= {
            **dict(zip(_HOTA, totals.totals.ravel().tolist(), strict=True)),
            "hota": totals.hota,
            "id matched": float(matched),
            "id detections": float(matched + wrong),
            "switches": float(clear_mot(video.frames).switches),
            **video.presence(),
            "refused": float(any(answer.refused for answer in answers)),
        }
        groups = ("all", f"name: {name}") if self.each else ("all",)
        return Row(sample.key, name, name, groups, values, video.picture(), lists)


class _Compared:
    """What was found for one name in one video, beside its true tracks."""

    def __init__(
        self, scored: Sequence[int], targets: Sequence[VideoTarget], answers: Sequence[Answer]
    ) -> None:
        # What was found on frames without truth is neither right nor wrong.
        wanted = frozenset(scored)
        by_frame = {answer.frame: answer for answer in answers if answer.frame in wanted}
        self._targets = targets
        self._scored = scored
        self._tracks = sorted(
            {one.track or 0 for answer in by_frame.values() for one in answer.found}
        )
        self._scores: dict[int, list[float]] = {track: [] for track in self._tracks}
        shape = (len(scored), len(self._tracks)), (len(scored), len(targets))
        self._areas, self._true_areas = np.zeros(shape[0]), np.zeros(shape[1])
        self._common = np.zeros((len(self._tracks), len(targets)))
        self._worst: tuple[float, Picture | None] = (2.0, None)
        self.frames: list[FrameTracks] = []
        for place, index in enumerate(scored):
            answer = by_frame.get(index)
            found = {one.track or 0: one for one in answer.found} if answer is not None else {}
            for track, one in found.items():
                self._scores[track].append(one.score)
            self._add(place, index, {track: one.mask for track, one in found.items()})

    def _add(self, place: int, index: int, found: Mapping[int, Mask]) -> None:
        truth = {n: mask for n, one in enumerate(self._targets) if (mask := one.mask(index))}
        similarity = np.zeros((len(truth), len(found)))
        for row, (n, true_mask) in enumerate(truth.items()):
            self._true_areas[place, n] = masks.area(true_mask)
            for column, (track, mask) in enumerate(found.items()):
                common = masks.intersection(mask, true_mask)
                self._common[self._tracks.index(track), n] += common
                either = masks.area(mask) + masks.area(true_mask) - common
                similarity[row, column] = common / either
        for track, mask in found.items():
            self._areas[place, self._tracks.index(track)] = masks.area(mask)
        self.frames.append(
            FrameTracks(np.fromiter(truth, np.int64), np.fromiter(found, np.int64), similarity)
        )
        self._keep_worst(
            index, masks.union(list(truth.values())), masks.union(list(found.values()))
        )

    def _keep_worst(self, index: int, truth: Mask | None, found: Mask | None) -> None:
        if truth is not None:
            overlap = 0.0 if found is None else masks.iou(found, truth)
            if overlap < self._worst[0]:
                self._worst = (overlap, Picture(index, truth, found))

    def picture(self) -> Picture | None:
        """The frame on which what was found fits worst; None where nothing is to be seen."""
        return self._worst[1]

    def overlaps(self) -> Overlaps:
        """Tracks as mask AP takes them: IoU over all frames, score and area mean over frames."""
        crowd = np.asarray([target.crowd for target in self._targets], dtype=np.bool_)
        return Overlaps(
            table=overlap_table(self._areas, self._true_areas, self._common, crowd),
            scores=np.asarray([np.mean(self._scores[track]) for track in self._tracks]),
            areas=_mean_area(self._areas),
            crowd=crowd,
            true_areas=_mean_area(self._true_areas),
        )

    def presence(self) -> dict[str, float]:
        """On how many frames it is there, found there, both, and either."""
        true = (self._true_areas > 0).any(axis=1)
        found = (self._areas > 0).any(axis=1)
        return {
            "frames both": float((true & found).sum()),
            "frames either": float((true | found).sum()),
            "frames right": float((true == found).mean()),
        }


def _mean_area(areas: Values) -> Values:
    """Mean over the frames on which there is anything, of each column; 0 where there is none."""
    count = (areas > 0).sum(axis=0)
    return np.asarray(
        np.divide(areas.sum(axis=0), count, out=np.zeros(count.shape), where=count > 0)
    )


def _by_name(sample: VideoSample) -> dict[str, list[VideoTarget]]:
    found: dict[str, list[VideoTarget]] = {}
    for target in sample.targets:
        found.setdefault(target.name, []).append(target)
    return found


TASKS = {Tracks.name: Tracks}
