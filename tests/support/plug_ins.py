"""The models of the tests as an installed package, for processes of their own."""

from __future__ import annotations

from pathlib import Path

MODELS = {
    "colours": "Colours",
    "slow": "Slow",
    "pieces": "Pieces",
    "killed": "Killed",
    "watched": "Watched",
}


def install_models(folder: Path) -> None:
    """Put entry points of the stand-ins for models into a folder, as an installer does."""
    info = folder / "videoseg_tests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: videoseg-tests\nVersion: 1.0\n")
    lines = [f"{name} = tests.support.fakes:{cls}" for name, cls in MODELS.items()]
    (info / "entry_points.txt").write_text("\n".join(["[videoseg.models]", *lines, ""]))
