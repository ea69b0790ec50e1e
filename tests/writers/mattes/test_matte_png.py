"""Mattes as PNGs: exact, complete, plain, and named as artists' tools read them."""

from __future__ import annotations

import logging
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support import mattes, scenes
from videoseg.errors import OutputError, UsageError
from videoseg.writers.matte_png import MattePng


def read(path: Path) -> mattes.Array:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found)


def chunks(path: Path) -> list[bytes]:
    data, position, found = path.read_bytes(), 8, []
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        found.append(data[position + 4 : position + 8])
        position += 12 + size
    return found


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("form", ["hard", "soft"])
def test_each_object_has_its_coverage_on_every_frame(tmp_path: Path, bits: int, form: str) -> None:
    made = mattes.even() if form == "hard" else mattes.softened(mattes.even())
    mattes.write(MattePng(bits=bits), tmp_path, made)  # type: ignore[arg-type]
    for scene in made:
        for track_id, name in ((1, "disc_001"), (2, "ring_002")):
            path = tmp_path / f"mattes/{name}/clip_{name}.{1001 + scene.index}.png"
            found = read(path)
            wanted = mattes.coverage(scene, track_id)
            assert found.dtype == (np.uint8 if bits == 8 else np.uint16)
            assert (found == (wanted if bits == 16 else np.rint(wanted / 257))).all()
            with Image.open(path) as image:
                assert image.mode == ("L" if bits == 8 else "I;16")
                assert (np.asarray(image) == found).all()
            assert chunks(path) == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("form", ["hard", "soft"])
def test_all_objects_may_be_in_one_picture(tmp_path: Path, form: str) -> None:
    made = mattes.even() if form == "hard" else mattes.softened(mattes.even())
    made[4] = replace(made[4], instances=())
    names = mattes.write(MattePng(objects="all", bits=16), tmp_path, made)
    assert names == [f"mattes/all/clip_all.{1001 + n}.png" for n in range(6)]
    for name, scene in zip(names, made, strict=True):
        assert (read(tmp_path / name) == mattes.coverage(scene)).all()


