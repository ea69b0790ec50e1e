"""What reading logs of robots costs, beside bare reading of the same log, and how much memory.

    python -m benchmarks.robot_logs [--rounds N] [--images N] [--late N]

Logs are written with the reference libraries: raw, JPEG and H.264 pictures in MCAP with zstd, and
raw and JPEG in a bag of ROS 2 (SQLite). Bare reading is what these libraries' documentation shows:
iterate, decode the message, and make an RGB array of it with OpenCV or PyAV. Both are timed in
turn, and told as messages a second (median of the rounds) and our speed over the bare one. Memory
is the growth of the process over a log of many small pictures, from the 1,000th on. With --late
only that is measured: CPU time for the last 10 of N pictures, beside all of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from tests.support import robot_logs
from tests.support.robot_logs import Written
from videoseg import registry

WIDTH, HEIGHT, COUNT = 640, 480, 120
RAW, CODED, VIDEO = "RawImage", "CompressedImage", "CompressedVideo"


def pictures(count: int, width: int, height: int) -> Iterator[Any]:
    """A moving pattern with some noise, as cameras have it."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 6, (height, width, 3))
    y, x = np.mgrid[:height, :width]
    for index in range(count):
        plain = np.stack(
            [127 + 90 * np.sin((x + 3 * index * k) / (30 + 20 * k)) for k in (1, 2, 3)]
        )
        image = plain.transpose(1, 2, 0) + np.roll(noise, 7 * index, axis=1) + y[..., None] / 20
        yield np.clip(image, 0, 255).astype(np.uint8)


def jpeg(image: Any) -> bytes:
    """One picture of good quality."""
    return bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def written(folder: Path) -> dict[str, tuple[Path, Callable[[Path], Iterable[Any]]]]:
    """Name -> a log, and its bare reading."""
    images = list(pictures(COUNT, WIDTH, HEIGHT))
    stamps = robot_logs.stamps(COUNT)
    units = robot_logs.access_units(images, every=30)
    data = {
        RAW: [robot_logs.raw(stamp, image) for stamp, image in zip(stamps, images, strict=True)],
        CODED: [
            robot_logs.compressed(stamp, jpeg(image), "jpeg")
            for stamp, image in zip(stamps, images, strict=True)
        ],
        VIDEO: [robot_logs.video(stamp, unit) for stamp, unit in zip(stamps, units, strict=True)],
    }
    made: dict[str, tuple[Path, Callable[[Path], Iterable[Any]]]] = {}
    for kind, messages in data.items():
        path = robot_logs.mcap_file(
            folder / f"{kind}.mcap",
            {"/camera": f"foxglove.{kind}"},
            [Written("/camera", t, t, each) for t, each in zip(stamps, messages, strict=True)],
        )
        made[f"mcap, {kind}"] = path, bare_mcap
    for kind, contents in ((RAW, images), (CODED, [jpeg(image) for image in images])):
        path = robot_logs.ros_bag(
            folder / f"bag-{kind}",
            [Written("/camera", t, t, each) for t, each in zip(stamps, contents, strict=True)],
            "sqlite3",
        )
        made[f"rosbag2, {kind}"] = path, bare_bag
    return made


def bare_mcap(path: Path) -> Iterator[Any]:
    """The packages ``mcap`` and Foxglove's schemas, and OpenCV or PyAV."""
    import importlib

    from mcap.reader import make_reader

    decoder: Any = av.CodecContext.create("h264", "r")
    with path.open("rb") as file:
        for schema, _, message in make_reader(file).iter_messages():
            kind = schema.name.removeprefix("foxglove.")
            module = importlib.import_module(f"foxglove_schemas_protobuf.{kind}_pb2")
            said = getattr(module, kind).FromString(message.data)
            if kind == RAW:
                yield np.frombuffer(said.data, np.uint8).reshape(said.height, said.width, 3).copy()
            elif kind == CODED:
                yield decoded_jpeg(np.frombuffer(said.data, np.uint8))
            else:
                for frame in decoder.decode(av.Packet(said.data)):
                    yield frame.to_ndarray(format="rgb24")


