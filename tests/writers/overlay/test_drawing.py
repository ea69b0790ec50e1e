"""What is drawn on a picture, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import media, memory, scenes
from videoseg.drawing.labels import pill_of
from videoseg.drawing.outlines import Painter
from videoseg.drawing.planes import LUMA_WEIGHTS, RGB, Plane, yuv420
from videoseg.formats.palette import colour_of
from videoseg.geometry.masks import to_bitmap
from videoseg.types import Bezier, Mask, Part, Polygon, Ring, Shape, TrackedInstance, TrackState

SIZES = [(160, 120), (640, 360), (1920, 1080)]


def painted(
    *instances: TrackedInstance,
    width: int = 320,
    height: int = 240,
    opacity: float = 0.5,
    labels: bool = False,
    level: int = 200,
) -> npt.NDArray[np.int64]:
    """An even grey picture (H, W, 3) with instances on it."""
    planes = [np.full((height, width), level, np.uint8) for _ in range(3)]
    Painter(RGB, width, height, opacity, labels).paint(planes, scenes.scene(*instances))
    return np.stack(planes, axis=-1).astype(np.int64)


def square(x1: int, y1: int, x2: int, y2: int) -> Polygon:
    return Polygon(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32))


def shaped(
    rings: Iterable[Ring],
    *,
    track_id: int = 1,
    label: str = "disc",
    state: TrackState = "matched",
    width: int = 320,
    height: int = 240,
) -> TrackedInstance:
    outer, *holes = rings
    dot = Mask(0, 0, width, height, np.ones((1, 1), np.bool_))
    made = scenes.tracked(dot, track_id, label=label, state=state)
    return replace(made, shape=Shape((Part(outer, tuple(holes)),)))


def changed(picture: npt.NDArray[np.int64], level: int = 200) -> npt.NDArray[np.bool_]:
    different: npt.NDArray[np.bool_] = (picture != level).any(axis=-1)
    return different


@pytest.mark.parametrize(("matrix", "weights"), LUMA_WEIGHTS.items())
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_become_the_samples_of_the_standard(
    matrix: int, weights: tuple[float, float], full_range: bool
) -> None:
    samples = yuv420(*weights, full_range=full_range)
    grey, white = samples.of((0, 0, 0)), samples.of((255, 255, 255))
    assert grey == pytest.approx([0 if full_range else 16, 128, 128])
    assert white == pytest.approx([255 if full_range else 235, 128, 128])
    if matrix in (1, 5, 9):
        card = media.colour_card(0, 27, 3)
        planes = media.to_yuv(card, matrix, full_range=full_range)
        assert samples.of(card) == pytest.approx(np.stack(planes, axis=-1))


def test_fill_is_the_shape_and_leaves_holes_open() -> None:
    picture = painted(shaped([square(100, 60, 220, 180), square(140, 100, 180, 140)]))
    mixed = np.rint((200 + np.array(colour_of(1))) / 2)
    assert np.abs(picture[70:90, 110:210] - mixed).max() <= 1
    assert (picture[110:130, 150:170] == 200).all()
    assert not changed(picture)[:50].any()
    assert not changed(picture)[:, 230:].any()


def test_line_runs_along_the_outline_with_a_dark_edge() -> None:
    width, height = 1280, 720
    shape = shaped([square(200, 200, 600, 500)], width=width, height=height)
    across = painted(shape, width=width, height=height, opacity=0)[195:206, 400]
    # Three pixels of line about y = 200, one of dark edge on either side.
    luma = across.sum(axis=1)
    assert (across[[0, -1]] == 200).all()
    assert (np.abs(across[4:6] - np.array(colour_of(1))) <= 2).all()
    assert luma[2] < 0.8 * 600
    assert luma[7] < 0.8 * 600


def test_curves_are_drawn_as_curves() -> None:
    k = 0.5522847 * 60
    ring = np.array(
        [
            [(220, 120 + k), (160 + k, 180), (160, 180)],
            [(160 - k, 180), (100, 120 + k), (100, 120)],
            [(100, 120 - k), (160 - k, 60), (160, 60)],
            [(160 + k, 60), (220, 120 - k), (220, 120)],
        ],
        np.float32,
    )
    picture = painted(shaped([Bezier(ring)]))
    disc = to_bitmap(scenes.disc(160, 120, 60, width=320, height=240))
    assert (changed(picture) ^ disc).sum() < 0.1 * disc.sum()  # the line reaches 2 pixels out


def test_held_is_paler_and_dashed() -> None:
    seen = painted(shaped([square(100, 60, 220, 180)]))
    held = painted(shaped([square(100, 60, 220, 180)], state="held"))
    assert np.abs(held[120, 160] - 200).max() < np.abs(seen[120, 160] - 200).max() / 2
    dark_seen, dark_held = (
        (picture[60, 105:215].max(axis=-1) < 250) & (picture[60, 105:215].min(axis=-1) < 100)
        for picture in (seen, held)
    )
    assert dark_seen.all()
    assert 0.3 < dark_held.mean() < 0.9
    assert np.count_nonzero(np.diff(dark_held.astype(int))) > 8


@pytest.mark.parametrize("label", ["R&B <x>", "日本語", scenes.HOSTILE, "", "a" * 500, "\udce9"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_label_stays_inside_the_frame(label: str, width: int, height: int) -> None:
    # The array is larger than the picture: nothing may be written beyond it.
    around = 64
    planes = [np.full((height + 2 * around, width + 2 * around), 200, np.uint8) for _ in range(3)]
    inside = [plane[around:-around, around:-around] for plane in planes]
    for x, y in ((0, 0), (width - 8, 0), (0, height - 8), (width - 8, height - 8)):
        made = shaped([square(x, y, x + 8, y + 8)], label=label, width=width, height=height)
        before = [plane.copy() for plane in planes]
        Painter(RGB, width, height, 0.5, True).paint(inside, scenes.scene(made))
        assert any((a != b).any() for a, b in zip(planes, before, strict=True))
    for plane in planes:
        plane[around:-around, around:-around] = 200
        assert (plane == 200).all()


@pytest.mark.parametrize(("width", "height"), [*SIZES, (33, 17), (16, 9), (1, 1)])
def test_any_size_can_be_drawn_on(width: int, height: int) -> None:
    made = shaped([square(0, 0, width, height)], width=width, height=height)
    assert changed(painted(made, width=width, height=height, labels=True)).all()


def test_outlines_beyond_the_frame_are_cut() -> None:
    picture = painted(shaped([square(-50, -50, 400, 100)]), labels=True)
    assert changed(picture)[:90].all()
    assert not changed(picture)[110:].any()
    assert not changed(painted(shaped([square(-90, -90, -40, -40)]))).any()


def glyphs(text: str, size: int = 34) -> Plane:
    """Which pixels of a label are letters."""
    pill = pill_of(f"{text} 1", (255, 255, 255), size, 2000, RGB)
    return (pill.paint[0] // 256 < 128).astype(np.uint8)[:, size // 2 : -size // 2]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letters_are_large_enough_to_read(width: int, height: int) -> None:
    made = shaped([square(60, 60, 100, 100)], width=width, height=height)
    without, labelled = (
        painted(made, width=width, height=height, labels=labels) for labels in (False, True)
    )
    rows = np.flatnonzero((without != labelled).any(axis=(1, 2)))
    assert rows[-1] - rows[0] + 1 >= max(14, height / 32)


@pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="OpenCV 4 has no Unicode fonts")
def test_letters_of_all_scripts_are_written() -> None:
    names = ["日本語", "ágúst", "Привет", "???", "R&B <x>"]
    drawn = [glyphs(name) for name in names]
    assert all(letters.mean() > 0.05 for letters in drawn)
    for index, one in enumerate(drawn):
        for other in drawn[:index]:
            assert one.shape != other.shape or (one != other).any()


def test_without_unicode_fonts_other_letters_become_question_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(cv2, "FontFace", raising=False)
    assert glyphs("cup", 35).mean() > 0.05
    unknown, marks = glyphs("日本", 35), glyphs("??", 35)
    assert unknown.shape == marks.shape
    assert (unknown == marks).all()


def test_a_long_label_keeps_its_number() -> None:
    def cut(name: str, number: int) -> npt.NDArray[np.uint16]:
        return pill_of(f"{name} {number}", (255, 255, 255), 36, 300, RGB).paint[0]

    long, longer, other = cut("a" * 80, 7), cut("a" * 81, 7), cut("a" * 80, 1)
    assert long.shape[1] <= 300
    assert (long == longer).all()
    assert long.shape != other.shape or (long != other).any()


def test_labels_keep_clear_of_each_other() -> None:
    one = shaped([square(100, 100, 160, 160)], label="one")
    two = shaped([square(104, 102, 164, 162)], track_id=2, label="two")
    alone = painted(one, labels=True)
    both = painted(one, two, labels=True)
    top = slice(100 - 25, 100 - 5)
    assert (both[top] == alone[top]).all()
    assert changed(both)[172:190].any()
    assert not changed(alone)[172:190].any()


def test_labels_of_objects_that_are_gone_are_forgotten() -> None:
    planes = [np.full((240, 320), 200, np.uint8) for _ in range(3)]
    shape = shaped([square(100, 60, 220, 180)])

    def run(tracks: int) -> None:
        painter = Painter(RGB, 320, 240, 0.5, True)
        for track_id in range(tracks):
            painter.paint(planes, scenes.scene(replace(shape, track_id=1 + track_id)))

    run(3)  # what is made once and kept
    few, many = (memory.peak(run, tracks) for tracks in (5, 60))
    assert many < few + 100_000  # a label takes 40 kB


def test_planes_of_half_the_size_are_drawn_in_step() -> None:
    weights = LUMA_WEIGHTS[1]
    samples = yuv420(*weights, full_range=False)
    planes = [
        np.full((240, 320), 120, np.uint8),
        np.full((120, 160), 128, np.uint8),
        np.full((120, 160), 128, np.uint8),
    ]
    made = shaped([square(100, 60, 220, 180)])
    Painter(samples, 320, 240, 1, False).paint(planes, scenes.scene(made))
    for plane, step, value in zip(planes, (1, 2, 2), samples.of(colour_of(1)), strict=True):
        inner = plane[70 // step : 170 // step, 110 // step : 210 // step]
        assert np.abs(inner - value).max() <= 1
        assert plane[40 // step, 160 // step] == plane[-1, -1] == (120 if step == 1 else 128)
