"""The embedded model as a user meets it: phrases and hands on photographs, and its contract."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from sample_media import clips
from videoseg.errors import PromptError, UnknownPhraseError
from videoseg.geometry.masks import to_bitmap
from videoseg.models.embedded import Embedded
from videoseg.models.embedded.features import Backbone
from videoseg.models.embedded.language.colours import COLOURS, colour_log_odds
from videoseg.protocols import Segmenter
from videoseg.registry import card, names
from videoseg.types import Bitmap, Cue, Detections, Frame, Prompt, RgbImage


@pytest.fixture(scope="module")
def model() -> Embedded:
    return Embedded(threads=1)


def _frame(image: RgbImage, index: int = 0) -> Frame:
    return Frame("video", index, index, Fraction(1, 25), np.ascontiguousarray(image))


def _ask(model: Embedded, image: RgbImage, *prompts: Prompt) -> Detections:
    model.prepare(prompts)
    (answer,) = model.segment([_frame(image)], [prompts])
    return answer


def _text(phrase: str, **more: int) -> Prompt:
    return Prompt(phrase, text=phrase, max_instances=more.get("max_instances"))


def _iou(found: Bitmap, truth: Bitmap) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def _sample(subject: str) -> tuple[str, RgbImage, Bitmap]:
    clip = next(c for c in map(clips.scene, range(20)) if c.subject == subject and not c.cutout)
    image, truth = next(iter(clips.frames(clip)))
    return clip.phrase, image, truth


def _squares(*colours: tuple[int, int, int]) -> RgbImage:
    """Grey, with one 60-pixel square of each colour from left to right."""
    image = np.full((160, 100 * len(colours), 3), 128, dtype=np.uint8)
    for place, colour in enumerate(colours):
        image[50:110, 100 * place + 20 : 100 * place + 80] = colour
    return image


def test_it_is_found_by_name() -> None:
    assert "embedded" in names("models")
    assert card("embedded").kinds == {"text", "point", "negative", "box", "mask"}
    assert isinstance(Embedded(), Segmenter)


@pytest.mark.parametrize(("subject", "least"), [("cat", 0.8), ("astronaut", 0.7)])
def test_a_phrase_finds_the_whole_object(model: Embedded, subject: str, least: float) -> None:
    phrase, image, truth = _sample(subject)
    answer = _ask(model, image, _text(phrase))
    assert answer.presence[0] is not None
    assert answer.presence[0] > 0.5
    best = max(answer.instances, key=lambda item: item.mask.bitmap.sum())
    assert _iou(to_bitmap(best.mask), truth) > least


@pytest.mark.parametrize("phrase", ["elephant", "the pizza", "a bicycle", "zebra", "giraffe"])
def test_what_is_not_there_is_not_found(model: Embedded, phrase: str) -> None:
    _, image, _ = _sample("cat")
    answer = _ask(model, image, _text(phrase))
    assert answer.instances == ()
    assert answer.presence[0] is not None
    assert answer.presence[0] < 0.5


def test_an_unknown_phrase_is_refused_before_any_frame(model: Embedded) -> None:
    with pytest.raises(UnknownPhraseError, match="does not know 'frobnicator'"):
        model.prepare([_text("frobnicator")])


def test_liberties_are_told() -> None:
    any_dog = (
        "'dachshund' is looked for as any 'dog'; to follow one 'dog', mark it with --box or --point"
    )
    model = Embedded()
    assert model.explain([_text("the dachshund"), _text("the dog")]) == [
        any_dog,
        "'the dachshund' and 'the dog' mean the same to this model: both get the same objects",
    ]
    marked = Prompt("x", "the dachshund", cues=(Cue(points=((1, 1, True),)),))
    assert model.explain([marked, _text("the cat")]) == []  # the mark says which one


def test_only_negative_cues_say_nothing(model: Embedded) -> None:
    with pytest.raises(PromptError, match="only says what is not meant"):
        model.prepare([Prompt("x", cues=(Cue(points=((1, 1, False),)),))])


def test_a_colour_singles_out_one_of_several(model: Embedded) -> None:
    image = _squares((200, 30, 30), (30, 60, 200), (30, 150, 50))
    (blue,) = _ask(model, image, _text("blue block")).instances
    truth = np.zeros(image.shape[:2], dtype=np.bool_)
    truth[50:110, 120:180] = True
    assert _iou(to_bitmap(blue.mask), truth) > 0.9
    assert _ask(model, image, _text("yellow block")).instances == ()


@pytest.mark.parametrize(
    ("phrase", "place"),
    [
        ("leftmost red block", 0),
        ("second red block from the left", 1),
        ("the red block on the right", 2),
        ("red block in the middle", 1),
    ],
)
def test_order_picks_one(model: Embedded, phrase: str, place: int) -> None:
    image = _squares((200, 30, 30), (190, 20, 30), (200, 30, 40))
    (one,) = _ask(model, image, _text(phrase)).instances
    x1, _, x2, _ = one.mask.crop
    assert 100 * place <= (x1 + x2) / 2 < 100 * place + 100
    assert len(_ask(model, image, _text("red blocks")).instances) == 3
    assert len(_ask(model, image, _text("two red blocks")).instances) == 2
    assert len(_ask(model, image, _text("red blocks", max_instances=1)).instances) == 1


def test_a_point_picks_among_what_text_finds(model: Embedded) -> None:
    image = _squares((200, 30, 30), (190, 20, 30))
    prompt = Prompt("x", text="red block", cues=(Cue(points=((150, 80, True),)),))
    (one,) = _ask(model, image, prompt).instances
    assert one.mask.crop[0] >= 100


@pytest.mark.parametrize("colour", sorted(set(COLOURS.values())))
def test_colour_names_tell_colours_apart(colour: str) -> None:
    typical = {
        "red": (200, 25, 30),
        "orange": (245, 140, 30),
        "yellow": (245, 220, 40),
        "green": (40, 150, 60),
        "blue": (40, 70, 190),
        "purple": (125, 50, 160),
        "pink": (250, 150, 190),
        "brown": (110, 65, 30),
        "black": (15, 15, 15),
        "white": (245, 245, 245),
        "grey": (128, 128, 128),
    }
    odds = {
        name: float(colour_log_odds(np.full((1, 1, 3), rgb, np.uint8), colour)[0, 0])
        for name, rgb in typical.items()
    }
    assert max(odds, key=odds.__getitem__) == colour
    assert [name for name, value in odds.items() if value > 0] == [colour]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 40), (3000, 2), (33, 31), (3840, 2160)])
def test_any_frame_size_is_answered(model: Embedded, width: int, height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    answer = _ask(model, image, _text("dog"), _text("red thing"))
    assert len(answer.presence) == 2
    for instance in answer.instances:
        assert (instance.mask.frame_width, instance.mask.frame_height) == (width, height)


def test_a_batch_is_answered_like_single_frames(model: Embedded) -> None:
    phrase, image, _ = _sample("cat")
    images = [image, image[:, ::-1], image[::-1], np.zeros_like(image)]
    frames = [_frame(picture, index) for index, picture in enumerate(images)]
    prompts = (_text(phrase), _text("person"))
    together = model.segment(frames, [prompts] * 4)
    assert [answer.index for answer in together] == [0, 1, 2, 3]
    for frame, answer in zip(frames, together, strict=True):
        (alone,) = model.segment([frame], [prompts])
        assert alone.presence == answer.presence
        assert len(alone.instances) == len(answer.instances)
        for one, other in zip(alone.instances, answer.instances, strict=True):
            assert one.score == other.score
            assert np.array_equal(to_bitmap(one.mask), to_bitmap(other.mask))


def test_a_draft_of_a_click_finds_about_the_same(model: Embedded) -> None:
    image = _squares((200, 40, 40), (40, 40, 200))
    frame, asked = _frame(image), [Prompt("it", cues=[Cue(points=(50.0, 80.0))])]
    model.prepare(asked)
    model.look_ahead(frame)
    (draft,) = model.draft(frame, asked).instances
    (whole,) = model.segment([frame], [asked])[0].instances
    truth = np.zeros(image.shape[:2], np.bool_)
    truth[50:110, 20:80] = True
    for found in (draft, whole):
        assert _iou(found.mask.to_array(), truth) > 0.9


def test_no_frames_and_no_prompts(model: Embedded) -> None:
    assert list(model.segment([], [])) == []
    (answer,) = model.segment([_frame(np.zeros((9, 9, 3), np.uint8))], [()])
    assert answer.instances == ()


def test_it_can_be_used_after_close() -> None:
    model = Embedded(threads=1)
    _, image, _ = _sample("cat")
    first = _ask(model, image, _text("cat"))
    model.close()
    model.close()
    assert _ask(model, image, _text("cat")).presence == first.presence


def test_maps_cover_the_frame() -> None:
    maps = Backbone(threads=1, long_side=256).run(
        np.zeros((200, 320, 3), np.uint8), ("stride8", "stride16", "deep16", "imagenet")
    )
    shapes = {name: values.shape for name, values in maps.items()}
    assert shapes == {
        "stride8": (40, 20, 32),
        "stride16": (112, 10, 16),
        "deep16": (320, 10, 16),
        "imagenet": (1000, 5, 8),
    }


def test_features_alone_are_those_of_the_whole_network() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 320, 3)).astype(np.uint8)
    whole = Backbone(threads=1, long_side=256).run(image)
    alone = Backbone(threads=1, long_side=256, only_features=True).run(image)
    for name, values in whole.items():
        assert np.abs(alone[name] - values).max() < 1e-3