def bare_bag(path: Path) -> Iterator[Any]:
    """The package ``rosbags``, and OpenCV."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
        for connection, _, data in reader.messages():
            said = reader.deserialize(data, connection.msgtype)
            if connection.msgtype.endswith("/Image"):
                bgr = said.data.reshape(said.height, said.width, 3)
                yield cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            else:
                yield decoded_jpeg(said.data)


def decoded_jpeg(data: Any) -> Any:
    """RGB."""
    bgr: Any = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def ours(path: Path) -> Iterator[Any]:
    """The same through a source, opening it included."""
    source: Any = registry.find("sources", registry.source_for(str(path))).make()
    source.open(str(path))
    yield from source.frames()
    source.close()


def seconds(images: Iterable[Any]) -> float:
    """Time to read all; there are as many as were written."""
    before = time.perf_counter()
    count = sum(1 for _ in images)
    took = time.perf_counter() - before
    assert count == COUNT, count
    return took


def megabytes() -> float:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def growth(folder: Path, images: int) -> tuple[float, float]:
    """Megabytes in use after 1,000 pictures, and at most from there to the end."""
    data = robot_logs.compressed(0, jpeg(next(pictures(1, 64, 48))), "jpeg")
    stamps = range(robot_logs.START, robot_logs.START + images * 10**7, 10**7)
    # The stamp of each message is the log's, since all headers say 0.
    path = robot_logs.mcap_file(
        folder / "many.mcap",
        {"/camera": f"foxglove.{CODED}"},
        (Written("/camera", stamp, stamp, data) for stamp in stamps),
    )
    first = most = 0.0
    for index, _ in enumerate(ours(path)):
        if index == 1000:
            first = most = megabytes()
        elif index % 500 == 0:
            most = max(most, megabytes())
    return first, most


def late(folder: Path, count: int) -> Iterator[str]:
    """A line for pictures and for video: CPU seconds for the last 10 frames, and for all."""
    images = list(pictures(COUNT, WIDTH, HEIGHT))
    units, coded = robot_logs.access_units(images, every=30), [jpeg(image) for image in images]
    for kind in (CODED, VIDEO):
        path = robot_logs.mcap_file(
            folder / f"late-{kind}.mcap",
            {"/camera": f"foxglove.{kind}"},
            (
                Written(
                    "/camera",
                    stamp,
                    stamp,
                    robot_logs.video(stamp, units[index % COUNT])
                    if kind == VIDEO
                    else robot_logs.compressed(stamp, coded[index % COUNT], "jpeg"),
                )
                for index, stamp in enumerate(robot_logs.stamps(count))
            ),
        )
        source: Any = registry.find("sources", "mcap").make()
        source.open(str(path))
        took = []
        for start in (count - 10, 0):
            before = time.process_time()
            assert sum(1 for _ in source.frames(start)) == count - start
            took.append(time.process_time() - before)
        size = path.stat().st_size / 1e6
        yield f"{kind}, {size:.0f} MB: last 10 {took[0]:.3f} s, all {count:,} {took[1]:.2f} s"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--late", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.late:
            print(*late(Path(folder), options.late), sep="\n")
            return
        print(f"{'log':28} {'bare':>8} {'ours':>8}  ratio   messages a second, {WIDTH} x {HEIGHT}")
        for name, (path, bare) in written(Path(folder)).items():
            pairs = [(seconds(bare(path)), seconds(ours(path))) for _ in range(options.rounds)]
            ratio = statistics.median(one / two for one, two in pairs)
            rates = [COUNT / statistics.median(column) for column in zip(*pairs, strict=True)]
            print(f"{name:28} {rates[0]:8.0f} {rates[1]:8.0f}  {ratio:5.2f}")
        first, most = growth(Path(folder), options.images)
        print(f"memory over {options.images:,} pictures: {first:.1f} MB, at most {most:.1f} MB")


if __name__ == "__main__":
    main()
