"""What every model on PyTorch keeps to, each through its real class with tiny random weights."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.places import ROOT
from tests.support.torch_models import GROUNDERS, SAME_CLASS, TINY, WRITERS
from videoseg import registry
from videoseg.errors import ModelError, OutOfMemoryError, PromptError
from videoseg.geometry import masks
from videoseg.models._torch.model import TorchModel
from videoseg.protocols import AsyncSegmenter, Segmenter
from videoseg.types import Cue, Detections, Frame, Mask, Prompt

torch = pytest.importorskip("torch")

WIDTH, HEIGHT = 120, 80
MASK = Mask(20, 10, WIDTH, HEIGHT, np.ones((30, 40), dtype=np.bool_))
CUES = {
    "point": Cue(points=((40.0, 30.0, True),)),
    "points": Cue(points=((40.0, 30.0, True), (100.0, 70.0, False))),
    "box": Cue(boxes=((20.0, 10.0, 60.0, 40.0, True),)),
    "boxes": Cue(boxes=((20.0, 10.0, 60.0, 40.0, True), (80.0, 50.0, 110.0, 70.0, False))),
    "mask": Cue(mask=MASK),
    "all": Cue(
        points=((40.0, 30.0, True), (100.0, 70.0, False)),
        boxes=((20.0, 10.0, 60.0, 40.0, True),),
        mask=MASK,
    ),
}
UNPINNED = {
    *("sam3-litetext-s1", "sam3-litetext-l"),
    *("mm-grounding-dino", "mm-grounding-dino-base", "llmdet-base"),
    *("rf-detr-seg-nano", "rf-detr-seg-medium"),
}
"""Models of whose weights no revision is known here."""
NAMES = [name for name in TINY if name not in SAME_CLASS | GROUNDERS | WRITERS]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {name: TINY[name](tmp_path_factory.mktemp(name)) for name in NAMES}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def model(name: str, weights: dict[str, str], **settings: Any) -> Any:
    """A model that needs no packages but those that are here, and counts every candidate."""
    cls = registry.find("models", name).cls
    card = dataclasses.replace(cls.card, packages=())
    part = type(cls.__name__, (cls,), {"card": card})
    if "least" in {field.name for field in dataclasses.fields(cls)}:
        settings = {"least": 0.0, **settings}
    return part(weights=weights[name], **settings)


def frames(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[Frame]:
    """Smooth noise, another one on every frame."""
    found = []
    for index in range(count):
        rough = np.random.default_rng(index).integers(0, 256, (5, 7, 3), dtype=np.uint8)
        image = np.kron(rough, np.ones((-(-height // 5), -(-width // 7), 1), np.uint8))
        pixels = np.ascontiguousarray(image[:height, :width])
        found.append(Frame("cam", index, index, Fraction(1, 25), pixels))
    return found


def prompts_for(part: Any) -> tuple[Prompt, ...]:
    """A prompt of every kind that the model takes."""
    asked = [Prompt(name, cues=(cue,)) for name, cue in CUES.items()]
    asked += [Prompt("both", text="dog", cues=(CUES["boxes"],))]
    asked += [Prompt("words", text="a cat"), Prompt("others", text="big dogs")]
    return tuple(prompt for prompt in asked if prompt.kinds <= part.card.kinds)


def same(a: Detections, b: Detections, *, least: float = 0.995, off: float = 1e-4) -> bool:
    """Whether two answers agree but for what rounding does.

    Args:
        a: One of them.
        b: The other.
        least: IoU that masks have at least.
        off: How far scores are apart at most.
    """
    if (a.stream, a.index, len(a.instances)) != (b.stream, b.index, len(b.instances)):
        return False
    pairs = zip(
        sorted(a.instances, key=lambda one: (one.prompt, -masks.area(one.mask))),
        sorted(b.instances, key=lambda one: (one.prompt, -masks.area(one.mask))),
        strict=True,
    )
    return all(
        x.prompt == y.prompt and abs(x.score - y.score) < off and masks.iou(x.mask, y.mask) >= least
        for x, y in pairs
    ) and np.allclose(
        [value if value is not None else -1 for value in a.presence],
        [value if value is not None else -1 for value in b.presence],
        atol=off,
    )


def bits(answers: Sequence[Detections]) -> list[Any]:
    """Answers down to the last bit."""
    return [
        [(one.prompt, one.score, one.mask.crop, one.mask.bitmap.tobytes()) for one in a.instances]
        for a in answers
    ]


def test_every_model_on_pytorch_is_tested() -> None:
    found = {
        name
        for name in registry.names("models")
        if issubclass(registry.find("models", name).cls, TorchModel)
    }
    assert found == set(TINY)


@pytest.mark.parametrize("every", sorted(TINY))
def test_cards_pin_what_they_name(every: str) -> None:
    card = registry.card(every)
    assert card.name == every
    assert card.extra is not None
    assert {"torch", "transformers"} <= set(card.packages)
    assert card.memory > card.megabytes
    for text in card.weights:
        repository, _, revision = text.partition("@")
        assert repository.count("/") == 1
        assert len(revision) == 40 or (revision == "main" and every in UNPINNED)


def test_the_documentation_names_every_model_that_is_not_pinned() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    told = page.partition("**Not pinned**")[2].partition(". ")[0]
    names = [name for name in TINY if any(text.endswith("@main") for text in weights_of(name))]
    assert set(re.findall(r"`([\w.-]+)`", told)) == set(names) == UNPINNED


def weights_of(name: str) -> tuple[str, ...]:
    return registry.card(name).weights


def test_answers_come_in_order_and_fit_the_frame(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    asked = prompts_for(part)
    part.prepare(asked)
    given = frames(3)
    answers = part.segment(given, [asked] * 3)
    assert isinstance(part, Segmenter)
    assert isinstance(part, AsyncSegmenter)
    assert [(a.stream, a.index) for a in answers] == [("cam", 0), ("cam", 1), ("cam", 2)]
    for answer in answers:
        assert {one.prompt for one in answer.instances} == set(range(len(asked)))
        for one in answer.instances:
            assert (one.mask.frame_width, one.mask.frame_height) == (WIDTH, HEIGHT)
            assert one.mask.logits is None
    assert len({str(bits([answer])) for answer in answers}) == 3
    part.close()
    part.close()


def test_four_frames_at_once_are_four_frames_alone(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    asked = prompts_for(part)
    part.prepare(asked)
    given = frames(4)
    together = part.segment(given, [asked] * 4)
    alone = [part.segment([frame], [asked])[0] for frame in given]
    assert all(same(a, b) for a, b in zip(together, alone, strict=True))


def test_what_is_remembered_changes_nothing(name: str, weights: dict[str, str]) -> None:
    given = frames(2)
    answers = []
    for remember in (True, False):
        part = model(name, weights, remember=remember)
        asked = prompts_for(part)
        part.prepare(asked)
        runs = [part.segment(given, [asked] * 2) for _ in range(2)]
        runs += [part.segment([given[0]], [(prompt,)]) for prompt in asked]
        answers.append([bits(run) for run in runs])
    assert answers[0] == answers[1]


def test_prompts_do_not_mix(name: str, weights: dict[str, str]) -> None:
    """Each prompt's answer is what it is alone, wherever it stands."""
    part = model(name, weights)
    asked = prompts_for(part)
    part.prepare(asked)
    (given,) = frames(1)
    (together,) = part.segment([given], [asked[::-1]])
    for number, prompt in enumerate(asked[::-1]):
        (alone,) = part.segment([given], [(prompt,)])
        of_prompt = tuple(
            dataclasses.replace(one, prompt=0) for one in together.instances if one.prompt == number
        )
        assert same(alone, dataclasses.replace(alone, instances=of_prompt))


