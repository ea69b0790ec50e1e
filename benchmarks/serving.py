"""What ``videoseg serve`` answers to Moondream's own client, how fast, and how much it takes.

    python -m benchmarks.serving [--official FOLDER] [--pictures N] [--requests N] [--runs N]

FOLDER holds the package ``moondream`` (``pip install --no-deps --target FOLDER moondream pillow``);
without it that part is left out. The server is a process of its own, on this machine. Outlines are
compared with what the same model answers directly about the same JPEG. Throughput is told for one
client and for a hundred at once; for a model that takes many pictures in a call there is a stand-in
that takes 50 ms for up to 16. Memory is the server's: from the 100th picture on, and after each of
some jobs, of which the first two load what all of them need.
"""

from __future__ import annotations

import argparse
import base64
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.server.test_skills import Together, picture
from tests.support import web
from videoseg.config.run_config import load
from videoseg.geometry import masks
from videoseg.jobs.inputs import open_source
from videoseg.models._hosted.reading import Limits
from videoseg.models.moondream import Moondream, outlined
from videoseg.types import Cue, Frame, Mask, Prompt, RgbImage

MEDIA = Path(__file__).parents[1] / "sample_media"
ASKED = (
    ("coffee.jpg", "the coffee cup"),
    ("astronaut.mp4", "the astronaut"),
    ("cat.mp4", "the cat"),
)
CLIENTS = 100
QUALITY = 95
"""JPEG quality with which both clients send pictures."""


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """``videoseg serve`` with the embedded model: its place, and the id of its process."""
    command = [sys.executable, "-m", "videoseg", "serve", "--port", "0", "--timeout", "900"]
    command += ["--allow", str(MEDIA)]
    with tempfile.TemporaryDirectory() as out, _process([*command, "-o", out]) as found:
        yield found


