"""videoseg: name an object, click it or box it, and get its outline through a whole video.

``segment`` yields frames with outlines; ``run`` is done by ``Job``, which also writes files. The
names below are the public interface; all else may change between minor versions.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoseg.api import Job, info
    from videoseg.config import RunConfig
    from videoseg.config import load as load_config
    from videoseg.door import Run, read_run, segment
    from videoseg.errors import VideosegError
    from videoseg.run.summary import Summary
    from videoseg.types import Cue, Frame, Mask, Prompt, Scene, Shape, StreamInfo

__version__ = "0.1.0"

_HOMES = {
    "Cue": "types",
    "Frame": "types",
    "Job": "api",
    "Mask": "types",
    "Prompt": "types",
    "Run": "door",
    "RunConfig": "config",
    "Scene": "types",
    "Shape": "types",
    "StreamInfo": "types",
    "Summary": "run.summary",
    "VideosegError": "errors",
    "info": "api",
    "load_config": "config",
    "read_run": "door",
    "segment": "door",
}
"""Public name to the module that holds it; imported when first asked for (PEP 562)."""

__all__ = [
    "Cue",
    "Frame",
    "Job",
    "Mask",
    "Prompt",
    "Run",
    "RunConfig",
    "Scene",
    "Shape",
    "StreamInfo",
    "Summary",
    "VideosegError",
    "__version__",
    "info",
    "load_config",
    "read_run",
    "segment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'videoseg' has no attribute {name!r}")
    module = importlib.import_module(f"videoseg.{_HOMES[name]}")
    return getattr(module, name.removesuffix("_config") if name == "load_config" else name)


def __dir__() -> list[str]:
    return __all__
