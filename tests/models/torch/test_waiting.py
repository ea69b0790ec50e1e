"""Work is begun without waiting for the device, and nothing reads what has not arrived.

Tensors on the device ``meta`` have shapes and no content, so whatever would wait for a GPU (reading
a number back, choosing by content) is an error there. The order of streams is followed with streams
and events that only take notes.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.torch_models import TINY, save, tiny_sam2
from videoseg import registry
from videoseg.models._torch.answers import Answer, Candidates, Group
from videoseg.models._torch.images import Images, Placement, Uploader
from videoseg.models._torch.questions import Question
from videoseg.models.sam2 import Sam21Tiny
from videoseg.networks.device import Device, Lanes
from videoseg.types import Cue, Frame, Prompt

torch = pytest.importorskip("torch")

POINT = Prompt("p", cues=(Cue(points=((40.0, 30.0, True), (9.0, 9.0, False))),))
BOX = Prompt("b", cues=(Cue(boxes=((20.0, 10.0, 60.0, 40.0, True),)),))
WORDS = Prompt("w", text="a cat")


def frames(count: int) -> list[Frame]:
    image = np.zeros((80, 120, 3), np.uint8)
    return [Frame("cam", index, index, Fraction(1, 25), image) for index in range(count)]


def on_meta(part: Any) -> None:
    """Move a loaded model to where nothing can be read."""
    for holder in (part, getattr(part, "_made", None), getattr(part, "_pointed", None)):
        for name in ("_network", "network"):
            if getattr(holder, name, None) is not None:
                getattr(holder, name).to("meta")
    device = Device(torch.device("meta"), torch.float32)
    part._lanes = Lanes(device)
    part._texts = {phrase: value.to("meta") for phrase, value in part._texts.items()}
    for name in ("_made", "_pointed"):
        held = getattr(part, name, None)
        if held is not None:
            setattr(part, name, dataclasses.replace(held, device=device))


@pytest.mark.parametrize("name", ["sam2.1-tiny", "edgetam", "sam3", "sam3-litetext-s0"])
def test_nothing_waits_for_the_device(name: str, tmp_path: Path) -> None:
    cls = registry.find("models", name).cls
    card = dataclasses.replace(cls.card, packages=())
    part = type(cls.__name__, (cls,), {"card": card})(weights=TINY[name](tmp_path))
    asked = tuple(p for p in (POINT, BOX, WORDS) if p.kinds <= card.kinds)
    asked = tuple(p for p in asked if p is not BOX or "text" not in card.kinds)
    part.prepare(asked)
    part.segment(frames(1), [asked])  # phrases are read once, which may wait
    on_meta(part)
    pixels = torch.zeros((2, 80, 120, 3), dtype=torch.uint8, device="meta")
    images = Images(tuple(frames(2)), pixels)
    with torch.inference_mode():
        (found,) = part._answers(images, [Question.of((0, 1), asked, images)])
    assert {one.prompt for one in found} == set(range(len(asked)))
    assert all(one.logits.device.type == "meta" for one in found)


class Notes:
    """Streams and events of CUDA that note what is queued where."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.lane = ["main"]
        notes = self

        class Stream:
            names: Iterator[str] = iter(("up", "down"))

            def __init__(self, _: object, priority: int = 0) -> None:
                self.name = next(Stream.names)
                assert priority == (-1 if self.name == "down" else 0)

        class Event:
            count = 0

            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing
                Event.count += 1
                self.name = f"event{Event.count}"

            def record(self, stream: str) -> None:
                notes.log.append(f"{stream}: {self.name}")

            def wait(self) -> None:
                notes.log.append(f"{notes.lane[-1]} waits for {self.name}")

            def synchronize(self) -> None:
                notes.log.append(f"host waits for {self.name}")

            def elapsed_time(self, end: Any) -> float:
                return 1000.0 * (int(end.name[5:]) - int(self.name[5:]))

        @contextlib.contextmanager
        def stream(chosen: Any) -> Iterator[None]:
            self.lane.append(chosen.name)
            yield
            self.lane.pop()

        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "stream", stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda _: self.lane[-1])
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
        monkeypatch.setattr(torch, "empty", _unpinned(torch.empty))
        monkeypatch.setattr(Device, "is_cuda", property(lambda _: True))


def _unpinned(real: Any) -> Any:
    def empty(*shape: Any, pin_memory: bool = False, **named: Any) -> Any:
        del pin_memory
        return real(*shape, **named)

    return empty


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    return Notes(monkeypatch)


def test_frames_go_up_beside_the_work_and_memory_is_used_again(notes: Notes) -> None:
    uploader = Uploader(Lanes(Device(torch.device("cpu"), torch.float32)))
    for _ in range(2):
        uploader.upload(frames(2))
    assert notes.log == [
        *("up: event1", "main waits for event1"),
        *("up: event2", "main waits for event2"),
    ]
    first = uploader._staged[0][0]
    uploader.upload(frames(2))
    # Memory is written again only when what was in it has arrived.
    assert notes.log[4] == "host waits for event1"
    assert uploader._staged[-1][0] is first
    uploader.upload(frames(3))
    assert notes.log[7] == "host waits for event2"
    assert uploader._staged[-1][0].shape == (3, 80, 120, 3)


def test_masks_come_down_beside_the_next_batch(notes: Notes) -> None:
    lanes = Lanes(Device(torch.device("cpu"), torch.float32))
    logits = torch.full((1, 1, 8, 8), -1.0)
    logits[0, 0, 2:4, 2:4] = 1.0
    placement = Placement(120, 80, 8, 8, 8, 8)
    one = Candidates(0, logits, torch.ones(1, 1), placement)
    begun = lanes.mark()
    answer = Answer("m", frames(1), [Group((0,), (POINT,), (one,))], lanes, begun)
    # The lane that brings things down waits for the network; this machine does not.
    assert notes.log == [
        *("main: event1", "main: event2"),
        *("down waits for event2", "down: event3"),
    ]
    notes.log.clear()
    (found,) = answer.result()
    assert notes.log == ["host waits for event3", "down: event4", "host waits for event4"]
    assert answer.seconds == 1.0
    assert len(found.instances) == 1


def test_as_many_frames_as_fit(
    notes: Notes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not notes.log
    held = {"now": 1000, "peak": 1000, "free": 10_000}
    cuda: Any = torch.cuda
    monkeypatch.setattr(cuda, "memory_allocated", lambda _: held["now"])
    monkeypatch.setattr(cuda, "memory_reserved", lambda _: held["now"])
    monkeypatch.setattr(cuda, "max_memory_allocated", lambda _: held["peak"])
    monkeypatch.setattr(cuda, "reset_peak_memory_stats", lambda _: None)
    monkeypatch.setattr(cuda, "mem_get_info", lambda _: (held["free"], 0))
    monkeypatch.setattr(Sam21Tiny, "_load", lambda self: self._lanes)
    part = Sam21Tiny(weights=save(tiny_sam2(), tmp_path))
    part._lanes = Lanes(Device(torch.device("cpu"), torch.float32))
    assert part.batch_size() == 1
    with part._measured(1):
        held["peak"] = 1500
    assert part.batch_size() == 14  # 0.7 of 10,000 bytes, 500 for each
    held["free"] = 100
    assert part.batch_size() == 1
    held["free"] = 10**9
    assert part.batch_size() == 32
