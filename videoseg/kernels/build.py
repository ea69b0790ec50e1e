"""Compiles the kernels with the C compiler of this machine: ``python -m videoseg.kernels.build``.

Installing does the same (``hatch_build.py``), so this module imports nothing of the package. Only
the C library is needed, neither Python's headers nor any package, so one library serves every
Python.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = tuple(sorted(Path(__file__).parent.glob("*.c")))
HEADERS = tuple(sorted(Path(__file__).parent.glob("*.h")))
LIBRARY = "_kernels.dll" if sys.platform == "win32" else "_kernels.so"
"""File name of the compiled library, beside its sources."""
COMPILERS = ("cc", "gcc", "clang")
"""Tried in turn where ``CC`` names none."""
# No sum or product may be fused, or reordered: results are to be those of the Python code.
_FLAGS = (
    "-std=c11",
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
)
_LINKED = ("-shared", "-fPIC")


def digest() -> str:
    """Of the sources; a library that was compiled from others says another one."""
    found = hashlib.sha256()
    for source in (*SOURCES, *HEADERS):
        found.update(source.read_bytes())
    return found.hexdigest()[:16]


def build(folder: Path) -> str | None:
    """Compile the library into a folder; what was in the way, or None.

    A library that was there before is replaced only by one that can be loaded.
    """
    compiler = _compiler()
    if compiler is None:
        return "there is no C compiler (cc, gcc or clang)"
    made = folder / f"{LIBRARY}.new"
    flags = [flag for flag in (*_FLAGS, *_LINKED) if (sys.platform, flag) != ("win32", "-fPIC")]
    flags.append(f'-DVIDEOSEG_SOURCES="{digest()}"')
    command = [*compiler, *flags, *map(str, SOURCES), "-o", str(made), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")  # noqa: S603
        if done.returncode:
            return f"{compiler[0]} failed: {done.stderr.strip()[-1000:] or done.returncode}"
        ctypes.CDLL(str(made))
        made.replace(folder / LIBRARY)
    except OSError as error:
        return f"{compiler[0]} could not be used: {error}"
    finally:
        made.unlink(missing_ok=True)
    return None


def _compiler() -> list[str] | None:
    named = os.environ.get("CC", "").split()
    if named:
        return named
    found = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    return None if found is None else [found]


if __name__ == "__main__":
    trouble = build(Path(__file__).parent)
    sys.exit(None if trouble is None else f"not compiled, Python will be used: {trouble}")
