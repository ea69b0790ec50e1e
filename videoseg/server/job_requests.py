"""From a request for a job to a task: what clients may choose, and what is the user's alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from videoseg.config.guards import guarded
from videoseg.config.layers import assignment_layer
from videoseg.config.run_config import RunConfig
from videoseg.errors import PromptError, UsageError, shown
from videoseg.jobs.batch import Task
from videoseg.prompts import Marks, as_prompts, listed, parse_numbers, parse_prompt
from videoseg.server.job_schema import JobRequest
from videoseg.server.paths import Folders
from videoseg.server.uploads import names_files
from videoseg.types import Prompt

Settings: TypeAlias = Callable[[Mapping[str, Any], Sequence[str]], RunConfig]
"""Settings with flags and ``part.key=value`` of a job's on top."""
_TABLES = ("run", "outlines", "edges", "tracking", "writers", "exporters")
_OF_THE_SERVER = frozenset(
    {"model", "source", "device", "precision", "compile", "offline", "batch", "ignore_mask"}
)
"""Settings of ``[run]`` that are said where the server is started."""


@dataclass(frozen=True)
class JobMaker:
    """Makes tasks of requests.

    Attributes:
        folders: Where inputs, and masks of prompts, may be.
        settings: The server's settings, with those of a job on top.
    """

    folders: Folders
    settings: Settings

    def task(self, asked: JobRequest, upload: Path | None, out: Path) -> Task:
        """The task that a request describes.

        Args:
            asked: The request.
            upload: The file that came with it, if one did.
            out: Where results go.

        Raises:
            UsageError: Something in it does not fit, or is not for clients to choose.
        """
        if (asked.path is None) == (upload is None):
            raise UsageError("give either the path of an input, or a file")
        location = upload if asked.path is None else self._input(asked.path)
        prompts = self._prompts(asked)
        check_settings(asked.set)
        config = self.settings(asked.flags(), asked.set)
        return Task(str(location), out, prompts, config)

    def _input(self, path: str) -> Path:
        """An input in the open folders; pictures of a folder may be links, which count as well."""
        found = self.folders.inside(path)
        if found.is_dir():
            with os.scandir(found) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        self.folders.inside(entry.path)
        elif self._names_files(found):
            raise UsageError(
                f"{shown(path)} is a list of files, which may be anywhere; name a film or a picture"
            )
        return found

    def _names_files(self, path: Path) -> bool:
        try:
            return names_files(path)
        except OSError as error:
            raise UsageError(f"{path.name} cannot be read: {error.strerror}") from error

    def _prompts(self, asked: JobRequest) -> tuple[Prompt, ...]:
        """The prompts; files of masks are looked for in the open folders."""
        sizes = {"box": 4, "not_box": 4, "point": 2, "not_point": 2}
        given = {
            name: [parse_numbers(text, size, name) for text in getattr(asked, name)]
            for name, size in sizes.items()
        }
        found: list[Prompt] = []
        if asked.text or any(given.values()):
            found += as_prompts(asked.text, Marks(**given))
        for text in asked.prompt:
            found += listed(parse_prompt(text))
        if not found:
            raise PromptError("nothing to look for: give text, a box, a point or a prompt")
        return tuple(map(self._confined, found))

    def _confined(self, prompt: Prompt) -> Prompt:
        cues = tuple(
            cue
            if cue.mask_file is None
            else replace(cue, mask_file=self.folders.inside(str(cue.mask_file)))
            for cue in prompt.cues
        )
        return replace(prompt, cues=cues)


def check_settings(assignments: Sequence[str]) -> None:
    """Refuse settings that clients may not choose: models, inputs, addresses, keys, paths.

    Raises:
        UsageError: One is such; says which.
    """
    for text in assignments:
        layer = assignment_layer(text)
        ((table, settings),) = layer.tables.items()
        own = table == "run" and not _OF_THE_SERVER.isdisjoint(settings)
        if table not in _TABLES or own:
            raise UsageError(
                f"{layer.origin}: that is said where the server is started, not in a request"
            )
        for said in guarded(layer):
            if said.value not in (said.default, *said.guard.harmless):
                raise UsageError(
                    f"{layer.origin}: {said.guard.what} is said where the server is started, not "
                    "in a request"
                )
