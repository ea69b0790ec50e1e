"""Finds where a run's tracks should be looked at again: lost, collapsed, or on something else.

Looks at Scenes as they come, at a few numbers of each track alone. A track is compared with its own
last sightings: how it moved explains where it is now, its usual area how large it is. What comes in
or leaves over the frame's border may grow, shrink and end.
"""

from __future__ import annotations

import heapq
import itertools
import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from videoseg.runlog.findings import Finding, Kind
from videoseg.types import Bitmap, Mask, Prompt, Scene, TrackedInstance

MOST = 1000
"""So many findings are kept, the worst of a run."""
_RECENT = 8
"""Sightings that say what is usual for a track."""
_SETTLED = 4
"""Sightings before which nothing is usual yet."""
_PATIENCE = Fraction(2)
"""After so many seconds what was unusual is the new usual."""
_FORGOTTEN = Fraction(30)
"""After so many seconds a track that is gone is not waited for."""
_SAMPLES = 96
"""A mask is looked at with at most so many samples along each side."""
_NEAR_BORDER = 0.01
"""What comes so near to the frame's border, as a share of its side, is at it."""
_WAS_SURE = 0.15
"""A score is low only where it is at least this far below what is usual for its track."""
_RISE = 0.05
"""A low score stays low until it is this far above the limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is unusual.

    Attributes:
        gap: Longest time that an object may be missing, seconds.
        shrink: Least share of its usual area that is left; over one by this share is growth.
        jump: Furthest that it may lie from where its motion leads, in its own sizes (the square
            root of its area).
        score: Least score.
    """

    gap: float
    shrink: float
    jump: float
    score: float


