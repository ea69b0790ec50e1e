"""Moondream: names, points and boxes in, one SVG path an object out, from a service or Photon.

A path is written in units of its object's box (``models/_hosted/shapes.py``). One call outlines one
object; where a prompt asks for several, they are detected first, and each is outlined by a call
with its box. Neither points nor boxes that are not meant exist for it.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import PathDataError, missing_package
from videoseg.geometry.masks import bounding_box
from videoseg.models._hosted.pictures import data_uri, jpeg
from videoseg.models._hosted.prices import Counted, Tokens, counted
from videoseg.models._hosted.reading import Limits, Tally, UnreadableError, number, parsed
from videoseg.models._hosted.settings import Hosted, Provider
from videoseg.models._hosted.shapes import UNSTATED_SCORE, Extent, instance_of, placed, read_path
from videoseg.settings import Guarded
from videoseg.types import Cue, Detections, Frame, Instance, ModelCard, Prompt

_PROVIDER = Provider(
    name="Moondream",
    table="moondream",
    url="https://api.moondream.ai/v1",
    keys=("MOONDREAM_API_KEY",),
    header="X-Moondream-Auth",
)
PHOTON = "photon"
_WORST = Tokens(input=4_000, output=1_024)
"""Tokens of one call at most: twelve crops and a long path."""
_NEAR = (-1.0, 2.0)
"""Where points and sides of boxes may lie, in units of the image."""
_DIGITS = 4
"""Decimals of points and boxes, in units of the image: finer than the service's own grid."""

Ref: TypeAlias = list[float]
"""A point ``[x, y]`` or a box ``[x1, y1, x2, y2]``, in units of the image."""
T = TypeVar("T")


class Ask(Protocol):
    """Asks a skill with a payload, and makes something of the answer."""

    def __call__(
        self, skill: str, payload: Mapping[str, Any], made: Callable[[Mapping[str, Any]], T]
    ) -> T:
        """What ``made`` makes of an answer that holds what the skill promises.

        Raises:
            UnreadableError: It does not, or ``made`` raised it.
        """
        ...


