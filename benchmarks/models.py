"""How much of a model's own speed a run keeps, and whether memory grows with the clip.

    python benchmarks/models.py CLIP [--model NAME] [--frames N] [--rounds N] [--device NAME]
                                     [--precision NAME] [--batches 1,2,4]
    python benchmarks/models.py CLIP --follow [--frames N] [--rounds N]
    python benchmarks/models.py CLIP --memory 1000,10000

The model has its real size and random weights, so its answers mean nothing: after all of its work,
five moving discs are put in place of its masks, to give the rest of the run what it usually gets.

Timed in turn, in one process, over the same frames in the same precision:

* bare: the network alone on tensors that lie ready on its device, at its best of several batch
  sizes;
* pipeline: decode, model, track, outlines and run log; then the same with the overlay video;
* per frame: the loop of the model's documentation: one frame at a time, prepared on the CPU,
  phrase read anew, masks of the whole frame brought back.

``--follow`` compares instead, for SAM 2.1 tiny at 256 px with its memory, five objects that are
marked on the first frame and followed: the network of the memory alone, which lets go of what it
does not need, on frames that lie ready on its device, and the whole pipeline.

``--memory`` runs a tiny model over clips of different length, made by repeating CLIP's frames, each
in a process of its own, and compares the most memory that each process held.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import transformers
from transformers.modeling_outputs import BaseModelOutputWithPooling

from videoseg import pipeline, registry
from videoseg.models._torch import memory as memories
from videoseg.models._torch.answers import Candidates
from videoseg.models._torch.images import Images
from videoseg.models._torch.questions import Question
from videoseg.networks import weights as weight_files
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.protocols import Stage
from videoseg.runlog.log import RunLog
from videoseg.sources._av.gpu import Decoder
from videoseg.sources.video import VideoSource
from videoseg.stages.batched import Batched, Load
from videoseg.stages.propagated import Propagated
from videoseg.system.threads import Stopwatch
from videoseg.types import Cue, Detections, Frame, Instance, Mask, Prompt, StreamInfo

MIN_SPEED = 0.90
"""Bar: least ratio of the speed of a run to that of the model alone."""
MIN_FOLLOWING = 0.85
"""Bar: the same where objects are followed."""
MAX_GROWTH = 0.03
"""Bar: largest share by which memory may grow."""
OBJECTS = 5
TINY_SIDE = 64


def main() -> None:
    """Measure and print."""
    arguments = parse()
    if arguments.child:
        print(json.dumps(peak_memory(arguments.clip, arguments.child)))
    elif arguments.follow:
        sys.exit(0 if report_following(arguments) >= MIN_FOLLOWING else 1)
    elif arguments.memory:
        sys.exit(0 if report_memory(arguments) <= MAX_GROWTH else 1)
    else:
        sys.exit(0 if report_speed(arguments) >= MIN_SPEED else 1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("clip", type=Path, help="a video")
    parser.add_argument("--model", default="sam2.1-tiny-256", choices=sorted(CONFIGURATIONS))
    parser.add_argument("--frames", type=int, default=24, help="frames of the clip")
    parser.add_argument("--rounds", type=int, default=3, help="times all are run")
    parser.add_argument("--device", default="auto", help="where the model computes")
    parser.add_argument("--precision", default="auto", help="what it computes in")
    parser.add_argument("--batches", type=numbers, default=[1, 2, 4], help="sizes for bare")
    parser.add_argument("--follow", action="store_true", help="follow five objects instead")
    parser.add_argument("--memory", type=numbers, help="lengths in frames to compare instead")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _sam2(side: int) -> Any:
    cells = side // 16
    return transformers.Sam2Config(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": {"model_type": "sam2_hiera_det_model", "image_size": [side, side]},
            "backbone_feature_sizes": [[4 * cells] * 2, [2 * cells] * 2, [cells] * 2],
        },
        prompt_encoder_config={"image_size": side},
    )


CONFIGURATIONS: dict[str, Callable[[], Any]] = {
    "sam2.1-tiny": lambda: _sam2(1024),
    "sam2.1-tiny-256": lambda: _sam2(256),
    "sam3": lambda: transformers.Sam3Config(),
}
"""transformers' default configurations are the real sizes; one sees frames at 256 x 256."""
BOX = (10.0, 10.0, 60.0, 60.0)
WORDS = (Prompt("thing", text="thing"),)
PLACE = (Prompt("thing", cues=(Cue(boxes=((*BOX, True),)),)),)


