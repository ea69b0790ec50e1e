"""Sound of every kind that MP4, AAC or browsers do not take: heard again in the overlay, in time.

Films flash and beep at the same moment. What comes out is looked at with ffprobe, and decoded.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import media, scenes
from tests.support.commandline import command
from tests.writers.overlay.test_video import empty, info_of, overlay, overlay_of
from videoseg.errors import OutputError
from videoseg.writers._video.aac import Encoded
from videoseg.writers.overlay import Overlay

RATE = Fraction(25)
FLASH = 25
"""Frame that is white and at which the beep begins, 1 second."""


def beeping(rate: int, channels: int, seconds: float = 2) -> npt.NDArray[np.float32]:
    """float32 (channels, samples): silence, with 0.3 s of 1 kHz from second 1 on."""
    times = np.arange(int(rate * seconds)) / rate
    beep = 0.5 * np.sin(2 * np.pi * 1000 * times) * ((times >= 1) & (times < 1.3))
    return np.repeat(beep[None], channels, axis=0).astype(np.float32)


@dataclass(frozen=True)
class Track:
    """A sound track: codec, rate, layout, seconds, and where it begins."""

    codec: str
    rate: int
    layout: str = "stereo"
    seconds: float = 2
    begin: float = 0


def film(path: Path, *tracks: Track, video: str = "mpeg4") -> Path:
    """Two seconds at 25 fps that flash and beep; each track is silent before its beginning."""
    with av.open(str(path), "w") as sink:
        picture: Any = sink.add_stream(video, rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        sounds = []
        for track in tracks:
            options = {"strict": "-2"} if track.codec == "vorbis" else {}
            sound: Any = sink.add_stream(track.codec, rate=track.rate, options=options)
            sound.layout, sound.bit_rate = track.layout, 128000
            sounds.append(sound)
        packets: list[Any] = []
        for index in range(50):
            level = 235 if FLASH <= index < FLASH + 3 else 40
            frame = av.VideoFrame.from_ndarray(np.full((96, 96), level, np.uint8), "yuv420p")
            packets += picture.encode(frame)
        packets += picture.encode(None)
        for track, sound in zip(tracks, sounds, strict=True):
            packets += _encoded(track, sound)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            sink.mux(packet)
    return path


def _encoded(track: Track, sound: Any) -> list[Any]:
    context = sound.codec_context
    channels = av.AudioLayout(track.layout).nb_channels
    samples = beeping(track.rate, channels)
    samples = samples[:, int(track.begin * track.rate) : int(track.seconds * track.rate)]
    frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), "flt", track.layout)
    frame.sample_rate = track.rate
    resampler = av.AudioResampler(
        context.format.name, track.layout, track.rate, frame_size=context.frame_size or 1024
    )
    packets: list[Any] = []
    time = int(track.begin * track.rate)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        piece.pts, piece.time_base = time, Fraction(1, track.rate)
        time += piece.samples
        packets += sound.encode(piece)
    packets += sound.encode(None)
    return packets


def flash_of(path: Path) -> float:
    """Seconds of the first white frame."""
    with av.open(str(path)) as given:
        for frame in given.decode(video=0):
            if frame.to_ndarray(format="gray").mean() > 180 and frame.time is not None:
                return float(frame.time)
    raise AssertionError("no flash")


def beep_of(path: Path, track: int = 0) -> float:
    """Seconds at which the beep begins."""
    with av.open(str(path)) as given:
        for frame in given.decode(audio=track):
            samples = frame.to_ndarray()
            kind = samples.dtype
            loud = 0.1 * (1 if kind.kind == "f" else 2 ** (8 * kind.itemsize - 1))
            heard = np.abs(samples.astype(float) - (128 if kind.kind == "u" else 0)) > loud
            if not frame.format.is_planar:
                heard = heard.reshape(-1, frame.layout.nb_channels).T
            found = np.flatnonzero(heard.any(axis=0))
            if len(found) and frame.time is not None:
                return float(frame.time) + int(found[0]) / frame.sample_rate
    raise AssertionError("no beep")


def probed(path: Path) -> list[dict[str, Any]]:
    """What ffprobe says of the sound tracks."""
    program = shutil.which("ffprobe")
    if program is None:
        if os.environ.get("VIDEOSEG_REQUIRE_BROWSER"):
            pytest.fail("this run requires ffprobe on PATH")
        pytest.skip("needs ffprobe on PATH")
    command = [program, "-v", "error", "-select_streams", "a", "-show_streams", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert not done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return found


def picture_lasts(path: Path, seconds: float) -> None:
    with av.open(str(path)) as made:
        assert sum(1 for _ in made.decode(video=0)) == round(seconds * 25)


KEPT: dict[str, tuple[str, tuple[Track, ...], str, tuple[str, int, int]]] = {
    # file, tracks of the source, codec of the picture, (codec, rate, channels) of the overlay
    "PCM in AVI": ("a.avi", (Track("pcm_s16le", 44100),), "mpeg4", ("aac", 44100, 2)),
    "8 bit PCM in AVI": ("a.avi", (Track("pcm_u8", 11025, "mono"),), "mpeg4", ("aac", 11025, 1)),
    "ADPCM in AVI": ("a.avi", (Track("adpcm_ms", 22050),), "mpeg4", ("aac", 22050, 2)),
    "IMA ADPCM": ("a.avi", (Track("adpcm_ima_wav", 22050, "mono"),), "mpeg4", ("aac", 22050, 1)),
    "PCM in MKV": ("a.mkv", (Track("pcm_s16le", 48000),), "mpeg4", ("aac", 48000, 2)),
    "64 bit PCM": ("a.mkv", (Track("pcm_f64le", 48000, "mono"),), "mpeg4", ("aac", 48000, 1)),
    "mu-law in AVI": ("a.avi", (Track("pcm_mulaw", 8000, "mono"),), "mpeg4", ("aac", 8000, 1)),
    "MXF": ("a.mxf", (Track("pcm_s16le", 48000),), "mpeg2video", ("aac", 48000, 2)),
    "WMV": ("a.wmv", (Track("wmav2", 44100),), "wmv2", ("aac", 44100, 2)),
    "one left channel": ("a.mov", (Track("pcm_s16le", 48000, "FL"),), "mpeg4", ("aac", 48000, 1)),
    "left and right apart": (
        "a.mov",
        (Track("pcm_s16le", 48000, "FL"), Track("pcm_s16le", 48000, "FR")),
        "mpeg4",
        ("aac", 48000, 1),
    ),
    "downmix": ("a.mov", (Track("pcm_s16le", 48000, "downmix"),), "mpeg4", ("aac", 48000, 2)),
    "MP3 at 11025 Hz": ("a.mkv", (Track("libmp3lame", 11025),), "mpeg4", ("aac", 11025, 2)),
    "MP3 at 8000 Hz": ("a.avi", (Track("libmp3lame", 8000, "mono"),), "mpeg4", ("aac", 8000, 1)),
    "MP3 at 16000 Hz": ("a.mkv", (Track("libmp3lame", 16000),), "mpeg4", ("mp3", 16000, 2)),
    "PCM at 192000 Hz": ("a.mov", (Track("pcm_s16le", 192000),), "mpeg4", ("aac", 96000, 2)),
    "PCM at 22254 Hz": ("a.mov", (Track("pcm_s16le", 22254, "mono"),), "mpeg4", ("aac", 22050, 1)),
    "PCM at 6000 Hz": ("a.avi", (Track("pcm_s16le", 6000, "mono"),), "mpeg4", ("aac", 7350, 1)),
    "Opus": ("a.mkv", (Track("libopus", 48000),), "mpeg4", ("opus", 48000, 2)),
    "FLAC": ("a.mkv", (Track("flac", 96000),), "mpeg4", ("flac", 96000, 2)),
    "Vorbis": ("a.mkv", (Track("vorbis", 44100),), "mpeg4", ("aac", 44100, 2)),
    "AC3, 5.1": ("a.mkv", (Track("ac3", 48000, "5.1"),), "mpeg4", ("aac", 48000, 2)),
    "ALAC": ("a.mov", (Track("alac", 44100),), "mpeg4", ("aac", 44100, 2)),
    "MP2 in MPEG-PS": ("a.mpg", (Track("mp2", 44100),), "mpeg2video", ("aac", 44100, 2)),
    "AAC, 5.1": ("a.mkv", (Track("aac", 48000, "5.1"),), "mpeg4", ("aac", 48000, 6)),
    "PCM, 5.1 without names": ("a.mkv", (Track("pcm_s24le", 48000, "5.1"),), "mpeg4",
                               ("aac", 48000, 2)),
    "PCM, 16 channels": ("a.mov", (Track("pcm_s16le", 48000, "hexadecagonal"),), "mpeg4",
                         ("aac", 48000, 2)),
    "PCM, 9 channels": ("a.mkv", (Track("pcm_s16le", 48000, "9C"),), "mpeg4", ("aac", 48000, 2)),
    "late": ("a.mkv", (Track("pcm_s16le", 48000, begin=0.7),), "mpeg4", ("aac", 48000, 2)),
    "late and copied": ("a.mkv", (Track("flac", 48000, begin=0.7),), "mpeg4", ("flac", 48000, 2)),
    "ends early": ("a.mkv", (Track("ac3", 48000, seconds=1.5),), "mpeg4", ("aac", 48000, 2)),
    "two rates": (
        "a.mkv",
        (Track("pcm_s16le", 48000, "mono"), Track("ac3", 48000, "mono")),
        "mpeg4",
        ("aac", 48000, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_sound_is_kept(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, tracks, video, expected = KEPT[name]
    clip = film(tmp_path / file, *tracks, video=video)
    made = overlay(clip, tmp_path, empty)
    assert not caplog.records, caplog.text
    found = probed(made)
    assert [
        (track["codec_name"], int(track["sample_rate"]), track["channels"]) for track in found
    ] == [expected] * len(tracks)
    picture_lasts(made, 2)
    for number, track in enumerate(tracks):
        offset = beep_of(made, number) - flash_of(made)
        assert abs(offset - (beep_of(clip, number) - flash_of(clip))) < 0.01
        lasts = float(found[number]["start_time"]) + float(found[number]["duration"])
        assert lasts == pytest.approx(track.seconds + flash_of(made) - 1, abs=0.15)


@pytest.mark.parametrize("codec", ["pcm_s16le", "ac3", "mp2"])
def test_a_part_has_the_sound_of_that_part(codec: str, tmp_path: Path) -> None:
    """Encoded sound begins and ends with the picture, to a few milliseconds."""
    clip = film(tmp_path / "a.mkv", Track(codec, 48000))
    made = overlay(clip, tmp_path, empty, start=20, stop=35)
    assert beep_of(made) - flash_of(made) == pytest.approx(beep_of(clip) - 1, abs=0.005)
    with av.open(str(made)) as container:
        frames = list(container.decode(audio=0))
    begin, end = frames[0].time, frames[-1].time
    assert begin is not None
    assert end is not None
    # An encoder's first packet may be silence before the first sample.
    assert begin == pytest.approx(0.8, abs=1024 / 48000 + 0.001)
    assert end + frames[-1].samples / 48000 == pytest.approx(1.4, abs=1024 / 48000 + 0.001)


def test_mono_channels_mixed_without_names_keep_their_level(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mkv", Track("pcm_s32le", 48000, "9C"))
    with av.open(str(overlay(clip, tmp_path, empty))) as made:
        loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in made.decode(audio=0))
    assert loudest == pytest.approx(0.5, abs=0.05)


def remuxed(clip: Path, path: Path, change: Callable[[Any], Any]) -> Path:
    """A copy with every packet of sound changed, or left out where None comes back."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
        streams = {
            stream.index: sink.add_stream_from_template(stream)
            for stream in (*source.streams.video, *source.streams.audio)
        }
        for packet in source.demux():
            if packet.dts is None:
                continue
            stream = streams[packet.stream.index]
            made = change(packet) if packet.stream.type == "audio" else packet
            if made is not None:
                made.stream = stream
                sink.mux(made)
    return path


