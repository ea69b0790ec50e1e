"""What is asked about a batch: which frames are asked the same, and by which numbers prompts go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from videoseg.models._torch.images import Images
from videoseg.types import Frame, Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about some frames of a batch.

    Attributes:
        places: Which of the batch's frames.
        numbered: The prompts with their numbers among those of these frames.
        filled: The same frames, and after them those that fill them up to a number of frames which
            the network was compiled for.
    """

    places: tuple[int, ...]
    numbered: tuple[tuple[int, Prompt], ...]
    filled: tuple[int, ...]

    @classmethod
    def of(cls, places: Sequence[int], prompts: Sequence[Prompt], images: Images) -> Question:
        """All of some prompts, about some frames of a batch, which may have been filled up."""
        whole = images.whole
        filled = tuple(range(len(whole))) if whole and len(places) == len(images) else places
        return cls(tuple(places), tuple(enumerate(prompts)), tuple(filled))

    def only(self, wanted: Callable[[Prompt], bool]) -> Question:
        """Those of its prompts alone that are wanted; they keep their numbers."""
        return replace(self, numbered=tuple(one for one in self.numbered if wanted(one[1])))


def alike(frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> list[tuple[int, ...]]:
    """Numbers of frames that have one size and are asked the same, first come first."""
    pairs = zip(frames, prompts, strict=True)
    return equal([(frame.image.shape, tuple(asked)) for frame, asked in pairs])


def equal(values: Sequence[object]) -> list[tuple[int, ...]]:
    """Places of values that are equal, first come first; values need no hash."""
    groups: list[tuple[object, list[int]]] = []
    for place, value in enumerate(values):
        for known, places in groups:
            if known == value:
                places.append(place)
                break
        else:
            groups.append((value, [place]))
    return [tuple(places) for _, places in groups]
