"""Prompts as people write them: shorthand, and ``prompts.json`` (``videoseg.prompts``)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg.errors import PromptError, nearest
from videoseg.prompts.marks import Marks, Numbers, parse_numbers
from videoseg.prompts.phrases import listed
from videoseg.system.text_files import read_text
from videoseg.types import Cue, Prompt

_PLACES = {"point": (2, True), "not-point": (2, False), "box": (4, True), "not-box": (4, False)}
_MASK = "mask"
_CUE_KEYS = (*_PLACES, _MASK, "at")
_KEYS = ("label", "text", "max", "cues", *_CUE_KEYS)


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
    return prompts_of(entries, str(path), path.parent)


def prompts_of(entries: object, where: str, folder: Path) -> tuple[Prompt, ...]:
    """The prompts of what ``prompts.json`` holds.

    Args:
        entries: Its content.
        where: What to call it in messages.
        folder: Where the names of masks lead from.

    Raises:
        PromptError: It is no list, or an entry does not fit.
    """
    if not isinstance(entries, list) or not entries:
        raise PromptError(f"{where} must hold a list of prompts with at least one entry")
    made = (_prompt(entry, f"{where}, prompt {n}", folder) for n, entry in enumerate(entries, 1))
    return tuple(itertools.chain.from_iterable(map(listed, made)))


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
