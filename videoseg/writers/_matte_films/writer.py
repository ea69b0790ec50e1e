"""Films of mattes or cut-outs: one of all objects, or one of each, all of the same length."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import UsageError
from videoseg.formats.templates import FIELDS, Shot, Template, Version
from videoseg.geometry.alphas import alpha_of
from videoseg.system.output_files import writing
from videoseg.system.workers import usual_threads
from videoseg.types import Alpha, Frame, Prompt, Scene, StreamInfo
from videoseg.writers._matte_films.pictures import Pictures
from videoseg.writers._matte_films.waiting import WaitingPictures
from videoseg.writers._mattes.object_files import ALL_NAMES, Objects, object_names
from videoseg.writers._mattes.sequence import file_places
from videoseg.writers._video.film import MATROSKA, Coding, Film, Moment
from videoseg.writers._video.sound import SoundRules

if TYPE_CHECKING:
    from av import VideoFrame

Content: TypeAlias = Annotated[
    Literal["cutout", "matte"],
    Doc("cutout: the source's picture with the matte as alpha; matte: white on black"),
]
AlphaForm: TypeAlias = Annotated[
    Literal["straight", "premultiplied"],
    Doc("colours of a cut-out: straight, or premultiplied by the alpha"),
]
FILM_NAMES = "names of films; fields {shot} {object} {label} {track} {version} {stream}"
"""What the setting ``template`` is."""
_MATROSKA_UNIT = Fraction(1, 1000)
"""Seconds in which FFmpeg's muxer of Matroska counts."""
MOST_OPEN = 4
"""Films that are encoded at once; those of more objects wait, and follow one after another."""
_TOGETHER = 0
"""Stands for a track id where a film shows all objects; those count from 1."""


@dataclass(slots=True)
class _Moments:
    """When each picture so far is shown, kept small since runs are long."""

    stamped: bool = False
    _numbers: array[int] = field(default_factory=lambda: array("q"))

    def add(self, moment: Moment) -> None:
        """Keep one."""
        duration = -1 if moment.duration is None else moment.duration
        self._numbers.extend((moment.index, moment.pts, duration))
        self.stamped = moment.stamped

    def __len__(self) -> int:
        return len(self._numbers) // 3

    def __iter__(self) -> Iterator[Moment]:
        numbers = iter(self._numbers)
        for index, pts, duration in zip(numbers, numbers, numbers, strict=True):
            yield Moment(index, pts, None if duration < 0 else duration, self.stamped)


@dataclass(slots=True)
class _Reel:
    """The films of one stream.

    Attributes:
        info: The stream.
        folder: Where they go.
        names: Values for the fields of the template that are the same for all.
        pictures: Makes what they show; None before the first frame.
        films: By track id.
        waiting: The pictures of films that are not begun; None where there are none.
        moments: Of the frames so far.
    """

    info: StreamInfo
    folder: str
    names: Mapping[str, str | int]
    pictures: Pictures | None = None
    films: dict[int, Film] = field(default_factory=dict)
    waiting: WaitingPictures | None = None
    moments: _Moments = field(default_factory=_Moments)

    def is_known(self, track_id: int) -> bool:
        """Whether an object has appeared before."""
        return track_id in self.films or self.waits(track_id)

    def waits(self, track_id: int) -> bool:
        """Whether an object's pictures wait."""
        return self.waiting is not None and track_id in self.waiting


