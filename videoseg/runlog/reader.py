"""Reads the log of a run (``runlog/log.py`` describes it), one record at a time."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from videoseg.errors import RunLogError
from videoseg.protocols import ReviewItem
from videoseg.roto.layers import roto_layers, roto_shapes
from videoseg.runlog.codec import (
    Json,
    detections_from_json,
    instance_from_json,
    named_places,
    place_from_json,
    scene_from_json,
)
from videoseg.runlog.findings import Finding
from videoseg.runlog.log import DETECTIONS, FORMAT, SCENES, VERSION, prompts_of, streams_of
from videoseg.runlog.validation import check_instance, stream_of
from videoseg.types import (
    Detections,
    Instance,
    Mask,
    Prompt,
    RotoLayer,
    RotoShape,
    Scene,
    StreamInfo,
)

T = TypeVar("T")


class Edit(Protocol):
    """What users have corrected."""

    @property
    def labels(self) -> Sequence[str]:
        """Those that they gave to tracks."""

    def __call__(self, scene: Scene) -> Scene:
        """What is shown of a Scene as it was tracked."""


def read_run(
    folder: Path,
    review: Sequence[Finding] = (),
    made_with: Mapping[str, str] | None = None,
    edit: Edit | None = None,
    check: Callable[[], object] = lambda: None,
) -> RunFolder:
    """Open a run folder, or the output folder that holds one as ``run``.

    Args:
        folder: The folder.
        review: What should be looked at again, which ``run.json`` has and not the log.
        made_with: What made it, likewise.
        edit: What users have corrected, likewise (``edits.py``).
        check: Called with each record that is read; what it raises ends the reading.

    Raises:
        RunLogError: It is neither, its header is damaged, or a newer videoseg wrote it.
    """
    for candidate in (folder, folder / "run"):
        if (candidate / DETECTIONS).is_file() and (candidate / SCENES).is_file():
            found = RunFolder(candidate, review=review, made_with=made_with, edit=edit)
            found.check = check
            return found
    raise RunLogError(f"{folder} is not a run folder: it has no {DETECTIONS} and {SCENES}")


class RunFolder:
    """A run as its log holds it (see ``protocols.RunReader``).

    Every call reads the files afresh and holds no more than the tracker's look-ahead in memory; but
    keyed layers, which take long to find, are kept for the exporters that follow with the same
    tolerance. A last line that a crash has torn is left out.

    Args:
        folder: The run folder.
        answers: Where the Detections are, if not in the folder: of a run that is not finished.
        review: What should be looked at again.
        made_with: What made it.
        edit: What users have corrected; None = nothing.

    Attributes:
        folder: The run folder.
        review: What should be looked at again, the worst first.
        made_with: What made it, by name; empty where that was not said.
        streams: The streams of the source by name.
        prompts: What was asked.
        frames_in: See ``protocols.RunReader``.
        check: Called with each record that is read; what it raises ends the reading.
    """

    def __init__(
        self,
        folder: Path,
        answers: Path | None = None,
        review: Sequence[Finding] = (),
        made_with: Mapping[str, str] | None = None,
        edit: Edit | None = None,
    ) -> None:
        self.folder = folder
        self._edit = edit
        self._hides = True
        self.review: Sequence[ReviewItem] = tuple(review)
        self.made_with: Mapping[str, str] = dict(made_with or {})
        self.frames_in: Path | None = None
        self.check: Callable[[], object] = lambda: None
        self._files = {
            SCENES: folder / SCENES,
            DETECTIONS: folder / DETECTIONS if answers is None else answers,
        }
        self._layers: tuple[float, tuple[RotoLayer, ...]] | None = None
        self._check_header(SCENES, "scenes")
        header = self._check_header(DETECTIONS, "detections")
        self.streams: Mapping[str, StreamInfo] = self._build(DETECTIONS, 1, streams_of, header)
        self.prompts: Sequence[Prompt] = self._build(DETECTIONS, 1, prompts_of, header)

    @property
    def labels(self) -> Sequence[str]:
        """See ``protocols.RunReader``."""
        given = () if self._edit is None else self._edit.labels
        return (*(prompt.label for prompt in self.prompts), *given)

    def count(self) -> tuple[int, int]:
        """How many whole records of Detections and of Scenes there are."""
        found, drawn = (sum(1 for _ in self._lines(name)) - 1 for name in (DETECTIONS, SCENES))
        return found, drawn

    def detections(self) -> Iterator[tuple[str, int, Detections | None]]:
        """Yield ``stream, index, detections`` in the order of the run.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        for number, record in self._records(DETECTIONS):
            yield self._build(DETECTIONS, number, detections_from_json, record)

    def scenes(self) -> Iterator[Scene]:
        """Yield Scenes in the order of the run, as users have corrected them.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        if self._edit is None:
            return self.tracked()
        edited = map(self._edit, self.tracked())
        return (scene.without_hidden() for scene in edited) if self._hides else edited

    def with_hidden(self) -> RunFolder:
        """The same run with the tracks that users have hidden."""
        made = copy.copy(self)
        made._hides = False
        made._layers = None
        return made

    def tracked(self) -> Iterator[Scene]:
        """Yield Scenes in the order of the run as they were tracked, without corrections.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        for _, read in self.unread():
            yield read()

    def unread(self) -> Iterator[tuple[tuple[str, int], Callable[[], Scene]]]:
        """Yield stream and index of each Scene with what makes it, for who needs only a few.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        for number, record, line, instances in self._paired():
            place = self._build(SCENES, number, place_from_json, record)
            yield place, functools.partial(self._scene, number, record, line, instances)

    def _scene(self, number: int, record: Json, line: int, instances: Sequence[Json]) -> Scene:
        # Most of what is drawn has been steadied and has a mask of its own: no need for both.
        named = self._build(SCENES, number, named_places, record)
        found = [
            self._build(DETECTIONS, line, instance_from_json, made) if place in named else None
            for place, made in enumerate(instances)
        ]
        build = functools.partial(scene_from_json, found=found)
        return self._build(SCENES, number, build, record)

    def sightings(self) -> Iterator[Scene]:
        """Yield Scenes as they were tracked with ids, labels and prompts alone, which is quick.

        Each mask is the first pixel of the frame, and shapes are empty.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        for number, record, _, instances in self._paired():
            info = stream_of(record["stream"], self.streams)
            mask = Mask(0, 0, info.width, info.height, np.ones((1, 1), np.bool_))
            build = functools.partial(_sighting, found=instances, mask=mask)
            yield self._build(SCENES, number, build, record)

    def _paired(self) -> Iterator[tuple[int, Json, int, Sequence[Json]]]:
        """Yield line and content of each Scene with line and instances of its Detections."""
        answers = self._records(DETECTIONS)
        waiting: dict[tuple[str, int], tuple[int, Sequence[Json]]] = {}
        for number, record in self._records(SCENES):
            key = self._build(SCENES, number, place_from_json, record)
            while key not in waiting:
                line, answer = next(answers, (0, None))
                if answer is None:
                    raise self._damage(SCENES, number, f"no answer of the model for {key}")
                answered, instances = self._build(DETECTIONS, line, _found, answer)
                waiting[answered] = line, instances
            yield number, record, *waiting.pop(key)

    def tracks(self, tolerance: float = 1.0) -> Iterator[RotoShape]:
        """Yield tracks as keyed shapes, as their spans end.

        Args:
            tolerance: On each frame 95 % of the boundary is no further off, pixels.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        return roto_shapes(self.scenes(), tolerance)

    def layers(self, tolerance: float = 1.0) -> Iterator[RotoLayer]:
        """Yield tracks as layers of keyed shapes, by stream and track id.

        ``roto.interpolation`` gives their rings and masks on any frame.

        Args:
            tolerance: On each frame 95 % of the boundary is no further off, pixels.

        Raises:
            RunLogError: A line that is not the last is damaged; the message names it.
        """
        if self._layers is None or self._layers[0] != tolerance:
            self._layers = tolerance, tuple(roto_layers(self.scenes(), tolerance))
        yield from self._layers[1]

    def _check_header(self, name: str, records: str) -> Json:
        line = next(self._lines(name), None)
        if line is None:
            raise self._damage(name, 1, "the header is missing or torn")
        header = self._parse(name, 1, line)
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise self._damage(name, 1, "this is not the log of a run")
        if header.get("version") != VERSION:
            raise RunLogError(
                f"{self._files[name]} has format version {header.get('version')!r}; this videoseg "
                f"reads version {VERSION}"
            )
        if header.get("records") != records:
            raise self._damage(name, 1, f"holds {header.get('records')!r}, not {records}")
        return header

    def _records(self, name: str) -> Iterator[tuple[int, Json]]:
        """Yield line number and content of each record."""
        for number, line in enumerate(self._lines(name), start=1):
            if number > 1:
                self.check()
                record = self._parse(name, number, line)
                self._build(name, number, self._check, record)
                yield number, record

    def _check(self, record: Json) -> None:
        """Instances belong to a prompt, and their masks are of the stream's size.

        Before a mask is unpacked: a damaged one must not claim memory for any other size.
        """
        info = stream_of(record["stream"], self.streams)
        for made in record["instances"] or ():
            instance = made.get("instance", made)
            if not isinstance(instance, dict):
                continue
            size, prompt = instance["mask"]["size"], instance["prompt"]
            check_instance(size, prompt, info, len(self.prompts))

    def _lines(self, name: str) -> Iterator[bytes]:
        """Yield whole lines; a last one without its end is torn and left out."""
        try:
            with self._files[name].open("rb") as file:
                yield from (line for line in file if line.endswith(b"\n"))
        except OSError as error:
            raise RunLogError(f"cannot read {self._files[name]}: {error.strerror}") from error

    def _parse(self, name: str, number: int, line: bytes) -> Json:
        return self._build(name, number, json.loads, line)

    def _build(self, name: str, number: int, build: Callable[[Json], T], made: Json) -> T:
        try:
            return build(made)
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise self._damage(name, number, f"{type(error).__name__}: {error}") from error
        except (RecursionError, MemoryError) as error:
            raise self._damage(name, number, "a value of absurd size") from error

    def _damage(self, name: str, number: int, what: str) -> RunLogError:
        # What was read may stand in it as it is, with whatever ends a line.
        said = " ".join(what.split())
        return RunLogError(f"{self._files[name]}, line {number} is damaged: {said}")


def _found(made: Json) -> tuple[tuple[str, int], Sequence[Json]]:
    return place_from_json(made), made["instances"] or ()


def _sighting(made: Json, found: Sequence[Json], mask: Mask) -> Scene:
    """The Scene of one line, with this mask and no shape in place of each one's own."""
    named = [each["instance"] for each in made["instances"]]
    logged = [found[each] if isinstance(each, int) else each for each in named]
    seen = [Instance(mask, each["score"], each["prompt"]) for each in logged]
    bare = [{**each, "shape": [], "instance": n} for n, each in enumerate(made["instances"])]
    return scene_from_json({**made, "instances": bare}, seen)
