"""Every script in ``examples/`` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
CAT = str(ROOT / "sample_media" / "cat.mp4")
ARGUMENTS = {
    "areas": [CAT, "the cat"],
    "box": [CAT, "60", "10", "560", "350"],
    "tracks": [CAT, "the cat", "out"],
}


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
