"""Questions for the promptable network: a crop of a photograph, prompts for a piece, its pixels.

Each question is made from a seed alone. Most crops are plain; some show a thing cut out and pasted
over another photograph (G. Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method
for Instance Segmentation", CVPR 2021), or something in front of it. Carrying through a clip is
learned from stills: the mask and the evidence of an earlier frame are the truth, moved, bent and
spoilt (as in S. W. Oh et al., "Video Object Segmentation Using Space-Time Memory Networks", ICCV
2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.pieces import SOURCES, Piece, Pieces
from training.samples import jitter
from videoseg.models.embedded.promptable.prompt_maps import CHANNELS

FloatMap = npt.NDArray[np.float32]
Bitmap = npt.NDArray[np.uint8]
Random = np.random.Generator

KINDS = {"box": 0.34, "click": 0.42, "carry": 0.15, "evidence": 0.09}
"""What a question starts from, and how often."""
_PASTED = 0.25
_COVERED = 0.15
_DRAWN = 0.05
"""Part of the questions that show a plain shape: what nothing but its colour tells apart."""
_SCRIBBLED = 0.3
"""Part of the questions by click that are asked with scribbles instead."""
_LEAST_SHOWN = 40
"""A piece must show at least so many pixels of the crop."""
ROW = {name: index for index, name in enumerate(CHANNELS)}


@dataclass(frozen=True, eq=False)
class Question:
    """One crop and what is asked.

    Attributes:
        image: uint8 (S, S, 3) RGB.
        truth: uint8 (S, S), 0 and 1.
        maps: float16 (c, S, S), the maps of ``prompt_maps.CHANNELS``; clicks are yet to come.
        clicks: Whether the first click is still to be made.
    """

    image: npt.NDArray[np.uint8]
    truth: Bitmap
    maps: npt.NDArray[np.float16]
    clicks: bool


def question(pieces: Pieces, side: int, random: Random) -> Question:
    """A random question of this size."""
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    while True:
        if random.random() < _DRAWN:
            image, truth = _shape(pieces, side, random)
        else:
            image, truth = _scene(pieces, _choose(pieces, random), kind, side, random)
        if int(truth.sum()) >= _LEAST_SHOWN:
            break
    maps = np.zeros((len(CHANNELS), side, side), dtype=np.float32)
    if kind == "box" or (kind == "carry" and random.random() < 0.1):
        maps[ROW["box"]] = _box(truth, random)
    if kind == "carry":
        maps[ROW["previous"]] = _earlier(truth, random)
    if kind == "evidence" or (kind == "carry" and random.random() < 0.75):
        maps[ROW["evidence"]] = _evidence(image, truth, random)
    scribbled = kind == "click" and random.random() < _SCRIBBLED
    if scribbled:
        _scribble(maps[ROW["positive"]], truth, random)
        if random.random() < 0.8:
            _scribble(maps[ROW["negative"]], 1 - truth, random)
    if random.random() < 0.7:
        image = jitter(image, random)
    return Question(image, truth, maps.astype(np.float16), kind == "click" and not scribbled)


def _choose(pieces: Pieces, random: Random) -> Piece:
    names = [source.folder for source in SOURCES if source.folder in pieces.by_source]
    shares = np.array([source.share for source in SOURCES if source.folder in pieces.by_source])
    pool = pieces.by_source[names[int(random.choice(len(names), p=shares / shares.sum()))]]
    while True:
        piece = pool[int(random.integers(len(pool)))]
        # Small pieces abound; what people point at is rather larger, and things before stuff.
        likely = min(1.0, piece.side / 80) * (1.0 if piece.thing else 0.5)
        if random.random() < likely or not piece.photo.source.folder.startswith("coco"):
            return piece


def _scene(
    pieces: Pieces, piece: Piece, kind: str, side: int, random: Random
) -> tuple[npt.NDArray[np.uint8], Bitmap]:
    """Picture and truth."""
    to_crop = _placement(piece, kind, side, random)
    image, truth = _warped(piece, to_crop, side)
    if piece.thing and piece.photo.source.cutout and random.random() < _PASTED:
        other = pieces.photos[int(random.integers(len(pieces.photos)))]
        image = _pasted(_somewhere(other.image, side, random), image, truth, random)
    if pieces.cutouts and random.random() < _COVERED:
        front = pieces.cutouts[int(random.integers(len(pieces.cutouts)))]
        over, hides = _warped(front, _in_front(front, truth, random), side)
        if int((truth & (1 - hides)).sum()) > 0.35 * int(truth.sum()):
            image, truth = _pasted(image, over, hides, random), truth & (1 - hides)
    return image, truth


def _shape(pieces: Pieces, side: int, random: Random) -> tuple[npt.NDArray[np.uint8], Bitmap]:
    """A shape of one colour on one colour, or on a photograph, with more or less noise."""
    truth = np.zeros((side, side), dtype=np.uint8)
    centre = random.uniform(0.3, 0.7, 2) * side
    size = side * random.uniform(0.08, 0.38)
    if random.random() < 0.5:
        axes = (round(size), round(size * random.uniform(0.4, 1)))
        angle = float(random.uniform(0, 180))
        cv2.ellipse(truth, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, 1, -1)
    else:
        turns = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 9))))
        reach = size * random.uniform(0.5, 1.2, len(turns))
        corners = centre + np.stack([np.cos(turns), np.sin(turns)], axis=1) * reach[:, None]
        cv2.fillPoly(truth, [np.rint(corners).astype(np.int32)], 1)
    if random.random() < 0.5:
        photo = pieces.photos[int(random.integers(len(pieces.photos)))]
        under = _somewhere(photo.image, side, random).astype(np.float32)
    else:
        under = np.full((side, side, 3), random.uniform(0, 255, 3), dtype=np.float32)
    picture = np.where(truth[..., None] > 0, random.uniform(0, 255, 3), under)
    picture += random.normal(0, random.choice([0.0, 6.0, 14.0]), picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def _placement(piece: Piece, kind: str, side: int, random: Random) -> npt.NDArray[np.float64]:
    """Photograph to crop: scaled, turned, mirrored and moved, most of the piece in view."""
    height, width = piece.photo.image.shape[:2]
    if kind == "click":
        most = max(1.15, min(10.0, 1.1 * max(height, width) / piece.side))
        room = float(np.exp(random.uniform(np.log(1.1), np.log(most))))
        if random.random() < 0.1:
            room = random.uniform(0.6, 1.1)
    else:
        room = float(random.uniform(1.15, 2.1))
    scale = side / (room * max(piece.side, 12))
    stretch = float(np.exp(random.uniform(-0.15, 0.15)))
    angle = float(random.normal(0, 0.12)) if random.random() < 0.5 else 0.0
    flip = -1.0 if random.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([flip * scale * stretch, scale / stretch])
    rows, columns = piece.bitmap.shape
    centre = np.array([piece.x + columns / 2, piece.y + rows / 2])
    slack = max(side - scale * piece.side, 0.1 * side) / 2
    aim = side / 2 + random.uniform(-slack, slack, 2) * (1.0 if kind == "click" else 0.4)
    return np.column_stack([linear, aim - linear @ centre])


def _warped(
    piece: Piece, to_crop: npt.NDArray[np.float64], side: int
) -> tuple[npt.NDArray[np.uint8], Bitmap]:
    """The crop of a photograph, grey outside of it, and of its piece."""
    scale = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    source = piece.photo.image
    shrink = 1.0
    if scale < 0.5:  # Shrunk by area first, or else fine patterns turn into noise.
        shrink = max(scale * 1.4, 0.02)
        source = cv2.resize(source, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    image = cv2.warpAffine(
        source,
        _centred(to_crop, shrink),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(127, 127, 127),
    )
    own = to_crop.copy()
    own[:, 2] += to_crop[:, :2] @ np.array([piece.x, piece.y])
    truth = cv2.warpAffine(piece.bitmap * 255, _centred(own, 1.0), (side, side))
    return np.asarray(image, dtype=np.uint8), np.asarray(truth > 127, dtype=np.uint8)


def _centred(matrix: npt.NDArray[np.float64], shrink: float) -> npt.NDArray[np.float64]:
    """From edge-based coordinates to those of pixel centres, for a source shrunk by ``shrink``."""
    moved = matrix.copy()
    moved[:, :2] /= shrink
    moved[:, 2] += moved[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return moved


def _somewhere(image: npt.NDArray[np.uint8], side: int, random: Random) -> npt.NDArray[np.uint8]:
    """A random square of a photograph."""
    height, width = image.shape[:2]
    size = int(min(height, width) * random.uniform(0.4, 1.0))
    left, top = int(random.integers(width - size + 1)), int(random.integers(height - size + 1))
    cut = image[top : top + size, left : left + size]
    resized = cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)


def _pasted(
    under: npt.NDArray[np.uint8], over: npt.NDArray[np.uint8], where: Bitmap, random: Random
) -> npt.NDArray[np.uint8]:
    softness = float(random.uniform(0.4, 1.2))
    alpha = cv2.GaussianBlur(where.astype(np.float32), (0, 0), softness)[..., None]
    gain = float(random.uniform(0.7, 1.2))
    mixed = under * (1 - alpha) + np.minimum(over * gain, 255) * alpha
    return np.asarray(mixed, dtype=np.uint8)


def _in_front(front: Piece, truth: Bitmap, random: Random) -> npt.NDArray[np.float64]:
    """Places something about as large as the piece near it."""
    x, y, wide, high = cv2.boundingRect(truth)
    scale = max(wide, high, 8) * float(random.uniform(0.4, 1.3)) / front.side
    rows, columns = front.bitmap.shape
    aim = np.array([x, y]) + random.uniform(-0.2, 1.2, 2) * np.array([wide, high])
    flip = -1.0 if random.random() < 0.5 else 1.0
    linear = np.diag([flip * scale, scale])
    return np.column_stack([linear, aim - linear @ [front.x + columns / 2, front.y + rows / 2]])


def _box(truth: Bitmap, random: Random) -> FloatMap:
    """The box map: tight half of the time, else off by up to a tenth on each side."""
    side = truth.shape[0]
    x, y, wide, high = cv2.boundingRect(truth)
    sides = np.array([x, y, x + wide, y + high], dtype=np.float64)
    if random.random() < 0.5:
        sides += random.uniform(-0.1, 0.1, 4) * np.array([wide, high, wide, high])
    left, top, right, bottom = np.clip(np.rint(sides), 0, side).astype(int)
    inside = np.full(truth.shape, -1.0, dtype=np.float32)
    inside[top : max(bottom, top + 1), left : max(right, left + 1)] = 1.0
    return inside


def _scribble(into: FloatMap, where: Bitmap, random: Random) -> None:
    """A few strokes through random pixels of ``where`` that keep to it."""
    side = where.shape[0]
    width = round(0.04 * side)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width + 1, width + 1))
    core = cv2.erode(where, kernel, borderValue=1)
    drawn = np.zeros_like(where)
    for _ in range(int(random.integers(1, 4))):
        path = [_any(core if core.any() else where, random)[::-1] for _ in range(3)]
        line = np.array(path, dtype=np.int32).reshape(-1, 1, 2)
        cv2.polylines(drawn, [line], False, 1, width)
    into[:] = (drawn & where).astype(np.float32)


def _earlier(truth: Bitmap, random: Random) -> FloatMap:
    """The truth as an earlier frame or a poor model might have had it: 1 and -1."""
    side = truth.shape[0]
    small = cv2.resize(truth, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    half = small.shape[0]
    size = float(np.sqrt(small.sum() + 1.0))
    rough = float(random.choice([0.3, 1.0, 2.0], p=[0.3, 0.5, 0.2]))
    bend = random.normal(0, 0.05 * rough * size, (2, 5, 5)).astype(np.float32)
    shift = random.normal(0, 0.05 * rough * size, 2)
    grow = 1 + random.normal(0, 0.05 * rough)
    rows, columns = np.mgrid[:half, :half].astype(np.float32)
    centre = half / 2
    map_x = centre + (columns - centre) * grow + shift[0] + cv2.resize(bend[0], (half, half))
    map_y = centre + (rows - centre) * grow + shift[1] + cv2.resize(bend[1], (half, half))
    moved = cv2.remap(small, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_NEAREST)
    for _ in range(int(random.integers(0, 3))):  # a piece lost, or something else taken in
        y, x = _any(truth if random.random() < 0.5 else 1 - truth, random)
        axes = (int(size * random.uniform(0.05, 0.3)), int(size * random.uniform(0.05, 0.3)))
        angle = float(random.uniform(0, 180))
        value = int(random.integers(2))
        cv2.ellipse(moved, (x // 2, y // 2), axes, angle, 0, 360, value, -1)
    reach = round(0.03 * rough * size * random.uniform(0, 1))
    if reach:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        moved = (cv2.dilate if random.random() < 0.5 else cv2.erode)(moved, kernel)
    full = cv2.resize(moved, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(2.0 * full - 1.0, dtype=np.float32)


def _evidence(image: npt.NDArray[np.uint8], truth: Bitmap, random: Random) -> FloatMap:
    """What coarse features might say, log odds / 6: the truth, what looks like it, and noise."""
    side = truth.shape[0]
    cells = side // 8
    share = cv2.resize(truth.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    odds = (2 * share - 1) * random.uniform(0.6, 4.5)
    odds += random.uniform(0, 1.2) * _colour_odds(image, truth, cells)
    noise = random.normal(0, random.uniform(0, 1.8), (cells // 3, cells // 3)).astype(np.float32)
    odds += cv2.resize(noise, (cells, cells)) + random.normal(0, 0.8)
    shift = random.normal(0, 0.4, 2)
    move = np.array([[1.0, 0, shift[0]], [0, 1.0, shift[1]]])
    odds = cv2.warpAffine(
        odds.astype(np.float32), move, (cells, cells), borderMode=cv2.BORDER_REPLICATE
    )
    full = cv2.resize(np.clip(odds, -6, 6), (side, side)) / 6
    return np.asarray(full, dtype=np.float32)


def _colour_odds(image: npt.NDArray[np.uint8], truth: Bitmap, cells: int) -> FloatMap:
    """Log odds of each cell's colour to be the piece's."""
    small = cv2.resize(image, (cells * 2, cells * 2), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(truth, (cells * 2, cells * 2), interpolation=cv2.INTER_NEAREST) > 0
    bins = (small >> 5).astype(np.int64) @ np.array([64, 8, 1])
    own = np.bincount(bins[inside], minlength=512) + 0.3
    rest = np.bincount(bins[~inside], minlength=512) + 0.3
    ratio = np.log(own / own.sum()) - np.log(rest / rest.sum())
    odds = np.clip(ratio, -4, 4)[bins].astype(np.float32)
    return np.asarray(cv2.resize(odds, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)


def _any(where: Bitmap, random: Random) -> tuple[int, int]:
    """Row and column of a random set pixel, or of the middle where none is set."""
    found = np.flatnonzero(where)
    if not len(found):
        return where.shape[0] // 2, where.shape[1] // 2
    row, column = divmod(int(found[int(random.integers(len(found)))]), where.shape[1])
    return row, column