def zeros(packet: Any) -> Any:
    made = av.Packet(bytes(packet.size))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    return made


def second(packet: Any) -> Fraction:
    return Fraction(packet.pts * packet.time_base)


def note(caplog: pytest.LogCaptureFixture) -> str:
    """The one line that was said."""
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    return record.getMessage()


def test_sound_that_cannot_be_decoded_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = remuxed(film(tmp_path / "a.mkv", Track("ac3", 48000)), tmp_path / "b.mkv", zeros)
    made = overlay(clip, tmp_path, empty)
    assert note(caplog) == (
        f"the sound of {clip} (ac3) cannot be decoded; the overlay is without it"
    )
    assert not probed(made)
    picture_lasts(made, 2)


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    clip = remuxed(film(tmp_path / "a.mkv", Track("ac3", 48000)), tmp_path / "b.mkv", zeros)
    done = command(
        "segment", str(clip), "--text", "thing", "--model", "blind", "-o", str(tmp_path / "out"),
        "--write", "overlay",
    )  # fmt: skip
    assert done.code == 0
    assert done.notes == (
        f"note: the sound of {clip} (ac3) cannot be decoded; the overlay is without it",
    )
    picture_lasts(tmp_path / "out" / "overlay.mp4", 2)


def test_a_part_that_begins_within_a_long_packet(tmp_path: Path) -> None:
    """Two packets of a second each: the picture begins in the middle of the first."""
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 8000))
    whole = b""
    with av.open(str(clip)) as source:
        whole = b"".join(bytes(packet) for packet in source.demux(audio=0))

    def long(packet: Any) -> Any:
        number = {0: 0, 1024 / 8000: 1}.get(round(float(second(packet)), 3))
        if number is None:
            return None
        made = av.Packet(whole[number * 32000 :][:32000])
        made.time_base = packet.time_base
        made.pts = made.dts = round(number / packet.time_base)
        made.duration = round(1 / packet.time_base)
        return made

    made = overlay(remuxed(clip, tmp_path / "b.mkv", long), tmp_path, empty, start=20, stop=40)
    assert beep_of(made) - flash_of(made) == pytest.approx(0, abs=0.01)
    with av.open(str(made)) as container:
        assert next(container.decode(audio=0)).time == pytest.approx(0.8, abs=0.13)


