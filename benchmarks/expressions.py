"""Referring expressions on made scenes, each of which means exactly one of several things.

    python -m benchmarks.expressions DATA/images/coco_val [--scenes 40] [--seed 0] [--picture P]

Things are cut out of photographs that no training saw and laid over others out of focus, so that
what an expression means is known. For each kind of expression: how often the answer is the thing
that is meant (IoU of at least a half), how often that would come of any one of its kind, and the
same where the model finds all in the scene by its bare name, which is what the words beside the
noun are to be judged by.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from benchmarks.asking import ask
from benchmarks.identity.cutouts import cut_out, is_whole
from videoseg.evaluate.datasets.coco import Coco
from videoseg.geometry import masks
from videoseg.models.embedded import Embedded
from videoseg.types import Bitmap, Mask, RgbImage

WIDTH = 640
"""Of the pictures, pixels."""
HEIGHT = 480
"""Of the pictures, pixels."""
_RIGHT = 0.5
"""An answer with this IoU is right."""
_HUES = {"red": 0, "yellow": 28, "green": 60, "blue": 112}
"""Hues of OpenCV, half degrees."""
_ROW = 260
"""Height of the line on which things stand side by side."""
Picture: TypeAlias = tuple[RgbImage, Bitmap]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and what is said of it.

    Attributes:
        kind: Kind of the expressions.
        name: What all but the last of its partners are.
        image: uint8 (480, 640, 3) RGB.
        things: Masks of the things of that name.
        partner: Name and mask of the thing they are told by, or None.
        said: Expressions, each with the number of the thing that it means.
    """

    kind: str
    name: str
    image: RgbImage
    things: tuple[Mask, ...]
    partner: tuple[str, Mask] | None
    said: tuple[tuple[str, int], ...]


