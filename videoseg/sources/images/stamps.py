"""Times of pictures: from stamps in their names, or from a list beside them.

Lists are those that recordings come with: ``timestamps.csv`` or ``.txt`` and ``times.txt`` (KITTI
and others: a name and a time, or one time a line), ``data.csv`` (EuRoC), ``rgb.txt`` (TUM).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from videoseg.errors import SourceError
from videoseg.system.text_files import read_text

AUTO = "auto"
"""The setting for times from wherever they are found."""
NAMES = "names"
"""The setting for times from any number in the names of files."""
NONE = "none"
"""The setting for no times."""
LISTS = ("timestamps.csv", "timestamps.txt", "times.txt", "times.csv", "data.csv", "rgb.txt")
_SURE = re.compile(r"(?:.*[^0-9.])?(1[0-9]{12}|1[0-9]{15}|1[0-9]{18}|1[0-9]{9}\.[0-9]{1,9})")
"""A stem that ends with a time from 2001 to 2033 in milli-, micro-, nanoseconds or seconds."""
_ANY = re.compile(r"(?:.*[^0-9.])?([0-9]+(?:\.[0-9]+)?)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{0,18})?(?:[eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.([0-9]{1,9}))?")
_FILE = re.compile(r".*\.[A-Za-z]\w*")
_UNIT_BY_DIGITS = {13: 10**3, 16: 10**6, 19: 10**9}
"""Units per second of a whole number of that many digits."""
_UNIT_BY_NAME = {"ns": 10**9, "nsec": 10**9, "us": 10**6, "usec": 10**6, "ms": 10**3}
_LARGEST = 2**63 - 1
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class Stamps:
    """When pictures are shown.

    Attributes:
        paths: The pictures in order.
        times: One for each, in units of ``time_base``, rising.
        time_base: Seconds per unit.
        origin: Where they are from, for people.
        file: The list that they are from, or None.
    """

    paths: Sequence[Path]
    times: Sequence[int]
    time_base: Fraction
    origin: str
    file: Path | None = None


class _UnfitError(SourceError):
    """A list belongs to other pictures."""


def stamps_of(paths: Sequence[Path], wanted: str) -> tuple[Stamps | None, str | None]:
    """The times of pictures, where they have any, and a line about a list that does not fit.

    Args:
        paths: The pictures in order, all of one folder.
        wanted: ``auto``, ``names``, ``none``, or a list's file, also as seen from the folder.

    Raises:
        SourceError: What was asked for is not there or does not fit, or times do not rise.
    """
    if wanted == NONE:
        return None, None
    if wanted not in (AUTO, NAMES):
        places = (Path(wanted), paths[0].parent / wanted)
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise SourceError(f"{wanted}: no such file; times is auto, names, none or a file")
        return _listed(found, paths), None
    named = _named(paths, _ANY if wanted == NAMES else _SURE)
    if wanted == NAMES and named is None:
        raise SourceError(
            f"{paths[0].parent}: not every name ends with a time; give times=FILE or times=none"
        )
    if named is not None:
        return named, None
    for folder in (paths[0].parent, paths[0].parent.parent):
        for name in LISTS:
            if (folder / name).is_file():
                try:
                    return _listed(folder / name, paths), None
                except _UnfitError as error:
                    return None, f"{error}; it is not used"
    return None, None


def are_sure(paths: Sequence[Path]) -> bool:
    """Whether names end with what can only be times."""
    return len(paths) > 1 and all(_SURE.fullmatch(path.stem) for path in paths)


def _named(paths: Sequence[Path], form: re.Pattern[str]) -> Stamps | None:
    """Times from names; None where a name has none."""
    found = [form.fullmatch(path.stem) for path in paths]
    texts = [match[1] for match in found if match is not None]
    if len(paths) < 2 or len(texts) < len(paths):
        return None
    if form is _SURE and len({len(text.partition(".")[0]) for text in texts}) > 1:
        return None
    times = [_seconds(text, None) for text in texts]
    # Not by name: 2.5 comes after 2.175.
    order = sorted(range(len(paths)), key=times.__getitem__)
    names = "the pictures' names"
    return _rising([times[place] for place in order], [paths[place] for place in order], names)


def _listed(file: Path, paths: Sequence[Path]) -> Stamps:
    """Times from a list.

    Raises:
        SourceError: It cannot be read, or times do not rise.
    """
    names = {path.name for path in paths}
    plain: list[Fraction] = []
    by_name: dict[str, Fraction] = {}
    unit: int | None = None
    for number, line in enumerate(_lines(file), 1):
        try:
            name, time = _entry(line, names, unit)
        except ValueError as error:
            # A heading says the unit, such as "#timestamp [ns],filename".
            if number == 1 or line.startswith("#"):
                words = re.findall("[a-z]+", line.lower())
                unit = next((_UNIT_BY_NAME[word] for word in words if word in _UNIT_BY_NAME), unit)
                continue
            raise SourceError(f"{file}, line {number}: {line[:60]!r} holds no time") from error
        if name is None:
            plain.append(time)
        elif by_name.setdefault(name, time) != time:
            raise SourceError(f"{file}: gives {name} two times; leave one out")
    if by_name:
        missing = [path.name for path in paths if path.name not in by_name]
        if missing:
            raise _UnfitError(f"{file}: gives no time for {missing[0]} ({len(missing)} missing)")
        times = [by_name[path.name] for path in paths]
    elif len(plain) == len(paths):
        times = plain
    else:
        raise _UnfitError(f"{file}: holds {len(plain)} times for {len(paths)} pictures")
    return replace(_rising(times, paths, str(file)), file=file)


def _lines(file: Path) -> Iterator[str]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise SourceError(f"{file}: is too large for a list of times")
    except OSError as error:
        raise SourceError(f"{file}: cannot be read ({error.strerror}); check the file") from error
    text = read_text(file, "times", SourceError, names=True)
    return (line.strip() for line in text.splitlines() if line.strip())


def _entry(line: str, names: set[str], unit: int | None) -> tuple[str | None, Fraction]:
    """The picture that a line names, if any, and its time.

    Raises:
        ValueError: It holds no time.
    """
    if line.startswith("#"):
        raise ValueError("a heading")
    if date := _DATE.match(line):
        return None, _of_date(date)
    fields = [part for part in re.split(r"[,;\s]+", line) if part]
    named = [part for part in fields if Path(part).name in names or _FILE.fullmatch(part)]
    time = next((part for part in fields if part not in named and _NUMBER.fullmatch(part)), None)
    if time is None:
        raise ValueError("no number")
    return (Path(named[0]).name if named else None), _seconds(time, unit)


def _seconds(text: str, unit: int | None) -> Fraction:
    """A time in seconds, exact; of a whole number the digits tell its unit."""
    if text.isdecimal():
        return Fraction(int(text), unit or _UNIT_BY_DIGITS.get(len(text), 1))
    return Fraction(text) / (unit or 1)


def _of_date(date: re.Match[str]) -> Fraction:
    """Seconds since 1970 of a date, taken as UTC."""
    whole = datetime.fromisoformat(f"{date[0][:19]}+00:00")
    return int(whole.timestamp()) + Fraction(f"0.{date[1] or 0}")


def _rising(times: Sequence[Fraction], paths: Sequence[Path], origin: str) -> Stamps:
    """Whole numbers of the largest unit that all times are exact in.

    Raises:
        SourceError: One is not after the one before, or they do not fit 64 bits.
    """
    for number in range(1, len(times)):
        if times[number] <= times[number - 1]:
            raise SourceError(
                f"{origin}: the time of {paths[number].name} is not after that of "
                f"{paths[number - 1].name}; mend it, or read them at a fixed rate "
                "(--set sources.images.times=none)"
            )
    units = math.lcm(*(time.denominator for time in times))
    # Such as 10**9 for nanoseconds, though these may all end with a zero.
    units = next((10**n for n in (3, 6, 9) if 10**n % units == 0), units)
    if units > 10**18 or max(map(abs, times)) * units > _LARGEST:
        raise SourceError(f"{origin}: times of more than 64 bits")
    return Stamps(paths, [int(time * units) for time in times], Fraction(1, units), origin)