@dataclass
class Moondream(Hosted):
    """Moondream's cloud, a compatible server, or Photon on this machine.

    Words, points and boxes hold together; a mask is asked as the box around it.
    """

    card: ClassVar[ModelCard] = ModelCard(
        name="moondream",
        summary="Moondream 3: phrases, points and boxes to curves; cloud, own server or Photon",
        kinds=frozenset({"text", "point", "box", "mask"}),
        open_vocabulary=True,
        licence="Moondream's terms of service",
        megabytes=0,
        extra="hosted",
        sends_frames_away=True,
    )

    url: Annotated[
        str,
        Doc(
            "address of a compatible server, or photon for the package moondream on this machine; "
            "empty = Moondream's cloud"
        ),
        Guarded("an address"),
    ] = ""
    several: Annotated[
        Literal["detect", "point", "one"],
        Doc(
            "how words become objects: boxes are detected, or points, and each is outlined; or "
            "one call outlines all that is meant as one object"
        ),
    ] = "detect"
    stream: Annotated[bool, Doc("take the outline as a stream: a coarse one, then the refined")] = (
        False
    )
    long_side: Annotated[
        int, Doc("longest side of the picture that is sent, pixels; 0 = the frame's own"), Ge(0)
    ] = 1536
    quality: Annotated[int, Doc("JPEG quality of it, 1 to 100"), Ge(1), Le(100)] = 95

    _photon: Any = field(init=False, repr=False, default=None)
    _encoded: Any = field(init=False, repr=False, default=None)

    @property
    def provider(self) -> Provider:
        """Who runs it."""
        return _PROVIDER

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go; None where they stay on this machine."""
        return None if self.url == PHOTON else super().sends_frames_to

    def prepare(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - any phrase is taken
        """Connect, or load Photon's model.

        Raises:
            UsageError: A setting makes no sense.
            MissingDependencyError: There is no key, or a package is not installed.
        """
        self._asker()

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer each frame for itself.

        Raises:
            ModelError: The service refuses or fails.
            LimitReachedError: A limit of the user's does not allow a call.
        """
        ask = self._asker()
        answers = []
        for frame, asked in zip(frames, prompts, strict=True):
            picture = data_uri(jpeg(frame.image, long_side=self.long_side, quality=self.quality))
            found: list[Instance] = []
            for place, prompt in enumerate(asked):
                found += self._found(ask, frame, picture, prompt, place)
            answers.append(Detections(frame.stream, frame.index, tuple(found)))
        return answers

    def close(self) -> None:
        """Let go of connections or of Photon's model. A second call does nothing."""
        super().close()
        if self._photon is not None:
            self._photon.close()
            self._photon = None

    def _found(
        self, ask: Ask, frame: Frame, picture: str, prompt: Prompt, place: int
    ) -> list[Instance]:
        """All instances of one prompt. What cannot be read is left out, and counted."""
        subject = prompt.text or prompt.label
        given = [ref for cue in prompt.cues for ref in _refs(cue, frame)]
        try:
            if given:
                each = [given]
            elif self.several == "one" or prompt.max_instances == 1:
                each = [[]]
            else:
                each = [[ref] for ref in self._located(ask, picture, subject)]
        except UnreadableError:
            return []
        instances, tally = [], Tally(self.limits)
        for refs in each[: prompt.max_instances]:
            try:
                payload = segment_payload(
                    picture, subject, refs, model=self.model, stream=self.stream
                )
                found = ask("segment", payload, lambda a: outlined(a, frame, place, self.limits))
            except UnreadableError:
                continue
            if found is None:
                continue
            try:
                size = found.mask.bitmap.size
                tally.add("pixels", size, least=4 * frame.width * frame.height)
            except UnreadableError as error:
                self.leave_out(error)
                break
            instances.append(found)
        return instances

    def _located(self, ask: Ask, picture: str, subject: str) -> list[Ref]:
        """Where the instances of a thing are."""
        skill = "point" if self.several == "point" else "detect"
        payload = located_payload(picture, subject, self.model)
        return ask(skill, payload, lambda answer: _places(answer, self.limits))

    def _asker(self) -> Ask:
        if self.url == PHOTON:
            return self._photon_asker()
        service = self.connect()

        def ask(
            skill: str, payload: Mapping[str, Any], made: Callable[[Mapping[str, Any]], T]
        ) -> T:
            def read(body: bytes) -> tuple[T, Counted | None]:
                answer = answered(skill, body)
                return made(_checked(skill, answer)), _tokens(answer)

            return service.ask(f"/{skill}", json.dumps(payload).encode(), read, worst=_WORST)

        return ask

    def _photon_asker(self) -> Ask:
        if self._photon is None:
            try:
                package = importlib.import_module("moondream")
                images = importlib.import_module("moondream.types")
            except ImportError as error:
                raise missing_package("url=photon", "moondream") from error
            self._photon = package.photon(self.model or "moondream3.1-9B-A2B")
            self._encoded = images.Base64EncodedImage
        client, encoded = self._photon, self._encoded

        def ask(
            skill: str, payload: Mapping[str, Any], made: Callable[[Mapping[str, Any]], T]
        ) -> T:
            rest = {k: v for k, v in payload.items() if k in ("object", "spatial_refs")}
            answer = getattr(client, skill)(image=encoded(payload["image_url"]), **rest)
            return made(_checked(skill, answer))

        return ask


def segment_payload(
    picture: str, subject: str, refs: Sequence[Ref], *, model: str = "", stream: bool = False
) -> dict[str, Any]:
    """What ``/segment`` is asked, in the order in which Moondream's own client writes it."""
    payload: dict[str, Any] = {"image_url": picture, "object": subject, "stream": stream}
    if model:
        payload["model"] = model
    if refs:
        payload["spatial_refs"] = list(refs)
    return payload


def located_payload(picture: str, subject: str, model: str = "") -> dict[str, Any]:
    """What ``/detect`` and ``/point`` are asked."""
    payload = {"image_url": picture, "object": subject}
    return {**payload, "model": model} if model else payload


def _refs(cue: Cue, frame: Frame) -> list[Ref]:
    """A cue in units of the image, inside of it as the service demands."""
    boxes: list[tuple[float, float, float, float]] = [box[:4] for box in cue.boxes]
    if cue.mask is not None:
        boxes.append(bounding_box(cue.mask))
    points: list[Ref] = [[x / frame.width, y / frame.height] for x, y, _ in cue.points]
    scaled = [
        [x1 / frame.width, y1 / frame.height, x2 / frame.width, y2 / frame.height]
        for x1, y1, x2, y2 in boxes
    ]
    return [[_unit(value) for value in ref] for ref in (*points, *scaled)]


