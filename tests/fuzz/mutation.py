"""Changes that leave JSON and TOML what they are, and their values what nobody expects.

Bytes changed at random hardly ever get past a parser of JSON. Here one value somewhere in one line
is replaced, removed, doubled or moved.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 255, 1 << 31, 1 << 53, 1 << 63, -(1 << 63), 10**25, 10**400,
    0.5, -0.0, 1e-320, 1e308, float("inf"), float("nan"), "", "0", "1/0", "1/3", "nan", "<f8", "O",
    "clip", "disc", "embedded", "svg", "iou", "\x00", "\n", "é\u2028", "\ud800", "9" * 50, [], {},
    [[]], [0], [[0, 0]], [None], {"": None},
)  # fmt: skip
_SETTING = re.compile(rb"^([\w.\"'-]+ *= *)(.*)$")


def mutate(data: bytes, chance: random.Random) -> bytes | None:
    """``data`` with one value changed in one of its lines; None where no line holds any."""
    lines = data.split(b"\n")
    order = list(range(len(lines)))
    chance.shuffle(order)
    for at in order[:8]:
        changed = _changed_line(lines[at], chance)
        if changed is not None:
            return b"\n".join([*lines[:at], changed, *lines[at + 1 :]])
    return None


def _changed_line(line: bytes, chance: random.Random) -> bytes | None:
    setting = _SETTING.match(line)
    if setting is not None:
        return setting[1] + json.dumps(_other(chance)).encode("ascii")
    if line[:1] not in (b"{", b"["):
        return None
    try:
        made = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not made:
        return None
    holder, key = chance.choice(list(_places(made)))
    _change(holder, key, chance)
    return json.dumps(made, separators=(",", ":")).encode("ascii")


def _places(made: Any) -> list[tuple[Any, Any]]:
    """Every value inside, as its holder and the key or index that it has there."""
    waiting, found = [made], []
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def _change(holder: Any, key: Any, chance: random.Random) -> None:
    how = chance.randrange(8)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif how == 2:
        holder[key] = [holder[key]]
    elif how == 3 and type(holder[key]) in (int, float):
        holder[key] = chance.choice((holder[key] + 1, holder[key] - 1, -holder[key], 0.5))
    elif how == 4 and isinstance(holder[key], str):
        text = holder[key]
        at = chance.randrange(len(text) + 1)
        holder[key] = text[:at] + chance.choice(("", "0", "o", "~", "\n", "é")) + text[at + 1 :]
    elif how == 5:
        other = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key] = holder[other]
    else:
        holder[key] = _other(chance)


def _other(chance: random.Random) -> Any:
    return chance.choice(_VALUES)
