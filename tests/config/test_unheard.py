"""A setting that says which thing is meant, for a model that is not asked."""

from __future__ import annotations

from pathlib import Path

from videoseg.config.run_config import load
from videoseg.config.unheard import unheard_picks


def test_a_pick_in_a_file_for_another_model_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[models.embedded]\npick = "left"\n[models.sam3]\nredetect = 4\n')
    (line,) = unheard_picks(load(file=file, flags={"model": "clipseg"}))
    assert "mine.toml" in line
    assert "models.embedded.pick = 'left' does not count, since clipseg is asked" in line
    assert unheard_picks(load(file=file, flags={"model": "embedded"})) == ()
    assert unheard_picks(load(flags={"model": "clipseg"})) == ()


def test_a_pick_counts_for_a_model_of_a_pair(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[models.embedded]\npick = "left"\n')
    paired = load(file=file, flags={"model": "grounding-dino+embedded"})
    assert unheard_picks(paired) == ()
