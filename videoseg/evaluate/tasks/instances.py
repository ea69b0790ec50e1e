"""Class name -> every instance of it: mask AP, mIoU per instance and per category, how many.

Every name that is on an image is asked, and some or all of those that are not. Mask AP is that of
COCO and LVIS where all names are asked (``absent=-1``): with fewer, false alarms on the others go
unseen, and it is a little higher. Over names that are rare, common and frequent in the training
images of LVIS it is APr, APc and APf.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from annotated_types import Ge
from typing_extensions import Doc

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.metrics.average_precision import ImageInstances, Overlaps
from videoseg.evaluate.metrics.region import overlap_of
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Picture, Row, mean_of_labels
from videoseg.evaluate.tasks._instances import IMAGE_AREAS, instance_columns, instance_figures
from videoseg.evaluate.tasks._truth import absent_names, check_size
from videoseg.geometry import masks
from videoseg.types import Mask, Prompt, PromptKind

PER_INSTANCE = "mIoU per instance"
"""Every annotated instance counts alike, with the prediction that is paired with it."""
PER_CATEGORY = "mIoU per category"
"""Every category counts alike: its pixels over all images that have it, then the mean."""


@dataclass
class Instances:
    """Every thing of a name on an image; stuff is left out."""

    name: ClassVar[str] = "instances"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "iou"
    absent: Annotated[
        int, Ge(-1), Doc("names per image that are not on it, at least 0; -1 = all that are known")
    ] = 3
    seed: Annotated[int, Doc("of the choice of absent names; each image draws for itself")] = 0
    each: Annotated[bool, Doc("a line for each name, too")] = False

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Text."""
        return frozenset({"text"})

    @property
    def figures(self) -> Sequence[Figure]:
        """AP, both readings of mIoU, counts and presence."""
        return (*instance_figures(), mean_of_labels(PER_CATEGORY, ("intersection", "union")))

    def questions(self, sample: ImageSample) -> int:
        """One for each name."""
        things = {target.name for target in sample.targets if target.thing}
        return len(things) + len(absent_names(sample, self.absent, self.seed))

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Ask every name alone."""
        frame = sample.frame()
        things = _things(sample)
        known = (mask for found in things.values() for mask, _ in found)
        check_size(frame, known, sample.key)
        names = (*things, *absent_names(sample, self.absent, self.seed))
        questions = {name: Prompt(label=name, text=name) for name in names}
        yield from driver.ask_each(frame, questions)

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per name."""
        things = _things(sample)
        for answer in answers:
            name = answer.question
            truth = things.get(name, [])
            exhaustive = name not in sample.partly
            values, lists = instance_columns(_overlaps(truth, answer, exhaustive), IMAGE_AREAS)
            whole = masks.union([mask for mask, _ in truth])
            if whole is not None and exhaustive:
                overlap = overlap_of(answer.union, whole)
                values["intersection"] = float(overlap.intersection)
                values["union"] = float(overlap.union)
                values["iou"] = overlap.iou
            values["refused"] = float(answer.refused is not None)
            picture = None if whole is None else Picture(0, whole, answer.union)
            kind = (sample.kinds[name],) if name in sample.kinds else ()
            groups = ("all", *kind, f"name: {name}") if self.each else ("all", *kind)
            yield Row(sample.key, name, name, groups, values, picture, lists)


def _things(sample: ImageSample) -> dict[str, list[tuple[Mask, bool]]]:
    """For each name of things on an image the masks, and whether each is a crowd."""
    found: dict[str, list[tuple[Mask, bool]]] = {}
    for target in sample.targets:
        mask = target.mask() if target.thing else None
        if mask is not None:
            found.setdefault(target.name, []).append((mask, target.crowd))
    return found


def _overlaps(truth: Sequence[tuple[Mask, bool]], answer: Answer, exhaustive: bool) -> Overlaps:
    pairs = ImageInstances(
        truth=[mask for mask, _ in truth],
        crowd=[crowd for _, crowd in truth],
        predicted=[one.mask for one in answer.found],
        scores=[one.score for one in answer.found],
    ).overlaps()
    return replace(pairs, exhaustive=exhaustive)


TASKS = {Instances.name: Instances}