def test_ffmpeg_reads_the_sequence(tmp_path: Path) -> None:
    made = mattes.even()
    mattes.write(MattePng(), tmp_path, made)
    pattern = str(tmp_path / "mattes/disc_001/clip_disc_001.%04d.png")
    with av.open(pattern, format="image2", options={"start_number": "1001"}) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) == len(made)
    for frame, scene in zip(frames, made, strict=True):
        assert (frame == mattes.coverage(scene, 1) // 257).all()


def test_a_sequence_has_no_hole_whenever_its_object_is_there(tmp_path: Path) -> None:
    mask = scenes.rectangle(10, 10, 20, 20)
    made = [
        scenes.scene(*(scenes.tracked(mask, 7) for _ in range(n in (3, 5))), index=n)
        for n in range(9)
    ]
    names = mattes.write(MattePng(), tmp_path, made)
    assert names == [f"mattes/disc_007/clip_disc_007.{1001 + n}.png" for n in range(9)]
    shown = [bool(read(tmp_path / name).any()) for name in names]
    assert shown == [n in (3, 5) for n in range(9)]


def test_an_object_that_never_appears_has_no_folder(tmp_path: Path) -> None:
    made = [scenes.scene(index=n) for n in range(3)]
    assert mattes.write(MattePng(), tmp_path, made) == []
    assert (tmp_path / "mattes").is_dir()


def test_labels_stay_in_their_folder(tmp_path: Path) -> None:
    mask = scenes.rectangle(10, 10, 20, 20)
    labels = ("../../x/y", "..", "CON", "a\x00b\n", scenes.HOSTILE, "犬", "x" * 300)
    made = scenes.scene(
        *(scenes.tracked(mask, n, label=label) for n, label in enumerate(labels, 1))
    )
    names = mattes.write(MattePng(), tmp_path, [made])
    folders = {name.split("/")[1] for name in names}
    assert len(names) == len(folders) == len(labels)
    assert folders >= {"x_y_001", "object_002", "con_003", "a_b_004", "r_b_x_005", "犬_006"}


def test_two_objects_with_one_label_and_high_ids_are_told_apart(tmp_path: Path) -> None:
    first, second = scenes.rectangle(0, 0, 9, 9), scenes.rectangle(30, 30, 40, 40)
    made = scenes.scene(scenes.tracked(first, 3), scenes.tracked(second, 70_000))
    names = mattes.write(MattePng(), tmp_path, [made])
    assert names == [
        "mattes/disc_003/clip_disc_003.1001.png",
        "mattes/disc_70000/clip_disc_70000.1001.png",
    ]
    for name, track_id in zip(names, (3, 70_000), strict=True):
        assert (read(tmp_path / name) == mattes.coverage(made, track_id) // 257).all()


def test_500_objects(tmp_path: Path) -> None:
    made = []
    for index in range(2):
        masks = [scenes.rectangle(n % 90, n // 90, n % 90 + 3, n // 90 + 3) for n in range(500)]
        tracks = [scenes.tracked(mask, n + 1) for n, mask in enumerate(masks)]
        made.append(scenes.scene(*tracks, index=index))
    names = mattes.write(MattePng(), tmp_path, made)
    assert len(names) == 1000
    for track_id in (1, 250, 500):
        found = read(tmp_path / f"mattes/disc_{track_id:03d}/clip_disc_{track_id:03d}.1002.png")
        assert (found == mattes.coverage(made[1], track_id) // 257).all()


def test_streams_have_folders_of_their_own(tmp_path: Path) -> None:
    infos = [scenes.stream("/cam/Left"), scenes.stream("cam left")]
    mask = scenes.rectangle(10, 10, 20, 20)
    made = [
        scenes.scene(scenes.tracked(mask, n + 1), index=0, stream=info.stream)
        for n, info in enumerate(infos)
    ]
    assert mattes.write(MattePng(), tmp_path / "a", made, *infos) == [
        "mattes/cam_Left/disc_001/cam_left_disc_001.1001.png",
        "mattes/cam_left-2/disc_002/cam_left_disc_002.1001.png",
    ]
    template = "{stream}_{object}_v{version:03}.{frame:06}.png"
    writer = MattePng(template=template, version=12)
    assert mattes.write(writer, tmp_path / "b", made, *infos) == [
        "mattes/cam_left-2_disc_002_v012.001001.png",
        "mattes/cam_left_disc_001_v012.001001.png",
    ]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"start_frame": 1}, ["clip_disc_001.0001.png", "clip_disc_001.0002.png"]),
        ({"numbering": "source"}, ["clip_disc_001.86400.png", "clip_disc_001.86401.png"]),
        (
            {"template": "{shot}_{label}-{track}_v{version}.{frame}.png", "shot": "SH010"},
            ["SH010_disc-1_v1.1001.png", "SH010_disc-1_v1.1002.png"],
        ),
    ],
)
def test_files_are_named_and_numbered_as_asked(
    tmp_path: Path, settings: dict[str, Any], names: list[str]
) -> None:
    mask = scenes.rectangle(10, 10, 20, 20)
    made = [scenes.scene(scenes.tracked(mask), index=n) for n in range(2)]
    info = scenes.stream(start_number=86_400)
    found = mattes.write(MattePng(**settings), tmp_path, made, info)
    assert [Path(name).name for name in found] == names


@pytest.mark.parametrize("template", ["{shot}.{frame}.png", "{object}.png", "{objekt}.{frame}.png"])
def test_a_template_is_refused_before_the_work(tmp_path: Path, template: str) -> None:
    with pytest.raises(UsageError, match=r"^the template"):
        MattePng(template=template).produces(scenes.streams())
    with pytest.raises(UsageError, match=r"^the template"):
        MattePng(template=template).open(tmp_path, scenes.streams(), ())
    assert not list(tmp_path.iterdir())


def test_uneven_times_are_filled_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = scenes.moving()  # at 0, 1, 2, 4, 4.5 and 6.5 25ths of a second
    with caplog.at_level(logging.WARNING):
        names = mattes.write(MattePng(), tmp_path, made)
    shown = [0, 1, 2, 2, 3, 4, 4, 5]
    assert len(names) == 2 * len(shown)
    for number, index in enumerate(shown, 1001):
        for track_id, name in ((1, "disc_001"), (2, "ring_002")):
            found = read(tmp_path / f"mattes/{name}/clip_{name}.{number}.png")
            assert (found == mattes.coverage(made[index], track_id) // 257).all()
    (record,) = caplog.records
    assert "repeat the frame before: 2" in record.getMessage()


def test_an_object_that_appears_after_a_hole_has_all_numbers(tmp_path: Path) -> None:
    mask = scenes.rectangle(10, 10, 20, 20)
    made = [
        scenes.scene(scenes.tracked(mask, 1), index=0),
        scenes.scene(scenes.tracked(mask, 1), scenes.tracked(mask, 2), index=1, pts=24 * 4),
    ]
    names = mattes.write(MattePng(), tmp_path, made)
    for name in ("disc_001", "disc_002"):
        mine = [each for each in names if name in each]
        assert mine == [f"mattes/{name}/clip_{name}.{1001 + n}.png" for n in range(5)]


def test_even_times_are_not_remarked_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mattes.write(MattePng(), tmp_path, mattes.even())
    assert not caplog.records


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    info = replace(scenes.stream(), sample_aspect_ratio=Fraction(64, 45))
    made = [scenes.scene(scenes.tracked(scenes.rectangle(1, 1, 9, 9)), index=n) for n in (0, 1)]
    made.append(scenes.scene(index=2))
    names = mattes.write(MattePng(), tmp_path, made, info)
    for name in names:
        assert chunks(tmp_path / name) == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
        data = (tmp_path / name).read_bytes()
        across, down, unit = struct.unpack_from(">IIB", data, data.index(b"pHYs") + 4)
        assert (Fraction(down, across), unit) == (Fraction(64, 45), 0)
        oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed")
        aspect = oiio.ImageBuf(str(tmp_path / name)).spec()["PixelAspectRatio"]
        assert aspect == pytest.approx(64 / 45)


def test_bytes_depend_on_nothing_but_the_scenes(tmp_path: Path) -> None:
    made = mattes.softened(mattes.even())
    for number, threads in enumerate((1, 1, 2, 5)):
        mattes.write(MattePng(threads=threads), tmp_path / str(number), made)
    first = mattes.contents(tmp_path / "0")
    for number in range(1, 4):
        assert mattes.contents(tmp_path / str(number)) == first


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("late", [False, True])
def test_a_full_disk_says_so(tmp_path: Path, threads: int, late: bool) -> None:
    folder = tmp_path / "mattes/disc_001"
    folder.mkdir(parents=True)
    # The late object's first file is written at the end.
    (folder / "clip_disc_001.1001.png").symlink_to("/dev/full")
    track = scenes.tracked(scenes.rectangle(1, 1, 9, 9))
    made = [scenes.scene(*([track] if n or not late else []), index=n) for n in range(5)]
    with pytest.raises(OutputError, match=r"^cannot write .*disc_001\.1001\.png: No space left"):
        mattes.write(MattePng(threads=threads), tmp_path, made)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "mattes").write_text("")
    with pytest.raises(OutputError, match=r"^cannot write .*mattes"):
        MattePng().open(tmp_path, scenes.streams(), ())


def test_what_is_broken_off_can_be_begun_again(tmp_path: Path) -> None:
    writer = MattePng(threads=3)
    made = mattes.even()
    writer.open(tmp_path / "a", scenes.streams(), ())
    writer.write(made[5], None)
    writer.close(complete=False)
    writer.close(complete=False)
    with pytest.raises(KeyError):
        writer.write(made[5], None)
    names = mattes.write(writer, tmp_path / "b", made[:1])
    assert [Path(name).name for name in names] == [
        "clip_disc_001.1001.png",
        "clip_ring_002.1001.png",
    ]


def test_fileseq_reads_the_names_as_one_sequence(tmp_path: Path) -> None:
    fileseq = pytest.importorskip("fileseq", reason="fileseq is not installed")
    mattes.write(MattePng(), tmp_path, mattes.even())
    (found,) = fileseq.findSequencesOnDisk(str(tmp_path / "mattes/disc_001"))
    assert (found.basename(), found.extension()) == ("clip_disc_001.", ".png")
    assert (found.start(), found.end(), len(found)) == (1001, 1006, 6)
