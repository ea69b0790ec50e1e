"""The list of skips that are allowed: every line is read, and what it does not name fails a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ALLOWED, LIST, allowed_reasons
from tests.support.places import ROOT

SKIPPED = 'import pytest\n\ndef test_it() -> None:\n    pytest.skip("{reason}")\n'


def lines() -> list[str]:
    return LIST.read_text(encoding="utf-8").splitlines()


def test_every_line_of_the_list_is_read() -> None:
    wanted = [line for line in lines() if line.strip() and not line.startswith("#")]
    in_core, in_extras = (allowed_reasons(name, lines()) for name in ("core", "extras"))
    both = [line for line in wanted if line.startswith("any ")]
    assert len(in_core) + len(in_extras) == len(wanted) + len(both) > 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "environment", "fails"),
    [
        ("the moon is full", "core", True),
        ("needs decord2 (videoseg[decord])", "core", False),
        ("needs decord2 (videoseg[decord])", "extras", True),
        ("the moon is full", "", False),
    ],
)
def test_a_skip_that_is_not_on_it_fails(
    reason: str, environment: str, fails: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_moon.py").write_text(SKIPPED.format(reason=reason), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "tests.conftest", str(folder)]
    done = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)],
        env={**os.environ, ALLOWED: environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == int(fails), done.stdout + done.stderr
    assert ("skip that is not in" in done.stdout) == fails
