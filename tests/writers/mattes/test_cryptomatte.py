"""Cryptomattes give each object back by its name, in the readers of others as in ours."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import mattes, scenes
from videoseg.errors import MissingDependencyError, OutputError
from videoseg.types import WHOLE, Scene
from videoseg.writers.cryptomatte import Cryptomatte

KEY = "cryptomatte/ae93ba3"


@pytest.fixture
def exr() -> Any:
    pytest.importorskip("mmh3", reason="mmh3 is not installed")
    return pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")


def channels(exr: Any, path: Path) -> dict[str, mattes.Array]:
    found = exr.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels for name, channel in found.items()}


def extracted(exr: Any, path: Path, name: str) -> mattes.Array:
    """The coverage of an object, as the specification has it decoded."""
    bits = int(json.loads(exr.File(str(path)).header()[f"{KEY}/manifest"])[name], 16)
    (wanted,) = struct.unpack("<f", struct.pack("<I", bits))
    found, total = channels(exr, path), np.zeros((scenes.HEIGHT, scenes.WIDTH), np.float32)
    for layer in {each.split(".")[0] for each in found}:
        for ids, coverage in ("RG", "BA"):
            total += np.where(found[f"{layer}.{ids}"] == wanted, found[f"{layer}.{coverage}"], 0)
    return total


def crowded(count: int = 5) -> Scene:
    """Discs about one place, each within the next."""
    return scenes.scene(
        *(scenes.tracked(scenes.disc(48, 32, 4 * n), n) for n in range(1, count + 1))
    )


@pytest.mark.parametrize("form", ["hard", "soft"])
def test_every_object_comes_back(tmp_path: Path, exr: Any, form: str) -> None:
    made = mattes.even() if form == "hard" else mattes.softened(mattes.even())
    names = mattes.write(Cryptomatte(), tmp_path, made)
    assert names == [f"cryptomatte/clip_crypto.{1001 + n}.exr" for n in range(6)]
    for name, scene in zip(names, made, strict=True):
        path = tmp_path / name
        for track_id, called in ((1, "disc_001"), (2, "ring_002")):
            wanted = (mattes.coverage(scene, track_id) / np.float32(WHOLE)).astype(np.float32)
            assert (extracted(exr, path, called) == wanted).all()


def test_files_are_as_the_specification_has_them(tmp_path: Path, exr: Any) -> None:
    (name,) = mattes.write(Cryptomatte(), tmp_path, mattes.softened([crowded()]))
    header = exr.File(str(tmp_path / name)).header()
    assert header[f"{KEY}/name"] == "uCryptoObject"
    assert header[f"{KEY}/hash"] == "MurmurHash3_32"
    assert header[f"{KEY}/conversion"] == "uint32_to_float32"
    assert header["compression"] == exr.ZIPS_COMPRESSION
    found = channels(exr, tmp_path / name)
    layers = [f"uCryptoObject{n:02d}.{letter}" for n in range(3) for letter in "ABGR"]
    assert sorted(found) == sorted(layers)
    assert {each.dtype for each in found.values()} == {np.dtype(np.float32)}
    ranks = [found[f"uCryptoObject{n // 2:02d}.{'GA'[n % 2]}"] for n in range(6)]
    for more, less in pairwise(ranks):
        assert (more >= less).all()
    for n in range(6):
        ids = found[f"uCryptoObject{n // 2:02d}.{'RB'[n % 2]}"]
        assert ((ids != 0) == (ranks[n] > 0)).all()


def test_ids_are_ordinary_floats(exr: Any) -> None:
    import mmh3

    from videoseg.writers import cryptomatte

    found = set()
    for number in range(5000):
        raw = mmh3.hash(f"a_{number}", signed=False)
        bits = cryptomatte._bits(f"a_{number}")
        (value,) = struct.unpack("<f", struct.pack("<I", bits))
        assert np.isfinite(value)
        assert abs(value) >= np.finfo(np.float32).tiny
        assert bits in (raw, raw ^ (1 << 23))
        found.add(bits != raw)
    assert found == {True, False}


def test_all_files_have_all_ranks_and_names(tmp_path: Path, exr: Any) -> None:
    made = [scenes.scene(index=0), *(scenes.scene(index=n) for n in (1, 2))]
    late = crowded()
    made.append(scenes.scene(*late.instances, index=3))
    names = mattes.write(Cryptomatte(threads=3), tmp_path, made)
    for name in names:
        assert len(channels(exr, tmp_path / name)) == 12
        manifest = json.loads(exr.File(str(tmp_path / name)).header()[f"{KEY}/manifest"])
        assert sorted(manifest) == [f"disc_{n:03d}" for n in range(1, 6)]
        wanted = mattes.coverage(made[3], 2) / WHOLE if name == names[3] else 0
        assert (extracted(exr, tmp_path / name, "disc_002") == wanted).all()


def test_hostile_labels_and_500_objects(tmp_path: Path, exr: Any) -> None:
    masks = [scenes.rectangle(n % 90, n // 90, n % 90 + 3, n // 90 + 3) for n in range(500)]
    labels = (scenes.HOSTILE, "../x", "犬", "disc")
    made = scenes.scene(
        *(scenes.tracked(mask, n, label=labels[n % 4]) for n, mask in enumerate(masks, 69_501))
    )
    (name,) = mattes.write(Cryptomatte(), tmp_path, [made])
    manifest = json.loads(exr.File(str(tmp_path / name)).header()[f"{KEY}/manifest"])
    assert len(manifest) == len(set(manifest.values())) == 500
    assert {"r_b_x_69504", "x_69501", "犬_69502", "disc_70000"} - manifest.keys() <= {"disc_70000"}
    for called, track_id in (("x_69501", 69_501), ("犬_69502", 69_502)):
        wanted = mattes.coverage(made, track_id) / WHOLE
        assert (extracted(exr, tmp_path / name, called) == wanted).all()


def test_cryptomatte_api_reads_every_matte(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    cmatte = pytest.importorskip("cryptomatte_api", reason="cryptomatte-api is not installed")
    made = mattes.softened(mattes.even(3))
    for name, scene in zip(mattes.write(Cryptomatte(), tmp_path, made), made, strict=True):
        for track_id, called in ((1, "disc_001"), (2, "ring_002")):
            (found,) = [each.mask(called) for each in cmatte.Cryptomatte.load(str(tmp_path / name))]
            found = np.asarray(found).reshape(scenes.HEIGHT, scenes.WIDTH)
            wanted = mattes.coverage(scene, track_id) / WHOLE
            assert np.abs(found - wanted).max() < 1e-6


def test_bytes_depend_on_nothing_but_the_scenes(tmp_path: Path, exr: Any) -> None:
    made = mattes.softened(mattes.even())
    for number, threads in enumerate((1, 1, 3)):
        mattes.write(Cryptomatte(threads=threads), tmp_path / str(number), made)
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "1")
    assert mattes.contents(tmp_path / "0") == mattes.contents(tmp_path / "2")


def test_a_full_disk_says_so(tmp_path: Path, exr: Any) -> None:
    (tmp_path / "cryptomatte").mkdir()
    (tmp_path / "cryptomatte/clip_crypto.1001.exr").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"^cannot write .*\.1001\.exr: the end of it is missing"):
        mattes.write(Cryptomatte(), tmp_path, mattes.even())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mmh3", None)
    with pytest.raises(MissingDependencyError, match=r"mmh3: pip install 'videoseg\[media\]'"):
        Cryptomatte().produces(scenes.streams())
