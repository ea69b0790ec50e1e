"""A model that is shown less than the frame: what goes in, and what comes back, to the pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import Colours
from videoseg.errors import PromptError, UsageError
from videoseg.geometry import masks
from videoseg.geometry.region import Bounds
from videoseg.geometry.rings import flatten
from videoseg.jobs.region import check_marks
from videoseg.outlines.vectorize import outline_of
from videoseg.protocols import Follows, Segmenter
from videoseg.stages.batched import Batched
from videoseg.stages.propagated import Propagated
from videoseg.stages.view import view_of
from videoseg.stages.viewport import Viewport
from videoseg.types import (
    Bitmap,
    Cue,
    Detections,
    Frame,
    Instance,
    Mask,
    ModelCard,
    Prompt,
    StreamInfo,
)
from videoseg.types.snapshot import Snapshot

WIDTH, HEIGHT = 640, 480
INFO = StreamInfo("a", WIDTH, HEIGHT, Fraction(1, 25))
RED = (Prompt("red", text="red"),)


def frame_of(where: Bitmap, index: int = 0) -> Frame:
    """Red where it is said, dark elsewhere."""
    image = np.full((*where.shape, 3), 20, np.uint8)
    image[where] = (180, 20, 20)
    return Frame("a", index, index, Fraction(1, 25), image)


def disc(x: float, y: float, radius: float, *, stretch: float = 1) -> Bitmap:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return np.asarray(np.hypot((columns - x) / stretch, rows - y) < radius)


def seen(where: Bitmap, **view: Any) -> Mask | None:
    model = view_of(Colours(), view.pop("bounds", Bounds()), view.pop("max_size", None))
    ((_, answer),) = Batched(model, RED).run([frame_of(where)])
    return answer.instances[0].mask if answer.instances else None


@dataclass
class Looker:
    """Remembers what it was shown and asked; answers as it was told to."""

    card: ClassVar[ModelCard] = ModelCard(
        "looker", "", frozenset({"text", "point", "box", "mask"}), True, "", 0
    )
    answer: Any = None
    shown: list[Frame] = field(default_factory=list)
    asked: list[tuple[Prompt, ...]] = field(default_factory=list)

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def close(self) -> None: ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        self.shown += frames
        self.asked += [tuple(each) for each in prompts]
        found = () if self.answer is None else (self.answer,)
        return [
            Detections(f.stream, f.index, found, (0.5,) * len(p))
            for f, p in zip(frames, prompts, strict=True)
        ]


def test_a_view_is_a_segmenter_and_a_model_without_limits_is_itself() -> None:
    model = Colours()
    assert view_of(model, Bounds(), None) is model
    made = view_of(model, Bounds((0, 0, 9, 9)), None)
    assert isinstance(made, Segmenter)
    assert made.card is model.card
    assert not isinstance(made, Follows)
    made.close()
    assert model.closed


REGIONS = st.tuples(
    st.integers(0, WIDTH - 40), st.integers(0, HEIGHT - 40), st.integers(1, 40), st.integers(1, 40)
).map(lambda r: (r[0], r[1], r[0] + r[2] * 4, r[1] + r[3] * 4))


@given(REGIONS)
def test_a_region_gives_exactly_its_pixels(region: tuple[int, int, int, int]) -> None:
    where = disc(300, 200, 170)
    inside = np.zeros_like(where)
    inside[region[1] : region[3], region[0] : region[2]] = True
    mask = seen(where, bounds=Bounds(region))
    found = np.zeros_like(where) if mask is None else masks.to_bitmap(mask)
    assert (found == (where & inside)).all()


def test_ignored_pixels_are_in_no_mask_and_in_no_logits() -> None:
    where, ignored = disc(300, 200, 100), disc(360, 200, 60)
    mask = seen(where, bounds=Bounds(None, ignored))
    assert mask is not None
    assert (masks.to_bitmap(mask) == where & ~ignored).all()
    logits = np.where(where, np.float16(4), np.float16(-4))
    whole = Mask(0, 0, WIDTH, HEIGHT, where, logits)
    clipped = Bounds((0, 0, 300, HEIGHT), ignored).clipped(whole)
    assert clipped is not None
    assert clipped.logits is not None
    assert (clipped.bitmap == (clipped.logits > 0)).all()
    assert not clipped.bitmap[:, 300:].any()
    assert Bounds(None, np.ones_like(where)).clipped(whole) is None
    assert seen(where, bounds=Bounds(None, np.ones_like(where))) is None


def edge_errors(mask: Mask, x: float, y: float, radius: float) -> npt.NDArray[np.float64]:
    """How far the points along a mask's edge lie outside a circle, pixels."""
    (part,) = outline_of(mask, tolerance=0).parts
    points = flatten(part.outer)
    return np.asarray(np.hypot(points[:, 0] - x, points[:, 1] - y) - radius)


