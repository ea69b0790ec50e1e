"""Prompts as people write them: shorthand on the command line, and ``prompts.json``.

Shorthand is ``key=value`` pairs joined by ``;``::

    label=cup;text=red cup
    label=hand;box=10,20,80,90;at=12
    text=dog;point=200,150;not-point=90,40;max=1

``box``, ``not-box``, ``point``, ``not-point`` and ``mask`` may be repeated; ``at`` is the index of
the frame they were made on (default the first). Numbers are pixels, or all of one mark are shares
of the frame such as ``box=10%,20%,50%,60%``, in JSON ``["10%", "20%", "50%", "60%"]``. A mask is a
picture or an SVG, as ``jobs/mask_files.py`` says; in ``prompts.json`` its name is relative to
that file. A text that lists several things (``cat. dog.``, ``cat|dog``; ``split_phrases`` says
when) stands for a prompt for each.

``prompts.json`` is a list of objects with the same keys, or with ``cues``, a list of objects, where
an object is corrected on several frames::

    [{"label": "cup", "text": "red cup"},
     {"label": "hand", "cues": [{"at": 12, "box": [10, 20, 80, 90]},
                                {"at": 40, "point": [[200, 150]], "not-point": [[90, 40]]}]}]
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from videoseg.errors import PromptError, nearest, shown
from videoseg.system.text_files import read_text
from videoseg.types import Cue, Mask, ModelCard, Prompt, StreamInfo, values

_PLACES = {"point": (2, True), "not-point": (2, False), "box": (4, True), "not-box": (4, False)}
_MASK = "mask"
_CUE_KEYS = (*_PLACES, _MASK, "at")
_KEYS = ("label", "text", "max", "cues", *_CUE_KEYS)

_SHORT = re.compile(
    "mr|mrs|ms|mx|dr|prof|st|ste|sr|jr|rev|hon|sgt|capt|cpt|lt|col|gen|maj|cmdr|adm|gov|sen|rep|pres"
    "|mt|ft|vs|etc|eg|ie|approx|ca|cf|incl|inc|ltd|co|corp|ave|blvd|rd|hwy|dept|univ|bros|fig|vol"
    r"|est|max|min|misc|sq|nr|[0-9]+|[^\W\d_]"
)
"""Usual abbreviations, without their full stop, numbers and initials; behind each something goes
on."""
_UNITS = re.compile("in|ft|yd|mi|oz|lbs?|[ckm]?m|k?g|mg|[cm]?l|hp|pt|qt|gal")
"""Abbreviated units, which stand behind a number."""

Numbers: TypeAlias = Sequence[float]


class Shares(tuple[float, ...]):
    """Coordinates as shares of the frame's width and height, 1 for all of it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, init=False)
class ShareCue(Cue):
    """A cue in shares of the frame, until its size is known (``in_pixels``)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A prompt that the model cannot ground.

    Attributes:
        prompt: Its place among the prompts of the run.
        label: Its label.
        text: Its words.
        reason: Why it is refused, in one line.
    """

    prompt: int
    label: str
    text: str
    reason: str


