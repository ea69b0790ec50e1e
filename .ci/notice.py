"""Writes the part of NOTICE that names the libraries inside of the core's dependencies.

Looks at the packages that the core needs as they are installed, for Linux on x86-64: their own
licences, and the shared libraries that their wheels bundle. A library that is not in the table
below ends the script: look up its licence first.

usage: python .ci/notice.py [--check]
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

NOTICE = Path(__file__).parent.parent / "NOTICE"
HEADING = "Packages that the core depends on, and what their wheels contain"
INTRODUCTION = """
Nothing of these is part of videoseg; `pip install videoseg` fetches them. Whoever redistributes
their wheels has to meet these licences too. x264 and x265, inside of the wheel of PyAV, are under
the GPL, version 2 or later. opencv-python-headless bundles OpenSSL 1.1.1k for network streams of
its own FFmpeg; videoseg decodes pictures from memory with OpenCV and never opens a stream or a file
name with it. The list is of the wheels for Linux on x86-64; their own licence files tell what else
is compiled into them. Made by .ci/notice.py.
"""
FFMPEG = ("FFmpeg", "LGPL-2.1-or-later; LGPL-3.0-or-later as PyAV configures it")
GCC = ("GCC runtime libraries", "GPL-3.0-or-later WITH GCC-exception-3.1")
GEOS = ("GEOS", "LGPL-2.1-or-later")
OPENBLAS = ("OpenBLAS", "BSD-3-Clause")
OPENSSL = ("OpenSSL 1.1.1", "OpenSSL")
WEBP = ("libwebp", "BSD-3-Clause")
XCB = ("libxcb", "MIT")
AMR = ("OpenCORE AMR", "Apache-2.0")
NETTLE = ("Nettle", "LGPL-3.0-or-later OR GPL-2.0-or-later")
LIBRARIES = {
    "SvtAv1Enc": ("SVT-AV1", "BSD-3-Clause-Clear, with the AOM patent licence"),
    "Xau": ("libXau", "MIT"),
    "aom": ("libaom", "BSD-2-Clause, with the AOM patent licence"),
    "asound": ("ALSA library", "LGPL-2.1-or-later"),
    "avcodec": FFMPEG,
    "avdevice": FFMPEG,
    "avfilter": FFMPEG,
    "avformat": FFMPEG,
    "avif": ("libavif", "BSD-2-Clause"),
    "avutil": FFMPEG,
    "crypto": OPENSSL,
    "dav1d": ("dav1d", "BSD-2-Clause"),
    "drm": ("libdrm", "MIT"),
    "geos": GEOS,
    "geos_c": GEOS,
    "gfortran": GCC,
    "gmp": ("GMP", "LGPL-3.0-or-later OR GPL-2.0-or-later"),
    "gnutls": ("GnuTLS", "LGPL-2.1-or-later"),
    "hogweed": NETTLE,
    "mp3lame": ("LAME", "LGPL-2.0-or-later"),
    "nettle": NETTLE,
    "openblasp": OPENBLAS,
    "opencore-amrnb": AMR,
    "opencore-amrwb": AMR,
    "opus": ("Opus", "BSD-3-Clause"),
    "png16": ("libpng", "libpng-2.0"),
    "quadmath": ("libquadmath", "LGPL-2.1-or-later"),
    "scipy_openblas": OPENBLAS,
    "scipy_openblas64_": OPENBLAS,
    "sharpyuv": WEBP,
    "ssl": OPENSSL,
    "swresample": FFMPEG,
    "swscale": FFMPEG,
    "unistring": ("libunistring", "LGPL-3.0-or-later OR GPL-2.0-or-later"),
    "vpl": ("Intel VPL", "MIT"),
    "vpx": ("libvpx", "BSD-3-Clause"),
    "webp": WEBP,
    "webpmux": WEBP,
    "x264": ("x264", "GPL-2.0-or-later"),
    "x265": ("x265", "GPL-2.0-or-later"),
    "xcb": XCB,
    "xcb-shape": XCB,
    "xcb-shm": XCB,
    "xcb-xfixes": XCB,
}
"""Project and licence by the library's name without ``lib``, hash and version."""
PACKAGES = {
    "opencv-python-headless": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "flatbuffers": "Apache-2.0",
    "scipy": "BSD-3-Clause",
}
"""Licences of packages whose metadata do not name them in the form of SPDX."""


def needed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """The packages that one needs without extras, and those that they need."""
    for text in distribution(name).requires or ():
        requirement = Requirement(text)
        key = requirement.name.lower().replace("_", "-")
        if key in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[key] = distribution(requirement.name)
        needed(requirement.name, found)
    return found


def licence_of(name: str, package: Distribution) -> str:
    """The licence that a package names, as an expression of SPDX."""
    said = PACKAGES.get(name) or package.metadata.get("License-Expression")
    if said:
        return said
    short = package.metadata.get("License") or ""
    if 0 < len(short) < 40:
        return re.sub(r" License$", "", short)
    for classifier in package.metadata.get_all("Classifier") or ():
        if classifier.startswith("License :: OSI Approved :: "):
            return re.sub(r" License( \(\w+\))?$", "", classifier.rsplit(" :: ", 1)[1])
    sys.exit(f"{name}: metadata name no licence; add it to PACKAGES in {__file__}")


def libraries_in(package: Distribution) -> Iterator[str]:
    """Names of the shared libraries that a wheel bundles, without hash and version."""
    for file in package.files or ():
        if file.parts[0].endswith(".libs") and ".so" in file.name:
            yield re.sub(
                r"^lib|(-r\d+)?(-[0-9a-f]{8})+\.(\d+\.)*so.*$|-\.so$|\.so.*$", "", file.name
            )


def section() -> str:
    """The part of NOTICE."""
    lines = [HEADING, *INTRODUCTION.splitlines()[1:], ""]
    for name, package in sorted(needed("videoseg", {}).items()):
        lines.append(f"{name} {package.version}: {licence_of(name, package)}")
        by_project: dict[tuple[str, str], list[str]] = {}
        for library in sorted(set(libraries_in(package))):
            if library not in LIBRARIES:
                sys.exit(f"{name} bundles {library}: look up its licence, and add it to LIBRARIES")
            by_project.setdefault(LIBRARIES[library], []).append(library)
        for (project, licence), _ in sorted(by_project.items()):
            lines.append(f"    {project}: {licence}")
    indented = (
        textwrap.indent(line, "    ") if place else line for place, line in enumerate(lines)
    )
    return "\n".join(indented) + "\n"


def main() -> None:
    """Write the part, or say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if outdated")
    check = parser.parse_args().check
    before = NOTICE.read_text(encoding="utf-8")
    own, _, _ = before.partition(HEADING)
    after = own + section()
    if check:
        sys.exit(0 if after == before else f"{NOTICE.name} is outdated: run {__file__}")
    NOTICE.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
