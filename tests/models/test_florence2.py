"""Florence-2: places written as words are places of the frame, and polygons stay polygons."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.torch_models import TINY
from videoseg import registry
from videoseg.errors import PromptError
from videoseg.geometry.masks import area, bounding_box
from videoseg.geometry.rings import signed_area
from videoseg.models.florence2 import boxes_of, shapes_of
from videoseg.outlines.raster import rasterise
from videoseg.protocols import Grounder, Segmenter
from videoseg.types import Cue, Frame, Polygon, Prompt

torch = pytest.importorskip("torch")

CAT, DOG = Prompt("cat", text="a cat"), Prompt("dog", text="big dogs")
WIDTH, HEIGHT = 200, 80


def frame(index: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    image = np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame("cam", index, index, Fraction(1, 25), image)


def written(*places: int) -> str:
    return "".join(f"<loc_{place}>" for place in places)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return TINY["florence2"](tmp_path_factory.mktemp("florence2"))


def model(name: str, weights: str, **settings: Any) -> Any:
    part = registry.find("models", name).cls(
        weights=weights, **{"side": 64, "longest": 24, **settings}
    )
    part.prepare((CAT, DOG))
    return part


def writes(part: Any, answers: dict[str, str], likely: float = -0.5) -> list[list[int]]:
    """Let the network write known answers to known questions; what it read is noted."""
    seen: list[list[int]] = []
    real = part._tokens

    def tokens(phrase: str) -> list[int]:
        seen.append(real(phrase))
        return seen[-1]

    def generate(*, encoder_outputs: Any, **_: Any) -> Any:
        count = len(encoder_outputs[0])
        question = part._tokenizer.decode(seen[-1])
        (text,) = (answer for asked, answer in answers.items() if asked in question)
        ids = part._tokenizer(text, add_special_tokens=False)["input_ids"]
        return SimpleNamespace(
            sequences=torch.tensor([ids] * count), sequences_scores=torch.tensor([likely] * count)
        )

    part._tokens = tokens
    part._network.generate = generate
    return seen


SQUARE = written(100, 250, 399, 250, 399, 749, 100, 749)


def test_polygons_are_kept_and_lie_where_they_were_written(weights: str) -> None:
    part = model("florence2", weights)
    seen = writes(part, {"a cat": f"</s><s>{SQUARE}</s>", "big dogs": "</s><s>nothing</s>"})
    answers = part.segment([frame(0), frame(1)], [(CAT, DOG)] * 2)
    assert [(answer.stream, answer.index) for answer in answers] == [("cam", 0), ("cam", 1)]
    questions = {part._tokenizer.decode(row) for row in seen}
    assert questions == {
        "<s>Locate a cat in the image with mask</s>",
        "<s>Locate big dogs in the image with mask</s>",
    }
    for answer in answers:
        (found,) = answer.instances
        assert found.prompt == 0
        assert found.score == pytest.approx(np.exp(-0.5))
        assert found.outline is not None
        (ring,) = found.outline.rings
        assert isinstance(ring, Polygon)
        # Middles of bins of 0.2 px across and 0.08 px down.
        corners = [(20.1, 20.04), (79.9, 20.04), (79.9, 59.96), (20.1, 59.96)]
        assert ring.points == pytest.approx(np.array(corners), abs=1e-4)
        assert bounding_box(found.mask) == (20, 20, 80, 60)
        assert area(found.mask) == 60 * 40
        assert (found.mask.frame_width, found.mask.frame_height) == (WIDTH, HEIGHT)


def test_boxes_lie_where_they_were_written(weights: str) -> None:
    part = model("florence2-boxes", weights)
    two = f"</s><s>big dogs{written(0, 0, 999, 999)}dogs{written(100, 250, 399, 749)}</s>"
    seen = writes(part, {"a cat": f"</s><s>a cat{written(500, 500, 500, 600)}</s>", "dogs": two})
    (found,) = part.ground([frame()], [(CAT, DOG)])
    assert "<s>Locate a cat in the image.</s>" in {part._tokenizer.decode(row) for row in seen}
    assert [one.prompt for one in found] == [1, 1]  # the cat's box has no inside
    assert found[0].box == pytest.approx((0.1, 0.04, 199.9, 79.96), abs=1e-4)
    assert found[1].box == pytest.approx((20.1, 20.04, 79.9, 59.96), abs=1e-4)
    most = Prompt("dog", text="big dogs", max_instances=1)
    assert len(part.ground([frame()], [(most,)])[0]) == 1


def test_several_things_and_several_polygons() -> None:
    triangle, bent = written(0, 0, 100, 0, 0, 100), written(0, 0, 0, 100, 100, 0)
    one = shapes_of(f"it{triangle}<sep>{SQUARE}", 1000, 1000)
    assert [len(shape.parts) for shape in one] == [2]
    two = shapes_of(f"it<poly>{triangle}</poly><poly>{SQUARE}<sep>{bent}</poly>", 1000, 1000)
    assert [len(shape.parts) for shape in two] == [1, 2]
    assert all(signed_area(ring) > 0 for shape in two for ring in shape.rings)
    mask = rasterise(two[0], 1000, 1000)
    assert mask is not None
    assert area(mask) == pytest.approx(5000, abs=60)


@pytest.mark.parametrize(
    "text", ["", "</s>", "it", written(1), written(1, 2, 3, 4), written(1, 2, 3, 4, 5), "<loc_>"]
)
def test_what_is_no_polygon_is_no_object(text: str) -> None:
    assert shapes_of(text, 100, 100) == []


def test_a_box_that_is_cut_short_is_left_out() -> None:
    assert boxes_of(written(1, 2, 3), 100, 100) == []
    assert len(boxes_of(written(1, 2, 3, 4, 5, 6), 100, 100)) == 1


def test_one_outlines_and_the_other_finds_boxes(weights: str) -> None:
    assert isinstance(model("florence2", weights), Segmenter)
    assert isinstance(model("florence2-boxes", weights), Grounder)


@pytest.mark.parametrize("name", ["florence2", "florence2-boxes"])
def test_one_frame_at_a_time_or_four_is_the_same(name: str, weights: str) -> None:
    """What the real network writes, letter for letter, and how likely it is."""
    part = model(name, weights)
    given = [frame(index) for index in range(4)]
    together = part._answers(given, [(CAT, DOG)] * 4)
    alone = [part._answers([one], [(CAT, DOG)])[0] for one in given]
    for a, b in zip(together, alone, strict=True):
        assert [row[:2] for row in a] == [row[:2] for row in b]
        assert [row[2] for row in a] == pytest.approx([row[2] for row in b], abs=1e-3)
        assert all(row[1] and 0 < row[2] <= 1 for row in a)


def test_it_writes_what_the_documented_call_writes(weights: str) -> None:
    part = model("florence2", weights)
    given = frame(3, 64, 64)
    ((_, text, _),) = part._answers([given], [(CAT,)])[0]
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((torch.from_numpy(given.image) / 255 - mean) / deviation).permute(2, 0, 1)[None]
    network = part._network
    places = network.model.get_image_features(pixels.float()).pooler_output.shape[1]
    ids = torch.tensor([[network.config.image_token_id] * places + part._tokens("a cat")])
    made = network.generate(
        input_ids=ids,
        pixel_values=pixels.float(),
        attention_mask=torch.ones_like(ids),
        max_new_tokens=24,
        num_beams=3,
        do_sample=False,
    )
    assert "".join(part._tokenizer.convert_ids_to_tokens(made[0].tolist())) == text


def test_frames_may_differ_in_size_and_in_what_is_asked(weights: str) -> None:
    part = model("florence2", weights)
    writes(part, {"a cat": SQUARE, "big dogs": ""})
    answers = part.segment(
        [frame(0), frame(1, 50, 300), frame(2), frame(3, 1, 1)], [(CAT,), (DOG, CAT), (), (CAT,)]
    )
    boxes = [[bounding_box(one.mask) for one in answer.instances] for answer in answers]
    assert boxes[:3] == [[(20, 20, 80, 60)], [(5, 75, 20, 225)], []]
    assert [one.prompt for one in answers[1].instances] == [1]
    assert part.segment([], []) == []


def test_what_cannot_be_asked_is_refused(weights: str, tmp_path: Path) -> None:
    part = model("florence2", weights)
    point = Prompt("it", cues=(Cue(points=((1.0, 1.0, True),)),))
    with pytest.raises(PromptError, match="finds by words, but prompt 'it' has none"):
        part.prepare((point,))
    with pytest.raises(PromptError, match="is too long for model 'florence2'"):
        part.prepare((Prompt("long", text="very " * 30),))
    part.close()
    assert part._network is None
