"""A JSON file with lists that grow at the same time, however long they get."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from videoseg.formats.coco import json_item, json_text
from videoseg.system.output_files import unnamed_file, writing


@dataclass(slots=True)
class JsonList:
    """A list, as it is written."""

    file: IO[str]
    count: int = 0

    def append(self, value: Any) -> None:
        """Write a value at the end."""
        self.count += 1
        self.file.write(json_item(value, self.count))

    @contextmanager
    def growing(self) -> Iterator[IO[str]]:
        """A value at the end whose text is written meanwhile."""
        self.count += 1
        self.file.write("\n" if self.count == 1 else ",\n")
        yield self.file


@contextmanager
def json_lists(
    path: Path, head: Mapping[str, Any], names: Sequence[str]
) -> Iterator[tuple[JsonList, ...]]:
    """An object of ``head`` and of lists with these names, which are filled meanwhile.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path), ExitStack() as files:
        lists = [
            JsonList(files.enter_context(TextIOWrapper(unnamed_file(path.parent), "ascii")))
            for _ in names
        ]
        yield tuple(lists)
        with path.open("w", encoding="ascii", newline="\n") as file:
            file.write("{")
            for name, value in head.items():
                file.write(f"{json_text(name)}:{json_text(value)},\n")
            for place, (name, made) in enumerate(zip(names, lists, strict=True)):
                file.write(f"{'' if place == 0 else ',' + chr(10)}{json_text(name)}:[")
                made.file.seek(0)
                shutil.copyfileobj(made.file, file)
                file.write("]")
            file.write("}\n")