@dataclass(frozen=True, slots=True)
class _MaskMeasure:
    """A few numbers of a mask.

    Attributes:
        area: Pixels.
        x: Centre, pixels.
        y: Centre, pixels.
        at_border: Whether it comes to the frame's border.
    """

    area: float
    x: float
    y: float
    at_border: bool

    @classmethod
    def of(cls, mask: Mask) -> _MaskMeasure:
        """Those of a mask, from samples where it is large."""
        height, width = mask.bitmap.shape
        step = max(1, -(-max(height, width) // _SAMPLES))
        samples: Bitmap = mask.bitmap[step // 2 :: step, step // 2 :: step]
        if not samples.any():  # thinner than the steps between samples
            step, samples = 1, mask.bitmap
        across, down = np.count_nonzero(samples, axis=0), np.count_nonzero(samples, axis=1)
        count = int(across.sum())
        columns, rows = np.flatnonzero(across), np.flatnonzero(down)
        left, right = mask.x + columns[0] * step, mask.x + (columns[-1] + 1) * step
        top, bottom = mask.y + rows[0] * step, mask.y + (rows[-1] + 1) * step
        near_x = step + _NEAR_BORDER * mask.frame_width
        near_y = step + _NEAR_BORDER * mask.frame_height
        x = float(across @ np.arange(len(across))) / count
        y = float(down @ np.arange(len(down))) / count
        return cls(
            area=float(count * step * step),
            x=mask.x + (x + 0.5) * step,
            y=mask.y + (y + 0.5) * step,
            at_border=bool(
                left < near_x
                or top < near_y
                or right > mask.frame_width - near_x
                or bottom > mask.frame_height - near_y
            ),
        )


@dataclass(slots=True)
class _Track:
    """What is remembered of a track.

    Attributes:
        finding: What its findings have in common.
        shot: The shot that it was last seen in.
        seen: Time of its last sighting.
        measure: Of its mask where it was last seen.
        areas: Of the last sightings.
        scores: Of the last sightings.
        speed: Pixels a second, across and down.
        gone: What is found if it does not come back.
        unusual: What is unusual about it now, by kind.
    """

    finding: Finding
    shot: int
    seen: Fraction
    measure: _MaskMeasure
    areas: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    speed: tuple[float, float] | None = None
    gone: Finding | None = None
    unusual: dict[Kind, Finding] = field(default_factory=dict)


class Reviewer:
    """Looks at the Scenes of a run in their order.

    Args:
        prompts: What was asked.
        limits: From where on something is unusual.
    """

    def __init__(self, prompts: Sequence[Prompt], limits: Limits) -> None:
        self._prompts = tuple(prompts)
        self._limits = limits
        self._tracks: dict[str, dict[int, _Track]] = {}
        self._now: dict[str, Fraction] = {}
        self._found: set[int] = set()
        self._heap: list[tuple[float, int, Finding]] = []
        self._order = itertools.count(0, -1)
        self.left_out = 0

    def add(self, scene: Scene) -> None:
        """Look at the next Scene of its stream."""
        self._now[scene.stream] = scene.seconds
        tracks = self._tracks.setdefault(scene.stream, {})
        here = {each.track_id: each for each in scene.instances if each.state != "held"}
        for track_id, item in here.items():
            self._found.add(item.instance.prompt)
            track = tracks.get(track_id)
            measure = _MaskMeasure.of(item.instance.mask)
            if track is None:
                tracks[track_id] = self._begun(scene, item, measure)
            else:
                self._seen(track, scene, item, measure)
        for track_id in [each for each in tracks if each not in here]:
            if not self._missed(tracks[track_id], scene):
                del tracks[track_id]

    def finish(self, refused: Sequence[int] = ()) -> list[Finding]:
        """All that was found, the worst first; the run has ended.

        Args:
            refused: Places of prompts that nothing was looked for.
        """
        for stream, tracks in self._tracks.items():
            for track in tracks.values():
                self._close(track, self._now[stream])
        self._tracks.clear()
        for place, prompt in enumerate(self._prompts):
            if place not in self._found and place not in refused:
                self._keep(Finding("never_found", place, prompt.label))
        return [found for *_, found in sorted(self._heap, reverse=True)]

    # A track ----------------------------------------------------------------------------------

    def _begun(self, scene: Scene, item: TrackedInstance, measure: _MaskMeasure) -> _Track:
        finding = Finding("ended", item.instance.prompt, item.label, item.track_id, scene.stream)
        track = _Track(finding, scene.shot, scene.seconds, measure)
        track.areas.append(measure.area)
        track.scores.append(item.instance.score)
        return track

    def _seen(
        self, track: _Track, scene: Scene, item: TrackedInstance, measure: _MaskMeasure
    ) -> None:
        passed = float(scene.seconds - track.seen)
        if track.gone is not None:
            self._back(track, scene)
        if track.shot != scene.shot or passed <= 0 or passed > self._limits.gap:
            self._settle(track, scene.index)
            track.areas.clear()
            track.scores.clear()
            track.speed = None
        elif len(track.areas) >= _SETTLED:
            self._compare(track, scene, measure, passed)
        self._score(track, scene, item)
        if passed > 0 and track.areas:
            track.speed = (
                (measure.x - track.measure.x) / passed,
                (measure.y - track.measure.y) / passed,
            )
        if not track.unusual.keys() & {"shrank", "grew"}:
            track.areas.append(measure.area)
        track.shot, track.seen, track.measure = scene.shot, scene.seconds, measure

    def _compare(self, track: _Track, scene: Scene, measure: _MaskMeasure, passed: float) -> None:
        """Look for a change of area or place that nothing explains."""
        limits, usual = self._limits, statistics.median(track.areas)
        share = measure.area / usual
        # What leaves still is at the border, and what comes in was there before.
        shrank = share < limits.shrink and not measure.at_border
        self._judge(track, scene, "shrank", share, is_so=shrank, weight=0.8 - 0.6 * share)
        grew = share > 1 / limits.shrink and not track.measure.at_border
        self._judge(track, scene, "grew", share, is_so=grew, weight=0.8 - 0.6 / share)
        away = self._away(track, measure, passed) / math.sqrt(usual)
        if away > limits.jump and not (measure.at_border and track.measure.at_border):
            self._keep(self._at(track, scene, "jumped", away, min(0.9, 0.3 + 0.2 * away)))

    def _judge(
        self,
        track: _Track,
        scene: Scene,
        kind: Kind,
        value: float,
        *,
        is_so: bool,
        weight: float,
    ) -> None:
        """Something is unusual about a track on this Scene, or is not."""
        known = track.unusual.get(kind)
        if known is None and is_so:
            track.unusual[kind] = self._at(track, scene, kind, value, weight)
        elif known is not None and not is_so:
            self._end_of(track, kind, scene.index)
        elif known is not None and scene.seconds - (known.seconds or 0) > _PATIENCE:
            self._end_of(track, kind, None)
            track.areas.clear()

    def _away(self, track: _Track, measure: _MaskMeasure, passed: float) -> float:
        """How far it lies from where it was, and from where its motion leads; the less of both."""
        across, down = measure.x - track.measure.x, measure.y - track.measure.y
        speed = track.speed or (0.0, 0.0)
        led = math.hypot(across - speed[0] * passed, down - speed[1] * passed)
        return min(math.hypot(across, down), led)

    def _score(self, track: _Track, scene: Scene, item: TrackedInstance) -> None:
        """Look for a score that has sunk; one that was always low says nothing."""
        score, limit = item.instance.score, self._limits.score
        if "low_score" in track.unusual:
            low = score < limit + _RISE
        else:
            usual = statistics.median(track.scores) if len(track.scores) >= _SETTLED else 0.0
            low = score < limit and usual - score >= _WAS_SURE
        self._judge(track, scene, "low_score", score, is_so=low, weight=0.5 - 0.4 * score)
        if not low:
            track.scores.append(score)

    def _missed(self, track: _Track, scene: Scene) -> bool:
        """The track is not in this Scene; False where it is waited for no longer."""
        if track.gone is None:
            self._settle(track, None)
            found = self._at(track, scene, "ended", None, 1.0)
            track.gone = replace(found, at_cut=track.shot != scene.shot)
        if scene.seconds - track.seen <= _FORGOTTEN:
            return True
        self._close(track, scene.seconds)
        return False

    def _back(self, track: _Track, scene: Scene) -> None:
        """It was gone, and is there again."""
        gone, track.gone = track.gone, None
        assert gone is not None  # noqa: S101
        away = float(scene.seconds - track.seen)
        if away > self._limits.gap and not gone.at_cut and not track.measure.at_border:
            self._keep(replace(gone, until=scene.index, weight=min(0.9, 0.4 + 0.1 * away)))

    def _close(self, track: _Track, now: Fraction) -> None:
        """Nothing more comes of a track."""
        self._settle(track, None)
        if track.gone is None or now - track.seen <= self._limits.gap:
            return
        # Words are looked for anew in the next shot; a mark is not.
        marked = bool(self._prompts[track.gone.prompt].cues)
        if marked if track.gone.at_cut else not track.measure.at_border:
            self._keep(track.gone)

    def _settle(self, track: _Track, until: int | None) -> None:
        for kind in list(track.unusual):
            self._end_of(track, kind, until)

    def _end_of(self, track: _Track, kind: Kind, until: int | None) -> None:
        found = track.unusual.pop(kind)
        brief = until is not None and found.frame is not None and until - found.frame <= 2
        self._keep(replace(found, until=until, weight=found.weight * (0.6 if brief else 1)))

    def _at(
        self, track: _Track, scene: Scene, kind: Kind, value: float | None, weight: float
    ) -> Finding:
        return replace(
            track.finding,
            kind=kind,
            frame=scene.index,
            seconds=scene.seconds,
            value=value,
            weight=weight,
        )

    def _keep(self, found: Finding) -> None:
        """Keep it if it is among the worst; of equals the first."""
        item = (found.weight, next(self._order), found)
        if len(self._heap) < MOST:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)
            self.left_out += 1
