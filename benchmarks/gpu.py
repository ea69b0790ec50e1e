"""How much of a GPU a run uses: SAM 3 at its real size with random weights, on a film of 1080p.

    python -m benchmarks.gpu [CLIP] [--model sam3] [--frames 240] [--objects 1 5 10]
                             [--precision bf16] [--batches 4 8 16] [--decoder auto] [--fp8]
    python -m benchmarks.gpu --tiny

Without CLIP a film is made. ``--tiny`` runs all of it on any machine with tiny networks and a small
film: it shows that everything works, and its figures mean nothing. Timed in one process:

* bare eager and bare compiled: the network alone on tensors that lie ready on the device, at its
  best of some batch sizes; ``--fp8``: the same with products in 8 bits, where the device has them;
* pipeline: decode, model (compiled), track, outlines and run log, with so many objects a frame;
  then the same with the overlay video. Discs are put in place of the masks that come out, so that
  the rest of the run has what it usually gets.

For each: frames a second, the share of bare compiled, and for what share of the time the model had
nothing to do. The aim is 0.95 of bare compiled and 40 frames a second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import torch
import transformers

from benchmarks.models import CONFIGURATIONS, PLACE, WORDS, bare, model, tiny_sam2, whole
from videoseg.errors import ModelError
from videoseg.models._torch import float8
from videoseg.sources._av import gpu as decoding
from videoseg.sources.video import VideoSource
from videoseg.types import StreamInfo

LEAST_SHARE = 0.95
"""Aim: share of the compiled network's speed that the pipeline keeps."""
LEAST_SPEED = 40.0
"""Aim: frames a second of the pipeline."""
TINY_SIDE = 64
"""Pixels across and down that a tiny network sees."""


@dataclass(frozen=True)
class Timing:
    """What was timed.

    Attributes:
        name: What it is.
        speed: Frames a second.
        share: Of the speed of the network alone, compiled.
        idle: Share of the time in which the model had nothing to do; None where that is not known.
    """

    name: str
    speed: float
    share: float
    idle: float | None = None


