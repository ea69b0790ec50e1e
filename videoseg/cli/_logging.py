"""Notes and warnings on stderr: for people as lines, for machines as JSON.

With ``--log-format json`` every line is an object with ``event``: ``note`` (``level``,
``message``), ``summary`` (as ``--json`` prints it) or ``error`` (``message``, ``exit_code``).
"""

from __future__ import annotations

import json
import logging
from enum import StrEnum

from videoseg.cli._terminal import tell_event, visible

_REMEMBERED = 1000
"""Lines that are said once."""


class LogFormat(StrEnum):
    """What ``--log-format`` takes."""

    TEXT = "text"
    JSON = "json"


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps({"event": "note", **fields})


class _AsText(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"note: {visible(record.getMessage())}"


class _Once(logging.Filter):
    """Lets the same words through once: every input has the same to say about a phrase."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it was not said before."""
        text = record.getMessage()
        if text in self._said:
            return False
        if len(self._said) >= _REMEMBERED:  # a server goes on for weeks
            self._said.clear()
        self._said.add(text)
        return True


def set_up(kind: LogFormat, *, quiet: bool) -> None:
    """Say what is logged from now on in this form; when quiet, nothing below an error."""
    handler = logging.StreamHandler()
    handler.addFilter(_Once())
    handler.setFormatter(_AsJson() if kind is LogFormat.JSON else _AsText())
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(handlers=[handler], level=level, force=True)


def speaks_json() -> bool:
    """Whether stderr is for machines."""
    return any(isinstance(handler.formatter, _AsJson) for handler in logging.root.handlers)


def write_event(event: str, **fields: object) -> None:
    """One JSON line on stderr."""
    tell_event(event, fields)