def parse_numbers(text: str, count: int, what: str) -> tuple[float, ...]:
    """Parse ``"10,20,80,90"`` into ``count`` numbers; ``"10%,20%,50%,60%"`` gives ``Shares``.

    Raises:
        PromptError: There are more or fewer, or one is not a number.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    shares = all(piece.endswith("%") for piece in pieces)
    try:
        numbers = tuple(float(piece[:-1] if shares else piece) for piece in pieces)
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        form = "x,y" if count == 2 else "x1,y1,x2,y2"
        raise PromptError(f"{what} is {form} in pixels, or all in per cent, got {text!r}")
    return Shares(number / 100 for number in numbers) if shares else numbers


@dataclass(frozen=True)
class Marks:
    """What marks one object on one frame.

    Attributes:
        box: Boxes ``x1, y1, x2, y2`` around it: one, or several.
        point: Points ``x, y`` on it.
        not_box: Boxes around what is not meant.
        not_point: Points beside it.
        mask: Masks of it: each a ``Mask``, an array (H, W) of the whole frame, or a file.
        at: Index of the frame; None = every frame.
    """

    box: Any = None
    point: Any = None
    not_box: Any = None
    not_point: Any = None
    mask: Any = None
    at: Any = 0

    def cues(self) -> tuple[Cue, ...]:
        """The cues that they make: one for each mask, and one with all points and boxes.

        Those in shares of the frame make another one.

        Raises:
            PromptError: A mark does not fit.
        """
        found = [Cue(self.at, mask=mask) for mask in _masks(self.mask)]
        for kind, shares in ((Cue, False), (ShareCue, True)):
            box, not_box = (_in_unit(each, shares) for each in (self.box, self.not_box))
            point, not_point = (_in_unit(each, shares) for each in (self.point, self.not_point))
            points = (*_told(values.points, point, True), *_told(values.points, not_point))
            boxes = (*_told(values.boxes, box, True), *_told(values.boxes, not_box))
            if points or boxes:
                found.append(kind(self.at, points, boxes))
        return tuple(found)


def as_prompts(asked: Any, marks: Marks = Marks()) -> tuple[Prompt, ...]:
    """Prompts of what a caller asks.

    Args:
        asked: A phrase, a ``Prompt``, or a sequence of both; a text may list several phrases
            (``split_phrases``), that of a ``Prompt`` is one.
        marks: Belong to the only phrase, or stand for themselves.

    Raises:
        PromptError: Nothing is asked, a mark does not fit, or it could belong to several phrases.
    """
    given = [asked] if isinstance(asked, str | Prompt) else values.sequence(asked, "prompts")
    cues = marks.cues()
    if cues and len(given) > 1:
        raise PromptError(
            "boxes, points and masks beside several phrases could belong to any; give each object "
            "a prompt of its own: --prompt 'text=...;box=...', or Prompt(text=..., cues=...)"
        )
    found = []
    for each in given:
        if isinstance(each, Prompt):
            found.append(replace(each, cues=(*each.cues, *cues)) if cues else each)
        elif isinstance(each, str):
            found += listed(Prompt(text=str(each), cues=cues))
        else:
            raise PromptError(f"a prompt is a phrase or a Prompt, got {shown(each)}")
    if cues and not given:
        found.append(Prompt(cues=cues))
    if not found:
        raise PromptError("nothing to look for: give words, a box, a point or a mask")
    return tuple(found)


def in_pixels(prompts: Iterable[Prompt], info: StreamInfo) -> tuple[Prompt, ...]:
    """The same prompts with what is in shares of the frame in pixels of a stream."""
    wide, high = info.width, info.height

    def placed(cue: Cue) -> Cue:
        if not isinstance(cue, ShareCue):
            return cue
        points = tuple((x * wide, y * high, said) for x, y, said in cue.points)
        boxes = tuple(
            (x1 * wide, y1 * high, x2 * wide, y2 * high, said) for x1, y1, x2, y2, said in cue.boxes
        )
        return Cue(frame=cue.frame, points=points, boxes=boxes)

    return tuple(replace(prompt, cues=tuple(map(placed, prompt.cues))) for prompt in prompts)


def split_phrases(text: str) -> tuple[str, ...]:
    """The phrases that a text lists: ``cat. dog.``, ``cat|dog`` or ``person; car`` are two each.

    ``|``, ``;`` and line ends always divide. A full stop does so before a space or at the end,
    unless it belongs to its word: a title or another usual abbreviation ("Mr. Smith"), an initial
    ("J. Smith", "U.S. flag"), a number ("1. FC") or a unit behind one ("3.5 in. screw"). A text
    that lists one phrase is that phrase, without a full stop at its end.
    """
    pieces: list[str] = []
    for part in re.split(r"[|;\n]", text):
        words: list[str] = []
        given = part.split()
        for word, after in itertools.zip_longest(given, given[1:]):
            before = words[-1] if words else ""
            if word.endswith(".") and not _is_short(word, before, after):
                pieces.append(" ".join([*words, word.rstrip(".")]))
                words = []
            else:
                words.append(word)
        pieces.append(" ".join(words))
    phrases = tuple(dict.fromkeys(filter(None, (piece.strip() for piece in pieces))))
    return phrases or (text,)


def _is_short(word: str, before: str, after: str | None) -> bool:
    """Whether the full stop at the end of a word is part of it."""
    stem = word[:-1].lower().lstrip("(\"'")
    if "." in stem.strip("."):  # e.g., U.S.
        return True
    if _UNITS.fullmatch(stem) and re.fullmatch(r"[0-9][0-9.,/]*", before):
        return True
    if after is None:
        return False
    if stem == "no":
        return after[0].isdigit()
    return _SHORT.fullmatch(stem) is not None


def listed(prompt: Prompt) -> tuple[Prompt, ...]:
    """A prompt for each phrase that the text of one lists (``split_phrases``).

    Each phrase is its own label, unless the prompt has another one than its text.

    Raises:
        PromptError: There are several phrases, and marks that could belong to any.
    """
    if prompt.text is None:
        return (prompt,)
    phrases = split_phrases(prompt.text)
    if prompt.cues and len(phrases) > 1:
        raise PromptError(
            f"{prompt.text!r} lists several things, and the boxes and points could belong to any; "
            "write one prompt for each object"
        )
    named = prompt.label != prompt.text
    return tuple(
        replace(prompt, text=phrase, label=prompt.label if named else phrase) for phrase in phrases
    )


def parse_prompt(text: str) -> Prompt:
    """Parse one prompt in shorthand (see the module's docstring).

    Raises:
        PromptError: A key is unknown or repeated, or a value does not fit.
    """
    entry: dict[str, Any] = {}
    for pair in filter(None, (piece.strip() for piece in text.split(";"))):
        key, equals, value = (piece.strip() for piece in pair.partition("="))
        if not equals:
            raise PromptError(f"a prompt is key=value;key=value, got {pair!r} in {text!r}")
        if key in _PLACES:
            entry.setdefault(key, []).append(parse_numbers(value, _PLACES[key][0], key))
        elif key == _MASK:
            entry.setdefault(key, []).append(value)
        elif key in entry:
            raise PromptError(f"{key!r} stands twice in prompt {text!r}")
        else:
            counts = key in ("at", "max") and re.fullmatch(r"[0-9]{1,9}", value)
            entry[key] = int(value) if counts else value
    return _prompt(entry, f"prompt {text!r}")


def load_prompts(path: Path) -> tuple[Prompt, ...]:
    """Read ``prompts.json`` (see the module's docstring).

    Raises:
        PromptError: The file is missing, is not JSON, or an entry does not fit.
    """
    text = read_text(path, "prompts", PromptError)
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise PromptError(f"{path} must hold a list of prompts with at least one entry")
    made = (
        _prompt(entry, f"{path}, prompt {n}", path.parent) for n, entry in enumerate(entries, 1)
    )
    return tuple(itertools.chain.from_iterable(map(listed, made)))


def on_every_frame(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    """The same prompts with their cues meant for every frame as given, carried nowhere."""
    return tuple(
        replace(prompt, cues=tuple(replace(cue, frame=None) for cue in prompt.cues))
        for prompt in prompts
    )


def prompt_on(prompt: Prompt, index: int) -> Prompt | None:
    """A prompt as it holds on one frame for itself; None where its marks are on others."""
    if not prompt.cues:
        return prompt
    here = [replace(cue, frame=None) for cue in prompt.cues if cue.frame in (None, index)]
    return replace(prompt, cues=tuple(here)) if here else None


def is_carried(prompt: Prompt) -> bool:
    """Whether a prompt is marked on some frames, from which it is followed."""
    return any(cue.frame is not None for cue in prompt.cues)


def mask_files(prompts: Iterable[Prompt]) -> list[Path]:
    """The files that prompts take masks from."""
    files = (cue.mask_file for prompt in prompts for cue in prompt.cues)
    return [file for file in files if file is not None]


def check_kinds(prompts: Sequence[Prompt], card: ModelCard) -> None:
    """Refuse prompts of kinds that a model does not take.

    Raises:
        PromptError: Naming the kinds that it takes and the one that a prompt needs.
    """
    for prompt in prompts:
        missing = prompt.kinds - card.kinds
        if missing:
            raise PromptError(
                f"model {card.name!r} takes {', '.join(sorted(card.kinds))}, but prompt "
                f"{prompt.label!r} needs {', '.join(sorted(missing))}; `videoseg models` lists more"
            )


def check_prompts(prompts: Sequence[Prompt], info: StreamInfo) -> None:
    """Refuse cues that cannot be on this stream, before any work.

    Raises:
        PromptError: A point or box lies outside the frame, or seems to be in shares of it, or its
            frame is not in the stream.
    """
    size = f"the frame is {info.width} x {info.height}"
    for prompt in prompts:
        for cue in prompt.cues:
            for x, y, _ in cue.points:
                if not (0 <= x <= info.width and 0 <= y <= info.height):
                    raise PromptError(f"point {x:g},{y:g} of {prompt.label!r} lies outside: {size}")
                if (x % 1 or y % 1) and (hint := _shares_hint((x, y), info)):
                    raise PromptError(f"point {x:g},{y:g} of {prompt.label!r} {hint}")
            for x1, y1, x2, y2, _ in cue.boxes:
                if x1 >= info.width or y1 >= info.height or x2 <= 0 or y2 <= 0:
                    raise PromptError(
                        f"box {x1:g},{y1:g},{x2:g},{y2:g} of {prompt.label!r} lies outside: {size}"
                    )
                if hint := _shares_hint((x1, y1, x2, y2), info):
                    raise PromptError(f"box {x1:g},{y1:g},{x2:g},{y2:g} of {prompt.label!r} {hint}")
            mask = cue.mask
            if mask is not None and (mask.frame_width, mask.frame_height) != (
                info.width,
                info.height,
            ):
                raise PromptError(
                    f"the mask of {prompt.label!r} is {mask.frame_width} x {mask.frame_height}, "
                    f"but {size}"
                )
            if cue.frame is not None and info.frame_count and cue.frame >= info.frame_count:
                raise PromptError(
                    f"prompt {prompt.label!r} is anchored at frame {cue.frame}, but "
                    f"{info.stream} has {info.frame_count} frames (0 to {info.frame_count - 1})"
                )


def _shares_hint(numbers: Numbers, info: StreamInfo) -> str:
    """What to write where numbers are hardly meant as pixels; empty where they may be."""
    if max(numbers) > 1 or min(numbers) < 0 or (info.width, info.height) == (1, 1):
        return ""
    shares = ",".join(f"{100 * number:g}%" for number in numbers)
    return (
        f"lies within one pixel of the {info.width} x {info.height} frame; if you mean shares of "
        f"the frame, write {shares}"
    )


def _prompt(entry: object, where: str, folder: Path = Path()) -> Prompt:
    keys = _mapping(entry, _KEYS, where)
    cues = [*_cues(keys, where, folder)]
    for n, cue in enumerate(_list(keys.get("cues", []), f"{where}: cues"), 1):
        place = f"{where}, cue {n}"
        found = _cues(_mapping(cue, _CUE_KEYS, place), place, folder)
        if not found:
            raise PromptError(f"{place}: a cue needs a point, a box or a mask")
        cues.extend(found)
    text = keys.get("text")
    if text is not None and not isinstance(text, str):
        raise PromptError(f"{where}: text must be a string, got {text!r}")
    label = keys.get("label", text or "object")
    if not isinstance(label, str) or not label.strip():
        raise PromptError(f"{where}: label must be a string that is not empty, got {label!r}")
    most = keys.get("max")
    if most is not None and not _is_count(most):
        raise PromptError(f"{where}: max must be a whole number, got {most!r}")
    try:
        return Prompt(label=label, text=text, cues=tuple(cues), max_instances=most)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error


def _cues(keys: Mapping[str, Any], where: str, folder: Path) -> tuple[Cue, ...]:
    at = keys.get("at", 0)
    if not _is_count(at):
        raise PromptError(f"{where}: at must be the index of a frame, got {at!r}")
    places = {key: _places(keys.get(key, []), key, where) for key in _PLACES}
    files = keys.get(_MASK, [])
    files = [files] if isinstance(files, str) else _list(files, f"{where}: {_MASK}")
    if not all(isinstance(file, str) and file for file in files):
        raise PromptError(f"{where}: mask must be the name of a file, got {keys[_MASK]!r}")
    try:
        return Marks(
            box=places["box"],
            point=places["point"],
            not_box=places["not-box"],
            not_point=places["not-point"],
            mask=[folder / file for file in files],
            at=at,
        ).cues()
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error


def _told(
    convert: Callable[[Any], tuple[tuple[Any, ...], ...]], given: Any, positive: bool | None = None
) -> Iterator[tuple[Any, ...]]:
    """Converted marks; those that are not ``positive=True`` show what is not meant."""
    for mark in convert(given):
        yield mark if positive else (*mark[:-1], False)


def _in_unit(given: Any, shares: bool) -> Any:
    """Marks that are ``Shares``, or those that are not; only lists of marks can hold both."""
    if isinstance(given, Shares):
        given = [given]
    if not isinstance(given, list):
        return None if shares else given
    return [mark for mark in given if isinstance(mark, Shares) is shares]


def _masks(given: Any) -> list[Any]:
    """Single masks: one is a ``Mask``, a file, or an array (H, W)."""
    if given is None:
        return []
    single = isinstance(given, Mask | str | os.PathLike) or getattr(given, "ndim", 0) == 2
    single = single or not isinstance(given, Iterable)  # such as a picture of Pillow
    return [given] if single else values.sequence(given, "masks")


def _places(value: object, key: str, where: str) -> list[Numbers]:
    """A list of points or boxes; a single one need not be wrapped in a list."""
    count, _ = _PLACES[key]
    places = _list(value, f"{where}: {key}")
    if places and not isinstance(places[0], (list, tuple)):
        places = [places]
    return [_numbers(place, count, f"{where}: {key}") for place in places]


def _numbers(place: object, count: int, where: str) -> Numbers:
    """The numbers of a point or box; where all are such as "10%", ``Shares``."""
    if isinstance(place, (list, tuple)) and len(place) == count:
        if all(isinstance(number, (int, float)) for number in place):
            return place
        if all(isinstance(number, str) and number.endswith("%") for number in place):
            return parse_numbers(",".join(place), count, where)
    form = "[x, y]" if count == 2 else "[x1, y1, x2, y2]"
    raise PromptError(f'{where} must be {form} in pixels, or all such as "10%", got {place!r}')


def _mapping(entry: object, known: Sequence[str], where: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise PromptError(f"{where} must be an object with keys, got {entry!r}")
    for key in entry:
        if key not in known:
            raise PromptError(f"{where}: unknown key {key!r}; {nearest(str(key), known)}")
    return entry


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise PromptError(f"{where} must be a list, got {value!r}")
    return list(value)


def _is_count(value: object) -> bool:
    """Whether it is a number of frames or objects: of up to nine digits, as in shorthand."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