@pytest.mark.parametrize("max_size", [320, 160, 100])
@pytest.mark.parametrize("centre", [(300.0, 200.0), (311.3, 207.9)])
def test_a_smaller_picture_still_gives_a_round_edge(
    max_size: int, centre: tuple[float, float]
) -> None:
    x, y, radius = *centre, 120.0
    where = disc(x, y, radius)
    mask = seen(where, max_size=max_size)
    assert mask is not None
    assert (mask.frame_width, mask.frame_height) == (WIDTH, HEIGHT)
    scale = WIDTH / max_size
    errors = edge_errors(mask, x, y, radius)
    print(scale, errors.mean() / scale, errors.std() / scale, masks.iou(mask, some(where)))
    # Steps of nearest pixels would be off by up to 0.7 of them, 0.29 in the mean square.
    assert abs(errors.mean()) < 0.15 * scale
    assert errors.std() < 0.15 * scale + 0.3
    assert masks.iou(mask, some(where)) > 1 - 0.5 * scale / radius


def some(bitmap: Bitmap) -> Mask:
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask


def test_what_is_shown_smaller_reaches_the_border_and_the_region_alone() -> None:
    whole = np.ones((HEIGHT, WIDTH), np.bool_)
    mask = seen(whole, max_size=100)
    assert mask is not None
    assert masks.area(mask) == WIDTH * HEIGHT
    region = (101, 33, 402, 217)
    mask = seen(whole, max_size=64, bounds=Bounds(region))
    assert mask is not None
    assert masks.bounding_box(mask) == region
    assert masks.area(mask) == (402 - 101) * (217 - 33)


def test_a_line_as_thin_as_a_shown_pixel_stays_whole() -> None:
    where = np.zeros((HEIGHT, WIDTH), np.bool_)
    where[200:204, 100:500] = True
    mask = seen(where, max_size=160)
    assert mask is not None
    assert masks.iou(mask, some(where)) > 0.7
    assert masks.to_bitmap(mask)[202, 104:496].all()


def test_logits_say_where_the_edge_lies_between_shown_pixels() -> None:
    """A straight slanted edge: its logits are a plane, whose zero is known everywhere."""
    rows, columns = np.mgrid[:120, :160] + 0.5
    plane = (0.5 * (columns - 70.3) + 0.2 * (rows - 50.1)).astype(np.float16)
    shown = Mask(0, 0, 160, 120, plane > 0, plane)
    model = Looker(Instance(shown, 0.9, 0))
    ((_, answer),) = Batched(view_of(model, Bounds(), 160), RED).run([frame_of(disc(9, 9, 5))])
    mask = answer.instances[0].mask
    assert mask.logits is not None
    assert (mask.bitmap == (mask.logits > 0)).all()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    exact = 0.5 * (columns / 4 - 70.3) + 0.2 * (rows / 4 - 50.1)
    differs = masks.to_bitmap(mask) != (exact > 0)
    assert not differs[np.abs(exact) > 0.05].any()
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(mask.logits.astype(float) - exact)[inner].max() < 0.1


