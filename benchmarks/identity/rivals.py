"""The trackers of roboflow ``trackers`` on the same detections, in an environment of their own."""

from __future__ import annotations

import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.identity.sequences import RATE, HardSequence
from videoseg.geometry import masks
from videoseg.types import Mask

CLASSES = {
    "SORT": "SORTTracker",
    "ByteTrack": "ByteTrackTracker",
    "OC-SORT": "OCSORTTracker",
    "BoT-SORT": "BoTSORTTracker",
    "C-BIoU": "CBIoUTracker",
}
"""Their names, and the classes of the package."""
CONFIDENCES: Mapping[str, tuple[str, ...]] = {
    "SORTTracker": ("track_activation_threshold",),
    "OCSORTTracker": ("high_conf_det_threshold",),
}
"""Which of their settings are confidences; those of the others are the two below."""
CONFIDENT = 0.4
"""Confidence from which they begin tracks, beside that of their defaults."""
_BOTH = ("track_activation_threshold", "high_conf_det_threshold")


def variants() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, class and settings: first the defaults, then what may suit the sequences better.

    They begin tracks from a lower confidence, and how soon they trust one, and how long they
    remember it, is varied, so that none loses for a default that was meant for other detectors.
    """
    for name, made in CLASSES.items():
        own: dict[str, Any] = {"frame_rate": float(RATE)}
        if name == "BoT-SORT":
            own["enable_cmc"] = True
        yield name, made, own
        for sightings, buffer in itertools.product((1, 2), (30, 75)):
            settings = own | {"minimum_consecutive_frames": sightings, "lost_track_buffer": buffer}
            settings |= dict.fromkeys(CONFIDENCES.get(made, _BOTH), CONFIDENT)
            yield name, made, settings


@dataclass
class Rivals(AbstractContextManager["Rivals"]):
    """A process that runs them; leaving the context ends it.

    Attributes:
        python: Python of an environment in which ``trackers`` is installed.
    """

    python: Path
    _process: subprocess.Popen[str] = field(init=False, repr=False)

    def __enter__(self) -> Self:
        worker = Path(__file__).with_name("rival_process.py")
        self._process = subprocess.Popen(
            [str(self.python), str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def track(
        self, sequence: HardSequence, rivals: Mapping[str, tuple[str, Mapping[str, Any]]]
    ) -> dict[str, list[dict[int, Mask]]]:
        """For each rival, by key, and each frame the masks that it gave an identity.

        Args:
            sequence: What to track.
            rivals: Class and settings by key.
        """
        found = [(n, i) for n, d in enumerate(sequence.detections) for i in d.instances]
        with tempfile.TemporaryDirectory() as folder:
            given, answers = Path(folder) / "given.npz", Path(folder) / "answers.npz"
            np.savez(
                given,
                images=np.stack([frame.image for frame in sequence.frames]),
                frame=np.array([n for n, _ in found]),
                boxes=np.array([masks.bounding_box(i.mask) for _, i in found]).reshape(-1, 4),
                scores=np.array([i.score for _, i in found]),
            )
            task = {"detections": str(given), "answers": str(answers), "rivals": dict(rivals)}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            self._expect("done")
            with np.load(answers) as made:
                ids = {key: made[key] for key in made.files}
        results: dict[str, list[dict[int, Mask]]] = {}
        for key, given_ids in ids.items():
            tracks: list[dict[int, Mask]] = [{} for _ in sequence.frames]
            for (n, instance), identity in zip(found, given_ids.tolist(), strict=True):
                if identity >= 0:
                    tracks[n][identity] = instance.mask
            results[key] = tracks
        return results

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        if answer != word:
            raise SystemExit(f"{self.python}: the process with roboflow trackers has ended")