def test_damage_in_the_middle_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def damaged(packet: Any) -> Any:
        return zeros(packet) if Fraction(2, 5) < second(packet) < Fraction(4, 5) else packet

    whole = film(tmp_path / "a.mkv", Track("ac3", 48000))
    made = overlay(remuxed(whole, tmp_path / "b.mkv", damaged), tmp_path, empty)
    assert "packets that cannot be decoded; they are silent" in note(caplog)
    assert beep_of(made) - flash_of(made) == pytest.approx(beep_of(whole) - 1, abs=0.01)


@pytest.mark.parametrize("tag", [b"zzzz", b"ac-4"], ids=["an unknown one", "one without decoder"])
def test_a_codec_that_is_not_known(
    tag: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = film(tmp_path / "a.mov", Track("pcm_s16le", 48000), Track("alac", 48000))
    data = clip.read_bytes()
    assert data.count(b"sowt") == 1
    clip.write_bytes(data.replace(b"sowt", tag))
    made = overlay(clip, tmp_path, empty)
    assert note(caplog).endswith("cannot be decoded here; the overlay is without it")
    assert [track["codec_name"] for track in probed(made)] == ["aac"]
    picture_lasts(made, 2)


@pytest.mark.parametrize("gap", [Fraction(1, 2), Fraction(-1, 5)], ids=["gap", "overlap"])
def test_times_that_jump_are_followed(gap: Fraction, tmp_path: Path) -> None:
    """The second half of the sound, with the beep, comes later or earlier."""

    def moved(packet: Any) -> Any:
        if second(packet) >= Fraction(9, 10):
            packet.pts += round(gap / packet.time_base)
            packet.dts = packet.pts
        elif gap < 0 and second(packet) >= Fraction(9, 10) + gap:
            return None  # a container wants times that rise, so the overlap is of half a packet
        return packet

    clip = remuxed(film(tmp_path / "a.mkv", Track("pcm_s16le", 48000)), tmp_path / "b.mkv", moved)
    made = overlay(clip, tmp_path, empty)
    assert beep_of(made) - flash_of(made) == pytest.approx(float(gap), abs=0.025)


def joined(path: Path, *tracks: Track) -> Path:
    """A transport stream of films one after another, two seconds each."""
    pieces = []
    for number, track in enumerate(tracks):
        piece = film(path.with_suffix(f".{number}.ts"), track, video="mpeg2video")
        pieces.append((piece, 2 * number))
    data = b""
    for piece, seconds in pieces:
        moved = path.with_suffix(".moved.ts")
        with av.open(str(piece)) as source, av.open(str(moved), "w") as sink:
            streams = {s.index: sink.add_stream_from_template(s) for s in source.streams}
            for packet in source.demux():
                if packet.dts is not None and packet.pts is not None:
                    packet.pts += 90000 * seconds
                    packet.dts += 90000 * seconds
                    packet.stream = streams[packet.stream.index]
                    sink.mux(packet)
        data += moved.read_bytes()
    path.write_bytes(data)
    return path


def test_rate_and_channels_may_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = joined(tmp_path / "a.ts", Track("mp2", 48000), Track("mp2", 32000, "mono"))
    made = overlay(clip, tmp_path, empty)
    assert not caplog.records, caplog.text
    assert [(t["codec_name"], t["sample_rate"], t["channels"]) for t in probed(made)] in (
        [("aac", "48000", 2)],
        [("aac", "32000", 1)],
    )
    assert len(beeps_of(made)) == 2
    first, later = beeps_of(made)
    assert later - first == pytest.approx(2, abs=0.05)


def beeps_of(path: Path) -> list[float]:
    """Seconds at which each beep of the first track begins."""
    found: list[float] = []
    with av.open(str(path)) as given:
        for frame in given.decode(audio=0):
            assert frame.time is not None
            for sample in np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.1):
                time = float(frame.time) + int(sample) / frame.sample_rate
                if not found or time > found[-1] + 0.5:
                    found.append(time)
    return found