@dataclass
class MatteFilms(ABC):
    """A writer of films, with a picture for every frame at its time in the source.

    The first picture is shown at 0, and carries the timecode of its frame. An object that appears
    late has pictures without it before; one that never appears has no film. Pictures are upright,
    and keep the shape of the source's pixels. Of many objects only some films are encoded at once;
    the pictures of the others wait in a file, and are encoded at the end.

    A cut-out of all objects together has the source's sound.
    """

    top: ClassVar[str]
    """The folder of all films."""
    suffix: ClassVar[str]
    title: ClassVar[str]
    """The container's name in messages."""
    container: ClassVar[str]
    """FFmpeg's name of it."""
    encoder: ClassVar[str]
    """FFmpeg's name."""

    content: Content = "cutout"
    alpha: AlphaForm = "straight"
    objects: Objects = "all"
    template: str = ""
    shot: Shot = ""
    version: Version = 1
    sound: Annotated[bool, Doc("give the cut-out of all objects the source's sound")] = True
    threads: Annotated[
        int, Doc("threads of the encoder; 0: one for each core, at most 8"), Ge(0), Le(64)
    ] = 0

    needs_image: bool = field(init=False, repr=False, default=True)
    needs_alpha: bool = field(init=False, repr=False, default=True)
    _reels: dict[str, _Reel] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.needs_image = self.content == "cutout"

    @abstractmethod
    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """What makes the pictures of a stream; ``frame`` is its first, where images are needed."""

    @abstractmethod
    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder."""

    def stream_metadata(self) -> Mapping[str, str]:
        """Of the picture."""
        return {}

    def sound_rules(self) -> SoundRules:
        """Which sound goes along."""
        return SoundRules("the cut-out", self.container, self.title)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            UsageError: The template cannot be used, or a stream is a photograph.
        """
        for info in streams.values():
            if info.still:
                other = "cutout-png" if self.content == "cutout" else "matte-png"
                raise UsageError(f"{info.stream} is a photograph: write {other} instead")
        self._template()
        return (self.top,)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders.

        Raises:
            UsageError: The template cannot be used.
            OutputError: A folder cannot be made.
        """
        del prompts
        places = file_places(folder / self.top, streams, self._template(), self.shot, self.version)
        self._reels = {
            stream: _Reel(streams[stream], place, names)
            for stream, (place, names) in places.items()
        }

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write a picture into each film.

        Raises:
            OutputError: A film cannot be written.
        """
        reel = self._reels[scene.stream]
        if reel.pictures is None:
            reel.pictures = self.pictures(reel.info, frame)
        moment = Moment.of(scene)
        seen = {tracked.track_id: (alpha_of(tracked),) for tracked in scene.instances}
        if self.objects == "all":
            shown: dict[int, Collection[Alpha]] = {_TOGETHER: [each for (each,) in seen.values()]}
            labels = {_TOGETHER: ""}
        else:
            shown = dict(seen)
            labels = {tracked.track_id: tracked.label for tracked in scene.instances}
        for track_id, label in labels.items():
            if not reel.is_known(track_id):
                self._begin(reel, reel.pictures, track_id, label)
        plate = reel.pictures.plate(frame) if any(shown.values()) else ()
        for track_id in {**reel.films, **shown}:
            alphas = shown.get(track_id)
            picture = reel.pictures.picture(plate, alphas) if alphas else reel.pictures.empty()
            if track_id in reel.films:
                reel.films[track_id].show(picture, moment)
            elif reel.waiting is not None:
                reel.waiting.add(track_id, len(reel.moments), picture)
        reel.moments.add(moment)

    def close(self, *, complete: bool) -> None:
        """End the films, or remove them. A second call does nothing.

        Raises:
            OutputError: A film cannot be written.
        """
        reels, self._reels = list(self._reels.values()), {}
        films = [film for reel in reels for film in reel.films.values()]
        try:
            while complete and films:
                films[0].finish()
                del films[0]
            for reel in reels if complete else ():
                self._write_waiting(reel)
        finally:
            for film in films:
                film.discard()
            for reel in reels:
                if reel.waiting is not None:
                    reel.waiting.close()

    def _write_waiting(self, reel: _Reel) -> None:
        """Encode the films that have waited, one after another."""
        waiting, pictures = reel.waiting, reel.pictures
        if waiting is None or pictures is None:
            return
        for track_id, label in waiting.labels().items():
            film = self._begun(reel, pictures, track_id, label, waiting.of(track_id))
            try:
                film.finish()
            except BaseException:
                film.discard()
                raise

    def _begin(self, reel: _Reel, pictures: Pictures, track_id: int, label: str) -> None:
        """Begin an object's film, or let its pictures wait."""
        if sum(len(each.films) for each in self._reels.values()) < MOST_OPEN:
            reel.films[track_id] = self._begun(reel, pictures, track_id, label)
            return
        if reel.waiting is None:
            reel.waiting = WaitingPictures(Path(reel.folder), pictures)
        reel.waiting.begin(track_id, label)

    def _begun(
        self,
        reel: _Reel,
        pictures: Pictures,
        track_id: int,
        label: str,
        kept: Iterable[tuple[int, VideoFrame]] = (),
    ) -> Film:
        """A film up to now: of the pictures that were kept, by their place, and else of nothing."""
        together = track_id == _TOGETHER
        names = ALL_NAMES if together else object_names(label, track_id)
        made = self._template().path({**reel.names, **names})
        path = Path(os.path.join(reel.folder, *made.split("/")))
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        heard = together and self.content == "cutout" and self.sound
        size = (reel.info.width, reel.info.height)
        rules = self.sound_rules() if heard else None
        film = Film(path, reel.info, size, self._coding(reel.info, pictures), rules)
        try:
            following = iter(kept)
            place, picture = next(following, (-1, pictures.empty()))
            for number, moment in enumerate(reel.moments):
                if number != place:
                    film.show(pictures.empty(), moment)
                    continue
                film.show(picture, moment)
                place, picture = next(following, (-1, pictures.empty()))
        except BaseException:
            film.discard()
            raise
        return film

    def _coding(self, info: StreamInfo, pictures: Pictures) -> Coding:
        comment = f"alpha {self.alpha}" if self.content == "cutout" else "matte, linear"
        return Coding(
            self.container,
            self.title,
            self.encoder,
            pictures.samples,
            self.options(info),
            muxing={"fflags": "+bitexact"},
            tags=pictures.tags,
            unit=_MATROSKA_UNIT if self.container in MATROSKA else None,
            from_zero=True,
            metadata={"comment": comment},
            stream_metadata=self.stream_metadata(),
            threads=self.threads or usual_threads(),
        )

    def _template(self) -> Template:
        fields = [name for name in FIELDS if name != "frame"]
        apart = [("object", "track")] if self.objects == "each" else []
        return Template.parse(self.template, suffix=self.suffix, fields=fields, tells_apart=apart)
