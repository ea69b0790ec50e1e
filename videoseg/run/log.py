"""The append-only log of a run: what the model found and what was drawn, one record per line.

A folder ``run/`` holds two files of JSON lines:

* ``detections.jsonl``: the model's answer for every frame, ``instances: null`` where it was not
  asked. Masks are COCO run lengths (``size``, ``counts``) with their crop.
* ``scenes.jsonl``: the Scene of every frame, with outlines as numbers. An instance that is in the
  frame's Detections is named by its place there.

The first line of each is a header with the format, its version, the streams and the prompts.
Each record reaches the operating system before the call that appends it returns, so a crash
leaves at most one torn line, the last. Logits of masks are not kept; everything else is, exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from videoseg.errors import OutputError
from videoseg.run._codec import (
    detections_to_text,
    prompt_to_json,
    scene_to_text,
    stream_to_json,
)
from videoseg.types import Detections, Instance, Prompt, Scene, StreamInfo

FORMAT = "videoseg-run"
VERSION = 1
DETECTIONS = "detections.jsonl"
SCENES = "scenes.jsonl"


class RunLog:
    """Writes a run folder. One thread at a time; encoding happens in the calling thread.

    Args:
        folder: The run folder; made if need be, and must not hold a log already.
        streams: The streams of the source.
        prompts: What was asked.

    Raises:
        OutputError: The folder cannot be written, or holds a log.
    """

    def __init__(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        self._folder = folder
        self._found: dict[tuple[str, int], tuple[Instance, ...]] = {}
        header = {
            "format": FORMAT,
            "version": VERSION,
            "streams": [stream_to_json(info) for info in streams.values()],
            "prompts": [prompt_to_json(prompt) for prompt in prompts],
        }
        with ExitStack() as files:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._detections = files.enter_context((folder / DETECTIONS).open("xb"))
                self._scenes = files.enter_context((folder / SCENES).open("xb"))
            except OSError as error:
                raise self._failure(error) from error
            self._append(self._detections, json.dumps({**header, "records": "detections"}))
            self._append(self._scenes, json.dumps({**header, "records": "scenes"}))
            self._files = files.pop_all()

    def append_detections(self, stream: str, index: int, detections: Detections | None) -> None:
        """Log the answer for a frame; None = the model was not asked.

        Raises:
            OutputError: The disk is full or gone.
        """
        self._append(self._detections, detections_to_text(stream, index, detections))
        self._found[stream, index] = () if detections is None else detections.instances

    def append_scene(self, scene: Scene) -> None:
        """Log the Scene of a frame; its Detections must have been logged before.

        Raises:
            ValueError: They were not, or an outline holds a coordinate that is not finite.
            OutputError: The disk is full or gone.
        """
        key = (scene.stream, scene.index)
        if key not in self._found:
            raise ValueError(f"the Scene of {key} was logged twice or before its Detections")
        self._append(self._scenes, scene_to_text(scene, self._found[key]))
        del self._found[key]

    def close(self) -> None:
        """Close both files. A second call does nothing."""
        try:
            self._files.close()
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, file: BinaryIO, record: str) -> None:
        try:
            file.write(f"{record}\n".encode("ascii"))
            file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write the run log in {self._folder}: {error.strerror or error}")