@contextmanager
def _process(command: Sequence[str]) -> Iterator[tuple[str, int]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield line.partition("http://")[2].partition("/")[0], process.pid
        finally:
            process.terminate()


def shown(name: str) -> RgbImage:
    """A sample picture, or the first one of a sample video."""
    source, _ = open_source(MEDIA / name, load())
    image = next(iter(source.frames())).image
    source.close()
    return image


def as_sent(image: RgbImage) -> tuple[str, RgbImage]:
    """A picture as a data URI, and as it is decoded again."""
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    uri = f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert again is not None
    return uri, np.ascontiguousarray(again[..., ::-1])


def direct(image: RgbImage, prompt: Prompt) -> Mask:
    """What the embedded model answers by itself."""
    model = load().part("models", "embedded")
    model.prepare([prompt])
    (found,) = model.segment([frame_of(image)], [[prompt]])
    model.close()
    best: Mask = max(found.instances, key=lambda one: one.score).mask
    return best


def frame_of(image: RgbImage) -> Frame:
    """A picture as a frame."""
    return Frame("picture", 0, 0, Fraction(1), image)


def mask_of(answer: dict[str, Any], image: RgbImage) -> Mask:
    """The mask that a path and its box outline."""
    found = outlined(answer, frame_of(image), 0, Limits())
    assert found is not None
    return found.mask


def official(place: str, folder: Path) -> None:
    """Ask with Moondream's own package, and compare."""
    sys.path.append(str(folder))
    package, types = import_module("moondream"), import_module("moondream.types")
    client = package.vl(api_key="any", endpoint=f"http://{place}/v1")
    for name, phrase in ASKED:
        uri, image = as_sent(shown(name))
        encoded = types.Base64EncodedImage(image_url=uri)
        boxes = client.detect(encoded, phrase)["objects"]
        points = client.point(encoded, phrase)["points"]
        plain = client.segment(encoded, phrase)
        *_, last = client.segment(encoded, phrase, stream=True)
        box = [boxes[0][side] for side in ("x_min", "y_min", "x_max", "y_max")]
        marked = client.segment(encoded, phrase, spatial_refs=[box])
        height, width = image.shape[:2]
        cue = Cue(boxes=[(box[0] * width, box[1] * height, box[2] * width, box[3] * height)])
        named, both = (Prompt(text=phrase), Prompt(text=phrase, cues=[cue]))
        x, y = int(points[0]["x"] * width), int(points[0]["y"] * height)
        wanted = direct(image, named)
        ious = (
            masks.iou(mask_of(plain, image), wanted),
            masks.iou(mask_of(last, image), wanted),
            masks.iou(mask_of(marked, image), direct(image, both)),
        )
        on_it = bool(wanted.to_array()[y, x])
        print(
            f"official client, {name}: {len(boxes)} object, point on it: {on_it}; IoU with our "
            f"own answer: segment {ious[0]:.4f}, stream {ious[1]:.4f}, with a box {ious[2]:.4f}"
        )


def own(place: str) -> None:
    """Ask with our own client for Moondream, and compare."""
    for name, phrase in ASKED:
        image = shown(name)
        client = Moondream(url=f"http://{place}/v1", cache="off", several="one")
        client.prepare([Prompt(text=phrase)])
        (found,) = client.segment([frame_of(image)], [[Prompt(text=phrase)]])
        client.close()
        wanted = direct(as_sent(image)[1], Prompt(text=phrase))
        print(f"--model moondream, {name}: IoU {masks.iou(found.instances[0].mask, wanted):.4f}")


def asked(place: str, image: RgbImage, phrase: str) -> Callable[[int], float]:
    """One request, told by the seconds it took; raises where it is not answered."""
    body = json.dumps({"image_url": as_sent(image)[0], "object": phrase}).encode()

    def ask(number: int) -> float:
        del number
        begun = time.perf_counter()
        kind = "application/json"
        status, _, said = web.send(place, "POST", "/v1/detect", body, content_type=kind)
        if status != 200:
            raise RuntimeError(f"{status}: {said!r}")
        return time.perf_counter() - begun

    return ask


def throughput(what: str, ask: Callable[[int], float], count: int) -> None:
    """A client by itself, then a hundred at once."""
    ask(0)
    begun = time.perf_counter()
    alone = [ask(number) for number in range(count)]
    one = count / (time.perf_counter() - begun)
    with ThreadPoolExecutor(CLIENTS) as clients:
        begun = time.perf_counter()
        together = list(clients.map(ask, range(max(count, CLIENTS))))
        many = len(together) / (time.perf_counter() - begun)
    print(
        f"{what}: one at a time {one:.1f}/s (median {ms(alone):.0f} ms); {CLIENTS} at once "
        f"{many:.1f}/s (median {ms(together):.0f} ms), {len(together)} asked, none lost"
    )


def ms(seconds: Sequence[float]) -> float:
    """The median, in milliseconds."""
    return 1000 * statistics.median(seconds)


def resident(process: int) -> float:
    """Memory of a process, MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / (1 << 20)


def memory(place: str, process: int, count: int) -> None:
    """The server's memory over many pictures, each another one."""
    image = cv2.resize(shown("coffee.jpg"), (320, 240))
    seen = []
    for number in range(count):
        turned = np.roll(image, number, axis=1)
        asked(place, np.asarray(turned, np.uint8), "the coffee cup")(number)
        if number >= 100:
            seen.append(resident(process))
    slope = float(np.polyfit(np.arange(len(seen)), seen, 1)[0]) * 1000
    print(
        f"memory over {count} pictures of 320 x 240: {seen[0]:.0f} MiB at the 100th, "
        f"{seen[-1]:.0f} at the last, at most {max(seen):.0f}; {slope:+.1f} MiB per 1,000"
    )


def runs(place: str, process: int, count: int) -> None:
    """The server's memory after jobs, each followed to its end and removed."""
    asked = {"path": "cat.mp4", "text": ["the cat"], "end": "8f", "write": ["svg", "overlay"]}
    seen = []
    for _ in range(count):
        _, job = web.post_json(place, "/jobs", asked)
        said = web.send(place, "GET", f"/jobs/{job['id']}/events")[2].decode()
        if '"state": "done"' not in said:
            raise RuntimeError(said)
        web.send(place, "DELETE", f"/jobs/{job['id']}")
        seen.append(resident(process))
    slope = float(np.polyfit(np.arange(len(seen) - 2), seen[2:], 1)[0])
    told = ", ".join(f"{each:.0f}" for each in seen)
    print(
        f"memory after each of {count} jobs: {told} MiB; {slope:+.2f} MiB a job from the third on"
    )


def small(place: str, process: int, count: int) -> None:
    """Many requests that need no model."""
    before, begun = resident(process), time.perf_counter()

    def ask(_: int) -> int:
        return web.send(place, "GET", "/healthz")[0]

    with ThreadPoolExecutor(8) as clients:
        good = sum(status == 200 for status in clients.map(ask, range(count)))
    rate = count / (time.perf_counter() - begun)
    grown = resident(process) - before
    print(f"{count} short requests: {good} answered, {rate:.0f}/s, memory {grown:+.1f} MiB")


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--official", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with served() as (place, process):
        if given.official is not None:
            official(place, given.official)
        own(place)
        image = np.asarray(cv2.resize(shown("coffee.jpg"), (320, 240)), np.uint8)
        throughput("embedded, 320 x 240", asked(place, image, "the coffee cup"), 20)
        small(place, process, given.requests)
        memory(place, process, given.pictures)
        runs(place, process, given.runs)
    for batch in (1, 0):
        with web.answering(Together(), batch=batch) as place:
            what = "50 ms for up to 16" if batch == 0 else "50 ms for 1"
            throughput(f"a call of {what}", asked(place, picture(), "red"), 20)


if __name__ == "__main__":
    main()
