"""``edits.json``: what people have corrected about the tracks of a finished run, in its order.

The log of the run stays as it is; edits are a list beside it that is only ever added to: taking one
back is an entry, too. An entry is one line::

    {"id": 4, "edit": "merge", "track": 3, "other": 7, "label": "hand", "prompt": 0}

``id`` counts from 1. ``undo`` takes back the last entry that is in force, ``redo`` brings back what
was taken back last, as long as nothing was added since. Track ids mean what the entries in force
before have left (``edit_operations.py``). The file names the run that it belongs to: the same
edits are not applied to tracks that were made otherwise.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from videoseg.errors import OutputError, RunLogError, UsageError
from videoseg.runlog.codec import Json
from videoseg.runlog.edit_operations import Delete as Delete
from videoseg.runlog.edit_operations import Hide as Hide
from videoseg.runlog.edit_operations import Id
from videoseg.runlog.edit_operations import Merge as Merge
from videoseg.runlog.edit_operations import Operation as Operation
from videoseg.runlog.edit_operations import Outline as Outline
from videoseg.runlog.edit_operations import Rename as Rename
from videoseg.runlog.edit_operations import Split as Split
from videoseg.runlog.edit_operations import apply as apply
from videoseg.runlog.edit_operations import with_shapes as with_shapes
from videoseg.runlog.fingerprint import identity
from videoseg.runlog.manifest import LONGEST, read_manifest
from videoseg.runlog.staging import Staging
from videoseg.system.held_folders import FolderHandle, NotOursError

NAME = "edits.json"
FORMAT = "videoseg-edits"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Undo:
    """The entry ``of`` is in force no more."""

    of: Id


@dataclass(frozen=True, slots=True)
class Redo:
    """The entry ``of`` is in force again."""

    of: Id


Change: TypeAlias = Operation | Undo | Redo
KINDS: dict[str, type[Change]] = {
    "rename": Rename,
    "merge": Merge,
    "split": Split,
    "delete": Delete,
    "hide": Hide,
    "outline": Outline,
    "undo": Undo,
    "redo": Redo,
}
"""Entries by the name that they have in the file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``edits.json``.

    Attributes:
        id: From 1, in the order in which entries were added.
        change: What it says.
    """

    id: int
    change: Change

    @property
    def kind(self) -> str:
        """Its name in the file, such as ``rename``."""
        return next(name for name, kind in KINDS.items() if isinstance(self.change, kind))

    def to_json(self) -> dict[str, Json]:
        """Plain JSON values; what is None is left out."""
        values = dataclasses.asdict(self.change).items()
        said = {name: value for name, value in values if value is not None}
        return {"id": self.id, "edit": self.kind, **said}


@dataclass(frozen=True, slots=True)
class EditLog:
    """The edits of a run's folder as they were when it was read; adding to them gives another one.

    Attributes:
        folder: The output folder.
        run: Which run they belong to (``run_mark``).
        entries: All of them, the oldest first.
    """

    folder: Path
    run: str
    entries: tuple[Entry, ...] = field(default=())

    @classmethod
    def load(cls, folder: Path) -> EditLog:
        """The edits of the finished run in an output folder; of one that has none, an empty list.

        Raises:
            RunLogError: There is no run, the file is damaged, or it is of another run.
        """
        manifest = read_manifest(folder)
        mark, text = run_mark(manifest), _read(folder)
        if text is None:
            return cls(folder, mark)
        entries = _entries(folder / NAME, text, mark)
        _check_fit(folder / NAME, entries, manifest)
        return cls(folder, mark, entries)

    @property
    def generation(self) -> int:
        """Id of the last entry; 0 without any."""
        return self.entries[-1].id if self.entries else 0

    def active(self, until: int | None = None) -> tuple[Operation, ...]:
        """The operations in force, in their order.

        Args:
            until: Id of the last entry that counts; None = all do.
        """
        return tuple(entry.change for entry in self.in_force(until))  # type: ignore[misc]

    def in_force(self, until: int | None = None) -> tuple[Entry, ...]:
        """The entries whose operations are ``active``."""
        last = len(self.entries) if until is None else until
        return _in_force(self.entries[:last])[0]

    def append(self, operation: Operation) -> EditLog:
        """Add an operation, if nothing else has been added meanwhile.

        Raises:
            OutputError: Another process has added something, or is writing to the folder; or the
                file cannot be written.
            UsageError: It could not be read back: an id below 1, a label that is no text, a split
                that does not say the new id.
        """
        return self._with(operation)

    def undo(self) -> EditLog:
        """Take back the last operation in force.

        Raises:
            UsageError: There is none.
            OutputError: As ``append``.
        """
        standing, _ = _in_force(self.entries)
        if not standing:
            raise UsageError(f"{self.folder}: there is no edit to undo")
        return self._with(Undo(standing[-1].id))

    def redo(self) -> EditLog:
        """Bring back the operation that was taken back last.

        Raises:
            UsageError: There is none, or something was added since.
            OutputError: As ``append``.
        """
        _, undone = _in_force(self.entries)
        if not undone:
            raise UsageError(f"{self.folder}: there is no undone edit to redo")
        return self._with(Redo(undone[-1].id))

    def check_unchanged(self) -> None:
        """Refuse to go on where something was added since the edits were read.

        Raises:
            OutputError: It is so.
        """
        if EditLog.load(self.folder).entries != self.entries:
            raise OutputError(
                f"{self.folder / NAME} was changed by somebody else meanwhile; look at it "
                f"(videoseg edit {self.folder} list) and try again"
            )

    def moved(self, folder: Path, run: str) -> EditLog:
        """The same edits for another run; not written yet."""
        return EditLog(folder, run, self.entries)

    def to_bytes(self) -> bytes:
        """What stands in the file."""
        lines = ",\n".join(f"  {_line(entry.to_json())}" for entry in self.entries)
        head = f'"format": "{FORMAT}", "version": {VERSION},\n "run": {json.dumps(self.run)}'
        return f'{{{head},\n "edits": [\n{lines}\n ]}}\n'.encode()

    def _with(self, change: Change) -> EditLog:
        """Write one more entry, with nobody else writing, and nothing lost."""
        entry = Entry(self.generation + 1, change)
        try:
            _entry(entry.id, json.loads(json.dumps(entry.to_json())))
        except ValueError as error:
            raise UsageError(f"{self.folder}: this edit is refused: {error}") from error
        made = dataclasses.replace(self, entries=(*self.entries, entry))
        with Staging(self.folder, (), resume=True):
            self.check_unchanged()
            try:
                with FolderHandle.at(self.folder) as out:
                    out.write(NAME, [made.to_bytes()])
            except (OSError, NotOursError) as error:
                what = getattr(error, "strerror", None) or error
                raise OutputError(f"cannot write {self.folder / NAME}: {what}") from error
        return made


def run_mark(manifest: Json) -> str:
    """Tells runs apart whose tracks are not the same, by what has decided them.

    Args:
        manifest: What ``run.json`` says.
    """
    settings = manifest["settings"]
    decisive = {
        "inputs": [identity(each) for each in manifest["inputs"]],
        "prompts": manifest.get("prompts"),
        "model": manifest.get("model"),
        "run": {key: value for key, value in settings["run"].items() if key != "write"},
        "parts": [settings.get(kind) for kind in ("sources", "models", "tracking")],
        "versions": manifest.get("versions"),
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def _in_force(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Entries whose operations hold, and those that were taken back and can come again.

    Raises:
        ValueError: One takes back or brings back what it cannot.
    """
    standing: list[Entry] = []
    undone: list[Entry] = []
    for entry in entries:
        change = entry.change
        if not isinstance(change, Undo | Redo):
            standing.append(entry)
            undone.clear()
            continue
        left, right = (standing, undone) if isinstance(change, Undo) else (undone, standing)
        if not left or left[-1].id != change.of:
            raise ValueError(f"entry {entry.id} ({entry.kind}) cannot be of entry {change.of}")
        right.append(left.pop())
    return tuple(standing), tuple(undone)