def test_prompts_are_moved_and_outlines_moved_back() -> None:
    region = (100, 50, 300, 250)
    shown = some(np.pad(np.ones((20, 10), np.bool_), ((30, 50), (40, 50))))
    model = Looker(Instance(shown, 0.9, 0, outline=outline_of(shown, tolerance=0)))
    cue = Cue(
        points=((150.0, 60.0, True), (500.0, 60.0, False)),
        boxes=((90.0, 40.0, 200.0, 150.0, True),),
        mask=some(disc(200, 150, 40)),
    )
    prompt = Prompt("thing", cues=(cue,))
    view = view_of(model, Bounds(region), 100)
    ((_, answer),) = Batched(view, (prompt,)).run([frame_of(disc(200, 150, 40))])
    assert model.shown[0].image.shape == (100, 100, 3)
    assert model.shown[0].native is None
    ((asked,),) = model.asked
    (given,) = asked.cues
    assert given.points == ((25.0, 5.0, True),)
    assert given.boxes == ((0.0, 0.0, 50.0, 50.0, True),)
    assert given.mask is not None
    assert (given.mask.frame_width, given.mask.frame_height) == (100, 100)
    assert masks.area(given.mask) == pytest.approx(np.pi * 20**2, rel=0.02)
    (found,) = answer.instances
    assert found.outline is not None
    points = flatten(found.outline.parts[0].outer)
    assert (points.min(axis=0) == (100 + 80, 50 + 60)).all()
    assert (points.max(axis=0) == (100 + 100, 50 + 100)).all()
    x1, y1, x2, y2 = masks.bounding_box(found.mask)
    assert abs(np.array([x1, y1, x2, y2]) - (180, 110, 200, 150)).max() <= 1


def test_an_outline_over_the_bounds_is_given_up() -> None:
    shown = some(disc(200, 150, 40))
    model = Looker(Instance(shown, 0.9, 0, outline=outline_of(shown)))
    ignored = np.zeros((HEIGHT, WIDTH), np.bool_)
    ignored[:, 200:] = True
    ((_, answer),) = Batched(view_of(model, Bounds(None, ignored), None), RED).run(
        [frame_of(disc(200, 150, 40))]
    )
    assert answer.instances[0].outline is None


def test_a_prompt_whose_every_mark_is_hidden_is_not_asked() -> None:
    """Text alone would find another thing instead."""
    cue = Cue(boxes=((500.0, 300.0, 600.0, 400.0, True),))
    not_here = Cue(points=((500.0, 300.0, False),))
    prompts = (
        Prompt("hidden", text="red", cues=(cue,)),
        Prompt("red", text="red"),
        Prompt("red, not there", text="red", cues=(not_here,)),
    )
    model = Looker(Instance(some(np.ones((9, 9), np.bool_)), 0.9, 1))
    view = view_of(model, Bounds((0, 0, 100, 100)), None)
    ((_, answer),) = Batched(view, prompts).run([frame_of(disc(50, 50, 20))])
    ((first, second),) = model.asked
    assert (first.label, second.label, second.cues) == ("red", "red, not there", ())
    assert answer.instances[0].prompt == 2
    assert answer.presence == (None, 0.5, 0.5)
    ((_, answer),) = Batched(view, prompts[:1]).run([frame_of(disc(50, 50, 20))])
    assert (answer.instances, len(model.asked)) == ((), 1)


@dataclass
class Following(Looker):
    """Follows a thing by moving its mask one pixel to the right each frame."""

    known: dict[tuple[int, int | None], Mask] = field(default_factory=dict)
    started: list[Sequence[Prompt]] = field(default_factory=list)

    def video_segmenter(self) -> Following:
        return self

    def start(self, prompts: Sequence[Prompt]) -> None:
        self.started.append(prompts)
        self.known.clear()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        given = () if detections is None else detections.instances
        moved = {key: replace(mask, x=mask.x + 1) for key, mask in self.known.items()}
        moved |= {(one.prompt, one.object_id): one.mask for one in given}
        for mask in moved.values():
            assert (mask.frame_width, mask.frame_height) == (frame.width, frame.height)
        self.known = moved
        found = tuple(Instance(mask, 0.7, *key) for key, mask in moved.items())
        return Detections(frame.stream, frame.index, found)

    def reset(self) -> None:
        self.known.clear()

    def finish(self) -> None:
        self.known.clear()

    def snapshot(self) -> Snapshot:
        return {"x": np.array([mask.x for mask in self.known.values()])}

    def restore(self, state: Snapshot, last: Frame) -> None:
        self.known = {(0, 0): Mask(int(state["x"][0]), 5, last.width, last.height, SMALL)}


