"""Every script in ``examples/`` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.waiting import PATIENCE

CUP = str(ROOT / "sample_media" / "coffee.jpg")  # one frame: scripts take any input alike
ARGUMENTS = {
    "areas": [CUP, "the coffee cup"],
    "box": [CUP, "100", "60", "420", "330"],
    "tracks": [CUP, "the coffee cup", "out"],
}


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path), *ARGUMENTS[path.stem]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()
