"""What a run asks of an input: prompts in pixels of the frames, and where objects may lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from videoseg.config.run_settings import RunSettings
from videoseg.geometry.region import Bounds
from videoseg.jobs.mask_files import with_masks
from videoseg.jobs.region import check_marks, read_bounds
from videoseg.prompts import check_prompts, in_pixels, mask_files
from videoseg.types import Prompt, StreamInfo


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What is asked.

    Attributes:
        prompts: The prompts; marks are in pixels of the first stream's frames, masks are read.
        bounds: Where objects may lie.
        files: What was read for that: masks of prompts, and the picture of pixels to ignore.
    """

    prompts: tuple[Prompt, ...]
    bounds: Bounds
    files: tuple[Path, ...]

    @classmethod
    def about(
        cls, prompts: tuple[Prompt, ...], run: RunSettings, streams: Mapping[str, StreamInfo]
    ) -> Questions:
        """Read masks and the picture of pixels to ignore, and check that all fits the streams.

        Raises:
            PromptError: A mark lies outside, or a mask cannot be read or has another size.
            SourceError: The picture of pixels to ignore cannot be read.
            UsageError: It has another size than a stream, or the region none of its pixels.
        """
        first = next(iter(streams.values()))
        files = [path for path in (run.ignore_mask,) if path is not None]
        files += mask_files(prompts)
        shown = in_pixels(with_masks(prompts, first), first)
        for info in streams.values():
            check_prompts(shown, info)
        bounds = read_bounds(run.roi, run.ignore_mask, streams.values())
        check_marks(shown, bounds, streams.values())
        return cls(shown, bounds, tuple(files))

    @property
    def has_marked_frames(self) -> bool:
        """Whether something is marked on one frame, so that answers follow from those before."""
        return any(cue.frame is not None for prompt in self.prompts for cue in prompt.cues)
