"""What ``videoseg info`` says, beside what ffprobe says of the same files."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.media import clip
from videoseg.cli._app import run
from videoseg.cli._media import colour_names, duration_text, rate_text
from videoseg.types import Colour


def made(name: str, *options: str) -> str:
    video = ("-f", "lavfi", "-i", "testsrc=s=320x240:r=30000/1001:d=2")
    sound = ("-f", "lavfi", "-i", "sine=d=2:r=44100", "-f", "lavfi", "-i", "sine=d=2:r=8000")
    subprocess.run(["ffmpeg", "-v", "error", "-y", *video, *sound, *options, name], check=True)
    return name


def probed(path: str) -> dict[str, Any]:
    show = ("-show_format", "-show_streams", "-of", "json")
    done = subprocess.run(["ffprobe", "-v", "error", *show, path], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


FILES = {
    "rich.mov": (
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
        *("-profile:v", "main", "-colorspace", "bt470bg", "-color_primaries", "smpte170m"),
        *("-color_trc", "smpte170m", "-c:a:0", "aac", "-ac:a:0", "2", "-c:a:1", "pcm_s16le"),
        *("-metadata:s:a:0", "language=eng", "-timecode", "01:00:00:00"),
    ),
    "silent.webm": ("-map", "0:v", "-c:v", "libvpx-vp9"),
    "plain.avi": ("-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "mp3"),
    "plain.ts": ("-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p", "-c:a", "mp2"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_ffprobe_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    known = probed(made(name, *FILES[name]))
    video = next(each for each in known["streams"] if each["codec_type"] == "video")
    sounds = [each for each in known["streams"] if each["codec_type"] == "audio"]
    assert run(["info", name, "--json"]) == 0
    (found,) = json.loads(capfd.readouterr().out).values()
    assert found["duration_seconds"] == pytest.approx(
        float(video.get("duration", known["format"]["duration"])), abs=1e-3
    )
    assert found["video"]["codec"] == video["codec_name"]
    assert found["video"]["pixel_format"] == video["pix_fmt"]
    assert found["video"].get("profile", "unknown") == video.get("profile", "unknown")
    assert found["container"]["bytes"] == int(known["format"]["size"])
    assert found["container"]["format"] == known["format"]["format_name"]
    assert found["container"]["bit_rate"] == int(known["format"]["bit_rate"])
    assert [
        (each["codec"], each["channels"], each["rate"], each.get("language"))
        for each in found.get("audio", ())
    ] == [
        (
            each["codec_name"],
            each["channels"],
            int(each["sample_rate"]),
            each.get("tags", {}).get("language"),
        )
        for each in sounds
    ]


def test_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made("rich.mov", *FILES["rich.mov"])
    assert run(["info", "rich.mov"]) == 0
    lines = capfd.readouterr().out.splitlines()[1:]
    rows = {line[2:17].strip(): line[18:] for line in lines}
    assert rows["size"] == "320 x 240 pixels, 8 bit"
    assert rows["frame rate"] == "29.97 a second (30000/1001)"
    assert rows["duration"] == "2.002 s"
    assert rows["codec"].startswith("h264, profile Main, yuv420p, ")
    assert "matrix BT.470BG (5)" in rows["colour"]
    assert "primaries SMPTE 170M (6)" in rows["colour"]
    first, second = rows["sound"].split("; ")
    assert first.startswith("aac, profile LC, 2 channels (stereo), 44100 Hz")
    assert first.endswith("language eng")
    assert second.startswith("pcm_s16le, 1 channel")
    assert rows["timecode"] == "01:00:00:00"
    assert rows["file"].startswith("QuickTime / MOV, ")


def test_turned_still_and_piped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["info", str(clip(rotation=90, sample_aspect_ratio=Fraction(4, 3)))]) == 0
    said = capfd.readouterr().out
    assert "90 degrees clockwise, applied" in said
    assert "pixel shape     4:3" in said
    assert run(["info", "sample_media/coffee.jpg"]) == 0
    said = capfd.readouterr().out
    assert "600 x 400 pixels" in said
    assert "file            JPG, 80 kB" in said
    assert "sound" not in said
    assert "duration" not in said


def test_words() -> None:
    assert rate_text(Fraction(30000, 1001)) == "29.97 a second (30000/1001)"
    assert rate_text(Fraction(24000, 1001)) == "23.976 a second (24000/1001)"
    assert rate_text(Fraction(25)) == "25 a second"
    assert rate_text(Fraction(100)) == "100 a second"
    assert duration_text(2.002) == "2.002 s"
    assert duration_text(59.9996) == "60.000 s"
    assert duration_text(3725.5) == "1:02:05.500 (3725.500 s)"
    names = colour_names(Colour(9, 16, 9, False))
    assert names == {
        "primaries": "BT.2020 (9)",
        "transfer": "PQ (16)",
        "matrix": "BT.2020 non-constant (9)",
        "range": "limited",
    }
    assert colour_names(Colour(matrix=77)) == {"matrix": "reserved (77)"}
    assert colour_names(Colour()) == {}