def _read(folder: Path) -> bytes | None:
    """What stands in the file; None where there is none."""
    path = folder / NAME
    try:
        with FolderHandle.at(folder) as held:
            return held.read(NAME, LONGEST)
    except FileNotFoundError:
        return None
    except NotOursError as error:
        raise RunLogError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise RunLogError(f"{path} cannot be read: {error.strerror or error}") from error


def _entries(path: Path, text: bytes, mark: str) -> tuple[Entry, ...]:
    """The entries of a file.

    Raises:
        RunLogError: It is damaged, of a newer version, or of another run.
    """
    try:
        made = json.loads(text)
        if not isinstance(made, dict) or made.get("format") != FORMAT:
            raise ValueError("these are not the edits of a run")
        if made.get("version") != VERSION:
            raise RunLogError(
                f"{path} has format version {made.get('version')!r}; this videoseg reads {VERSION}"
            )
        entries = tuple(_entry(n, each) for n, each in enumerate(made["edits"], 1))
        _in_force(entries)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, RunLogError):
            raise
        raise RunLogError(f"{path} is damaged: {_said(error)}") from error
    if made.get("run") != mark and entries:
        raise RunLogError(
            f"{path} is of another run: {path.parent} was made anew since, and its track ids may "
            f"mean other objects; move {NAME} away to go on without these edits"
        )
    return entries


