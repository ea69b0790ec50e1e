"""Names of output files by a template such as ``{shot}_{object}_v{version:03}.{frame:04}.exr``.

Text that comes from users is made safe before it goes into a name: lower case, one ``_`` for every
run of what is no letter, digit, ``-`` or ``_``, at most 64 bytes. Letters of every script stay (in
the form NFKC), since no transliteration keeps all of them apart. A name that Windows keeps for a
device gets a ``_`` in front.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self, TypeAlias

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import UsageError, nearest
from videoseg.system.output_files import is_reserved
from videoseg.types import StreamInfo

FIELDS: Mapping[str, int] = {
    "shot": 64,
    "object": 80,
    "label": 64,
    "track": 12,
    "version": 12,
    "frame": 20,
    "stream": 80,
}
"""Fields of a template, each with the most bytes that it takes."""
NUMBERS = frozenset({"track", "version", "frame"})
"""Fields that are numbers, and may be padded with zeros: ``{frame:04}``."""
_WIDTH = re.compile(r"(?:0([1-9]|1[0-2]))?")
_UNSAFE = re.compile(r"[^\w-]+")
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
"""What Windows has in no name."""
_LONGEST_NAME = 255
"""Bytes of a name that file systems take."""
_LONGEST_TEXT = 64

Version: TypeAlias = Annotated[int, Doc("version in names of files: {version}"), Ge(0), Le(99_999)]
Shot: TypeAlias = Annotated[
    str, Doc("shot in names of files: {shot}; empty: the name of the source, in lower case")
]


@dataclass(frozen=True, slots=True)
class _Part:
    """Text as it is written, and the field after it.

    Attributes:
        text: What stands in front of the field.
        field: The field; empty at the end of the template.
        width: Digits of a number at least.
    """

    text: str
    field: str
    width: int


@dataclass(frozen=True, slots=True)
class Template:
    """The name of a file, or its path below a folder, with fields to fill in.

    Attributes:
        text: As the user has written it.
        parts: What it consists of.
    """

    text: str
    parts: tuple[_Part, ...]

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        suffix: str,
        fields: Collection[str] = tuple(FIELDS),
        tells_apart: Iterable[Collection[str]] = (),
    ) -> Self:
        """Read a template and refuse one that gives no name, or two files the same one.

        Args:
            text: The template; ``/`` parts folders.
            suffix: How the name of the file must end, as in ``.exr``.
            fields: Those that there are a value for.
            tells_apart: Sets of fields; of each set the template must have one at least, since
                files differ in it.

        Raises:
            UsageError: It cannot be used; says why.
        """
        made = cls(text, tuple(_parts(text, fields)))
        if not text.endswith(suffix) or text.endswith(f"/{suffix}") or text == suffix:
            raise _refused(text, f"the name of a file must end in {suffix}")
        _check_names(made)
        _check_numbers(made)
        for differing in tells_apart:
            if made.fields.isdisjoint(differing):
                wanted = " or ".join(f"{{{each}}}" for each in differing)
                raise _refused(text, f"all files would have one name; put {wanted} into it")
        return made

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it has."""
        return frozenset(part.field for part in self.parts if part.field)

    def path(self, values: Mapping[str, str | int]) -> str:
        """The path of a file, relative, with ``/`` between names.

        Args:
            values: A value for each field that the template has; texts as ``safe_name`` gives them.
        """
        filled = "".join(part.text + _value(part, values) for part in self.parts)
        names = filled.split("/")
        return "/".join(f"_{name}" if is_reserved(name) else name for name in names)


def safe_name(text: str, *, other: str, lower: bool = True) -> str:
    """A text for names of files, at most 64 bytes of UTF-8.

    Args:
        text: Any text.
        other: What to say where nothing of it is left.
        lower: Whether to write it in lower case.
    """
    plain = unicodedata.normalize("NFKC", text)
    plain = unicodedata.normalize("NFKC", plain.lower()) if lower else plain
    plain = _UNSAFE.sub("_", plain).strip("_-")
    cut = plain.encode("utf-8", "replace")[:_LONGEST_TEXT].decode("utf-8", "ignore")
    return cut.strip("_-") or other


def object_name(label: str, track_id: int) -> str:
    """The name of a tracked object, ``dog_001``: no two objects of a run have the same one."""
    return f"{safe_name(label, other='object')}_{track_id:03d}"


def shot_name(info: StreamInfo, shot: str = "") -> str:
    """The name of the shot that a stream shows: as given, else the stream's, as its file's is."""
    if shot:
        return safe_name(shot, other="shot", lower=False)
    return safe_name(info.stream, other="shot")


def _parts(text: str, fields: Collection[str]) -> Iterable[_Part]:
    try:
        found = list(string.Formatter().parse(text))
    except ValueError as error:
        raise _refused(text, f"{error}; a brace itself is written twice") from error
    for before, field, spec, conversion in found:
        if field is None:
            yield _Part(before, "", 0)
            continue
        if field not in fields:
            raise _refused(text, f"there is no field {field!r}; {nearest(field, fields)}")
        width = _WIDTH.fullmatch(spec or "") if field in NUMBERS or not spec else None
        if conversion or width is None:
            form = f"{{{field}:04}} or {{{field}}}" if field in NUMBERS else f"{{{field}}}"
            raise _refused(text, f"{field!r} is written {form}")
        yield _Part(before, field, int(width[1] or 0))


def _check_names(template: Template) -> None:
    """Refuse what is no path below a folder on every system."""
    text = template.text
    plain = "".join(part.text + ("x" if part.field else "") for part in template.parts)
    found = _FORBIDDEN.search(plain)
    if found:
        raise _refused(text, f"no name has {found[0]!r} in it")
    for name in plain.split("/"):
        if not name.strip(".") or name != name.strip() or name.endswith("."):
            raise _refused(
                text,
                "it must name a file below the folder of the output: no '..', no '/' at its "
                "ends, no name that begins or ends with a space or ends with a dot",
            )
    sized = "".join(
        part.text + "x" * max(FIELDS.get(part.field, 0), part.width) for part in template.parts
    )
    longest = max(len(name.encode()) for name in sized.split("/"))
    if longest > _LONGEST_NAME:
        raise _refused(
            text, f"a name may get {longest} bytes long, and {_LONGEST_NAME} are allowed"
        )


def _check_numbers(template: Template) -> None:
    """Refuse numbers that run into each other: track 1, frame 11 is not track 11, frame 1."""
    numeric = NUMBERS | {"object"}
    for before, part in zip(template.parts, template.parts[1:], strict=False):
        if (
            part.field
            and numeric & {before.field, part.field}
            and not part.text.strip("0123456789")
        ):
            raise _refused(
                template.text,
                f"{{{before.field}}} and {{{part.field}}} run into each other, and two files could "
                "have one name; put '.' or '_' between them",
            )


def _value(part: _Part, values: Mapping[str, str | int]) -> str:
    if not part.field:
        return ""
    value = values[part.field]
    return value if isinstance(value, str) else f"{value:0{part.width or 1}d}"


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"the template {text!r} cannot be used: {why}")
