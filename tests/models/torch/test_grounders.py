"""Grounders on PyTorch: boxes lie where things are, and belong to the phrase that means them."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests.support.torch_models import GROUNDERS, SAME_CLASS, TINY
from videoseg import registry
from videoseg.errors import ModelError, PromptError
from videoseg.models._torch.boxes import best_of_many
from videoseg.models._torch.images import CLIP, Images
from videoseg.models.grounding_dino import fitted
from videoseg.models.owlv2 import squared
from videoseg.networks.device import Device
from videoseg.protocols import Grounder
from videoseg.types import Box, Cue, Frame, Grounding, Prompt

torch = pytest.importorskip("torch")

NAMES = sorted(GROUNDERS - SAME_CLASS)
DINOS = [name for name in NAMES if name != "owlv2"]
CAT, DOG = Prompt("cat", text="a cat"), Prompt("dog", text="big dogs")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: TINY[name](tmp_path_factory.mktemp(name)) for name in NAMES}


def model(name: str, weights: dict[str, str], **settings: Any) -> Any:
    """A grounder that says all it has to say."""
    if name in DINOS:
        settings = {"shorter": 128, "longer": 256, **settings}
    part = registry.find("models", name).cls(weights=weights[name], **settings)
    part.prepare((CAT, DOG))
    return part


def frame(width: int, height: int, bright: Box | None = None, index: int = 0) -> Frame:
    """A black frame with something white in it, or smooth noise."""
    if bright is None:
        rough = np.random.default_rng(index).integers(0, 256, (5, 7, 3), dtype=np.uint8)
        whole = np.kron(rough, np.ones((-(-height // 5), -(-width // 7), 1), np.uint8))
        image = np.ascontiguousarray(whole[:height, :width])
    else:
        x1, y1, x2, y2 = bright
        image = np.zeros((height, width, 3), np.uint8)
        image[y1:y2, x1:x2] = 255
    return Frame("cam", index, index, Fraction(1, 25), image)


def numbers(found: tuple[Grounding, ...]) -> Any:
    return np.array(sorted((one.prompt, one.score, *one.box) for one in found))


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_at_a_time_or_four_is_the_same(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights, least=0.0, overlap=1.0)
    assert isinstance(part, Grounder)
    given = [frame(120, 80, index=index) for index in range(4)]
    together = part.ground(given, [(CAT, DOG)] * 4)
    alone = [part.ground([one], [(CAT, DOG)])[0] for one in given]
    assert all(len(found) > 3 for found in together)
    for a, b in zip(together, alone, strict=True):
        assert numbers(a) == pytest.approx(numbers(b), abs=1e-2)
    assert len({tuple(numbers(found).ravel()) for found in together}) == 4


@pytest.mark.parametrize("name", NAMES)
def test_frames_may_differ_in_size_and_in_what_is_asked(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights, least=0.0, overlap=1.0)
    given = [frame(120, 80), frame(64, 90, index=1), frame(1, 1, index=2), frame(120, 80, index=3)]
    asked = [(CAT,), (CAT, DOG), (DOG,), ()]
    mixed = part.ground(given, asked)
    for one, prompts, found in zip(given, asked, mixed, strict=True):
        assert numbers(found) == pytest.approx(numbers(part.ground([one], [prompts])[0]), abs=1e-2)
        for each in found:
            assert each.prompt < len(prompts)
            assert 0 <= each.box[0] < each.box[2] <= one.width
            assert 0 <= each.box[1] < each.box[3] <= one.height
    assert mixed[3] == ()
    assert part.ground([], []) == []


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_runs(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights, least=0.0, overlap=1.0, precision="bf16")
    (found,) = part.ground([frame(120, 80)], [(CAT, DOG)])
    assert found


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_without_words_is_refused(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    box = Prompt("it", cues=(Cue(boxes=((0.0, 0.0, 4.0, 4.0, True),)),))
    with pytest.raises(PromptError, match="finds by words, but prompt 'it' has none"):
        part.prepare((box,))
    with pytest.raises(PromptError, match=r"too long for model .* at most"):
        part.prepare((Prompt("long", text="very " * 20 + "long"),))


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_told_and_let_go(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    assert [path.suffix for path in part.weight_files()] == [".safetensors"]
    part.close()
    part.close()
    assert part._network is None


def bright_boxes(pixels: Any) -> Any:
    """Where the one bright rectangle in pixels (F, 3, H, W) is, as (F, 1, 4) shares of them.

    From sums along each axis, which resampling keeps: its size to a fraction of a pixel.
    """
    light = pixels.mean(1)
    light = light - light.amin((1, 2), keepdim=True)
    found = []
    for axis in (1, 2):
        line = light.sum(axis)
        length = line.shape[1]
        middle = (line * (torch.arange(length) + 0.5)).sum(1) / line.sum(1)
        size = line.sum(1) / line.amax(1)
        found.append((middle / length, size / length))
    (x, wide), (y, high) = found
    return torch.stack([x, y, wide, high], -1)[:, None]


def sees(part: Any, scores: Any = (5.0, -5.0)) -> None:
    """Let a network find the bright rectangle in the pixels that it is handed, for one phrase."""
    network = part._network
    if part.card.name == "owlv2":
        network.image_embedder = lambda pixels: (bright_boxes(pixels)[:, None], None)
        network.box_predictor = lambda cells, features: cells
        network.class_predictor = lambda cells, queries: (
            torch.tensor(scores)[: queries.shape[1]].expand(len(cells), 1, -1),
            None,
        )
        return

    def forward(*, pixel_values: Any, input_ids: Any, **_: Any) -> Any:
        # The phrase of a piece is the number of full stops before it.
        phrase = (input_ids == 1012).cumsum(1).clamp(max=len(scores) - 1)
        logits = torch.tensor(scores)[phrase][:, None]
        return type("Made", (), {"logits": logits, "pred_boxes": bright_boxes(pixel_values)})

    network.forward = forward


PLACES: list[tuple[tuple[int, int], Box]] = [
    ((256, 64), (40, 8, 120, 40)),
    ((64, 256), (8, 40, 40, 120)),
    ((100, 60), (13, 17, 71, 44)),
    ((37, 90), (5, 11, 29, 70)),
    ((64, 64), (10, 20, 40, 60)),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("size", "box"), PLACES)
def test_a_box_is_where_the_thing_is(
    name: str, size: tuple[int, int], box: Box, weights: dict[str, str]
) -> None:
    part = model(name, weights)
    sees(part)
    (found,) = part.ground([frame(*size, box)], [(CAT, DOG)])
    assert [one.prompt for one in found] == [0]
    assert found[0].box == pytest.approx(box, abs=0.6)
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-5.0)))


@pytest.mark.parametrize("name", NAMES)
def test_a_box_belongs_to_the_phrase_that_fits_best(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    sees(part, (1.0, 2.0))
    given = frame(100, 60, (13, 17, 71, 44))
    # The same phrase asked twice is answered twice.
    (found,) = part.ground([given], [(CAT, DOG, Prompt("again", text="big dogs"))])
    assert [one.prompt for one in found] == [1, 2]
    sees(part, (2.0, 1.0))
    assert [one.prompt for one in part.ground([given], [(CAT, DOG)])[0]] == [0]
    part.least = 0.95
    assert part.ground([given], [(CAT, DOG)]) == [()]


def proposing(part: Any, boxes: Any, scores: list[list[float]]) -> None:
    """Let a grounder propose boxes, in shares of the canvas, with scores for two phrases."""
    real = part._propose

    def propose(images: Any, phrases: Any) -> Any:
        count = len(images)
        return dataclasses.replace(
            real(images, phrases),
            boxes=torch.tensor(boxes).expand(count, -1, -1),
            scores=torch.tensor(scores)[:, : len(phrases)].expand(count, -1, -1),
        )

    part._propose = propose


def test_what_overlaps_a_better_box_of_the_same_phrase_goes(weights: dict[str, str]) -> None:
    part = model("grounding-dino", weights)
    boxes = [(0.5, 0.5, 0.4, 0.4), (0.52, 0.5, 0.4, 0.4), (0.5, 0.52, 0.4, 0.4), (0.1, 0.1, 0.2, 2)]
    proposing(part, boxes, [[0.6, 0.0], [0.7, 0.1], [0.0, 0.5], [0.4, 0.0]])
    (found,) = part.ground([frame(100, 50, index=1)], [(CAT, DOG)])
    assert [(one.prompt, round(one.score, 3)) for one in found] == [(0, 0.7), (0, 0.4), (1, 0.5)]
    assert found[0].box == pytest.approx((32, 15, 72, 35), abs=1e-4)
    assert found[1].box == pytest.approx((0, 0, 20, 50), abs=1e-4)  # cut off at the frame
    most = dataclasses.replace(CAT, max_instances=1)
    (found,) = part.ground([frame(100, 50, index=1)], [(most, DOG)])
    assert [round(one.score, 3) for one in found] == [0.7, 0.5]
    part.overlap = 1.0
    assert len(part.ground([frame(100, 50, index=1)], [(CAT, DOG)])[0]) == 4


def test_what_is_no_number_is_said(weights: dict[str, str]) -> None:
    part = model("grounding-dino", weights)
    proposing(part, [(0.5, 0.5, float("nan"), 0.4)], [[0.6, 0.0]])
    with pytest.raises(ModelError, match=r"NaN\) on frame 3 of 'cam'; --precision fp32"):
        part.ground([frame(100, 50, index=3)], [(CAT, DOG)])


def test_greedy_suppression() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 5], [20, 0, 30, 10.0]])
    scores = torch.tensor([0.5, 0.9, 0.4, 0.5])
    assert best_of_many(boxes, scores, 0.6) == [1, 3, 2]  # what covers only a loser stays
    assert best_of_many(boxes, scores, 0.5) == [1, 3]
    assert best_of_many(boxes, scores, 1.0) == [1, 0, 3, 2]
    assert best_of_many(boxes[:0], scores[:0], 0.5) == []


@pytest.mark.parametrize("name", DINOS)
def test_pieces_of_words_belong_to_their_phrase(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    phrases = ("Red cup", "mr. bean ", "cup.", "a? b")
    tokens, pieces = part._read(phrases)
    spelled = part._tokenizer.convert_ids_to_tokens(tokens["input_ids"])
    words = ["".join(spelled[n].replace("##", "") for n in own) for own in pieces]
    assert words == ["redcup", "mr.bean", "cup", "a?b"]
    assert spelled[0] == "[CLS]"
    assert spelled[-2:] == [".", "[SEP]"]
    with pytest.raises(PromptError, match=r"'\.\.' has no word that model"):
        part.prepare((Prompt("dots", text=".."),))


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (1920, 1080, (1333, 750)),
        (1080, 1920, (750, 1333)),
        (640, 480, (1066, 800)),
        (480, 640, (800, 1066)),
        (500, 500, (800, 800)),
        (1000, 800, (1000, 800)),
        (3000, 100, (1333, 44)),
        (1, 5000, (1, 1333)),
    ],
)
def test_frames_are_fitted_as_the_network_was_trained(
    width: int, height: int, expected: tuple[int, int]
) -> None:
    size = fitted(width, height, 800, 1333)
    if min(width, height) > 1:
        transforms = pytest.importorskip("transformers.image_transforms")
        assert size == transforms.get_size_with_aspect_ratio((height, width), 800, 1333)[::-1]
    assert (size[0], size[1]) == pytest.approx(expected, abs=1 if width == 3000 else 0)


@pytest.mark.parametrize("name", DINOS)
@pytest.mark.parametrize(("size", "shape"), [((256, 64), (64, 256)), ((90, 120), (170, 128))])
def test_frames_keep_their_shape(
    name: str, size: tuple[int, int], shape: tuple[int, int], weights: dict[str, str]
) -> None:
    """Rows and columns of the pixels that the network is handed."""
    part = model(name, weights)
    pixels, _ = part._pixels(part._uploader.upload([frame(*size)]))
    assert tuple(pixels.shape) == (1, 3, *shape)


@pytest.mark.parametrize(("width", "height"), [(150, 90), (90, 150), (40, 30), (64, 64), (1, 1)])
def test_owlv2_scales_as_its_reference_does(width: int, height: int) -> None:
    """Padded to a square, smoothed with a mirrored Gaussian, sampled, normalised, step by step."""
    side = 64
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    given = Frame("cam", 0, 0, Fraction(1, 25), image)
    device = Device(torch.device("cpu"), torch.float32)
    pixels, placement = squared(Images((given,), torch.from_numpy(image)[None]), side, device)

    longer = max(width, height)
    whole = torch.zeros(3, longer, longer)
    whole[:, :height, :width] = torch.from_numpy(image).permute(2, 0, 1) / 255
    deviation = (longer / side - 1) / 2
    if deviation > 0:
        reach = int(np.ceil(3 * deviation))
        taps = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
        taps = taps / taps.sum()
        padded = torch.nn.functional.pad(whole[:, None], (reach,) * 4, mode="reflect")
        whole = torch.nn.functional.conv2d(padded, taps[:, None] * taps[None][None, None])[:, 0]
    scaled = torch.nn.functional.interpolate(whole[None], (side, side), mode="bilinear")
    mean, spread = (torch.tensor(values)[:, None, None] for values in CLIP)
    assert torch.allclose(pixels, (scaled - mean) / spread, atol=1e-4)
    assert placement.to_source(side, side) == pytest.approx((longer, longer))


def test_owlv2_reads_a_phrase_as_the_published_figures_do(weights: dict[str, str]) -> None:
    """Seven sentences, lower case without punctuation, the mean of what they mean."""
    part = model("owlv2", weights)
    sentences = [
        "itap of a big dog",
        "a bad photo of the big dog",
        "a origami big dog",
        "a photo of the large big dog",
        "a big dog in a video game",
        "art of the big dog",
        "a photo of the small big dog",
    ]
    read = []
    for one in sentences:
        tokens = torch.tensor([part._tokenizer(one)["input_ids"]])
        with torch.inference_mode():
            features = part._network.owlv2.get_text_features(tokens).pooler_output[0]
        read.append(features / features.norm())
    mean = torch.stack(read).mean(0)
    with torch.inference_mode():
        assert torch.allclose(part._read("Big, DOG!")[0], mean / mean.norm(), atol=1e-6)
        bare = model("owlv2", weights, templates=False)
        tokens = torch.tensor([part._tokenizer("big dog")["input_ids"]])
        features = part._network.owlv2.get_text_features(tokens).pooler_output
        assert torch.allclose(bare._read("Big dog."), features / features.norm(), atol=1e-6)
    long = "abcde fghij klmno pqrst uvwxy abcdefgh"  # there is room for it, for no sentence
    with torch.inference_mode():
        assert torch.allclose(part._read(long), bare._read(long))
