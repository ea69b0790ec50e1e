"""Runs roboflow's trackers; started by ``rivals.py`` with a Python that has ``trackers``.

Reads one JSON line for each sequence, with the file that holds its detections, what is to be run
and the file for the answers; answers with one line when that is done.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import warnings
from typing import Any

import numpy as np


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    answers, sys.stdout = sys.stdout, sys.stderr
    library, supervision = (importlib.import_module(name) for name in ("trackers", "supervision"))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        with np.load(task["detections"]) as given:
            arrays = {name: given[name] for name in given.files}
        found = {
            key: run(library, supervision, name, settings, arrays)
            for key, (name, settings) in task["rivals"].items()
        }
        np.savez(task["answers"], **found)  # type: ignore[arg-type]
        print("done", file=answers, flush=True)


def run(
    library: Any, supervision: Any, name: str, settings: dict[str, Any], arrays: dict[str, Any]
) -> np.ndarray[Any, Any]:
    """The id of each detection, -1 where it is on no track; int64 (n,)."""
    tracker = getattr(library, name)(**settings)
    ids = np.full(len(arrays["frame"]), -1, dtype=np.int64)
    for index, image in enumerate(arrays["images"]):
        rows = np.flatnonzero(arrays["frame"] == index)
        detections = supervision.Detections(
            xyxy=arrays["boxes"][rows].astype(np.float32),
            confidence=arrays["scores"][rows].astype(np.float32),
            class_id=np.zeros(len(rows), dtype=int),
            data={"row": rows},
        )
        tracked = tracker.update(detections, image if settings.get("enable_cmc") else None)
        if len(tracked) and tracked.tracker_id is not None:
            ids[np.asarray(tracked.data["row"], dtype=int)] = tracked.tracker_id
    return ids


if __name__ == "__main__":
    main()