def test_copied_sound_that_changes_ends_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = joined(tmp_path / "a.ts", Track("aac", 48000), Track("aac", 44100))
    made = overlay(clip, tmp_path, empty)
    assert "cannot be kept to its end (its rate or channels change)" in note(caplog)
    assert len(beeps_of(made)) == 1
    picture_lasts(made, 4)


def test_channels_in_an_unusual_order(tmp_path: Path) -> None:
    """PyAV frees the list of such an order twice, which ended the process."""
    clip = film(tmp_path / "a.mov", Track("pcm_s16le", 48000))
    reordered(clip)
    made = overlay(clip, tmp_path, empty)
    assert [(track["codec_name"], track["channels"]) for track in probed(made)] == [("aac", 2)]
    assert beep_of(made) - flash_of(made) == pytest.approx(0, abs=0.01)


def reordered(clip: Path) -> None:
    """Say in a QuickTime file that its two channels are right and left, in this order."""
    data = bytearray(clip.read_bytes())
    place = data.index(b"chan") - 4
    old = int.from_bytes(data[place : place + 4], "big")
    channels = b"".join(struct.pack(">II3f", label, 0, 0, 0, 0) for label in (2, 1))
    box = struct.pack(">I4sIIII", 24 + len(channels), b"chan", 0, 0, 0, 2) + channels
    parents = _around(data, place)
    assert data.index(b"mdat") < data.index(b"moov"), "no offset changes"
    data[place : place + old] = box
    for parent in parents:
        size = int.from_bytes(data[parent : parent + 4], "big") + len(box) - old
        data[parent : parent + 4] = size.to_bytes(4, "big")
    clip.write_bytes(data)


