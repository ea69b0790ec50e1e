"""SECURITY.md says nothing that no test holds."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.places import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", TEXT)))


def test_every_row_names_a_test() -> None:
    assert len(ROWS) > 10
    for row in ROWS:
        assert re.search(r"`[\w/]+\.py::test_\w+`", row.rpartition(" | ")[2]), row


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_the_tests_are_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_what_must_be_spoken_of_is() -> None:
    for word in (
        *("command line", "`videoseg.toml`", "`--config`", "videos", "prompts", "output folders"),
        *("weights", "plug-ins", "services", "keys", "terminal"),
    ):
        assert word in TEXT
    assert "## How to report" in TEXT
    assert "@" not in TEXT, "no address that nobody reads"


def test_the_readme_leads_there() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