class Phrase:
    """Stands in for a tokenizer: any phrase has two words."""

    def __call__(self, text: str, *, padding: str, max_length: int) -> dict[str, list[int]]:
        """Four pieces of words and padding."""
        del text, padding
        filled = 4
        words = [49406, 320, 1000, 49407]
        return {
            "input_ids": words + [49407] * (max_length - filled),
            "attention_mask": [1] * filled + [0] * (max_length - filled),
        }


def model(
    name: str,
    configuration: Any,
    prompts: Sequence[Prompt],
    objects: int = OBJECTS,
    **settings: Any,
) -> Any:
    """A model with random weights whose masks are replaced by discs once they are computed."""
    cls = registry.find("models", name.removesuffix("-256")).cls

    def answers(self: Any, images: Images, asked: Sequence[Question]) -> list[list[Candidates]]:
        found = cls._answers(self, images, asked)
        return [[planted(one, images, objects) for one in some] for some in found]

    def load(kind: Any, folder: Path, device: Any, **_: Any) -> Any:
        del folder
        torch.manual_seed(0)
        network = kind(configuration).to(device.dtype).to(device.torch_device)
        return network.eval().requires_grad_(False)

    part = type("Planted", (cls,), {"_answers": answers})(**settings)
    with (
        mock.patch.object(weight_files, "load", load),
        mock.patch.object(weight_files, "tokenizer", return_value=Phrase()),
        mock.patch.object(weight_files, "fetch", return_value=Path()),
    ):
        part.prepare(prompts)
    return part


