"""Keeps every answer of a model in a run folder.

Work goes on after an interruption, and metrics can be taken again without the model.

``eval.json`` says what was asked of whom about which data; a folder is used again only where all of
it is the same. ``predictions.jsonl`` has one line per sample, only ever appended; a line that an
interruption cut short is dropped and its sample asked again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from videoseg.errors import OutputExistsError, RunLogError, SourceNotFoundError
from videoseg.evaluate.answers import Answer
from videoseg.evaluate.machine import Session
from videoseg.evaluate.samples import DataSet
from videoseg.system.output_files import writing

IDENTITY = "eval.json"
"""Name of the file that tells which run a folder is of."""
PREDICTIONS = "predictions.jsonl"
"""Name of the file that holds the predictions, one a line."""
FORMAT = "videoseg-eval"
"""What the file of identity says its format is."""
VERSION = 1
"""Version of that format."""


class Cache(AbstractContextManager["Cache"]):
    """The answers in one run folder.

    Args:
        folder: The run folder; made if need be.
        identity: What is asked of whom about which data, plain JSON values.
        at_once: Questions that are asked at once at most; said of the session.

    Raises:
        OutputExistsError: On entering: the folder holds answers to something else.
        RunLogError: On entering: the folder's files are damaged.
        OutputError: On entering: the folder cannot be written.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], at_once: int = 1) -> None:
        self._folder = folder
        self._identity = {"format": FORMAT, "version": VERSION, **identity}
        self._places: dict[str, int] = {}
        self._sessions: list[Session] = []
        self._spent = 0.0
        self._at_once = at_once
        self._asked_here = False
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / IDENTITY
        if _holds_answers(self._folder / PREDICTIONS):
            _refuse_others(read_identity(self._folder), self._identity, self._folder)
        with writing(path):
            text = json.dumps(self._identity, indent=2, ensure_ascii=False, sort_keys=True)
            path.write_text(text + "\n", encoding="utf-8")
        with writing(self._folder / PREDICTIONS):
            self._file = (self._folder / PREDICTIONS).open("a+b")
        try:
            self._index()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if not self._places and not self._spent:
            # A try that failed before its first answer leaves nothing that a next one must fit.
            for name in (IDENTITY, PREDICTIONS):
                (self._folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                self._folder.rmdir()

    def __contains__(self, sample: str) -> bool:
        return sample in self._places

    @property
    def sessions(self) -> tuple[Session, ...]:
        """When and on what machines the answers were given."""
        return tuple(self._sessions)

    @property
    def spent(self) -> float:
        """US dollars that services took for these answers, and for those that were lost."""
        return self._spent

    def note_lost(self, cost: float | None) -> None:
        """Note what was paid for answers that are not kept, since their sample was not finished."""
        if cost:
            self._write({"lost": cost})
            self._spent += cost

    def append(self, sample: str, answers: Iterable[Answer]) -> None:
        """Keep all answers about a sample."""
        if not self._asked_here:
            session = Session.now(self._at_once)
            if session not in self._sessions:
                self._write({"session": dataclasses.asdict(session)})
                self._sessions.append(session)
            self._asked_here = True
        kept = [answer.to_json() for answer in answers]
        self._places[sample] = self._write({"sample": sample, "answers": kept})
        self._spent += _cost_of(kept)

    def read(self, sample: str) -> tuple[Answer, ...]:
        """The answers about a sample, in the order in which they were given.

        Raises:
            RunLogError: Its line is damaged.
        """
        file = self._opened()
        file.seek(self._places[sample])
        try:
            value = json.loads(file.readline())
            return tuple(Answer.from_json(answer) for answer in value["answers"])
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise RunLogError(
                f"{self._folder / PREDICTIONS}: the answers about {sample!r} are damaged "
                f"({error}); delete the file to ask again"
            ) from error

    def _index(self) -> None:
        """Find where each sample's line begins, and drop a last line that was cut short."""
        file = self._opened()
        file.seek(0)
        start = 0
        for number, line in enumerate(_lines(file), start=1):
            if not line.endswith(b"\n"):
                file.truncate(start)
                break
            try:
                value = json.loads(line)
                if "session" in value:
                    self._sessions.append(Session(**value["session"]))
                elif "lost" in value:
                    self._spent += float(value["lost"])
                else:
                    self._places[value["sample"]] = start
                    self._spent += _cost_of(value["answers"])
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
                raise RunLogError(
                    f"{self._folder / PREDICTIONS}: line {number} is damaged; "
                    "delete the file to ask again"
                ) from error
            start += len(line)

    def _write(self, value: Mapping[str, Any]) -> int:
        file = self._opened()
        with writing(self._folder / PREDICTIONS):
            place = file.seek(0, 2)
            file.write(json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n")
            file.flush()
        return place

    def _opened(self) -> BinaryIO:
        assert self._file is not None, "the cache is used inside its context"  # noqa: S101
        return self._file


def read_identity(folder: Path) -> dict[str, Any]:
    """What ``eval.json`` of a run folder says.

    Raises:
        RunLogError: It is missing, damaged, or of another format.
    """
    path = folder / IDENTITY
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunLogError(f"{folder} is not a folder of an evaluation: no {IDENTITY}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunLogError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RunLogError(f"{path} is not of an evaluation")
    if found.get("version") != VERSION:
        raise RunLogError(f"{path} has version {found.get('version')!r}; this reads {VERSION}")
    return found


def digest_of(data_set: DataSet) -> str:
    """SHA-256 over names and contents of the files that are a data set's truth.

    Raises:
        SourceError: One of them is missing.
    """
    root = data_set.path if data_set.path.is_dir() else data_set.path.parent
    digest = hashlib.sha256()
    for file in data_set.truth_files():
        if not file.is_file():
            raise SourceNotFoundError(f"{file}: file does not exist")
        digest.update(str(file.relative_to(root)).encode("utf-8", errors="surrogateescape"))
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """What the answers of one run folder took.

    Attributes:
        answers: How many there are, those that were refused left out.
        seconds: In all.
        cost: US dollars in all.
        priced: Whether the cost of every one is known.
    """

    answers: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    priced: bool = True


def taken_in(folder: Path) -> Taken:
    """What the answers of a run folder took; nothing where it holds none."""
    given = [
        answer
        for value in _values_in(folder)
        for answer in value.get("answers", ())
        if answer.get("refused") is None
    ]
    return Taken(
        len(given),
        sum(float(answer["seconds"]) for answer in given),
        _cost_of(given),
        all(answer.get("cost") is not None for answer in given),
    )


def spent_in(folder: Path) -> float:
    """US dollars that services took for a run folder, lost answers included."""
    return sum(
        float(value["lost"]) if "lost" in value else _cost_of(value.get("answers", ()))
        for value in _values_in(folder)
    )


def _values_in(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a run folder's file of answers, but for one that was cut short."""
    path = folder / PREDICTIONS
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError, RecursionError):
                    value = json.loads(line)
                    if isinstance(value, dict):
                        yield value


def _cost_of(answers: Iterable[Mapping[str, Any]]) -> float:
    """US dollars of some answers as they are kept."""
    return sum(float(answer.get("cost") or 0.0) for answer in answers)


def _holds_answers(path: Path) -> bool:
    """Whether a file of answers has a line that is none of a session."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return any(not line.startswith(b'{"session"') for line in file)


def _refuse_others(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    for key, value in _flat(here):
        old = dict(_flat(there)).get(key)
        if old != value:
            raise OutputExistsError(
                f"{folder} holds answers for {key} = {old!r}, not {value!r}; use another folder"
            )
    for key, old in _flat(there):
        if key not in dict(_flat(here)):
            raise OutputExistsError(
                f"{folder} holds answers for {key} = {old!r}, which is not set; use another folder"
            )


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline():
        yield line
