"""The promptable network as the hand that asks meets it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sample_media import clips
from tests.support.discs import HEIGHT, WIDTH, evidence_for, overlap, picture
from videoseg.geometry import masks
from videoseg.models.embedded.promptable import segmenter
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.types import Bitmap, Mask, RgbImage


@pytest.fixture(scope="module")
def net() -> PromptableSegmenter:
    return PromptableSegmenter(threads=1)


def box_of(bitmap: Bitmap) -> tuple[float, float, float, float, bool]:
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return (float(x1), float(y1), float(x2), float(y2), True)


def asked(image: RgbImage, **prompts: object) -> ObjectPrompts:
    return ObjectPrompts(image.shape[1], image.shape[0], **prompts)  # type: ignore[arg-type]


def test_a_box_gives_the_object_in_it(net: PromptableSegmenter) -> None:
    image, orange, blue = picture()
    for truth in (orange, blue):
        found = net.segment(image, asked(image, boxes=[box_of(truth)]))
        assert overlap(found, truth) > 0.93
        assert found is not None
        assert 0.5 < found.score <= 1


@pytest.mark.parametrize("subject", ["cat", "astronaut", "cup"])
def test_a_box_on_a_photograph(net: PromptableSegmenter, subject: str) -> None:
    clip = next(c for c in map(clips.scene, range(40)) if c.subject == subject and not c.cutout)
    image, truth = next(iter(clips.frames(clip)))
    # A cup on its saucer stands out together with it.
    least = 0.75 if subject == "cup" else 0.85
    assert overlap(net.segment(image, asked(image, boxes=[box_of(truth)])), truth) > least


def test_a_click_gives_the_object_under_it(net: PromptableSegmenter) -> None:
    image, orange, blue = picture()
    assert overlap(net.segment(image, asked(image, points=[(150, 160, True)])), orange) > 0.9
    assert overlap(net.segment(image, asked(image, points=[(370, 190, True)])), blue) > 0.9


def test_more_clicks_help(net: PromptableSegmenter) -> None:
    """Two discs are meant: one click shows one of them, a second one the other as well."""
    image, orange, blue = picture()
    both = orange | blue
    one = net.segment(image, asked(image, points=[(150, 160, True)]))
    two = net.segment(image, asked(image, points=[(150, 160, True), (360, 200, True)]))
    assert overlap(two, both) > overlap(one, both) + 0.1


def test_the_first_click_on_the_object_leads() -> None:
    points = ((1.0, 1.0, False), (5.0, 5.0, True), (2.0, 2.0, False), (6.0, 6.0, True))
    led = ObjectPrompts(10, 10, points=points).from_first_positive()
    assert led == [points[1], points[0], points[2], points[3]]


def test_a_second_click_corrects_what_the_first_has_given(
    net: PromptableSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    priors: list[Mask | None] = []
    around = PromptableSegmenter._predict_around

    def watched(
        self: PromptableSegmenter, image: RgbImage, prompts: ObjectPrompts, **how: bool
    ) -> ScoredMask | None:
        priors.append(prompts.prior)
        return around(self, image, prompts, **how)

    monkeypatch.setattr(PromptableSegmenter, "_predict_around", watched)
    image = np.full((120, 160, 3), 90, dtype=np.uint8)
    image[30:90, 40:120] = (200, 40, 40)
    points = ((80.0, 60.0, True), (10.0, 10.0, False))
    found = net.segment(image, ObjectPrompts(160, 120, points=points), fine=False)
    first = net._predict_from_clicks(image, ObjectPrompts(160, 120, points=points[:1]), None, ())
    assert found is not None
    assert first is not None
    assert priors[0] is not None
    assert np.array_equal(priors[0].bitmap, first.mask.bitmap)


def test_coarse_evidence_gives_a_fine_mask(net: PromptableSegmenter) -> None:
    import cv2

    image, orange, _ = picture()
    evidence = evidence_for(orange)
    coarse = masks.from_bitmap(cv2.resize(evidence, (WIDTH, HEIGHT)) > 0)
    assert coarse is not None
    found = net.segment(image, asked(image, evidence=evidence))
    assert overlap(found, orange) > max(0.93, overlap(ScoredMask(coarse, 1), orange))


def test_an_earlier_mask_snaps_to_where_the_object_is_now(net: PromptableSegmenter) -> None:
    image, orange, _ = picture()
    before = masks.from_bitmap(np.roll(orange, (6, -9), axis=(0, 1)))
    assert before is not None
    found = net.segment(image, asked(image, prior=before))
    assert overlap(found, orange) > max(0.93, overlap(ScoredMask(before, 1), orange))


def test_points_are_obeyed(net: PromptableSegmenter) -> None:
    image, orange, blue = picture()
    wrong = [(150.0, 160.0, False), (360.0, 200.0, True)]
    found = net.segment(image, asked(image, evidence=evidence_for(orange | blue), points=wrong))
    assert found is not None
    bitmap = masks.to_bitmap(found.mask)
    assert not bitmap[160, 150]
    assert bitmap[200, 360]


def test_what_lies_in_a_box_that_is_not_meant_is_left_out(net: PromptableSegmenter) -> None:
    image, orange, _ = picture()
    boxes = [box_of(orange), (80.0, 90.0, 230.0, 130.0, False)]
    found = net.segment(image, asked(image, boxes=boxes))
    assert found is not None
    assert masks.bounding_box(found.mask)[1] >= 130


@pytest.mark.parametrize(
    ("x", "y"), [(0.0, 0.0), (479.9, 0.0), (0.0, 359.9), (479.9, 359.9), (240.0, 359.5)]
)
def test_clicks_on_the_border_of_the_frame(net: PromptableSegmenter, x: float, y: float) -> None:
    image, *_ = picture()
    image[int(y) // 300 * 260 :][:100, int(x) // 300 * 300 :][:, :180] = (200, 40, 40)
    found = net.segment(image, asked(image, points=[(x, y, True)]))
    assert found is not None
    assert masks.to_bitmap(found.mask)[int(y), int(x)]


def test_an_object_of_sixteen_pixels(net: PromptableSegmenter) -> None:
    image, *_ = picture()
    image[300:316, 40:56] = (230, 60, 60)
    truth = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    truth[300:316, 40:56] = True
    assert overlap(net.segment(image, asked(image, boxes=[box_of(truth)])), truth) > 0.75
    assert overlap(net.segment(image, asked(image, points=[(48, 308, True)])), truth) > 0.5


@pytest.mark.parametrize("look", ["grey", "dark"])
def test_grey_and_dark_frames(net: PromptableSegmenter, look: str) -> None:
    clip = next(c for c in map(clips.scene, range(40)) if c.subject == "cat" and not c.cutout)
    image, truth = next(iter(clips.frames(clip)))
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    changed = (grey if look == "grey" else image * 0.25).astype(np.uint8)
    assert overlap(net.segment(changed, asked(changed, boxes=[box_of(truth)])), truth) > 0.75


def test_nothing_found_is_none(net: PromptableSegmenter) -> None:
    image, *_ = picture()
    assert net.segment(image, asked(image, evidence=np.full((18, 24), -5, np.float32))) is None
    outside = (WIDTH + 50.0, 10.0, WIDTH + 90.0, 40.0, True)
    assert net.segment(image, asked(image, boxes=[outside])) is None


def test_no_prompt_is_refused(net: PromptableSegmenter) -> None:
    image, *_ = picture()
    with pytest.raises(ValueError, match="needs evidence"):
        net.segment(image, asked(image, points=[(10, 10, False)]))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (7, 3), (300, 2)])
def test_tiny_frames_do_not_break_it(net: PromptableSegmenter, width: int, height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    one = Mask(0, 0, width, height, np.ones((1, 1), dtype=np.bool_))
    for prompts in (
        asked(image, points=[(width / 2, height / 2, True)]),
        asked(image, boxes=[(0, 0, width, height, True)]),
        asked(image, evidence=np.ones((2, 2), dtype=np.float32)),
        asked(image, prior=one),
    ):
        found = net.segment(image, prompts)
        if found is not None:
            assert (found.mask.frame_width, found.mask.frame_height) == (width, height)


def test_a_point_off_the_frame_breaks_nothing(net: PromptableSegmenter) -> None:
    image, orange, _ = picture()
    points = [(-30.0, 5000.0, True), (1e9, 1e9, False)]
    found = net.segment(image, asked(image, boxes=[box_of(orange)], points=points))
    assert overlap(found, orange) > 0.9


def test_the_same_prompts_give_the_same_mask(net: PromptableSegmenter) -> None:
    image, orange, _ = picture()
    first, second = (net.segment(image, asked(image, boxes=[box_of(orange)])) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.mask.crop == second.mask.crop
    assert (first.mask.bitmap == second.mask.bitmap).all()
    assert first.score == second.score


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_found_where_it_was_is_not_looked_at_again(
    net: PromptableSegmenter, monkeypatch: pytest.MonkeyPatch, scale: int
) -> None:
    small, disc, _ = picture()
    image = small.repeat(scale, axis=0).repeat(scale, axis=1)
    orange = disc.repeat(scale, axis=0).repeat(scale, axis=1)
    seen: list[int] = []
    run = net._run

    def counted(*given: Any) -> Any:
        seen.append(1)
        return run(*given)

    monkeypatch.setattr(net, "_run", counted)
    prior = masks.from_bitmap(orange)
    asked_about = asked(image, prior=prior)
    assert overlap(net.segment(image, asked_about, fine=False, sure=0.8), orange) > 0.8
    assert len(seen) == 1
    seen.clear()
    net.segment(image, asked_about, fine=False)
    assert len(seen) == 2


def test_none_is_looked_at_twice_where_one_look_is_asked_for(
    net: PromptableSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, orange, _ = picture()
    seen: list[int] = []
    run = net._run

    def counted(*given: Any) -> Any:
        seen.append(1)
        return run(*given)

    monkeypatch.setattr(net, "_run", counted)
    moved = masks.from_bitmap(np.roll(orange, 30, axis=1))
    net.segment(image, asked(image, prior=moved), fine=False, sure=0)
    assert len(seen) == 1


def test_a_long_object_is_cut_out_with_the_same_margin_on_all_sides(
    net: PromptableSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    truth = np.zeros((HEIGHT, WIDTH), np.bool_)
    truth[40:240, 200:240] = True
    image[truth] = (230, 60, 60)
    seen: list[tuple[int, ...]] = []

    class Session:
        def run(self, outputs: Any, given: Any) -> Any:
            seen.append(given["image"].shape)
            return session.run(outputs, given)

    session = net._session
    monkeypatch.setattr(net, "_session", Session())
    prompts = asked(image, prior=masks.from_bitmap(np.roll(truth, (5, 4), axis=(0, 1))))
    assert overlap(net.segment(image, prompts, fine=False, trim=True), truth) > 0.85
    # 200 of 300 pixels become 171 of 256, 40 become 34, and there are 43 on each side.
    assert {shape[2:] for shape in seen} == {(256, 128)}


@pytest.mark.parametrize("corner", [(0, 0), (HEIGHT - 60, WIDTH - 20), (0, WIDTH - 20)])
def test_what_is_cut_out_lies_where_the_whole_crop_has_it(
    net: PromptableSegmenter, corner: tuple[int, int]
) -> None:
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    truth = np.zeros((HEIGHT, WIDTH), np.bool_)
    truth[corner[0] : corner[0] + 60, corner[1] : corner[1] + 20] = True
    image[truth] = (230, 60, 60)
    prompts = asked(image, prior=masks.from_bitmap(truth))
    assert overlap(net.segment(image, prompts, fine=False, trim=True), truth) > 0.85


@pytest.mark.parametrize(
    ("hole", "prompts", "filled"),
    [
        ((20, 20, 22, 22), {}, True),
        ((20, 20, 32, 32), {}, False),
        ((20, 0, 22, 3), {}, False),
        ((20, 20, 22, 22), {"points": ((21.0, 21.0, False),)}, False),
        ((20, 20, 22, 22), {"boxes": ((20.0, 20.0, 22.0, 22.0, False),)}, False),
        ((20, 20, 22, 22), {"points": ((40.0, 40.0, False),)}, True),
    ],
)
def test_tiny_holes_are_filled(
    hole: tuple[int, int, int, int], prompts: dict[str, Any], filled: bool
) -> None:
    """Neither those that are large, nor those that are open, nor those that are not meant."""
    left, top, right, bottom = hole
    bitmap = np.ones((64, 64), dtype=np.bool_)
    bitmap[top:bottom, left:right] = False
    asked_for = ObjectPrompts(64, 64, **prompts)
    found = segmenter._constrained(bitmap, (0, 0, 64, 64), 1.0, asked_for)
    assert found is not None
    assert bool(masks.to_bitmap(found.mask)[top:bottom, left:right].all()) == filled