def planted(one: Candidates, images: Images, objects: int = OBJECTS) -> Candidates:
    """Discs of a tenth of the frame, five in a row, which still wait for the network."""
    frames, _, height, width = one.logits.shape
    device = one.logits.device
    rows = (torch.arange(height, device=device)[:, None] + 0.5) / height
    columns = (torch.arange(width, device=device) + 0.5) / width
    index = [frame.index for frame in images.frames]
    way = torch.tensor(index).to(device, non_blocking=True)[:, None, None, None] / 40
    number = torch.arange(objects, device=device)[None, :, None, None]
    x = 0.15 + 0.17 * (number % OBJECTS) + 0.03 * torch.sin(way + number)
    y = 0.5 - 0.35 * (number // OBJECTS) + 0.2 * torch.cos(way + 2 * number)
    discs = 40 * (0.1 - torch.hypot((columns - x) * images.width / images.height, rows - y))
    real = one.logits[:, :1].float().mean((-2, -1), keepdim=True)
    logits = (discs + 1e-9 * real).to(one.logits.dtype)
    return dataclasses.replace(
        one, logits=logits, scores=torch.full((frames, objects), 0.9, device=device)
    )


def report_speed(arguments: argparse.Namespace) -> float:
    """Time one model; print, and return the median ratio of the pipeline without overlay."""
    name = arguments.model
    prompts = WORDS if name == "sam3" else PLACE
    settings = {"device": arguments.device, "precision": arguments.precision}
    part = model(name, CONFIGURATIONS[name](), prompts, **settings)
    device = part._load().device
    info = next(iter(VideoSource().open(str(arguments.clip)).values()))
    count = arguments.frames
    print(
        f"{name} with random weights, {device.dtype}, on {device.name}; {arguments.clip.name}: "
        f"{info.width} x {info.height}, {count} frames; {os.cpu_count()} cores"
    )
    sizes = [size for size in arguments.batches if size <= count]
    fastest = max(sizes, key=lambda size: bare(part, name, info, count, size))
    ways: dict[str, Callable[[], tuple[float, float | None]]] = {
        f"bare, {fastest} at once": lambda: (bare(part, name, info, count, fastest), None),
        "pipeline": lambda: whole(part, arguments.clip, count, prompts, overlay=False),
        "pipeline with overlay": lambda: whole(part, arguments.clip, count, prompts, overlay=True),
        "per frame": lambda: (per_frame(part, name, arguments.clip, count), None),
    }
    rounds: list[dict[str, tuple[float, float | None]]] = []
    of_cpu: list[dict[str, float]] = []
    for _ in range(arguments.rounds):
        rounds.append({})
        of_cpu.append({})
        for way, run in ways.items():
            cpu = time.process_time()
            rounds[-1][way] = found = run()
            of_cpu[-1][way] = cpu = (time.process_time() - cpu) / count
            print(f"    {way:24s} {found[0]:7.3f} frames/s, {cpu:.2f} s of CPU a frame", flush=True)
    first = next(iter(ways))
    medians = {}
    for way in ways:
        speed = statistics.median(found[way][0] for found in rounds)
        ratios = sorted(found[way][0] / found[first][0] for found in rounds)
        medians[way] = statistics.median(ratios)
        idle = [share for found in rounds if (share := found[way][1]) is not None]
        print(
            f"  {way:24s} {speed:7.3f} frames/s, {medians[way]:.3f} of bare "
            f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
            + (f", model idle {statistics.median(idle):.1%}" if idle else "")
        )
    of_pipeline = [found[first] / found["pipeline"] for found in of_cpu]
    print(
        "  by seconds of CPU, which other work on the machine disturbs less, the pipeline is at "
        f"{statistics.median(of_pipeline):.3f} of bare"
    )
    return medians["pipeline"]


def bare(part: Any, name: str, info: StreamInfo, count: int, size: int) -> float:
    """Frames a second of the network on tensors that lie ready."""
    device = part._load().device
    pixels = torch.rand(size, 3, *_input_size(part), device=device.torch_device)
    pixels = pixels.to(device.dtype)
    batches = max(1, count // size)
    with torch.inference_mode():
        run = _network_call(part, name, info)
        for number in range(batches + 1):
            if number == 1:
                _wait(device)
                start = time.perf_counter()
            run(pixels)
        _wait(device)
    return batches * size / (time.perf_counter() - start)


def _input_size(part: Any) -> tuple[int, int]:
    concept = getattr(part, "_network", None)
    if concept is not None:
        side = int(concept.config.image_size)
    else:
        side = int(part._made.network.prompt_encoder.input_image_size)
    return side, side


def _network_call(part: Any, name: str, info: StreamInfo) -> Callable[[Any], Any]:
    """The network as its documentation calls it, with what is asked prepared once."""
    device = part._load().device
    if name == "sam3":
        tokens = part._tokens("thing")
        words = {key: device.put([value]) for key, value in tokens.items()}
        read = part._network.get_text_features(**words)

        def find(pixels: Any) -> Any:
            text = BaseModelOutputWithPooling(
                pooler_output=read.pooler_output.expand(len(pixels), -1, -1)
            )
            mask = words["attention_mask"].expand(len(pixels), -1)
            return part._network(pixel_values=pixels, text_embeds=text, attention_mask=mask)

        return find
    side = _input_size(part)[0]
    box = torch.tensor([[BOX]], device=device.torch_device)
    box = (
        box
        * side
        / torch.tensor(
            [info.width, info.height, info.width, info.height], device=device.torch_device
        )
    )

    def outline(pixels: Any) -> Any:
        return part._made.network(
            pixel_values=pixels,
            input_boxes=box.expand(len(pixels), -1, -1),
            multimask_output=False,
        )

    return outline


def _wait(device: Any) -> None:
    if device.is_cuda:
        torch.cuda.synchronize(device.torch_device)


def whole(
    part: Any,
    clip: Path,
    count: int,
    prompts: Sequence[Prompt],
    *,
    overlay: bool,
    decoder: Decoder = "cpu",
) -> tuple[float, float | None]:
    """Frames a second of a run, from the first frame asked to the last file closed; idle share."""
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        source = VideoSource(decoder=decoder)
        run(part, source, clip, count, prompts, Path(folder), load, overlay=overlay)
        return count / (time.perf_counter() - start), load.idle


def run(
    part: Any,
    source: Any,
    clip: Path,
    count: int,
    prompts: Sequence[Prompt],
    folder: Path,
    load: Load,
    *,
    overlay: bool,
) -> None:
    """One run of everything."""
    _publish(Batched(part, prompts, load=load), source, clip, count, prompts, folder, overlay)


def _publish(
    stage: Stage,
    source: Any,
    clip: Path,
    count: int,
    prompts: Sequence[Prompt],
    folder: Path,
    overlay: bool = False,
) -> None:
    """Everything that comes after a stage, and before it."""
    streams = source.open(str(clip))
    tracker = registry.find("tracking", "iou").make()
    writers = {"overlay": registry.find("writers", "overlay").make()} if overlay else {}
    tracker.start(streams, prompts)
    clock = Stopwatch()
    log = RunLog(folder / "run", streams, prompts)
    steps = pipeline.follow(
        source.frames(stop=count),
        stage,
        tracker,
        Vectorizer().vectorized,
        clock,
        log.append_answer,
    )
    with contextlib.closing(steps):
        pipeline.write(
            ((step.scene, step.frame) for step in steps),
            streams=streams,
            prompts=prompts,
            writers=writers,
            log=log,
            folder=folder,
            clock=clock,
        )
    source.close()


def per_frame(part: Any, name: str, clip: Path, count: int) -> float:
    """Frames a second of the loop that the model's documentation shows."""
    device = part._load().device
    source = VideoSource()
    info = next(iter(source.open(str(clip)).values()))
    start = time.perf_counter()
    with torch.inference_mode():
        for frame in source.frames(stop=count):
            call = _network_call(part, name, info)
            image = torch.from_numpy(frame.image).permute(2, 0, 1)[None].float()
            small = torch.nn.functional.interpolate(
                image, _input_size(part), mode="bilinear", antialias=True
            )
            pixels = ((small.round() / 255 - 0.5) / 0.5).to(device.torch_device, device.dtype)
            made = call(pixels)
            logits = made.pred_masks.flatten(0, -3)[:OBJECTS][None].float()
            full = torch.nn.functional.interpolate(
                logits.sigmoid(), (info.height, info.width), mode="bilinear"
            )
            (full > 0.5).cpu().numpy()
    source.close()
    return count / (time.perf_counter() - start)


def report_following(arguments: argparse.Namespace) -> float:
    """Time five objects that are followed; print, and return the median ratio of the pipeline."""
    side, count = 256, arguments.frames
    cells = side // 16
    memory = transformers.Sam2VideoConfig(
        **{name: getattr(_sam2(side), name) for name in ("vision_config", "prompt_encoder_config")},
        image_size=side,
        memory_attention_rope_feat_sizes=[cells, cells],
    )
    source = VideoSource()
    info = next(iter(source.open(str(arguments.clip)).values()))
    frames = list(source.frames(stop=count))
    discs = [_disc(info, number) for number in range(OBJECTS)]
    prompts = tuple(Prompt(str(n), cues=(Cue(frame=0, mask=d),)) for n, d in enumerate(discs))
    part = model("sam2.1-tiny-256", _sam2(side), prompts, device="cpu")

    def planted_ones(made: Any, wanted: Sequence[int], placement: Any) -> Iterator[Candidates]:
        frame = Images((frames[0],), torch.empty(1, info.height, info.width, 3))
        for place in wanted:
            one = Candidates(place, made.pred_masks[place][None], torch.ones(1, 1), placement)
            drawn = planted(one, frame)
            yield dataclasses.replace(
                drawn, logits=drawn.logits[:, place, None], scores=torch.full((1, 1), 0.9)
            )

    def load(kind: Any, *_: Any) -> Any:
        torch.manual_seed(0)
        return getattr(transformers, kind)(memory).eval().requires_grad_(False)

    ratios, of_cpu = [], []
    with (
        mock.patch.object(weight_files, "holds", return_value=True),
        mock.patch.object(memories, "load_memory", load),
        mock.patch.object(memories, "_candidates", planted_ones),
    ):
        for _ in range(arguments.rounds):
            alone, alone_cpu = _bare_following(part, frames, prompts, discs)
            with tempfile.TemporaryDirectory() as folder:
                stage = Propagated(part, prompts)
                start, cpu = time.perf_counter(), time.process_time()
                _publish(stage, VideoSource(), arguments.clip, count, prompts, Path(folder))
                speed = count / (time.perf_counter() - start)
                cpu = (time.process_time() - cpu) / count
            ratios.append(speed / alone)
            of_cpu.append(alone_cpu / cpu)
            print(
                f"    bare {alone:.3f}, pipeline {speed:.3f} frames/s; "
                f"{alone_cpu:.2f} and {cpu:.2f} s of CPU a frame",
                flush=True,
            )
    found = float(statistics.median(ratios))
    print(
        f"  {OBJECTS} objects followed, {info.width} x {info.height}: {found:.3f} of bare "
        f"({min(ratios):.3f} to {max(ratios):.3f}); by seconds of CPU, which other work on the "
        f"machine disturbs less, {statistics.median(of_cpu):.3f}"
    )
    return found


def _disc(info: StreamInfo, number: int) -> Mask:
    y, x = np.mgrid[: info.height, : info.width]
    middle = (0.15 + 0.17 * number) * info.width
    return Mask.from_array(np.hypot(x - middle, y - info.height / 2) < info.height / 10)


def _bare_following(
    part: Any, frames: Sequence[Frame], prompts: Sequence[Prompt], discs: Sequence[Mask]
) -> tuple[float, float]:
    """Frames a second of the memory's network on tensors that lie ready, and seconds of CPU."""
    memory = part.video_segmenter()
    memory.start(prompts)
    found = [Instance(disc, 1.0, number, 0) for number, disc in enumerate(discs)]
    memory.step(frames[0], Detections(frames[0].stream, 0, tuple(found)))
    pixels = torch.rand(3, *_input_size(part))
    with torch.inference_mode():
        start, cpu = time.perf_counter(), time.process_time()
        for _ in frames:
            memory.network(memory._session, frame=pixels, frame_idx=memory._time)
            memory._prune()
            memory._time += 1
    cpu = (time.process_time() - cpu) / len(frames)
    return len(frames) / (time.perf_counter() - start), cpu


class Repeated(VideoSource):
    """A clip again and again, as one long one."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode from the first frame whenever the last has come."""
        passes = (super(Repeated, self).frames() for _ in itertools.count())
        every = itertools.chain.from_iterable(passes)
        for index, frame in enumerate(itertools.islice(every, start, stop), start):
            yield dataclasses.replace(frame, index=index, pts=index)


def tiny_sam2(side: int) -> Any:
    """The settings of SAM 2 with a backbone of five blocks, for frames of such a side."""
    return transformers.Sam2Config(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [side, side],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "window_size_per_stage": [4, 4, 4, 4],
                "global_attention_blocks": [3],
                "window_positional_embedding_background_size": [4, 4],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[side // one] * 2 for one in (4, 8, 16)],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={"hidden_size": 32, "image_size": side},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2},
    )


def peak_memory(clip: Path, count: int) -> float:
    """Most megabytes that this process held in a run over so many frames."""
    configuration = tiny_sam2(TINY_SIDE)
    prompts = PLACE
    part = model("sam2.1-tiny", configuration, prompts, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        run(part, Repeated(), clip, count, prompts, Path(folder), Load(), overlay=True)
    if sys.platform == "win32":
        raise NotImplementedError("memory is measured on POSIX systems")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report_memory(arguments: argparse.Namespace) -> float:
    """Run each length in a process of its own; print, and return the growth of the most memory."""
    peaks = []
    for count in arguments.memory:
        command = [sys.executable, __file__, str(arguments.clip)]
        done = subprocess.run(
            [*command, "--child", str(count)], check=True, capture_output=True, text=True
        )
        peaks.append(float(json.loads(done.stdout.splitlines()[-1])))
        print(f"  {count:6d} frames: at most {peaks[-1]:.1f} MB")
    growth = peaks[-1] / peaks[0] - 1
    print(f"  growth {growth:+.2%}")
    return growth


if __name__ == "__main__":
    main()
