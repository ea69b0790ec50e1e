"""EXRs of layers, read back by OpenEXR, OpenImageIO and FFmpeg."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from tests.support import labels, mattes, scenes
from videoseg.errors import MissingDependencyError, OutputError, UsageError
from videoseg.formats.exr import read_channels, write_exr
from videoseg.formats.templates import object_name
from videoseg.types import WHOLE, Colour, Frame
from videoseg.writers._mattes import layered
from videoseg.writers.exr import Exr

NTSC = Fraction(30000, 1001)


@pytest.fixture
def exr() -> Any:
    return pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")


def channels(exr: Any, path: Path) -> dict[str, mattes.Array]:
    found = exr.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels for name, channel in found.items()}


@pytest.mark.parametrize("compression", ["zip", "zips", "piz"])
@pytest.mark.parametrize("form", ["hard", "soft"])
def test_each_object_is_a_layer(tmp_path: Path, exr: Any, form: str, compression: Any) -> None:
    made = mattes.even() if form == "hard" else mattes.softened(mattes.even())
    names = mattes.write(Exr(compression=compression), tmp_path, made)
    assert names == [f"exr/clip_mattes.{1001 + n}.exr" for n in range(6)]
    for name, scene in zip(names, made, strict=True):
        found = channels(exr, tmp_path / name)
        assert set(found) == {"A", "disc_001.A", "ring_002.A"}
        for channel, track_id in (("A", None), ("disc_001.A", 1), ("ring_002.A", 2)):
            wanted = mattes.coverage(scene, track_id) / WHOLE
            assert found[channel].dtype == np.float16
            assert (found[channel] == wanted.astype(np.float16)).all()
        way = exr.File(str(tmp_path / name)).header()["compression"]
        assert way == getattr(exr, f"{compression.upper()}_COMPRESSION")


def test_openimageio_reads_layers_and_header(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed")
    made = mattes.softened(mattes.even(2))
    info = replace(scenes.stream(), sample_aspect_ratio=Fraction(2), timecode="01:00:00:00")
    for name, scene in zip(mattes.write(Exr(), tmp_path, made, info), made, strict=True):
        picture = oiio.ImageBuf(str(tmp_path / name))
        spec = picture.spec()
        assert set(spec.channelnames) == {"A", "disc_001.A", "ring_002.A"}
        assert spec.channelnames[spec.alpha_channel] == "A"
        assert spec["PixelAspectRatio"] == 2
        pixels = picture.get_pixels(oiio.FLOAT)[..., spec.channelindex("ring_002.A")]
        assert np.abs(pixels - mattes.coverage(scene, 2) / WHOLE).max() < 1e-3


def test_ffmpeg_reads_the_cut_out(tmp_path: Path, exr: Any) -> None:
    made = mattes.softened(mattes.even(3))
    mattes.write(Exr(cutout=True), tmp_path, made)
    pattern = str(tmp_path / "exr/clip_mattes.%04d.exr")
    with av.open(pattern, format="image2", options={"start_number": "1001"}) as film:
        for frame, scene in zip(film.decode(video=0), made, strict=True):
            found = frame.to_ndarray(format="gbrapf32le")
            assert found[..., 3] == pytest.approx(mattes.coverage(scene) / WHOLE, abs=1e-3)


def test_the_header_says_what_and_when(tmp_path: Path, exr: Any) -> None:
    info = replace(
        scenes.stream(),
        time_base=1 / NTSC,
        frame_rate=NTSC,
        sample_aspect_ratio=Fraction(64, 45),
        timecode="00:59:59;28",
    )
    mask = scenes.rectangle(4, 4, 20, 20)
    labels = (scenes.HOSTILE, "x/y")
    tracks = [scenes.tracked(mask, n, label=label) for n, label in enumerate(labels, 1)]
    made = [replace(scenes.scene(*tracks, index=n, pts=n), time_base=1 / NTSC) for n in range(5)]
    found = []
    for name in mattes.write(Exr(), tmp_path, made, info):
        header = exr.File(str(tmp_path / name)).header()
        assert header["framesPerSecond"] == NTSC
        assert header["pixelAspectRatio"] == pytest.approx(64 / 45)
        said = json.loads(header["videoseg/objects"])
        assert said == {
            "r_b_x_001": {"label": scenes.HOSTILE, "track_id": 1},
            "x_y_002": {"label": "x/y", "track_id": 2},
        }
        code = header["timeCode"]
        assert code.dropFrame
        found.append((code.hours, code.minutes, code.seconds, code.frame))
    assert found == [(0, 59, 59, 28), (0, 59, 59, 29), (1, 0, 0, 0), (1, 0, 0, 1), (1, 0, 0, 2)]


@pytest.mark.parametrize(
    ("timecode", "rate"), [(None, Fraction(25)), ("01:00:00:00", Fraction(50)), ("?", Fraction(25))]
)
def test_what_no_header_can_hold_is_left_out(
    tmp_path: Path, exr: Any, timecode: str | None, rate: Fraction
) -> None:
    info = replace(scenes.stream(), timecode=timecode, frame_rate=rate)
    (name,) = mattes.write(Exr(), tmp_path, [scenes.scene()], info)
    assert "timeCode" not in exr.File(str(tmp_path / name)).header()


@pytest.mark.parametrize("aspect", [Fraction(0), Fraction(1, 10**9), Fraction(10**9)])
@pytest.mark.parametrize("rate", [Fraction(10**12), Fraction(1, 10**9)])
def test_claims_beyond_reason_are_left_out(
    tmp_path: Path, exr: Any, aspect: Fraction, rate: Fraction
) -> None:
    info = replace(scenes.stream(), sample_aspect_ratio=aspect, frame_rate=rate)
    names = mattes.write(Exr(), tmp_path, [scenes.scene()], info)
    header = exr.File(str(tmp_path / names[0])).header()
    assert header["pixelAspectRatio"] == 1
    assert "framesPerSecond" not in header


@pytest.mark.parametrize("label", ["x" * 300, "é" * 300, "犬"])
def test_long_and_foreign_labels_are_layers(tmp_path: Path, exr: Any, label: str) -> None:
    track = scenes.tracked(scenes.rectangle(4, 4, 20, 20), label=label)
    (name,) = mattes.write(Exr(), tmp_path, [scenes.scene(track)])
    assert object_name(label, 1) + ".A" in channels(exr, tmp_path / name)
    oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed")
    spec = oiio.ImageBuf(str(tmp_path / name)).spec()
    assert object_name(label, 1) + ".A" in spec.channelnames


@pytest.mark.parametrize("threads", [1, 3])
def test_all_files_have_all_layers(tmp_path: Path, exr: Any, threads: int) -> None:
    mask = scenes.rectangle(4, 4, 20, 20)
    made = [
        scenes.scene(*(scenes.tracked(mask, n) for n in range(1, index + 1)), index=index)
        for index in range(4)
    ]
    info = replace(scenes.stream(), timecode="01:00:00:00")
    names = mattes.write(Exr(threads=threads), tmp_path, made, info)
    for name, scene in zip(names, made, strict=True):
        found = channels(exr, tmp_path / name)
        assert sorted(found) == ["A", "disc_001.A", "disc_002.A", "disc_003.A"]
        for track_id in range(1, 4):
            wanted = mattes.coverage(scene, track_id) / WHOLE
            assert (found[f"disc_{track_id:03d}.A"] == wanted).all()
        header = exr.File(str(tmp_path / name)).header()
        assert len(json.loads(header["videoseg/objects"])) == 3
        assert header["timeCode"].frame == scene.index


def test_a_run_without_objects_has_its_alpha(tmp_path: Path, exr: Any) -> None:
    names = mattes.write(Exr(), tmp_path, [scenes.scene(index=n) for n in range(2)])
    for name in names:
        found = channels(exr, tmp_path / name)
        assert set(found) == {"A"}
        assert not found["A"].any()


def test_500_objects_and_high_ids(tmp_path: Path, exr: Any) -> None:
    masks = [scenes.rectangle(n % 90, n // 90, n % 90 + 3, n // 90 + 3) for n in range(500)]
    made = scenes.scene(*(scenes.tracked(mask, 69_600 + n) for n, mask in enumerate(masks, 1)))
    (name,) = mattes.write(Exr(), tmp_path, [made])
    found = channels(exr, tmp_path / name)
    assert len(found) == 501
    assert (found["disc_70000.A"] == mattes.coverage(made, 70_000) / WHOLE).all()


@pytest.mark.parametrize("form", ["hard", "soft"])
@pytest.mark.parametrize("transfer", [None, 1, 13])
def test_a_cut_out_is_linear_and_premultiplied(
    tmp_path: Path, exr: Any, form: str, transfer: int | None
) -> None:
    info = replace(scenes.stream(), colour=Colour(9, transfer, 9))
    made = mattes.even(2) if form == "hard" else mattes.softened(mattes.even(2))
    for name, scene in zip(mattes.write(Exr(cutout=True), tmp_path, made, info), made, strict=True):
        found = channels(exr, tmp_path / name)  # of R, G, B and A one array with A last
        code = scenes.frame_of(scene).image / 255
        light = np.where(code < 0.081, code / 4.5, ((code + 0.099) / 1.099) ** (1 / 0.45))
        if transfer == 13:
            light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
        wanted = light * (mattes.coverage(scene) / WHOLE)[..., None]
        for number, channel in enumerate("RGB"):
            assert found[channel] == pytest.approx(wanted[..., number], abs=1e-3)
        header = exr.File(str(tmp_path / name)).header()
        assert header["chromaticities"][0] == pytest.approx(0.708)


@pytest.mark.parametrize(
    ("name", "still", "wanted"),
    [(None, False, 0.2598), ("a.0001.png", False, 0.2140), (None, True, 0.2140)],
    ids=["film", "sequence of pictures", "photograph"],
)
def test_pictures_that_say_no_colours_are_srgb(
    tmp_path: Path, exr: Any, name: str | None, still: bool, wanted: float
) -> None:
    info = replace(scenes.stream(), colour=Colour(), still=still)
    scene = replace(scenes.scene(scenes.tracked(scenes.rectangle(0, 0, 96, 64))), name=name)
    given = scenes.frame_of(scene)
    frame = replace(given, image=np.full((64, 96, 3), 128, np.uint8))
    (made,) = mattes.write(Exr(cutout=True), tmp_path, [scene], info, frames=[frame])
    assert channels(exr, tmp_path / made)["G"] == pytest.approx(wanted, abs=3e-3)


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.58), (18, 0.75)])
def test_hdr_s_reference_white_is_one(
    tmp_path: Path, exr: Any, transfer: int, white: float
) -> None:
    info = replace(scenes.stream(), colour=Colour(9, transfer, 9), bit_depth=10)
    scene = scenes.scene(scenes.tracked(scenes.rectangle(0, 0, 96, 64)))
    deep = np.full((64, 96, 3), round(white * 65535), np.uint16)
    given = scenes.frame_of(scene)
    frame = Frame("clip", 0, 0, given.time_base, given.image, native=deep)
    (name,) = mattes.write(Exr(cutout=True), tmp_path, [scene], info, frames=[frame])
    found = channels(exr, tmp_path / name)
    assert found["G"] == pytest.approx(np.ones((64, 96)), rel=0.02)


def test_bytes_depend_on_nothing_but_the_scenes(tmp_path: Path, exr: Any) -> None:
    made = mattes.softened(mattes.even())
    made = [
        replace(made[2], index=0, pts=0),
        *(replace(m, index=m.index + 1, pts=m.pts + 24) for m in made),
    ]
    for number, threads in enumerate((1, 1, 3)):
        writer = Exr(threads=threads, cutout=True)
        mattes.write(writer, tmp_path / str(number), made)
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "1")
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "2")


@pytest.mark.parametrize("threads", [1, 3])
def test_a_full_disk_says_so(tmp_path: Path, exr: Any, threads: int) -> None:
    (tmp_path / "exr").mkdir()
    (tmp_path / "exr/clip_mattes.1001.exr").symlink_to("/dev/full")
    with pytest.raises(
        OutputError,
        match=r"^cannot write .*\.1001\.exr: the end of it is missing; is the disk full",
    ):
        mattes.write(Exr(threads=threads), tmp_path, mattes.even())


def test_a_full_disk_says_so_early(tmp_path: Path, exr: Any) -> None:
    noise = np.random.default_rng(1).random((512, 512)).astype(np.float32)
    with pytest.raises(OutputError, match=r"^cannot write /dev/full: No space left on device$"):
        write_exr("/dev/full", {"A": noise}, {}, "zip")


@pytest.mark.parametrize("way", ["zip", "zips", "piz"])
def test_a_file_without_its_end_is_found_out(
    tmp_path: Path, exr: Any, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    path, noise = tmp_path / "a.exr", np.random.default_rng(1).random((50, 40)).astype(np.float32)
    write_exr(str(path), {"A": noise}, {}, way)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 300, 20, 8, 0):
        torn = SimpleNamespace(write=partial(_write_bytes, whole[:length]))
        with monkeypatch.context() as patch:
            patch.setattr(exr, "File", lambda *_, torn=torn: torn)
            with pytest.raises(OutputError, match="the end of it is missing"):
                write_exr(str(path), {"A": noise}, {}, way)


def _write_bytes(data: bytes, path: str) -> None:
    Path(path).write_bytes(data)


@pytest.mark.parametrize("template", ["{object}.{frame}.exr", "{shot}.exr", "{frame}.png"])
def test_a_template_that_does_not_fit_is_refused(exr: Any, template: str) -> None:
    with pytest.raises(UsageError, match=r"^the template"):
        Exr(template=template).produces(scenes.streams())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "OpenEXR", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[media\]'"):
        Exr().produces(scenes.streams())


def test_uneven_times_have_the_timecode_of_their_number(tmp_path: Path, exr: Any) -> None:
    info = replace(scenes.stream(), timecode="01:00:00:00")
    made = scenes.moving(pts=(0, 24, 96))
    names = mattes.write(Exr(), tmp_path, made, info)
    assert len(names) == 5
    headers = [exr.File(str(tmp_path / name)).header() for name in names]
    assert [header["timeCode"].frame for header in headers] == [0, 1, 2, 3, 4]
    found = [channels(exr, tmp_path / name)["A"] for name in names]
    assert (found[1] == found[3]).all()
    assert (found[3] != found[4]).any()


def test_fileseq_reads_the_names_as_one_sequence(tmp_path: Path, exr: Any) -> None:
    fileseq = pytest.importorskip("fileseq", reason="fileseq is not installed")
    writer = Exr(template="{shot}_v{version:03}.{frame:04}.exr", version=7)
    mattes.write(writer, tmp_path, mattes.even())
    (found,) = fileseq.findSequencesOnDisk(str(tmp_path / "exr"))
    assert (found.basename(), found.start(), found.end()) == ("clip_v007.", 1001, 1006)


def test_files_that_are_written_again_are_read_as_memory_allows(
    tmp_path: Path, exr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def read(path: str) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return read_channels(path)

    monkeypatch.setattr(layered, "read_channels", read)
    box = scenes.tracked(scenes.rectangle(5, 5, 30, 30), 1)
    made = [scenes.scene(box, index=index) for index in range(8)]
    made.append(scenes.scene(box, scenes.tracked(scenes.disc(20, 20, 9), 2), index=8))
    for room, wanted in ((1, {1}), (2**30, {2, 3, 4})):
        most = 0
        monkeypatch.setattr(layered, "MOST_HELD", room)
        names = mattes.write(Exr(threads=4), tmp_path / str(room), made)
        assert most in wanted
        assert len({tuple(channels(exr, tmp_path / str(room) / name)) for name in names}) == 1


def test_files_of_many_objects_are_made_as_memory_allows(
    tmp_path: Path, exr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()

    def write(*given: Any) -> None:
        threads.add(threading.get_ident())
        write_exr(*given)

    monkeypatch.setattr(layered, "write_exr", write)
    made = [replace(labels.crowd(20), index=n, pts=24 * n) for n in range(6)]
    found = []
    for room in (1, 2**30):
        threads.clear()
        monkeypatch.setattr(layered, "MOST_HELD", room)
        mattes.write(Exr(threads=2), tmp_path / str(room), made)
        assert (threads == {threading.get_ident()}) == (room == 1)
        found.append(mattes.contents(tmp_path / str(room)))
    assert found[0] == found[1]
    (first, *_) = sorted((tmp_path / "1").rglob("*.exr"))
    assert len(channels(exr, first)) == 21
