"""What the benchmarks of open models count and run, with tiny networks."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from benchmarks import gpu
from benchmarks.backbone_calls import COUNTS, Calls


@pytest.mark.parametrize("name", COUNTS)
def test_a_frame_is_looked_at_once_whatever_is_asked(name: str, tmp_path: Path) -> None:
    """And everything that is asked is decoded in one call."""
    assert COUNTS[name](tmp_path) == Calls(1.0, 1)


def test_the_benchmark_for_gpus_runs_from_end_to_end_with_tiny_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = gpu.parse(["--tiny", "--frames", "4", "--objects", "2", "--fp8"])
    clip = gpu.made_clip(tmp_path, *gpu.film_size(arguments), arguments.frames)
    found = {one.name: one for one in gpu.measure(arguments, clip)}
    assert list(found) == [
        "bare eager",
        "bare eager, 8 bits",
        "bare compiled",
        "pipeline, 2 objects",
        "with overlay, 2 objects",
    ]
    assert found["bare compiled"].share == 1
    assert all(one.speed > 0 for one in found.values())
    assert all(0 <= (one.idle or 0) < 1 for one in found.values())
    assert found["pipeline, 2 objects"].idle is not None
    assert "192 x 108, 4 frames" in capsys.readouterr().out
