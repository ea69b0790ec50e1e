"""Trains the head on features that the frozen backbone computes once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from training.head import Head
from training.samples import FULL, UNKNOWN, Sample

_BATCH = 8
_RATE = 2e-3
_OFFSET_WEIGHT = 0.5
_DICE_WEIGHT = 0.3
_SMALLEST_SHARE = 0.002
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cached:
    """What the backbone says about one sample, in half precision, and its targets."""

    key: str
    stride8: npt.NDArray[np.float16]
    stride16: npt.NDArray[np.float16]
    deep: npt.NDArray[np.float16]
    log_odds: npt.NDArray[np.float16]
    targets: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.float16]


def cache(session: Any, head: Head, samples: Iterable[Sample]) -> Iterator[Cached]:
    """Run the exported backbone, an ONNX Runtime session, over the samples: twice torch's speed."""
    wanted = ["stride8", "stride16", "deep16", "imagenet"]
    for sample in samples:
        image = sample.image.transpose(2, 0, 1)[None].astype(np.float32)
        stride8, stride16, deep, imagenet = session.run(wanted, {"image": image})
        log_odds = head.group_log_odds(torch.from_numpy(imagenet)).detach().numpy()
        maps = [m[0].astype(np.float16) for m in (stride8, stride16, deep, log_odds)]
        yield Cached(sample.key, *maps, sample.targets, sample.offsets)


def fit(head: Head, cached: list[Cached], *, epochs: int, seed: int) -> None:
    """Train the head in place, rare classes seen more often."""
    random = np.random.default_rng(seed)
    rarity = _rarity(cached)
    landscape = np.array([item.targets.shape[1] < item.targets.shape[2] for item in cached])
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=0.02)
    steps = epochs * (len(cached) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    started, total = time.monotonic(), 0.0
    for step in range(steps):
        wide = random.random() < landscape.mean()
        pool = np.flatnonzero(landscape == wide)
        weights = rarity[pool] / rarity[pool].sum()
        batch = [cached[i] for i in random.choice(pool, _BATCH, p=weights)]
        loss = _loss(head, batch, (int(random.integers(2)), int(random.integers(2))))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % 25 == 24:
            elapsed = time.monotonic() - started
            _log.info("step %d of %d, loss %.3f, %.0f s", step + 1, steps, total / 25, elapsed)
            total = 0.0


def predict(head: Head, item: Cached) -> npt.NDArray[np.float32]:
    """Class log-odds (classes, h, w) of one cached sample."""
    with torch.inference_mode():
        logits, _ = head(*_inputs([item]))
    result: npt.NDArray[np.float32] = logits[0].numpy()
    return result


def _loss(head: Head, batch: list[Cached], phase: tuple[int, int]) -> Tensor:
    """The loss on every second row and column, from ``phase`` on: a quarter of the work."""
    x, prior = head.mixed(*_inputs(batch))
    y, left = phase
    x, prior = x[:, :, y::2, left::2], prior[:, :, y::2, left::2]
    logits, offsets = head.classes(x) + prior, head.offsets(x)
    raw = torch.from_numpy(np.stack([item.targets[:, y::2, left::2] for item in batch]))
    known = (raw != UNKNOWN).float()
    target = raw.float() / FULL * known
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    pixels = logits.shape[0] * logits.shape[2] * logits.shape[3]
    loss = (entropy * known).sum() / pixels
    probability = torch.sigmoid(logits) * known
    area = target.sum(dim=(2, 3))
    present = area > _SMALLEST_SHARE * target.shape[2] * target.shape[3]
    both = (probability * target).sum(dim=(2, 3))
    dice = 1 - 2 * both / (probability.sum(dim=(2, 3)) + area + 1e-6)
    loss = loss + _DICE_WEIGHT * dice[present].sum() / len(batch)
    centre = torch.from_numpy(np.stack([item.offsets[:, y::2, left::2] for item in batch])).float()
    there = torch.isfinite(centre)
    if there.any():
        loss = loss + _OFFSET_WEIGHT * functional.smooth_l1_loss(offsets[there], centre[there])
    return loss


def _inputs(batch: list[Cached]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        _stack([item.stride8 for item in batch]),
        _stack([item.stride16 for item in batch]),
        _stack([item.deep for item in batch]),
        _stack([item.log_odds for item in batch]),
    )


def _rarity(cached: list[Cached]) -> npt.NDArray[np.float64]:
    present = np.array(
        [
            ((item.targets > FULL // 2) & (item.targets != UNKNOWN)).any(axis=(1, 2))
            for item in cached
        ]
    )
    count = np.maximum(present.sum(axis=0), 1)
    return (present / np.sqrt(count)).sum(axis=1) + 0.05


def _stack(maps: list[npt.NDArray[np.float16]]) -> Tensor:
    return torch.from_numpy(np.stack(maps)).float()
