"""Trains the network for phrases: its head, and the backbone's stages beyond stride 8.

What the earlier stages say about a sample is computed once. The ImageNet classes, which most nouns
rest on, are held where they were: the answers of the untouched network are learned beside the named
segments (Z. Li and D. Hoiem, "Learning without Forgetting", ECCV 2016).
"""

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

from training.head import Network
from training.samples import FULL, UNKNOWN, Sample

_BATCH = 8
_RATE = 2e-3
_BACKBONE_SHARE = 0.15
"""Rate of the pretrained weights, beside the head's."""
_WARM_UP = 0.1
_DECAY = 0.02
_OFFSET_WEIGHT = 0.5
_DICE_WEIGHT = 0.3
_IMAGENET_WEIGHT = 0.5
_SMALLEST_SHARE = 0.002
_CHECK_EVERY = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cached:
    """What the untouched backbone says about one sample, in half precision, and its targets."""

    key: str
    stride8: npt.NDArray[np.float16]
    imagenet: npt.NDArray[np.float16]
    targets: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.float16]


def cache(session: Any, samples: Iterable[Sample]) -> Iterator[Cached]:
    """Run the exported backbone, an ONNX Runtime session, over the samples: twice torch's speed."""
    for sample in samples:
        image = sample.image.transpose(2, 0, 1)[None].astype(np.float32)
        stride8, imagenet = session.run(["stride8", "imagenet"], {"image": image})
        maps = [m[0].astype(np.float16) for m in (stride8, imagenet)]
        yield Cached(sample.key, *maps, sample.targets, sample.offsets)


def fit(
    network: Network, cached: list[Cached], held_out: list[Cached], *, steps: int, seed: int
) -> None:
    """Train in place, rare classes seen more often; logs how held-out samples are answered."""
    random = np.random.default_rng(seed)
    rarity = _rarity(cached)
    landscape = np.array([item.targets.shape[1] < item.targets.shape[2] for item in cached])
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    pretrained = [each for each in network.backbone.parameters() if each.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": network.head.parameters()}, {"params": pretrained}], weight_decay=_DECAY
    )
    rates = [_RATE, _RATE * _BACKBONE_SHARE]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=steps, pct_start=_WARM_UP
    )
    started, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        wide = random.random() < landscape.mean()
        pool = np.flatnonzero(landscape == wide)
        weights = rarity[pool] / rarity[pool].sum()
        batch = [cached[i] for i in random.choice(pool, _BATCH, p=weights)]
        loss = _loss(network, batch, (int(random.integers(2)), int(random.integers(2))))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*network.head.parameters(), *pretrained], 5.0)
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        if step % _CHECK_EVERY == 0 or step == steps:
            words = "step %d of %d, loss %.3f, %.0f s, held out %s"
            mean, elapsed = total / _CHECK_EVERY, time.monotonic() - started
            _log.info(words, step, steps, mean, elapsed, overlap(network, held_out))
            total = 0.0


def overlap(network: Network, samples: list[Cached]) -> str:
    """Mean IoU over samples and their classes, of the cells with positive log-odds."""
    network.eval()
    found = []
    for item in samples:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            *_, classes, _ = network.late(_stack([item.stride8]))
        known, true = item.targets != UNKNOWN, item.targets > FULL // 2
        answer = (classes[0].float().numpy() > 0) & known
        true &= known
        asked = true.reshape(len(true), -1).any(axis=1)
        both = (answer & true)[asked].sum(axis=(1, 2))
        found += (both / (answer | true)[asked].sum(axis=(1, 2))).tolist()
    network.train()
    return f"{np.mean(found):.4f} of {len(found)}"


def _loss(network: Network, batch: list[Cached], phase: tuple[int, int]) -> Tensor:
    """The loss on every second row and column, from ``phase`` on: a quarter of the work."""
    y, left = phase
    with torch.autocast("cpu", dtype=torch.bfloat16):
        imagenet, x, prior = network.mixed(_stack([item.stride8 for item in batch]))
        x, prior = x[:, :, y::2, left::2], prior[:, :, y::2, left::2]
        logits, offsets = network.head.classes(x) + prior, network.head.offsets(x)
    logits, offsets = logits.float(), offsets.float()
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
    before = torch.softmax(_stack([item.imagenet for item in batch]), dim=1)
    now = torch.log_softmax(imagenet.float(), dim=1)
    kept = functional.kl_div(now, before, reduction="none").sum(dim=1).mean()
    return loss + _IMAGENET_WEIGHT * kept


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
    stacked = torch.from_numpy(np.stack(maps)).float()
    return stacked.contiguous(memory_format=torch.channels_last)