def test_frames_may_differ_in_size_and_in_what_is_asked(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    first, second, *_ = prompts_for(part)
    part.prepare((first, second))
    given = [frames(1)[0], frames(2, 64, 90)[1], frames(3)[2]]
    mixed = part.segment(given, [(first,), (first,), (first, second)])
    alone = [
        part.segment([frame], [asked])[0]
        for frame, asked in zip(given, [(first,), (first,), (first, second)], strict=True)
    ]
    assert all(same(a, b) for a, b in zip(mixed, alone, strict=True))
    assert {one.mask.frame_width for one in mixed[1].instances} == {64}


def test_a_frame_of_one_pixel_and_no_prompts(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    (dot,) = frames(1, 1, 1)
    tiny = Prompt("dot", cues=(Cue(boxes=((0.0, 0.0, 1.0, 1.0, True),)),))
    if not tiny.kinds <= part.card.kinds:
        tiny = Prompt("dot", text="dot")
    part.prepare((tiny,))
    (answer,) = part.segment([dot], [(tiny,)])
    assert all(one.mask.bitmap.shape == (1, 1) for one in answer.instances)
    (nothing,) = part.segment([dot], [()])
    assert nothing.instances == ()
    assert part.segment([], []) == []


def test_only_the_best_are_kept(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    prompt = prompts_for(part)[-1]
    part.prepare((prompt,))
    (given,) = frames(1)
    (every,) = part.segment([given], [(prompt,)])
    (one,) = part.segment([given], [(dataclasses.replace(prompt, max_instances=1),)])
    assert [x.score for x in one.instances] == [max(x.score for x in every.instances)]


def test_logits_are_kept_where_they_are_wanted(name: str, weights: dict[str, str]) -> None:
    part, plain = model(name, weights, keep_logits=True), model(name, weights)
    asked = prompts_for(part)
    for one in (part, plain):
        one.prepare(asked)
    given = frames(1)
    assert bits(part.segment(given, [asked])) == bits(plain.segment(given, [asked]))
    for found in part.segment(given, [asked])[0].instances:
        assert found.mask.logits is not None
        assert np.array_equal(found.mask.logits > 0, found.mask.bitmap)


@pytest.mark.slow
def test_two_batches_may_be_under_way(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    asked = prompts_for(part)
    part.prepare(asked)
    given = frames(4)
    first = part.submit(given[:2], [asked] * 2)
    second = part.submit(given[2:], [asked] * 2)
    found = [*first.result(), *second.result()]
    assert all(
        same(a, part.segment([frame], [asked])[0]) for a, frame in zip(found, given, strict=True)
    )
    assert first.seconds > 0


def test_nothing_positive_is_refused(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    with pytest.raises(PromptError, match="only says what is not meant"):
        part.prepare((Prompt("no", cues=(Cue(points=((4.0, 4.0, False),)),)),))


def test_what_is_no_number_is_said(
    name: str, weights: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    part = model(name, weights)
    asked = prompts_for(part)[:1]
    part.prepare(asked)
    real = part._answers

    def broken(images: Any, questions: Any) -> Any:
        (found,) = real(images, questions)
        logits = found[0].logits.clone()
        logits[1, 0, 0, 0] = torch.nan
        return [[dataclasses.replace(found[0], logits=logits), *found[1:]]]

    monkeypatch.setattr(part, "_answers", broken)
    with pytest.raises(ModelError, match=r"NaN\) on frame 1 of 'cam'; --precision fp32"):
        part.segment(frames(2), [asked] * 2)


def test_memory_that_runs_out_is_said(
    name: str, weights: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    part = model(name, weights)
    asked = prompts_for(part)[:1]
    part.prepare(asked)
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ):
        monkeypatch.setattr(part, "_answers", _raises(error))
        with pytest.raises(OutOfMemoryError, match="not enough memory on cpu"):
            part.submit(frames(1), [asked])
    monkeypatch.setattr(part, "_answers", _raises(RuntimeError("something else")))
    with pytest.raises(RuntimeError, match="something else"):
        part.submit(frames(1), [asked])


def _raises(error: Exception) -> Any:
    def answer(*_: object) -> Any:
        raise error

    return answer


def test_compiling_is_done_first_and_reported(
    name: str,
    weights: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    import torch

    asked: list[Any] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: asked.append(self))
    part = model(name, weights, compile=True)
    with caplog.at_level("WARNING"):
        part.prepare(prompts_for(part)[:1])
    # Every part that is run for frames, not the backbone alone. SAM 3's serves two networks, each
    # with a neck of its own; one has words alone.
    parts = {"sam3": 8, "sam3-litetext-s0": 6, "rf-detr-seg-nano": 1}
    assert len(asked) == parts.get(name, 2)
    assert f"{part.card.name} compiled and warmed up in" in caplog.text
    monkeypatch.setattr(type(part), "_look", _raises(RuntimeError("no compiler")))
    with pytest.raises(ModelError, match="cannot be compiled here: no compiler; leave --compile"):
        part._warm_up(part._uploader)


@pytest.mark.parametrize("name", ["sam2.1-tiny", "clipseg", "sam3-litetext-s0"], indirect=True)
def test_a_compiled_network_sees_batches_of_one_size(
    name: str, weights: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last batch is filled up, what was put in is not answered, nothing is compiled anew."""
    graphs = compiled_graphs(monkeypatch)
    part, plain = model(name, weights, compile=True), model(name, weights)
    asked = prompts_for(part)[:2]
    part.prepare(asked)
    seen: list[int] = []
    look = part._look

    def noted(images: Any) -> Any:
        seen.append(len(images))
        return look(images)

    part._look = noted
    known = []
    for count in (5, 3, 8, 1):
        found = part.segment(frames(count), [asked] * count)
        expected = plain.segment(frames(count), [asked] * count)
        assert len(found) == count
        assert all(same(a, b) for a, b in zip(found, expected, strict=True))
        known.append(len(graphs))
    assert seen == [8, 8, 8, 1]
    assert known[0] == known[1] == known[2]
    # The networks that decode are compiled, too, for each kind of prompt.
    if name != "clipseg":
        assert known[0] > 2


def compiled_graphs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Filled with each graph that the compiler makes from now on; they are run as they are."""
    import torch
    import torch._dynamo

    torch._dynamo.reset()
    graphs: list[Any] = []
    real = torch.nn.Module.compile

    def backend(graph: Any, inputs: Any) -> Any:
        del inputs
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **how: real(self, backend=backend, **how)
    )
    return graphs


@pytest.mark.slow
def test_half_precision_gives_nearly_the_same(name: str, weights: dict[str, str]) -> None:
    """Coordinates must not lose precision with the rest: prompts are seen to the pixel."""
    part, half = model(name, weights), model(name, weights, precision="bf16")
    asked = prompts_for(part)
    for one in (part, half):
        one.prepare(asked)
    given = frames(1)
    (a,), (b,) = part.segment(given, [asked]), half.segment(given, [asked])
    assert {one.prompt for one in a.instances} == {one.prompt for one in b.instances}
    assert all(abs(x.score - y.score) < 0.05 for x, y in zip(a.instances, b.instances, strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_answers_like_the_cpu(name: str, weights: dict[str, str]) -> None:
    on = {each: model(name, weights, device=each, precision="fp32") for each in ("cpu", "cuda")}
    answers = {}
    for device, part in on.items():
        asked = prompts_for(part)
        part.prepare(asked)
        answers[device] = part.segment(frames(3), [asked] * 3)
        part.close()
    # CUDA rounds what convolutions take to 10 bits (TF32).
    pairs = zip(answers["cpu"], answers["cuda"], strict=True)
    assert all(same(a, b, least=0.97, off=0.005) for a, b in pairs)


def test_weight_files_are_told_for_the_manifest(name: str, weights: dict[str, str]) -> None:
    part = model(name, weights)
    assert all(path.suffix == ".safetensors" for path in part.weight_files())
    assert {path.parent for path in part.weight_files()} == {Path(weights[name])}


def test_frames_with_boxes_of_their_own_are_looked_at_together(
    name: str, weights: dict[str, str]
) -> None:
    """As a pair asks, of which the grounder finds another box on each frame."""
    part = model(name, weights)
    cues = [Cue(boxes=((5.0 + n, 5.0, 60.0, 40.0, True),)) for n in range(3)]
    asked = [Prompt(str(n), cues=(cue,)) for n, cue in enumerate(cues)]
    if not asked[0].kinds <= part.card.kinds:
        asked = [Prompt(word, text=word) for word in ("cat", "dog", "cup")]
    part.prepare(asked)
    seen: list[int] = []

    def noted(look: Any) -> Any:
        def noting(images: Any) -> Any:
            seen.append(len(images))
            return look(images)

        return noting

    for way in ("_look", "_embed"):
        if hasattr(part, way):
            setattr(part, way, noted(getattr(part, way)))
    decoded = decodings(part)
    together = part.segment(frames(3), [(one,) for one in asked])
    assert seen == [3]
    if decoded is not None:  # boxes of all frames are decoded together as well
        assert decoded == [3]
    alone = [part.segment([frames(3)[n]], [(one,)])[0] for n, one in enumerate(asked)]
    assert all(same(a, b) for a, b in zip(together, alone, strict=True))


def decodings(part: Any) -> list[int] | None:
    """Filled with the rows of each call of a network that decodes marks; None for one without."""
    made = getattr(part, "_made", None)
    if made is None:
        return None
    rows: list[int] = []

    def note(_: object, __: object, named: Any) -> None:
        rows.append(len(named["image_embeddings"]))

    made.network.mask_decoder.register_forward_pre_hook(note, with_kwargs=True)
    return rows


@pytest.mark.parametrize("name", ["sam2.1-tiny", "sam3", "sam3-litetext-s0"], indirect=True)
def test_prompts_are_part_of_the_batch(name: str, weights: dict[str, str]) -> None:
    """One call of each network for all prompts of a kind on all frames, and the same answers."""
    part = model(name, weights)
    marks = [Cue(boxes=((5.0 + n, 5.0, 60.0, 40.0, True),)) for n in range(3)]
    given = Mask.from_array(np.tri(80, 120, dtype=np.bool_))
    asked = [Prompt(str(n), cues=(cue,)) for n, cue in enumerate(marks)]
    asked += [Prompt(f"mask {n}", cues=(Cue(mask=given),)) for n in range(2)]
    if "text" in part.card.kinds:
        asked += [Prompt(word, text=word) for word in ("cat", "dog", "cup")]
    if name == "sam3-litetext-s0":  # to which a box is an example
        asked = asked[-3:]
    part.prepare(asked)
    seen: list[int] = []
    if hasattr(part, "_network"):
        part._network.detr_encoder.register_forward_pre_hook(lambda *_: seen.append(1))
    together = part.segment(frames(2), [asked] * 2)
    assert len(seen) == (1 if hasattr(part, "_network") else 0)
    for frame, answer in zip(frames(2), together, strict=True):
        for number, one in enumerate(asked):
            (alone,) = part.segment([frame], [(one,)])
            expected = [dataclasses.replace(x, prompt=number) for x in alone.instances]
            found = [x for x in answer.instances if x.prompt == number]
            assert same(
                Detections("cam", frame.index, tuple(found)),
                Detections("cam", frame.index, tuple(expected)),
            )
