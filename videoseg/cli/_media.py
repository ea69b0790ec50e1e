"""What an input holds, in words: sizes, times, rates and colours as people know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from videoseg.cli._plan import in_bytes

if TYPE_CHECKING:
    from videoseg.types import Colour, StreamInfo

_BY_H273: Mapping[str, Mapping[int, str]] = {
    "primaries": {
        1: "BT.709", 4: "BT.470M", 5: "BT.470BG", 6: "SMPTE 170M", 7: "SMPTE 240M", 8: "film",
        9: "BT.2020", 10: "CIE XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU 3213",
    },
    "transfer": {
        1: "BT.709", 4: "gamma 2.2", 5: "gamma 2.8", 6: "SMPTE 170M", 7: "SMPTE 240M", 8: "linear",
        9: "log 100:1", 10: "log 316:1", 11: "IEC 61966-2-4", 12: "BT.1361", 13: "sRGB",
        14: "BT.2020, 10 bit", 15: "BT.2020, 12 bit", 16: "PQ", 17: "SMPTE ST 428", 18: "HLG",
    },
    "matrix": {
        0: "RGB", 1: "BT.709", 4: "FCC", 5: "BT.470BG", 6: "SMPTE 170M", 7: "SMPTE 240M",
        8: "YCgCo", 9: "BT.2020 non-constant", 10: "BT.2020 constant", 11: "SMPTE ST 2085",
        12: "chromaticity-derived non-constant", 13: "chromaticity-derived constant", 14: "ICtCp",
    },
}  # fmt: skip
"""Names of the numbers of ITU-T H.273."""


def colour_names(colour: Colour) -> dict[str, str]:
    """The tags of a stream by name and number; those that are there."""
    found = {}
    for tag, names in _BY_H273.items():
        number = getattr(colour, tag)
        if number is not None:
            found[tag] = f"{names.get(number, 'reserved')} ({number})"
    if colour.full_range is not None:
        found["range"] = "full" if colour.full_range else "limited"
    return found


def rows(info: StreamInfo, details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A stream as a table of names and values.

    Args:
        info: The stream.
        details: As of ``sources._av.details``.
    """
    yield "size", f"{info.width} x {info.height} pixels, {info.bit_depth} bit"
    if info.sample_aspect_ratio != 1:
        ratio = info.sample_aspect_ratio
        yield "pixel shape", f"{ratio.numerator}:{ratio.denominator}"
    if info.rotation:
        yield "rotation", f"{info.rotation} degrees clockwise, applied"
    if not info.still:
        yield "frames", "unknown" if info.frame_count is None else str(info.frame_count)
        yield "frame rate", "unknown" if info.frame_rate is None else rate_text(info.frame_rate)
        seconds = duration_of(info, details)
        yield "duration", "unknown" if seconds is None else duration_text(seconds)
        if info.start_pts:
            yield "first frame at", duration_text(float(info.start_pts * info.time_base))
        yield "time base", f"{info.time_base.numerator}/{info.time_base.denominator} s"
    if info.start_number:
        yield "first number", str(info.start_number)
    if info.timecode is not None:
        yield "timecode", info.timecode
    if "video" in details:
        yield "codec", _video(details["video"])
    names = colour_names(info.colour)
    if names:
        yield "colour", ", ".join(f"{tag} {name}" for tag, name in names.items())
    if not info.still:
        sounds = [_sound(each) for each in details.get("audio", ())]
        yield "sound", "; ".join(sounds) or ("yes" if info.has_audio else "none")
    yield from _container(details.get("container", {}))


def duration_of(info: StreamInfo, details: Mapping[str, Any]) -> float | None:
    """Seconds: as the file says, or else frames over their rate."""
    known: float | None = details.get("duration_seconds")
    if known is None and info.frame_count is not None and info.frame_rate and not info.still:
        return float(info.frame_count / info.frame_rate)
    return known


def rate_text(rate: Fraction) -> str:
    """``29.97 a second (30000/1001)``, ``25 a second``."""
    shown = f"{float(rate):.3f}".rstrip("0").rstrip(".")
    exact = "" if rate.denominator == 1 else f" ({rate.numerator}/{rate.denominator})"
    return f"{shown} a second{exact}"


def duration_text(seconds: float) -> str:
    """``4.004 s``, and hours, minutes and seconds beside it where there are minutes."""
    plain = f"{seconds:.3f} s"
    if abs(seconds) < 60:
        return plain
    whole, thousandths = divmod(round(abs(seconds) * 1000), 1000)
    hours, minutes = divmod(whole // 60, 60)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{hours}:{minutes:02d}:{whole % 60:02d}.{thousandths:03d} ({plain})"


def _video(about: Mapping[str, Any]) -> str:
    said = [_codec(about), about.get("pixel_format"), _bit_rate(about)]
    return ", ".join(filter(None, said))


def _sound(about: Mapping[str, Any]) -> str:
    channels, layout = about.get("channels"), about.get("layout")
    count = "1 channel" if channels == 1 else f"{channels} channels"
    named = f" ({layout})" if layout and layout != count else ""
    rate = f"{about['rate']} Hz" if "rate" in about else None
    said = [
        _codec(about) or "unknown codec",
        f"{count}{named}" if channels else None,
        rate,
        _bit_rate(about),
        f"language {about['language']}" if "language" in about else None,
    ]
    return ", ".join(filter(None, said))


def _codec(about: Mapping[str, Any]) -> str:
    profile = f", profile {about['profile']}" if "profile" in about else ""
    return f"{about['codec']}{profile}" if "codec" in about else ""


def _bit_rate(about: Mapping[str, Any]) -> str | None:
    return f"{about['bit_rate'] / 1000:,.0f} kbit/s" if "bit_rate" in about else None


def _container(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if about:
        name = about.get("format_name") or about["format"]
        said = [name, in_bytes(about["bytes"]) if "bytes" in about else None, _bit_rate(about)]
        yield "file", ", ".join(filter(None, said))
