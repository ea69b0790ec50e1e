"""The append-only log of a run: what the model found and what was drawn, one record per line.

A folder ``run/`` holds two files of JSON lines:

* ``detections.jsonl``: the model's answer for every frame, ``instances: null`` where it was not
  asked. Masks are COCO run lengths (``size``, ``counts``) with their crop.
* ``scenes.jsonl``: the Scene of every frame, with outlines as numbers. An instance that is in the
  frame's Detections is named by its place there.

The first line of each is a header with the format, its version, the streams and the prompts.
Each record reaches the operating system before the call that appends it returns, so a crash
leaves at most one torn line, the last. Everything is kept exactly; logits as ``geometry.masks.
rounded`` leaves them. What could not be read back (``validation.py``) is refused
before it is written.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from videoseg.errors import OutputError
from videoseg.runlog.codec import (
    Json,
    detections_to_text,
    prompt_from_json,
    prompt_to_json,
    scene_to_text,
    stream_from_json,
    stream_to_json,
)
from videoseg.runlog.validation import check_instance, check_streams, refusing, stream_of
from videoseg.system.held_folders import without_links
from videoseg.types import Detections, Frame, Instance, Prompt, Scene, StreamInfo

FORMAT = "videoseg-run"
VERSION = 1
DETECTIONS = "detections.jsonl"
SCENES = "scenes.jsonl"


class RunLog:
    """Writes a run folder. Answers may come from one thread and Scenes from another.

    Args:
        folder: The run folder; made if need be, and must not hold a log already.
        streams: The streams of the source.
        prompts: What was asked.
        answers: The file that holds the answers as long as the run lasts, where that is not in the
            folder itself; closing the log puts it there, too.
        known: Answers that this file holds already, in the order in which they are appended.

    Attributes:
        answers: How many answers the log holds.

    Raises:
        OutputError: The folder cannot be written, or holds a log.
        RunLogError: The streams or prompts could not be read back.
    """

    def __init__(
        self,
        folder: Path,
        streams: Mapping[str, StreamInfo],
        prompts: Sequence[Prompt],
        *,
        answers: Path | None = None,
        known: int = 0,
    ) -> None:
        self._folder = folder
        self._streams = streams
        self._prompts = len(prompts)
        self._file = folder / DETECTIONS if answers is None else answers
        self._known = known
        self._closed = False
        self.answers = known
        self._found: dict[tuple[str, int], tuple[Instance, ...]] = {}
        with refusing("the header of the run log"):
            header = {
                "format": FORMAT,
                "version": VERSION,
                "streams": [stream_to_json(info) for info in streams.values()],
                "prompts": [prompt_to_json(prompt) for prompt in prompts],
            }
            written = json.loads(json.dumps(header))
            streams_of(written), prompts_of(written)
        with ExitStack() as files:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                # Neither follows a link: the folder of the answers may have come from anybody.
                self._detections = files.enter_context(
                    open(self._file, "ab" if known else "xb", opener=without_links)
                )
                self._scenes = files.enter_context((folder / SCENES).open("xb"))
            except OSError as error:
                raise self._failure(error) from error
            if not known:
                self._append(self._detections, json.dumps({**header, "records": "detections"}))
            self._append(self._scenes, json.dumps({**header, "records": "scenes"}))
            self._files = files.pop_all()

    def append_detections(self, stream: str, index: int, detections: Detections | None) -> bool:
        """Log the answer for a frame; None = the model was not asked.

        Returns:
            Whether it is new; False for one that was known.

        Raises:
            RunLogError: It could not be read back: another size, a prompt that was not asked,
                numbers that are none.
            OutputError: The disk is full or gone.
        """
        self._found[stream, index] = () if detections is None else detections.instances
        if self._known:
            self._known -= 1
            return False
        with refusing(f"the answer for frame {index} of {stream!r}"):
            for instance in () if detections is None else detections.instances:
                self._check(stream, instance)
            text = detections_to_text(stream, index, detections)
        self._append(self._detections, text)
        self.answers += 1
        return True

    def append_answer(self, frame: Frame, detections: Detections | None) -> bool:
        """As ``append_detections``, for a frame that is at hand."""
        return self.append_detections(frame.stream, frame.index, detections)

    def append_scene(self, scene: Scene) -> None:
        """Log the Scene of a frame; its Detections must have been logged before.

        Raises:
            ValueError: They were not.
            RunLogError: It could not be read back, as where a coordinate is not finite.
            OutputError: The disk is full or gone.
        """
        key = (scene.stream, scene.index)
        if key not in self._found:
            raise ValueError(f"the Scene of {key} was logged twice or before its Detections")
        with refusing(f"the outlines of frame {scene.index} of {scene.stream!r}"):
            for tracked in scene.instances:
                self._check(scene.stream, tracked.instance)
            text = scene_to_text(scene, self._found[key])
        self._append(self._scenes, text)
        del self._found[key]

    def close(self) -> None:
        """Close both files and put the answers into the folder. A second call does nothing."""
        inside = self._folder / DETECTIONS
        if self._closed:
            return
        self._closed = True
        try:
            self._files.close()
            if self._file != inside:
                _link(self._file, inside)
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

    def _check(self, stream: str, instance: Instance) -> None:
        size = (instance.mask.frame_height, instance.mask.frame_width)
        info = stream_of(stream, self._streams)
        check_instance(size, instance.prompt, info, self._prompts)

    def _append(self, file: BinaryIO, record: str) -> None:
        try:
            file.write(f"{record}\n".encode("ascii"))
            file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write the run log in {self._folder}: {error.strerror or error}")


def streams_of(header: Json) -> dict[str, StreamInfo]:
    """The streams that the header of a log names.

    Raises:
        ValueError: They are none, or larger than any frame is.
    """
    streams = {info.stream: info for info in map(stream_from_json, header["streams"])}
    check_streams(streams)
    return streams


def prompts_of(header: Json) -> tuple[Prompt, ...]:
    """The prompts that the header of a log names."""
    return tuple(map(prompt_from_json, header["prompts"]))


def _link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