SMALL = np.ones((10, 10), np.bool_)


def test_a_models_own_memory_works_in_the_view() -> None:
    model = Following(Instance(Mask(20, 5, 100, 100, SMALL), 0.9, 0))
    view = view_of(model, Bounds((200, 100, 400, 300)), 100)
    assert isinstance(view, Follows)
    cue = Cue(frame=0, boxes=((240.0, 110.0, 260.0, 130.0, True),))
    stage = Propagated(view, (Prompt("thing", cues=(cue,)),))
    frames = [frame_of(disc(300, 200, 40), index) for index in range(4)]
    answers = [answer for _, answer in stage.run(iter(frames))]
    lefts = [masks.bounding_box(answer.instances[0].mask)[0] for answer in answers]
    assert lefts == [240, 242, 244, 246]
    ((prompt,),) = model.started
    assert prompt.cues[0].boxes == ((20.0, 5.0, 30.0, 15.0, True),)

    memory = view.video_segmenter()
    assert memory is not None
    memory.start(stage.prompts)
    memory.step(frames[0], answers[0])
    state = dict(memory.snapshot())
    memory.finish()
    again = view.video_segmenter()
    assert again is not None
    again.start(stage.prompts)
    again.restore(state, frames[0])
    found = again.step(frames[1], None).instances[0]
    assert masks.bounding_box(found.mask)[0] == 242


def test_given_objects_come_back_as_given() -> None:
    view = view_of(Following(), Bounds(), 64)
    assert isinstance(view, Follows)
    memory = view.video_segmenter()
    assert memory is not None
    memory.start(RED)
    frame, exact = frame_of(disc(300, 200, 40)), Instance(some(disc(300, 200, 40)), 1, 0, 7)
    answer = memory.step(frame, Detections("a", 0, (exact,)))
    assert answer.instances == (exact,)


@pytest.mark.parametrize(
    ("cue", "says"),
    [
        (Cue(points=((50.0, 50.0, True),)), r"point 50,50 of 'x' lies outside the region 100"),
        (Cue(boxes=((10.0, 10.0, 100.0, 90.0, True),)), r"box 10,10,100,90 of 'x' lies outside"),
        (Cue(points=((150.0, 150.0, True),)), r"point 150,150 of 'x' lies on a pixel to ignore"),
        (Cue(points=((50.0, 50.0, False), (250.0, 250.0, True))), None),
        (Cue(boxes=((10.0, 10.0, 101.0, 101.0, True),)), None),
    ],
)
def test_marks_where_nothing_may_lie_are_refused(cue: Cue, says: str | None) -> None:
    ignored = np.zeros((HEIGHT, WIDTH), np.bool_)
    ignored[120:180, 120:180] = True
    bounds = Bounds((100, 100, 300, 300), ignored)
    if says is None:
        check_marks((Prompt("x", cues=(cue,)),), bounds, [INFO])
    else:
        with pytest.raises(PromptError, match=says):
            check_marks((Prompt("x", cues=(cue,)),), bounds, [INFO])


@pytest.mark.parametrize("region", [(640, 0, 700, 9), (9, 9, 9, 20), (50, 50, 10, 10)])
def test_a_region_without_pixels_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(UsageError, match="holds nothing of a frame of 640 x 480"):
        Bounds(region).window(WIDTH, HEIGHT)


def test_a_region_that_leaves_the_frame_ends_with_it() -> None:
    assert Bounds((-5, 400, 9000, 500)).window(WIDTH, HEIGHT) == (0, 400, WIDTH, HEIGHT)
    lens = Viewport.on(frame_of(disc(9, 9, 5)), (0, 0, WIDTH, HEIGHT), 1000)
    assert (lens.width, lens.height, lens.shrinks) == (WIDTH, HEIGHT, False)
