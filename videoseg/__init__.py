"""videoseg: name an object, click it or box it, and get its outline through a whole video.

* ``segment(clip, "the dog")`` yields every frame with its outlines; boxes, points and masks go
  into ``box=``, ``point=`` and ``mask=``, a model into ``model=``.
* ``Job(clip, "the dog").run("out")`` writes files, with the settings of ``load_config``.
* ``segment_many({clip: "out/a"}, "the dog", cluster="local")`` does so for many, here or elsewhere.
* ``read_run("out")`` gives the tracks and outlines of a finished run as rows, and its scenes.
* ``info(clip)`` says what an input holds.
* ``Prompt`` and ``Cue`` say what to look for where one phrase does not, ``Scene``, ``Mask`` and
  ``Shape`` are what is found, and ``Detections``, ``Instance`` and ``ModelCard`` what a model of
  your own answers.

What is wrong is a ``VideosegError``, and the builtin error that fits (``help(videoseg.errors)``).
The names below are the public interface; all else may change between minor versions.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoseg.api import Run, info, read_run, segment, segment_many
    from videoseg.config.run_config import RunConfig
    from videoseg.config.run_config import load as load_config
    from videoseg.errors import (
        ConfigError,
        LimitReachedError,
        MissingDependencyError,
        ModelError,
        OutputError,
        PromptError,
        RunLogError,
        SourceError,
        UsageError,
        VideosegError,
    )
    from videoseg.jobs.job import Job
    from videoseg.runlog.summary import Summary
    from videoseg.types import (
        Cue,
        Detections,
        Frame,
        Grounding,
        Instance,
        Mask,
        ModelCard,
        Prompt,
        Scene,
        Shape,
        StreamInfo,
        TrackedInstance,
    )

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "errors",
    "Cue": "types",
    "Detections": "types",
    "Frame": "types",
    "Grounding": "types",
    "Instance": "types",
    "Job": "jobs.job",
    "LimitReachedError": "errors",
    "Mask": "types",
    "MissingDependencyError": "errors",
    "ModelCard": "types",
    "ModelError": "errors",
    "OutputError": "errors",
    "Prompt": "types",
    "PromptError": "errors",
    "Run": "api",
    "RunConfig": "config.run_config",
    "RunLogError": "errors",
    "Scene": "types",
    "Shape": "types",
    "SourceError": "errors",
    "StreamInfo": "types",
    "Summary": "runlog.summary",
    "TrackedInstance": "types",
    "UsageError": "errors",
    "VideosegError": "errors",
    "info": "api",
    "load_config": "config.run_config",
    "read_run": "api",
    "segment": "api",
    "segment_many": "api",
}
"""Public name to the module that holds it; imported when first asked for (PEP 562)."""

__all__ = [
    "ConfigError",
    "Cue",
    "Detections",
    "Frame",
    "Grounding",
    "Instance",
    "Job",
    "LimitReachedError",
    "Mask",
    "MissingDependencyError",
    "ModelCard",
    "ModelError",
    "OutputError",
    "Prompt",
    "PromptError",
    "Run",
    "RunConfig",
    "RunLogError",
    "Scene",
    "Shape",
    "SourceError",
    "StreamInfo",
    "Summary",
    "TrackedInstance",
    "UsageError",
    "VideosegError",
    "__version__",
    "info",
    "load_config",
    "read_run",
    "segment",
    "segment_many",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'videoseg' has no attribute {name!r}")
    module = importlib.import_module(f"videoseg.{_HOMES[name]}")
    return getattr(module, name.removesuffix("_config") if name == "load_config" else name)


def __dir__() -> list[str]:
    return __all__
