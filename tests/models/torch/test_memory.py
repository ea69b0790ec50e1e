"""Memories of the SAM 2 kind: the same as transformers' own, held bytes constant, to be resumed."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.memory_models import (
    edgetam_with_memory,
    held,
    sam2_with_memory,
    sam3_with_memory,
)
from tests.support.reference_memory import keeps_everything
from tests.support.reference_models import MARKED as GIVEN
from tests.support.reference_models import box_mask, frame
from tests.support.reference_models import marked as known
from tests.support.torch_models import (
    save,
    tiny_sam2,
    tiny_sam3_checkpoint,
    tiny_sam3_lite_text,
)
from videoseg.models.sam2 import EdgeTam, Sam21Tiny
from videoseg.models.sam3 import Sam3, Sam3LiteText, Sam3Tracker
from videoseg.protocols import Follows, VideoSegmenter
from videoseg.stages.batched import Load
from videoseg.stages.propagated import Propagated
from videoseg.stages.select import stage_for
from videoseg.types import Cue, Detections, Prompt

torch = pytest.importorskip("torch")

PROMPTS = (Prompt("a", text="a"), Prompt("b", text="b"))


class _EdgeTam(EdgeTam):
    """Without timm, which its tiny backbone does not need."""

    card = dataclasses.replace(EdgeTam.card, packages=())


KINDS: dict[str, tuple[Any, Any]] = {
    "sam2": (Sam21Tiny, sam2_with_memory),
    "edgetam": (_EdgeTam, edgetam_with_memory),
    "sam3": (Sam3Tracker, sam3_with_memory),
}


@pytest.fixture(scope="module", params=list(KINDS))
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    cls, make = KINDS[request.param]
    return cls, save(make(), tmp_path_factory.mktemp(request.param))


@pytest.fixture
def part(weights: Any) -> Iterator[Any]:
    cls, folder = weights
    made = cls(weights=folder, keep_logits=True)
    made.prepare(())
    yield made
    made.close()


def bits(found: Detections) -> list[Any]:
    return [
        (one.prompt, one.object_id, one.score, one.mask.crop, one.mask.bitmap.tobytes())
        for one in found.instances
    ]


def test_it_finds_what_a_session_that_forgets_nothing_finds(part: Any) -> None:
    """With an object that comes later and a correction, to the bit."""
    memory = part.video_segmenter()
    assert isinstance(memory, VideoSegmenter)
    memory.start(PROMPTS)
    count = 26  # more than the 16 frames of which an object's pointer is read
    made: list[Any] = []
    hook = part._memory.register_forward_hook(lambda *given: made.append(given[-1]))
    found = [memory.step(frame(index), GIVEN.get(index)) for index in range(count)]
    hook.remove()
    for index, theirs in enumerate(keeps_everything(part, GIVEN, count)):
        assert {one.prompt for one in found[index].instances} == set(theirs)
        ours = dict(zip(made[index].object_ids, made[index].pred_masks, strict=True))
        assert all(torch.equal(ours[place], theirs[place].logits) for place in theirs)
        given = GIVEN[index].instances if index in GIVEN else ()
        assert all(one in found[index].instances for one in given)


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_what_is_held_does_not_grow(part: Any, count: int) -> None:
    memory = part.video_segmenter()
    memory.start(PROMPTS)
    sizes = []
    for index in range(count):
        memory.step(frame(index % 50), GIVEN.get(index))
        if index >= 30:
            sizes.append(held(memory))
    assert max(sizes) <= 1.01 * min(sizes)
    session = memory._session
    assert not session.processed_frames
    entries = [vars(session)[name] for name in ("mask_inputs_per_obj", "frames_tracked_per_obj")]
    assert not any(value for entry in entries for value in entry.values())


def test_many_corrections_are_bounded(part: Any) -> None:
    """The first frame that was marked stays, and the last ones."""
    memory = part.video_segmenter()
    memory.start(PROMPTS)
    for index in range(12):
        memory.step(frame(index), known(index, box_mask(10 + index, 10, 60, 50)))
    (outputs,) = memory._session.output_dict_per_obj.values()
    assert list(outputs["cond_frame_outputs"]) == [0, 9, 10, 11]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_goes_on_to_the_bit(weights: Any, precision: str) -> None:
    cls, folder = weights
    made = cls(weights=folder, precision=precision)
    made.prepare(())
    whole = made.video_segmenter()
    whole.start(PROMPTS)
    for index in range(15):
        whole.step(frame(index), GIVEN.get(index))
    state = {name: array.copy() for name, array in whole.snapshot().items()}
    assert all(isinstance(array, np.ndarray) for array in state.values())
    resumed = cls(weights=folder, precision=precision)
    resumed.prepare(())
    again = resumed.video_segmenter()
    again.start(PROMPTS)
    again.restore(state, frame(14))
    for index in range(15, 22):
        assert bits(again.step(frame(index), None)) == bits(whole.step(frame(index), None))
    assert again.snapshot().keys() == whole.snapshot().keys()


def test_a_memory_of_nothing_has_nothing_to_keep(part: Any) -> None:
    memory = part.video_segmenter()
    memory.start(PROMPTS)
    assert memory.step(frame(0), None).instances == ()
    assert memory.snapshot() == {}
    memory.restore({}, frame(0))
    assert len(memory.step(frame(1), known(1, box_mask(20, 10, 60, 50))).instances) == 1


def test_what_is_out_of_sight_is_left_out_and_comes_back(
    part: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = part.video_segmenter()
    memory.start(PROMPTS)
    memory.step(frame(0), GIVEN[0])
    bias = memory.network.mask_decoder.pred_obj_score_head.proj_out.bias
    assert len(memory.step(frame(1), None).instances) == 1
    with torch.inference_mode():
        monkeypatch.setattr(bias, "data", torch.full_like(bias, -5.0))
        assert memory.step(frame(2), None).instances == ()
        given = memory.step(frame(3), known(3, box_mask(20, 10, 60, 50), prompt=1))
        assert [(one.prompt, one.score) for one in given.instances] == [(1, 1.0)]
        monkeypatch.setattr(bias, "data", torch.full_like(bias, 5.0))
    assert [one.prompt for one in memory.step(frame(4), None).instances] == [0, 1]


def test_a_cut_forgets_places_and_keeps_what_was_marked(part: Any) -> None:
    memory = part.video_segmenter()
    memory.start(PROMPTS)
    for index in range(5):
        memory.step(frame(index), GIVEN.get(index))
    memory.reset()
    (outputs,) = memory._session.output_dict_per_obj.values()
    assert [list(some) for some in outputs.values()] == [[0], []]
    assert len(memory.step(frame(5), None).instances) == 1


def test_two_streams_do_not_mix_and_the_end_lets_go(part: Any) -> None:
    memories = [part.video_segmenter() for _ in range(2)]
    assert memories[0].network is memories[1].network
    for memory in memories:
        memory.start(PROMPTS)
    alone = [memories[0].step(frame(index), GIVEN.get(index)) for index in range(4)]
    memories[0].finish()
    memories[0].finish()
    assert memories[0]._session is None
    memories[0].start(PROMPTS)
    for index in range(4):
        again = memories[0].step(frame(index), GIVEN.get(index))
        memories[1].step(frame(index + 30), known(index + 30, box_mask(5, 5, 30, 30), prompt=1))
        assert bits(again) == bits(alone[index])


def test_one_vision_encoder_serves_marks_and_memory(part: Any) -> None:
    memory = part.video_segmenter()
    assert memory.network.vision_encoder is part._made.network.vision_encoder
    part.close()
    del memory
    gc.collect()
    assert part._memory is None


def noting(part: Any) -> list[int]:
    """Filled with the frames that a model is asked about from now on."""
    asked: list[int] = []
    real = part.submit

    def submit(frames: Any, prompts: Any) -> Any:
        asked.extend(each.index for each in frames)
        return real(frames, prompts)

    part.submit = submit
    return asked


def test_a_click_is_followed_by_the_memory(part: Any) -> None:
    """Through the stage that carries marks; the model is asked on the marked frame alone."""
    asked = noting(part)
    cue = Cue(boxes=((20.0, 10.0, 60.0, 50.0, True),), frame=2)
    stage = Propagated(part, (Prompt("it", cues=(cue,)),))
    found = [len(answer.instances) for _, answer in stage.run(frame(index) for index in range(6))]
    assert found == [0, 0, 1, 1, 1, 1]
    assert asked == [2]


def test_weights_without_a_memory_follow_by_masks(tmp_path: Path) -> None:
    part = Sam21Tiny(weights=save(tiny_sam2(), tmp_path / "image"))
    part.prepare(())
    assert isinstance(part, Follows)
    assert part.video_segmenter() is None
    words = Sam3LiteText(weights=save(tiny_sam3_lite_text(), tmp_path / "words"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_build", lambda *_: None)
        assert words.video_segmenter() is None


def test_sam3_finds_by_words_and_follows_by_the_same_backbone(tmp_path: Path) -> None:
    part = Sam3(weights=tiny_sam3_checkpoint(tmp_path, sam3_with_memory()), least=0.0)
    words = Prompt("a", text="cat")
    part.prepare((words,))
    (found,) = part.segment([frame(0)], [(words,)])
    memory = part.video_segmenter()
    assert memory is not None
    assert part._memory.vision_encoder.backbone is part._network.vision_encoder.backbone
    memory.start((words,))
    given = tuple(dataclasses.replace(one, object_id=n) for n, one in enumerate(found.instances))
    memory.step(frame(0), dataclasses.replace(found, instances=given))
    followed = memory.step(frame(1), None).instances
    assert [one.object_id for one in followed] == [one.object_id for one in given]


@pytest.mark.parametrize(("redetect", "asked"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6])])
def test_sam3_searches_every_so_many_frames(
    redetect: int, asked: list[int], tmp_path: Path
) -> None:
    weights = tiny_sam3_checkpoint(tmp_path, sam3_with_memory())
    part = Sam3(weights=weights, least=0.0, redetect=redetect)
    words = (Prompt("a", text="cat"),)
    part.prepare(words)
    seen = noting(part)
    stage = stage_for(part, words, batch=1, every=1, first=0, load=Load())
    found = [answer for _, answer in stage.run(frame(index) for index in range(7))]
    answers = [answer for answer in found if answer is not None]
    assert len(answers) == 7
    assert seen == asked
    for index, answer in enumerate(answers):
        if index not in asked:
            known = {one.object_id for one in answers[index - 1].instances}
            assert {one.object_id for one in answer.instances} <= known
            assert answer.instances