def _around(data: bytearray, place: int) -> Sequence[int]:
    """Where each box begins that a place of the track's description lies in."""
    found, begin, end = [], 0, len(data)
    while begin < end:
        size = int.from_bytes(data[begin : begin + 4], "big")
        name = bytes(data[begin + 4 : begin + 8])
        if not begin < place < begin + size:
            begin += size or 8
            continue
        found.append(begin)
        inner = {b"stsd": 16, b"moov": 8, b"trak": 8, b"mdia": 8, b"minf": 8, b"stbl": 8}
        if name not in inner:
            return found
        begin, end = begin + inner[name], begin + size
    return found


def test_a_track_that_fails_on_the_way_costs_the_sound_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 48000))
    real, calls = Encoded.mux, []

    def failing(self: Encoded, packet: Any) -> None:
        calls.append(packet.pts)
        if len(calls) == 30:
            raise av.error.InvalidDataError(1094995529, "Invalid data found")
        real(self, packet)

    monkeypatch.setattr(Encoded, "mux", failing)
    made = overlay(clip, tmp_path, empty)
    assert note(caplog) == (
        f"the sound of {clip} cannot be kept to its end (Invalid data found); the overlay goes on "
        "without it"
    )
    picture_lasts(made, 2)


def test_a_full_disk_is_not_the_fault_of_the_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Encoded, packet: Any) -> None:
        raise av.error.OSError(28, "No space left on device")

    monkeypatch.setattr(Encoded, "mux", full)
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 48000))
    with pytest.raises(OutputError, match=r"overlay\.mp4: No space left"):
        overlay(clip, tmp_path, empty)