def _unit(value: float) -> float:
    return round(min(max(float(value), 0.0), 1.0), _DIGITS)


def answered(skill: str, body: bytes) -> Mapping[str, Any]:
    """The answer to a skill, whether it came as one or as a stream.

    Raises:
        UnreadableError: It is neither.
    """
    events = body.lstrip()[:6] in (b"data: ", b"data:{")
    return _final(body) if skill == "segment" and events else parsed(body)


def outlined(
    answer: Mapping[str, Any], frame: Frame, place: int, limits: Limits
) -> Instance | None:
    """The object that a path and its box outline; None where the service found nothing.

    Args:
        answer: To ``/segment``, as it came.
        frame: What was asked about.
        place: Number of the prompt.
        limits: Of the path.

    Raises:
        UnreadableError: It cannot be read, or goes beyond the limits.
    """
    path, box = answer["path"], answer.get("bbox")
    if not isinstance(path, str):
        raise UnreadableError("it answered with a path that is no text")
    if not path.strip():
        return None
    try:
        rings = read_path(path, limits)
    except PathDataError as error:
        raise UnreadableError(f"it answered with a path that cannot be read: {error}") from error
    extent = (0.0, 0.0, 1.0, 1.0) if box is None else _extent(box)
    rings = placed(rings, extent, width=frame.width, height=frame.height)
    return instance_of(rings, UNSTATED_SCORE, place, width=frame.width, height=frame.height)


def _places(answer: Mapping[str, Any], limits: Limits) -> list[Ref]:
    """Points or boxes of an answer, inside of the picture."""
    points = answer.get("points")
    entries = answer["objects"] if points is None else points
    if not isinstance(entries, list):
        raise UnreadableError("it answered with places that are no list")
    Tally(limits).add("entries", len(entries))
    found = map(_extent, entries) if points is None else map(_point, entries)
    return [[_unit(value) for value in one] for one in found]


def _point(value: Any) -> tuple[float, float]:
    try:
        return number(value["x"], *_NEAR), number(value["y"], *_NEAR)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError("it answered with a point that is none") from error


def _extent(box: Any) -> Extent:
    """A box of the service's.

    Raises:
        UnreadableError: It is none.
    """
    try:
        sides = [number(box[key], *_NEAR) for key in ("x_min", "y_min", "x_max", "y_max")]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError("it answered with a box that is none") from error
    x1, y1, x2, y2 = sides
    if not (x1 < x2 and y1 < y2):
        raise UnreadableError("it answered with a box that encloses nothing")
    return (x1, y1, x2, y2)


def _checked(skill: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """An answer that holds what its skill promises.

    Raises:
        UnreadableError: It does not.
    """
    key = {"segment": "path", "detect": "objects", "point": "points"}[skill]
    if answer.get(key) is None or answer.get("parse_error"):
        raise UnreadableError(f"it answered without {key!r}")
    return {name: answer.get(name) for name in (key, "bbox")}


def _tokens(answer: Mapping[str, Any]) -> Counted | None:
    metrics = answer.get("metrics")
    if not isinstance(metrics, dict):
        return None
    return counted(metrics.get("input_tokens"), metrics.get("output_tokens"))


def _final(body: bytes) -> Mapping[str, Any]:
    """The last event of a stream: the refined outline, or the coarse one if that is empty.

    The coarse outline comes in pieces, and is another path than the refined one.

    Raises:
        UnreadableError: The stream ended before it.
    """
    coarse: list[str] = []
    box: Any = None
    for line in body.decode("utf-8", errors="replace").splitlines():
        if not line.startswith("data:"):
            continue
        event = parsed(line.removeprefix("data:").strip().encode())
        kind = event.get("type")
        if kind == "bbox":
            box = event.get("bbox")
        elif kind == "path_delta":
            chunk = event.get("chunk")
            coarse += [chunk] if isinstance(chunk, str) else []
        elif kind == "final":
            if event.get("path"):
                return event
            return {**event, "path": " ".join(coarse), "bbox": event.get("bbox") or box}
    raise UnreadableError("the stream ended before the outline was complete")


PARTS = {"moondream": Moondream}