def _check_fit(path: Path, entries: Sequence[Entry], manifest: Json) -> None:
    """Refuse what speaks of prompts or frames that the run has none of, and outlines that are none.

    Raises:
        RunLogError: There is such an entry.
    """
    sizes = {(each["width"], each["height"]) for each in manifest.get("streams", ())}
    prompts = len(manifest["counts"]["instances"])
    for entry in entries:
        change = entry.change
        if not isinstance(change, Merge | Outline):
            continue
        try:
            if change.prompt is not None and change.prompt >= prompts:
                raise ValueError(f"the run has no prompt {change.prompt}")
            if isinstance(change, Outline) and change.size not in sizes:
                raise ValueError(f"no frame of the run is {change.size}")
            if isinstance(change, Outline):
                change.drawn()
        except ValueError as error:
            raise RunLogError(f"{path} is damaged: entry {entry.id}: {_said(error)}") from error


def _entry(place: int, made: Json) -> Entry:
    """One entry.

    Raises:
        ValueError: It is none.
    """
    from pydantic import TypeAdapter

    said = dict(made)
    number, kind = said.pop("id"), said.pop("edit")
    if number != place or isinstance(number, bool):
        raise ValueError(f"entry {place} has the id {number!r}")
    if kind not in KINDS:
        raise ValueError(f"entry {place} is a {kind!r}, which this videoseg does not know")
    known = {each.name for each in dataclasses.fields(KINDS[kind])}
    if strange := said.keys() - known:
        raise ValueError(f"entry {place} ({kind}) has {sorted(strange)[0]!r}")
    adapter: TypeAdapter[Change] = TypeAdapter(KINDS[kind])
    try:
        change = adapter.validate_json(json.dumps(said), strict=True)
    except ValueError as error:
        raise ValueError(f"entry {place} ({kind}): {_said(error)}") from error
    if isinstance(change, Split) and change.new is None:
        raise ValueError(f"entry {place} (split) does not say the new id")
    return Entry(place, change)


def _said(error: Exception) -> str:
    """What is wrong, in one line."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")
    return " ".join(f"{error}".split()) or type(error).__name__


def _line(made: Json) -> str:
    return json.dumps(made, ensure_ascii=False)
