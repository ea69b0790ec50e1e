"""Where things are in the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The top of the project."""
GOLDEN = ROOT / "tests" / "golden"
"""Files whose bytes must not change."""
