"""What the page says to look for: prompts, and the files and commands that say the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg.errors import PromptError
from videoseg.prompts import prompts_of
from videoseg.types import Prompt

_MARKS = ("box", "not-box", "point", "not-point")
_FILE = "prompts.json"


def read_prompts(entries: object) -> tuple[Prompt, ...]:
    """Prompts of what the page sends, which has the form of ``prompts.json``.

    Raises:
        PromptError: It has not, or it names a file.
    """
    listed = entries if isinstance(entries, list) else []
    cues = [entry.get("cues", []) for entry in listed if isinstance(entry, Mapping)]
    inner = [cue for each in cues if isinstance(each, list) for cue in each]
    if any(isinstance(each, Mapping) and "mask" in each for each in (*listed, *inner)):
        raise PromptError("masks of files cannot be named by a page; use --mask of `segment`")
    return prompts_of(entries, "what is marked", Path())


def as_entries(prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Prompts in the form of ``prompts.json``; masks are left out."""
    return [_entry(prompt) for prompt in prompts]


def as_file(entries: Sequence[Mapping[str, Any]]) -> str:
    """``prompts.json``."""
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def command(location: str, entries: Sequence[Mapping[str, Any]], out: str) -> str:
    """The command line that finds the same."""
    words = ["videoseg", "segment", _operand(location)]
    plain = [entry for entry in entries if len(entry.get("cues", ())) <= 1]
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
