"""What the page says to look for: prompts, and the files and commands that say the same."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from videoseg.errors import PromptError
from videoseg.geometry import masks
from videoseg.prompts import prompts_of
from videoseg.server.page.painting import KEY, painted
from videoseg.types import Cue, Prompt

_MARKS = ("box", "not-box", "point", "not-point")
_FILE = "prompts.json"


def read_prompts(entries: object, size: tuple[int, int]) -> tuple[Prompt, ...]:
    """Prompts of what the page sends: the form of ``prompts.json``, with what is painted beside it.

    Args:
        entries: The prompts; a cue may have ``paint`` (``painting``).
        size: Width and height of the frames.

    Raises:
        PromptError: It has not that form, or it names a file.
    """
    listed = entries if isinstance(entries, list) else []
    known = [entry for entry in listed if isinstance(entry, Mapping)]
    if any("mask" in each for each in (*known, *itertools.chain(*map(_cues, known)))):
        raise PromptError("masks of files cannot be named by a page; use --mask of `segment`")
    if not any(KEY in cue for entry in known for cue in _cues(entry)):
        return prompts_of(entries, "what is marked", Path())
    found = (_prompts_with_paint(entry, size) for entry in listed)
    return tuple(itertools.chain.from_iterable(found))


def masks_of(entries: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> dict[str, bytes]:
    """What is painted, as pictures (PNG) by the names that ``as_file`` calls them."""
    import cv2

    found = {}
    for cue, name in _painted_cues(entries):
        bitmap = masks.to_bitmap(painted(cue[KEY], size)).astype("uint8") * 255
        found[name] = cv2.imencode(".png", bitmap)[1].tobytes()
    return found


def as_entries(prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Prompts in the form of ``prompts.json``; masks are left out."""
    return [_entry(prompt) for prompt in prompts]


def as_file(entries: Sequence[Mapping[str, Any]]) -> str:
    """``prompts.json``; what is painted is named as a picture beside it (``masks_of``)."""
    names = {id(cue): name for cue, name in _painted_cues(entries)}
    written = []
    for entry in entries:
        cues = [
            {**_plain(cue), **({"mask": names[id(cue)]} if KEY in cue else {})}
            for cue in _cues(entry)
        ]
        written.append({**entry, "cues": cues} if cues else dict(entry))
    return json.dumps(written, indent=1, ensure_ascii=False) + "\n"


def command(location: str, entries: Sequence[Mapping[str, Any]], out: str) -> str:
    """The command line that finds the same."""
    words = ["videoseg", "segment", _operand(location)]
    plain = [each for each in entries if len(_cues(each)) <= 1 and not [*_painted_cues([each])]]
    if not entries:
        words += ["TEXT"]
    elif len(plain) < len(entries):  # shorthand has room for the marks of one frame
        words += ["--prompts", _FILE]
    else:
        for entry in entries:
            words += _options(entry)
    return shlex.join([*words, "-o", out])


def _options(entry: Mapping[str, Any]) -> list[str]:
    cues, text = entry.get("cues", ()), entry.get("text")
    label = entry.get("label", text)
    if not cues and label == text and text:
        return [f"--text={text}"]
    pairs = [("label", label), *([("text", text)] if text else [])]
    for cue in cues:
        for kind in _MARKS:
            marks = cue.get(kind, ())
            pairs += [(kind, ",".join(f"{number:g}" for number in mark)) for mark in marks]
        pairs += [("at", cue.get("at", 0))] if cue.get("at") else []
    if any(";" in str(value) for _, value in pairs):
        return ["--prompts", _FILE]
    return ["--prompt", ";".join(f"{key}={value}" for key, value in pairs)]


def _cues(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    cues = entry.get("cues", [])
    return [each for each in cues if isinstance(each, Mapping)] if isinstance(cues, list) else []


def _plain(cue: Mapping[str, Any]) -> dict[str, Any]:
    """A cue without what is painted."""
    return {key: value for key, value in cue.items() if key != KEY}


def _painted_cues(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each cue that something is painted for, with the name of its mask."""
    for number, entry in enumerate(entries, 1):
        for cue in _cues(entry):
            if KEY in cue:
                yield cue, f"mask-{number}-{cue.get('at', 0)}.png"


def _prompts_with_paint(entry: object, size: tuple[int, int]) -> tuple[Prompt, ...]:
    where = "what is marked"
    if not isinstance(entry, Mapping):
        return prompts_of([entry], where, Path())
    drawn = [
        Cue(cue.get("at", 0), mask=painted(cue[KEY], size)) for cue in _cues(entry) if KEY in cue
    ]
    cues = [plain for cue in _cues(entry) if len(plain := _plain(cue)) > ("at" in plain)]
    rest = {**entry, "cues": cues}
    if drawn and not cues and not entry.get("text"):
        label = entry.get("label")
        if not isinstance(label, str) or not label.strip():
            raise PromptError(f"{where}: a label is text that is not empty, got {label!r}")
        return (Prompt(label=label, cues=drawn),)
    made = prompts_of([rest], where, Path())
    return tuple(replace(each, cues=(*each.cues, *drawn)) for each in made)


def _operand(location: str) -> str:
    return f"./{location}" if location.startswith("-") and location != "-" else location


def _entry(prompt: Prompt) -> dict[str, Any]:
    entry: dict[str, Any] = {"label": prompt.label}
    if prompt.text is not None:
        entry["text"] = prompt.text
    if prompt.max_instances is not None:
        entry["max"] = prompt.max_instances
    cues = []
    for cue in prompt.cues:
        made: dict[str, Any] = {"at": cue.frame or 0}
        for *place, positive in cue.points:
            made.setdefault("point" if positive else "not-point", []).append(place)
        for *corners, positive in cue.boxes:
            made.setdefault("box" if positive else "not-box", []).append(corners)
        if len(made) > 1:
            cues.append(made)
    return {**entry, "cues": cues} if cues else entry
