"""Decodes a sound track of any kind and encodes it to AAC: mono or stereo, without a break."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

Samples: TypeAlias = npt.NDArray[np.float32]
"""float32 (channels, samples)."""

_PIECE = 1024
"""Samples of a packet of AAC."""
_TOLERANCE = Fraction(1, 25)
"""Seconds by which times may be off before samples are moved: containers round, clocks drift."""
_LONGEST = 600
"""Seconds of silence put into a gap; a time further ahead is taken for a mistake of the file."""


def settle_layout(context: Any) -> None:
    """Give a decoder that is not open yet a layout of named channels, or one of as many.

    PyAV frees the list of an unusual order of channels once for each object that it makes of a
    layout, which ends the process. The one object that is made of it here becomes its only owner,
    since the context forgets it. So this comes before all else that asks for the layout.
    """
    layout = context.layout
    count, name = layout.nb_channels, layout.name
    if not count:
        return
    usual = "channels" not in name and not name.startswith("ambisonic")
    for known in (name if usual else f"{count}c", f"{count}C"):
        try:
            context.layout = known
        except ValueError:  # there is no usual layout of as many
            continue
        return


def add_aac(source: AudioStream, target: OutputContainer) -> AudioStream:
    """A track of AAC for a source: as many channels, or two, and the nearest rate there is.

    Raises:
        ValueError: Nothing is known of the source's samples.
    """
    from av.codec.codec import Codec

    rate, channels = source.codec_context.sample_rate, source.codec_context.layout.nb_channels
    if not rate or not channels:
        raise ValueError("the source has neither rate nor channels")
    rates: Any = Codec("aac", "w").audio_rates
    nearest = min(rates, key=lambda offered: (abs(offered - rate), -offered))
    stream: AudioStream = target.add_stream("aac", rate=nearest)
    stream.layout = "mono" if channels == 1 else "stereo"
    return stream


class Encoded:
    """A track that is decoded, brought to one rate and layout, and encoded.

    Samples keep their times: gaps become silence, and what overlaps is cut. Rate, layout and
    format of the source may change on the way.

    Attributes:
        rate: Samples per second that are written.
    """

    def __init__(self, source: AudioStream, target: OutputContainer) -> None:
        self._codec = source.codec_context.name
        self._target = target
        self._stream = add_aac(source, target)
        if "language" in source.metadata:
            self._stream.metadata["language"] = source.metadata["language"]
        self.rate: int = self._stream.rate
        self._channels = self._stream.codec_context.layout.nb_channels
        self._begin: Fraction | None = None
        self._shift = Fraction(0)
        self._origin: Fraction | None = None
        self._ready: Samples = np.zeros((self._channels, 0), np.float32)
        self._sent = 0
        self._skip = 0
        self._mixer: _Mixer | None = None
        self._run_begin = Fraction(0)
        self._run_samples = 0
        self._decoded = self._broken = 0

    def start(self, begin: Fraction | None, shift: Fraction) -> None:
        """Take the time before which no sample is wanted, and the time to add."""
        self._begin, self._shift = begin, shift

    def mux(self, packet: Packet[AudioStream]) -> None:
        """Decode a packet; what is whole is muxed by ``advance``.

        Raises:
            FFmpegError: (PyAV's) Samples cannot be converted.
            ValueError: Likewise.
        """
        from av.error import FFmpegError

        try:
            frames = packet.decode()
        except (FFmpegError, NotImplementedError):
            self._broken += 1
            return
        for frame in frames:
            self._decoded += 1
            self._take(frame)

    def advance(self, end: Fraction | None) -> None:
        """Encode the whole pieces that begin before ``end`` seconds of the source; None = all.

        Raises:
            FFmpegError: (PyAV's) A packet cannot be written.
        """
        while self._ready.shape[1] >= _PIECE and (end is None or self._time() < end):
            self._encode(self._ready[:, :_PIECE])

    def finish(self, end: Fraction | None) -> None:
        """Encode the rest, up to ``end`` seconds of the source; None = all.

        Raises:
            FFmpegError: (PyAV's) A packet cannot be written.
        """
        self._drain()
        if end is not None and self._origin is not None:
            left = max(0, round((end - self._time()) * self.rate))
            self._ready = self._ready[:, :left]
        self.advance(None)
        if self._ready.shape[1]:
            self._encode(self._ready)
        if self._sent:
            self._target.mux(self._stream.encode(None))

    def losses(self, film: str) -> Iterator[str]:
        """One line about what was left out of the film that messages call ``film``."""
        if not self._broken:
            return
        if self._decoded:
            yield f"has {self._broken} packets that cannot be decoded; they are silent"
        else:
            yield f"({self._codec}) cannot be decoded; {film} is without it"

    def _time(self) -> Fraction:
        """Seconds of the source at which the next piece begins."""
        return (self._origin or Fraction(0)) + Fraction(self._sent, self.rate)

    def _take(self, frame: AudioFrame) -> None:
        expected = self._run_begin + Fraction(self._run_samples, frame.sample_rate or 1)
        begins = expected
        if frame.pts is not None and frame.time_base is not None:
            begins = frame.pts * Fraction(frame.time_base)
        if (
            self._mixer is None
            or not self._mixer.takes(frame)
            or abs(begins - expected) > _TOLERANCE
        ):
            self._drain()
            self._mixer = _Mixer(frame, self.rate, self._channels)
            self._run_begin, self._run_samples = begins, 0
            self._place(begins)
        self._run_samples += frame.samples
        self._keep(self._mixer.mixed(frame))

    def _place(self, begins: Fraction) -> None:
        """Make the samples to come begin where they belong."""
        if self._origin is None:
            self._origin = begins if self._begin is None else max(begins, self._begin)
        gap = round((begins - self._time()) * self.rate) - self._ready.shape[1]
        self._skip = max(0, -gap)
        while 0 < gap <= _LONGEST * self.rate:
            silent = min(gap, self.rate)
            self._keep(np.zeros((self._channels, silent), np.float32))
            self.advance(None)
            gap -= silent

    def _keep(self, samples: Samples) -> None:
        left_out = min(self._skip, samples.shape[1])
        self._skip -= left_out
        self._ready = np.concatenate((self._ready, samples[:, left_out:]), axis=1)

    def _drain(self) -> None:
        if self._mixer is not None:
            self._keep(self._mixer.rest())
            self._mixer = None

    def _encode(self, samples: Samples) -> None:
        from av import AudioFrame

        layout = "mono" if self._channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate = self.rate
        frame.time_base = Fraction(1, self.rate)
        frame.pts = round((self._time() + self._shift) * self.rate)
        self._sent += samples.shape[1]
        self._ready = self._ready[:, samples.shape[1] :]
        self._target.mux(self._stream.encode(frame))


class _Mixer:
    """Brings frames of one kind to float samples of one rate, in mono or stereo."""

    def __init__(self, frame: AudioFrame, rate: int, channels: int) -> None:
        self._kind = _kind(frame)
        self._rate, self._channels = rate, channels
        self._resampler, self._layout = self._chosen(frame)

    def takes(self, frame: AudioFrame) -> bool:
        """Whether a frame is of the kind that this is made for."""
        return _kind(frame) == self._kind

    def mixed(self, frame: AudioFrame) -> Samples:
        """The samples that are ready after this frame."""
        given = _labelled(frame, self._layout, self._channels)
        return self._joined(self._resampler.resample(given))

    def rest(self) -> Samples:
        """The samples that the resampler holds back."""
        return self._joined(self._resampler.resample(None))

    def _joined(self, frames: list[AudioFrame]) -> Samples:
        # A resampler without work gives back what it is given, None at the end included.
        given: list[AudioFrame | None] = list(frames)
        arrays = [frame.to_ndarray() for frame in given if frame is not None]
        empty = np.zeros((self._channels, 0), np.float32)
        return np.concatenate([empty, *arrays], axis=1, dtype=np.float32)

    def _chosen(self, frame: AudioFrame) -> tuple[AudioResampler, str]:
        """A resampler that takes such frames, and the layout to read their channels by."""
        from av.audio.resampler import AudioResampler
        from av.error import FFmpegError

        out = "mono" if self._channels == 1 else "stereo"
        for layout in _layouts(frame, self._channels):
            try:
                trial, made = (AudioResampler("fltp", out, self._rate) for _ in range(2))
                trial.resample(_labelled(frame, layout, self._channels))
            except (FFmpegError, ValueError, LookupError):
                continue
            return made, layout
        raise ValueError(f"{frame.layout.nb_channels} channels that cannot be mixed")


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _layouts(frame: AudioFrame, channels: int) -> list[str]:
    """Layouts to read the channels of a frame by, the best first; "" = the mean of all."""
    count = frame.layout.nb_channels
    if count == 1:
        # FFmpeg would take 3 dB from one channel that is heard on two sides.
        return ["mono"] if channels == 1 else ["", "mono"]
    if count == 2:
        return ["stereo"]
    # Channels without names are in the order that is usual for as many, where there is one.
    return [frame.layout.name, f"{count}c", ""]


def _labelled(frame: AudioFrame, layout: str, channels: int) -> AudioFrame:
    """The frame with its channels read by a layout, without a time; "" = the mean on all."""
    from av import AudioFrame

    if layout == frame.layout.name:
        frame.pts = None
        return frame
    array = frame.to_ndarray()
    name = frame.format.name
    if not layout:
        layout, name = "mono" if channels == 1 else "stereo", "fltp"
        array = np.repeat(_mean(array, frame), channels, axis=0)
    made = AudioFrame.from_ndarray(array, name, layout)
    made.sample_rate = frame.sample_rate
    return made


def _mean(array: npt.NDArray[Any], frame: AudioFrame) -> Samples:
    """The mean of all channels, (1, samples) in [-1, 1]."""
    if not frame.format.is_planar:
        array = array.reshape(-1, frame.layout.nb_channels).T
    mean = array.mean(axis=0, keepdims=True, dtype=np.float64)
    if array.dtype.kind == "u":
        mean -= 128
    scale = {"u1": 128.0, "i2": 2.0**15, "i4": 2.0**31}.get(array.dtype.str[1:], 1.0)
    mixed: Samples = (mean / scale).astype(np.float32)
    return mixed
