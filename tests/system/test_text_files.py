"""Text files that people write, as Notepad, PowerShell and old editors save them."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from videoseg.cli._app import run
from videoseg.cli._inputs import read_list
from videoseg.config.layers import file_layer
from videoseg.errors import ConfigError, UsageError, VideosegError
from videoseg.evaluate.datasets.davis import Davis
from videoseg.evaluate.readers import read_json
from videoseg.models._hosted.prices import price_of
from videoseg.prompts import load_prompts
from videoseg.sources.images.stamps import _listed
from videoseg.system.text_files import decoded, read_text

PRICES = """[[moondream]]
models = ["müll"]
read = 2026-01-02
source = "a test"
call = 0.5
"""
SAVED: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode("utf-8"),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "Notepad's Unicode": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "Unicode big endian": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "CR LF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "CR LF, UTF-16": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
}


def prompts(path: Path) -> Any:
    return [prompt.text for prompt in load_prompts(path)]


def davis(path: Path) -> Any:
    folder = path.parent / "ImageSets"
    folder.mkdir(exist_ok=True)
    (folder / "val.txt").write_bytes(path.read_bytes())
    return Davis(path.parent, split="val")._names()


def times(path: Path) -> Any:
    return list(_listed(path, [Path("a.png"), Path("mü.png")]).times)


READERS: dict[str, tuple[str, Callable[[Path], Any], Any]] = {
    "--prompts": ('[{"text":\n"müll"}]\n', prompts, ["müll"]),
    "--config": ('[run]\nstart = "müll"\n', lambda p: file_layer(p).tables["run"]["start"], "müll"),
    "prices": (PRICES, lambda p: price_of("moondream", "müll", str(p)).call, 0.5),  # type: ignore[union-attr]
    "--list": ("a.mp4\nmüll b.mp4\n", read_list, ("a.mp4", "müll b.mp4")),
    "annotations": ('{"a":\n"müll"}\n', read_json, {"a": "müll"}),
    "times of pictures": ("a.png 0\nmü.png 1\n", times, [0, 1000]),
    "names of sequences": ("a\nmüll\n", davis, ["a", "müll"]),
}


@pytest.mark.parametrize("saved", SAVED)
@pytest.mark.parametrize("reader", READERS)
def test_every_file_is_read_however_it_was_saved(reader: str, saved: str, tmp_path: Path) -> None:
    text, read, value = READERS[reader]
    path = tmp_path / "file"
    path.write_bytes(SAVED[saved](text))
    assert read(path) == value


BAD: dict[str, tuple[Callable[[str], bytes], str]] = {
    "Latin-1": (lambda text: text.encode("latin-1"), r"line 2: is not UTF-8 \(it looks like"),
    "a NUL": (lambda text: text.replace("ü", "\0").encode(), "line 2: holds a NUL byte"),
    "no mark": (lambda text: text.encode("utf-16-le"), r"is UTF-16 \(little-endian\) without a"),
    "big, no mark": (lambda text: text.encode("utf-16-be"), r"is UTF-16 \(big-endian\) without"),
    "half a letter": (lambda text: text.encode("utf-16")[:-1], "is not UTF-16"),
    "NUL in UTF-16": (lambda text: text.replace("ü", "\0").encode("utf-16"), "line 2: holds a NUL"),
}
NAMES = ("prices", "--list", "times of pictures")
ASCII = {name: each for name, each in READERS.items() if name not in NAMES}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("reader", ASCII)
def test_what_is_no_text_is_one_line_with_file_and_place(
    reader: str, bad: str, tmp_path: Path
) -> None:
    text, read, _ = READERS[reader]
    path = tmp_path / "file"
    spoiled, says = BAD[bad]
    path.write_bytes(spoiled(text))
    with pytest.raises(VideosegError, match=says) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_lists_keep_names_that_are_no_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"caf\xe9.mp4\nb.mp4\n")
    assert read_list(path) == ("caf\udce9.mp4", "b.mp4")
    for data in (b"caf\xe9.mp4\r\nb.mp4\r\n", codecs.BOM_UTF8 + b"caf\xc3\xa9.mp4\n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))
        assert read_list(Path("-"))[0].startswith("caf")
    path.write_bytes(b"a.mp4\nb\0.mp4\n")
    with pytest.raises(UsageError, match=r"list, line 2: holds a NUL byte"):
        read_list(path)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError, match="cannot read settings from"):
            read_text(path, "settings", ConfigError)
    assert decoded(b"", "empty", ConfigError) == ""


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("videoseg.toml").write_bytes("[run]\nevery = 3\n".encode("utf-16"))
    Path("mine.toml").write_bytes("[run]\nmax_size = 300\n".encode("utf-8-sig"))
    assert run(["config", "show", "--config", "mine.toml"]) == 0
    shown = capfd.readouterr().out
    assert "every = 3" in shown
    assert "max_size = 300" in shown
    Path("mine.toml").write_bytes(b"[run]\n# caf\xe9\n")
    assert run(["config", "show", "--config", "mine.toml"]) == 2
    assert "mine.toml, line 2: is not UTF-8" in capfd.readouterr().err
    Path("p.json").write_bytes(json.dumps([{"txt": "a"}]).encode("utf-8-sig"))
    assert run(["segment", "x.mp4", "--prompts", "p.json"]) == 2
    assert "did you mean 'text'" in capfd.readouterr().err
