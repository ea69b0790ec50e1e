"""Object storage: read by ranges, tried again, and no secret in an address."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tests.support.storage import emptied, failing
from videoseg.errors import MissingDependencyError, OutputError, SourceError, SourceNotFoundError
from videoseg.system import object_store
from videoseg.system.addresses import is_stored, stored_parts, without_secrets
from videoseg.system.object_store import Stored
from videoseg.system.range_reader import BLOCK, Blocks, RangeReader


@pytest.fixture(autouse=True)
def _empty() -> None:
    emptied()


def test_names_are_taken_as_they_stand() -> None:
    assert stored_parts("s3://b/a%20b?c#d.mp4") == ("s3", "b/a%20b?c#d.mp4")
    assert without_secrets("s3://b/a?c.mp4") == "s3://b/a?c.mp4"
    assert without_secrets("s3://key:word@b/a.mp4") == "s3://key:***@b/a.mp4"
    assert not is_stored("https://b/a.mp4")
    assert not is_stored("s3:/b/a.mp4")


def test_what_is_written_is_read_listed_and_removed(tmp_path: Path) -> None:
    place = Stored("memory://bucket/run")
    place.below("a/b.txt").write(b"0123456789")
    (tmp_path / "c").write_bytes(b"xyz")
    place.below("c").upload(tmp_path / "c")
    assert place.names() == {"a/b.txt": 10, "c": 3}
    assert place.below("a/b.txt").read(2, 5) == b"234"
    assert Stored("memory://bucket/*/a/*.txt").fitting() == ["memory://bucket/run/a/b.txt"]
    place.remove(["c", "never"])
    assert list(place.names()) == ["a/b.txt"]
    assert Stored("memory://bucket/ru").names() == {}


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(SourceNotFoundError, match="memory://bucket/x: no such object"):
        Stored("memory://bucket/x").size()


@pytest.mark.parametrize("address", ["s3://key:word@bucket/x", "s3://key@bucket/x"])
def test_keys_in_an_address_are_refused_and_not_shown(address: str) -> None:
    with pytest.raises(OutputError, match="keys are not taken from an address") as caught:
        Stored(address, OutputError).size()
    assert "word" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[storage\]'"):
        Stored("s3://bucket/x").size()
    with pytest.raises(MissingDependencyError, match="pip install gcsfs"):
        Stored("gs://bucket/x").size()


def test_what_fails_for_a_while_is_tried_again() -> None:
    place = Stored("memory://bucket/run")
    with failing(0.3) as failed:
        for number in range(40):
            place.below(str(number)).write(b"x")
    assert len(place.names()) == 40
    assert len(failed) > 5


def test_what_fails_for_good_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Stored("memory://bucket/x").write(b"x")
    with failing(1.0) as failed, pytest.raises(SourceError) as caught:
        Stored("memory://bucket/x").read()
    assert len(failed) == object_store._ATTEMPTS
    assert str(caught.value) == (
        "memory://bucket/x: the storage fails (the connection was reset); check the address and "
        "the connection"
    )


def test_ranges_read_like_a_file() -> None:
    chance = np.random.default_rng(3)
    content = chance.bytes(5 * BLOCK + 17)
    blocks = Blocks(len(content), lambda start, stop: content[start:stop])
    file, reader = io.BytesIO(content), RangeReader(blocks)
    for _ in range(200):
        at, size = int(chance.integers(0, len(content) + 9)), int(chance.integers(0, 2 * BLOCK))
        assert reader.seek(at) == file.seek(at)
        assert reader.read(size) == file.read(size)
        assert reader.tell() == file.tell()
    assert reader.seek(-3, io.SEEK_END) == len(content) - 3
    assert reader.read() == content[-3:]
    assert reader.read() == b""


def test_a_place_far_inside_costs_a_block() -> None:
    asked: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return bytes(stop - start)

    reader = RangeReader(Blocks(1000 * BLOCK, fetch))
    reader.seek(500 * BLOCK + 5)
    reader.read(10)
    assert asked == [(500 * BLOCK, 501 * BLOCK)]
    reader.read(300 * BLOCK)
    assert len(asked) < 15, "reading on and on takes larger and larger pieces"


def test_memory_for_blocks_is_bounded() -> None:
    blocks = Blocks(5000 * BLOCK, lambda start, stop: bytes(stop - start))
    reader = RangeReader(blocks)
    for _ in range(5000):
        reader.read(BLOCK)
    assert len(blocks._kept) <= 256
