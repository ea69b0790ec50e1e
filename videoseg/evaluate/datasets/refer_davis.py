"""Ref-DAVIS17: DAVIS 2017 with ``davis_text_annotations/Davis17_annot1.txt`` beside it.

Source: Khoreva et al., "Video Object Segmentation with Language Referring Expressions", ACCV 2018.
Two annotators described every object, once by its first frame and once by the whole video; each
line of the four files is a sequence, an object's number and the words in quotation marks.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.evaluate.datasets.davis import Davis
from videoseg.evaluate.samples import Media, OnBroken, VideoSample

_FOLDER = "davis_text_annotations"
_LINE = re.compile(r'(\S+)\s+(\d+)\s+"?(.*?)"?\s*')
_SPELLED = {"clasic-car": "classic-car", "dog-scale": "dogs-scale", "motor-bike": "motorbike"}
"""Names of sequences as the files have them, and as DAVIS has them."""
_ENDINGS = {"first": "", "full": "_full_video"}


@dataclass
class ReferDavis:
    """Sequences of DAVIS 2017 with two or four expressions for each object."""

    name: ClassVar[str] = "refer-davis"
    media: ClassVar[Media] = "videos"
    path: Path
    split: Annotated[str, Doc("file below ImageSets without .txt; empty = all")] = "2017/val"
    by: Annotated[
        Literal["both", "first", "full"],
        Doc("expressions made by the first frame, by the full video, or both"),
    ] = "both"

    @classmethod
    def accepts(cls, path: Path) -> bool:
        """Whether expressions lie beside DAVIS."""
        return all((path / name).is_dir() for name in (_FOLDER, "JPEGImages", "Annotations"))

    def truth_files(self) -> Iterable[Path]:
        """The masks, and the expressions."""
        yield from Davis(self.path, split=self.split).truth_files()
        yield from self._files()

    def samples(self, on_broken: OnBroken) -> Iterator[VideoSample]:
        """Yield the sequences by name.

        Raises:
            SourceError: The sequences or the expressions cannot be read.
        """
        said = self._said(on_broken)
        for sample in Davis(self.path, split=self.split).samples(on_broken):
            targets = tuple(
                dataclasses.replace(target, phrases=tuple(said.get((sample.key, target.key), ())))
                for target in sample.targets
            )
            if any(target.phrases for target in targets):
                yield dataclasses.replace(sample, targets=targets, joint=True)
            else:
                on_broken(SourceError(f"{self.path / _FOLDER}: nothing about {sample.key}"))

    def _files(self) -> list[Path]:
        wanted = ("first", "full") if self.by == "both" else (self.by,)
        names = [f"Davis17_annot{n}{_ENDINGS[each]}.txt" for n in (1, 2) for each in wanted]
        found = [self.path / _FOLDER / name for name in names]
        for file in found:
            if not file.is_file():
                raise SourceNotFoundError(f"{file}: file does not exist")
        return found

    def _said(self, on_broken: OnBroken) -> dict[tuple[str, str], list[str]]:
        """The expressions by sequence and number of the object."""
        said: dict[tuple[str, str], list[str]] = {}
        for file in self._files():
            # The second annotator's files are in Latin-1.
            data = file.read_bytes()
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                text = data.decode("latin-1")
            for n, line in enumerate(text.splitlines(), 1):
                found = _LINE.fullmatch(line)
                if found is not None and found[3]:
                    name = _SPELLED.get(found[1], found[1])
                    said.setdefault((name, str(int(found[2]))), []).append(found[3])
                elif line.strip():
                    on_broken(SourceError(f'{file}: line {n}: must be SEQUENCE NUMBER "WORDS"'))
        return said


DATA_SETS = {ReferDavis.name: ReferDavis}