def main() -> None:
    """Measure and print."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        clip = arguments.clip or made_clip(Path(folder), *film_size(arguments), arguments.frames)
        timings = measure(arguments, clip)
    for one in timings:
        idle = "" if one.idle is None else f", model idle {one.idle:.1%}"
        print(f"{one.name:32} {one.speed:8.2f} frames/s, {one.share:.3f} of bare compiled{idle}")
    plain = [one for one in timings if one.name.startswith("pipeline, ")]
    reached = min(one.share for one in plain) >= LEAST_SHARE
    fast = min(one.speed for one in plain) >= LEAST_SPEED
    print(f"share of {LEAST_SHARE}: {_said(reached)}; {LEAST_SPEED:g} frames/s: {_said(fast)}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(one) for one in timings], indent=1) + "\n")


def _said(reached: bool) -> str:
    return "reached" if reached else "not reached"


def parse(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, nargs="?", help="a video; default: one is made")
    parser.add_argument("--model", default="sam3", choices=sorted(CONFIGURATIONS))
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto is bf16 on CUDA")
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 8, 16], help="for bare")
    parser.add_argument("--decoder", default="auto", choices=["cpu", "cuda", "auto"])
    parser.add_argument("--backend", help="of torch.compile; default: its own")
    parser.add_argument("--fp8", action="store_true", help="bare with products in 8 bits, too")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--tiny", action="store_true", help="tiny networks, a small film, the CPU")
    arguments = parser.parse_args(given)
    if arguments.tiny:
        arguments.frames = min(arguments.frames, 8)
        arguments.batches, arguments.device = [2], "cpu"
        arguments.backend = arguments.backend or "eager"
    return arguments


def film_size(arguments: argparse.Namespace) -> tuple[int, int]:
    """Width and height of the film that is made."""
    return (192, 108) if arguments.tiny else (1920, 1080)


def made_clip(folder: Path, width: int, height: int, frames: int) -> Path:
    """A film of noise that moves, H.264."""
    path = folder / "moving.mp4"
    generator = np.random.default_rng(0)
    rough = generator.integers(0, 256, (height // 12, width // 12, 3), np.uint8)
    still = np.kron(rough, np.ones((12, 12, 1), np.uint8))
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            shown = np.roll(still, 3 * index, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def measure(arguments: argparse.Namespace, clip: Path) -> list[Timing]:
    """Time everything, one after the other."""
    name, count = arguments.model, arguments.frames
    source = VideoSource(decoder=arguments.decoder)
    info = next(iter(source.open(str(clip)).values()))
    source.close()
    eager = _model(arguments, compiled=False)
    print(_where(eager, arguments, info), flush=True)
    speeds = {"bare eager": _best(eager, arguments, info)}
    if arguments.fp8:
        speeds["bare eager, 8 bits"] = _in_8_bits(eager, arguments, info)
    eager.close()
    with _backend(arguments.backend):
        part = _model(arguments, compiled=True)
        speeds["bare compiled"] = speed = _best(part, arguments, info)
        part.close()
        timings = [Timing(one, found, found / speed) for one, found in speeds.items()]
        for objects in arguments.objects:
            part = _model(arguments, compiled=True, objects=objects)
            for what, overlay in (("pipeline", False), ("with overlay", True)):
                asked = WORDS if name.startswith("sam3") else PLACE
                run = _run(part, clip, count, asked, arguments.decoder, overlay=overlay)
                run()  # what is compiled for batches is compiled now
                found, idle = run()
                title = f"{what}, {objects} object{'' if objects == 1 else 's'}"
                timings.append(Timing(title, found, found / speed, idle))
            part.close()
    return timings


def _run(
    part: Any, clip: Path, count: int, asked: Any, decoder: Any, *, overlay: bool
) -> Callable[[], tuple[float, float | None]]:
    return lambda: whole(part, clip, count, asked, overlay=overlay, decoder=decoder)


def _where(part: Any, arguments: argparse.Namespace, info: StreamInfo) -> str:
    device = part._load().device
    why = decoding.trouble()
    decoder = arguments.decoder if why is None or arguments.decoder == "cpu" else f"cpu ({why})"
    return (
        f"{arguments.model} with random weights, {device.dtype}, on {device.name}; "
        f"{info.width} x {info.height}, {arguments.frames} frames; decoded by {decoder}"
    )


def _model(arguments: argparse.Namespace, *, compiled: bool, objects: int = 1) -> Any:
    name = arguments.model
    configuration = tiny(name) if arguments.tiny else CONFIGURATIONS[name]()
    asked = WORDS if name.startswith("sam3") else PLACE
    return model(
        name,
        configuration,
        asked,
        objects,
        device=arguments.device,
        precision=arguments.precision,
        compile=compiled,
    )


def tiny(name: str) -> Any:
    """The settings of a tiny network of a model's kind."""
    if not name.startswith("sam3"):
        return tiny_sam2(TINY_SIDE)
    cells = TINY_SIDE // 16
    small = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    detr = {**small, "num_layers": 2, "dropout": 0.0}
    return transformers.Sam3Config(
        vision_config={
            "model_type": "sam3_vision_model",
            "backbone_config": {
                **small,
                "model_type": "sam3_vit_model",
                "num_hidden_layers": 2,
                "image_size": TINY_SIDE,
                "patch_size": 16,
                "window_size": 2,
                "global_attn_indexes": [1],
                "pretrain_image_size": TINY_SIDE,
            },
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
        },
        text_config={**small, "model_type": "clip_text_model", "num_hidden_layers": 1},
        geometry_encoder_config={**detr, "roi_size": 3},
        detr_encoder_config=detr,
        detr_decoder_config={**detr, "num_queries": 6},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )


def _best(part: Any, arguments: argparse.Namespace, info: StreamInfo) -> float:
    """Frames a second of the network alone, at its best batch size."""
    sizes = [size for size in arguments.batches if size <= arguments.frames]
    return max(bare(part, arguments.model, info, arguments.frames, size) for size in sizes)


def _in_8_bits(part: Any, arguments: argparse.Namespace, info: StreamInfo) -> float:
    """The same with products in 8 bits; 0 where the device has none."""
    try:
        float8.need_float8(part._load().device)
    except ModelError as error:
        print(error)
        return 0.0
    float8.take_float8(part._heavy())
    return _best(part, arguments, info)


@contextmanager
def _backend(name: str | None) -> Iterator[None]:
    """Within, what is compiled is compiled by this backend of torch.compile."""
    real = torch.nn.Module.compile

    def made(module: Any, **how: Any) -> None:
        real(module, **how, **({} if name is None else {"backend": name}))

    with mock.patch.object(torch.nn.Module, "compile", made):
        yield


if __name__ == "__main__":
    main()