class Stage:
    """A ground on which things are laid one after the other."""

    def __init__(self, ground: RgbImage) -> None:
        image = cv2.resize(ground, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        self.image = np.asarray(cv2.GaussianBlur(image, (0, 0), 14), dtype=np.uint8)
        self.bitmaps: list[Bitmap] = []

    def lay(self, picture: Picture, x: float, y: float, height: float) -> None:
        """Lay a thing with its middle at x and y, so many pixels high, over all that is there."""
        image, bitmap = picture
        scale = height / bitmap.shape[0]
        scale = min(scale, WIDTH / 4.5 / bitmap.shape[1])
        left, top = x - scale * bitmap.shape[1] / 2, y - scale * bitmap.shape[0] / 2
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        size = (WIDTH, HEIGHT)
        above = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(bitmap.astype(np.float32), matrix, size)[..., None]
        self.image = (self.image * (1 - cover) + above * cover).astype(np.uint8)
        own = np.asarray(cover[..., 0] > 0.5, dtype=np.bool_)
        self.bitmaps = [bitmap & ~own for bitmap in self.bitmaps] + [own]

    def scene(
        self, kind: str, name: str, said: list[tuple[str, int]], partner: str | None = None
    ) -> Scene:
        """What there is now; all have the name, but the last where a partner is named."""
        found = [masks.from_bitmap(bitmap) for bitmap in self.bitmaps]
        things = [mask for mask in found if mask is not None]
        assert len(things) == len(found)
        told_by = None if partner is None else (partner, things.pop())
        return Scene(kind, name, self.image, tuple(things), told_by, tuple(said))


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """Whole things by their name, and photographs to lay them on."""

    things: dict[str, list[Picture]]
    grounds: list[RgbImage]

    @classmethod
    def read(cls, data: Path) -> Stock:
        """Read a COCO-style folder."""
        things: dict[str, list[Picture]] = defaultdict(list)
        grounds = []
        for sample in Coco(data).samples(_broken):
            image = sample.image()
            grounds.append(image)
            for target in sample.targets:
                mask = target.mask() if target.thing else None
                if mask is not None and is_whole(mask):
                    things[target.name].append(cut_out(image, mask))
        return cls(dict(things), grounds)

    def scenes(self, count: int, seed: int) -> Iterator[Scene]:
        """So many scenes of each kind, always the same for a seed."""
        for kind in KINDS:
            random = np.random.default_rng([seed, len(kind), ord(kind[0])])
            for _ in range(count):
                yield self._scene(kind, random)

    def _scene(self, kind: str, random: np.random.Generator) -> Scene:
        names = sorted(self.things)
        first, second = (str(name) for name in random.choice(names, 2, replace=False))
        one, other = (self.things[name] for name in (first, second))
        picture = one[int(random.integers(len(one)))]
        partner = other[int(random.integers(len(other)))]
        stage = Stage(self.grounds[int(random.integers(len(self.grounds)))])
        return KINDS[kind](stage, first, picture, second, partner, random)


def _place(
    stage: Stage, name: str, picture: Picture, _: str, __: Picture, random: np.random.Generator
) -> Scene:
    """Three in a row."""
    order = random.permutation(3).tolist()
    for place in order:
        stage.lay(picture, 110 + 210 * place, _ROW + float(random.uniform(-60, 60)), 150)
    at = [order.index(place) for place in range(3)]
    said = [(f"leftmost {name}", at[0]), (f"{name} on the right", at[2])]
    said += [(f"second {name} from the left", at[1]), (f"third {name} from the left", at[2])]
    return stage.scene("place", name, said)


def _size(
    stage: Stage, name: str, picture: Picture, _: str, __: Picture, random: np.random.Generator
) -> Scene:
    """Three of one shape, each by far larger than the next."""
    order = random.permutation(3).tolist()
    for place, rank in enumerate(order):
        stage.lay(picture, 110 + 210 * place, _ROW, 200 * 0.6**rank)
    said = [(f"largest {name}", order.index(0)), (f"smallest {name}", order.index(2))]
    said += [(f"second largest {name}", order.index(1))]
    return stage.scene("size", name, said)


def _colour(
    stage: Stage, name: str, picture: Picture, _: str, __: Picture, random: np.random.Generator
) -> Scene:
    """Three of one shape in three colours."""
    names = [str(colour) for colour in random.choice(sorted(_HUES), 3, replace=False)]
    for place, colour in enumerate(names):
        stage.lay(_dyed(picture, colour), 110 + 210 * place, _ROW, 150)
    said = [(f"{colour} {name}", place) for place, colour in enumerate(names)]
    return stage.scene("colour", name, said)


def _colour_and_place(
    stage: Stage, name: str, picture: Picture, _: str, __: Picture, random: np.random.Generator
) -> Scene:
    """Two of one colour and two of another."""
    names = [str(colour) for colour in random.choice(sorted(_HUES), 2, replace=False)]
    order = random.permutation([0, 0, 1, 1]).tolist()
    for place, index in enumerate(order):
        stage.lay(_dyed(picture, names[index]), 80 + 160 * place, _ROW, 130)
    said = []
    for index, colour in enumerate(names):
        places = [place for place, there in enumerate(order) if there == index]
        said += [
            (f"leftmost {colour} {name}", places[0]),
            (f"rightmost {colour} {name}", places[1]),
        ]
    return stage.scene("colour and place", name, said)


def _beside(
    stage: Stage, name: str, picture: Picture, other: str, partner: Picture, _: np.random.Generator
) -> Scene:
    """Two of a kind with another thing between them, nearer to the first."""
    for x in (120, 520):
        stage.lay(picture, x, _ROW, 150)
    stage.lay(partner, 270, _ROW, 150)
    said = [(f"{name} left of the {other}", 0), (f"{name} right of the {other}", 1)]
    said += [(f"{name} to the left of the {other}", 0), (f"{name} next to the {other}", 0)]
    return stage.scene("beside another", name, said, other)


def _over(
    stage: Stage, name: str, picture: Picture, other: str, partner: Picture, _: np.random.Generator
) -> Scene:
    """One higher and one lower than another thing."""
    stage.lay(picture, 320, 80, 120)
    stage.lay(picture, 320, 400, 120)
    stage.lay(partner, 320, 240, 120)
    said = [(f"{name} above the {other}", 0), (f"{name} below the {other}", 1)]
    said += [(f"{name} over the {other}", 0), (f"{name} under the {other}", 1)]
    return stage.scene("above or below another", name, said, other)


def _depth(
    stage: Stage, name: str, picture: Picture, other: str, partner: Picture, _: np.random.Generator
) -> Scene:
    """One partly behind another thing and one partly before it."""
    stage.lay(picture, 270, 190, 170)
    stage.lay(partner, 340, 260, 180)
    stage.lay(picture, 420, 350, 170)
    stage.bitmaps = [stage.bitmaps[n] for n in (0, 2, 1)]
    said = [(f"{name} behind the {other}", 0), (f"{name} in front of the {other}", 1)]
    return stage.scene("behind or before another", name, said, other)


KINDS = {
    "place": _place,
    "size": _size,
    "colour": _colour,
    "colour and place": _colour_and_place,
    "beside another": _beside,
    "above or below another": _over,
    "behind or before another": _depth,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="a COCO-style folder")
    parser.add_argument("--scenes", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="where to show the first of each kind")
    given = parser.parse_args()
    model = Embedded()
    answers: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
    shown: dict[str, RgbImage] = {}
    for scene in Stock.read(given.data).scenes(given.scenes, given.seed):
        shown.setdefault(scene.kind, scene.image)
        every = _masks(model, scene.image, scene.name)
        complete = all(any(masks.iou(mask, t) >= _RIGHT for mask in every) for t in scene.things)
        if scene.partner is not None:
            name, truth = scene.partner
            shown_as = _masks(model, scene.image, name)
            complete &= any(masks.iou(mask, truth) >= _RIGHT for mask in shown_as)
        for phrase, meant in scene.said:
            found = masks.union(_masks(model, scene.image, phrase))
            right = found is not None and masks.iou(found, scene.things[meant]) >= _RIGHT
            answers[scene.kind].append((right, complete, 1 / len(scene.things)))
    print("| kind | n | right | n, all found by their names | right of those | by chance |")
    print("|---|---:|---:|---:|---:|---:|")
    for kind, many in answers.items():
        clear = [right for right, complete, _ in many if complete]
        share = np.mean([right for right, _, _ in many])
        composed = f"{np.mean(clear):.3f}" if clear else ""
        chance = np.mean([chance for *_, chance in many])
        print(f"| {kind} | {len(many)} | {share:.3f} | {len(clear)} | {composed} | {chance:.2f} |")
    if given.picture:
        sheet = np.concatenate(list(shown.values())[:4], axis=1)
        rest = np.concatenate([*list(shown.values())[4:], np.zeros_like(scene.image)], axis=1)
        cv2.imwrite(str(given.picture), np.concatenate([sheet, rest])[..., ::-1])


def _masks(model: Embedded, image: RgbImage, phrase: str) -> list[Mask]:
    answer = ask(model, image, phrase)
    return [found.mask for found in answer.instances] if answer else []


def _dyed(picture: Picture, colour: str) -> Picture:
    image, bitmap = picture
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = _HUES[colour]
    hsv[..., 1] = np.maximum(hsv[..., 1], 170)
    hsv[..., 2] = np.clip(hsv[..., 2].astype(np.int32) // 2 + 90, 0, 235)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.uint8), bitmap


def _broken(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    main()