def test_sound_that_is_gone_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(media.clip(audio=True).read_bytes())
    info = info_of(clip)
    clip.unlink()
    made = overlay_of(
        [np.zeros((info.height, info.width, 3), np.uint8)] * 3, tmp_path, info, (0, 512, 1024)
    )
    assert note(caplog) == (
        f"the sound of {clip} cannot be read (No such file or directory); the overlay is silent"
    )
    picture_lasts(made, 3 / 25)


def test_languages_are_kept(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 48000), Track("aac", 48000))

    def tagged(path: Path) -> Path:
        with av.open(str(clip)) as source, av.open(str(path), "w") as sink:
            streams = {s.index: sink.add_stream_from_template(s) for s in source.streams}
            for stream, language in zip(sink.streams.audio, ("deu", "fra"), strict=True):
                stream.metadata["language"] = language
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    sink.mux(packet)
        return path

    made = overlay(tagged(tmp_path / "b.mkv"), tmp_path, empty)
    assert [track["tags"]["language"] for track in probed(made)] == ["deu", "fra"]


def test_a_film_without_a_frame_says_nothing_of_its_sound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 48000))
    info = replace(info_of(clip), stream=scenes.stream().stream)
    writer = Overlay()
    folder = tmp_path / "out"
    folder.mkdir()
    writer.open(folder, {info.stream: info}, ())
    writer.close(complete=True)
    assert not list(folder.iterdir())
    assert not caplog.records


def test_hours_of_sound_after_the_picture_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is decoded is encoded at once, also where no picture waits for it."""
    clip = film(tmp_path / "a.mkv", Track("pcm_s16le", 8000, "mono"))

    def late(packet: Any) -> Any:
        if second(packet) >= Fraction(4, 5):
            packet.pts += round(100 / packet.time_base)
            packet.dts = packet.pts
        return packet

    long = remuxed(clip, tmp_path / "b.mkv", late)
    held = []
    real = Encoded.advance

    def watched(self: Encoded, end: Fraction | None) -> None:
        held.append(self._ready.shape[1])
        real(self, end)

    monkeypatch.setattr(Encoded, "advance", watched)
    monkeypatch.setattr("videoseg.writers._video.sound.Sound.picture_end", lambda _: Fraction(2))
    made = overlay(long, tmp_path, empty)
    assert beep_of(made) == pytest.approx(101, abs=0.1)
    assert max(held) <= 2 * 8000
