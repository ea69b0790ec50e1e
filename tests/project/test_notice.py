"""NOTICE names what the core's dependencies bundle, and what is said there of OpenCV holds."""

from __future__ import annotations

import ast
import platform
import re
import subprocess
import sys
from importlib.metadata import version

import pytest

from tests.support.places import ROOT

SCRIPT = ROOT / ".ci" / "notice.py"
OPENS = re.compile(r"Video|imread|imwrite|imcount|haveImage|FileStorage|readNet|dnn|CAP_")
"""What of OpenCV opens a file name or an address."""


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_it_is_of_the_dependencies_as_they_are_pinned() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("NOTICE lists the wheels for Linux on x86-64")
    for name in ("av", "opencv-python-headless", "shapely"):
        if pinned()[name] != version(name):
            pytest.skip("the dependencies are not those of constraints.txt")
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "bundled", ["x264: GPL", "x265: GPL", "GEOS: LGPL", "GnuTLS", "OpenSSL", "libquadmath: LGPL"]
)
def test_what_matters_is_named(bundled: str) -> None:
    assert bundled in (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_opencv_opens_no_file_and_no_address() -> None:
    found: set[str] = set()
    for path in (ROOT / "videoseg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and _is_opencv(node.value):
                found.add(node.attr)
    assert "imdecode" in found
    assert not {name for name in found if OPENS.search(name)}


def _is_opencv(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "cv2"
