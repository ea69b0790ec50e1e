"""Layers of settings, and every mistake in them named with its place and the nearest name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from videoseg import registry
from videoseg.config import layers
from videoseg.config.run_config import RunConfig, load
from videoseg.config.run_settings import RunSettings
from videoseg.errors import ConfigError
from videoseg.settings import settings_of


def test_nothing_given_is_the_defaults() -> None:
    assert load() == RunConfig()
    assert load().run == RunSettings()


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[run]\nbatch = 2\nwrite = ["svg"]\n[tracking.iou]\nsmoothing = 0.25\n')
    found = load(file=file, flags={"batch": 3}, assignments=["tracking.iou.min_hits=1"])
    assert found.run.batch == 3
    assert found.run.write == ("svg",)
    tracker = found.part("tracking", "iou")
    assert (tracker.smoothing, tracker.min_hits) == (0.25, 1)
    assert load(file=file, assignments=["run.batch=7"]).run.batch == 7


def test_a_value_that_is_not_toml_is_a_string() -> None:
    assert load(assignments=["run.model=embedded"]).run.model == "embedded"


def test_a_part_may_have_dots_in_its_name() -> None:
    found = load(assignments=["models.sam2.1-tiny.device=cpu"])
    assert found.tables["models"]["sam2.1-tiny"] == {"device": "cpu"}


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("tracking.iou.smothing=1", "did you mean 'smoothing'"),
        ("tracking.iou.confirm=1", "'confirm' any more; it is called 'min_hits' now"),
        ("tracking.two-pass.bridge=1", "it is called 'max_gap_frames' now"),
        ("writers.svg.lost=1", "no setting 'lost'; "),
        ("tracking.iou.smoothing=2", "less than or equal to 1"),
        ("tracking.iou.smoothing=much", "valid number"),
        ("tracking.uio.smoothing=1", "did you mean 'iou'"),
        ("trackng.iou.smoothing=1", "did you mean 'tracking'"),
        ("run.batch=-1", "greater than or equal to 0"),
        ("run.model=embeded", "did you mean 'embedded'"),
        ('run.write=["svgs"]', "did you mean 'svg'"),
        ("run.source=vide", "did you mean 'video'"),
        ("smoothing=1", "part.key=value"),
        ("tracking.iou.smoothing", "part.key=value"),
        ("models.owlv2+sam2.1-tiny.grounder=1", "two models with settings of their own"),
        ("", "part.key=value"),
    ],
)
def test_mistakes(assignment: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load(assignments=[assignment])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("run = 3", "run must be a table"),
        ("[run", "not TOML"),
        ("[writers]\nsvg = 3", "writers.svg must be a table"),
        ("[run]\nbatches = 3", "did you mean 'batch'"),
    ],
)
def test_mistakes_in_files(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=says):
        load(file=file)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read settings"):
        load(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="did you mean 'fast'"):
        load(preset="fats")


@pytest.mark.parametrize("name", sorted(layers.presets()))
def test_every_preset_builds_every_part_it_names(name: str) -> None:
    found = load(preset=name)
    for kind, tables in found.tables.items():
        for part in tables:
            found.part(kind, part)
    raw = tomllib.loads(layers.presets()[name].read_text(encoding="utf-8"))
    assert raw, "a preset says something"


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]
)
def test_every_setting_of_every_part_is_documented(kind: registry.Kind, name: str) -> None:
    for setting in settings_of(registry.find(kind, name).cls):
        assert setting.doc, f"{kind}.{name}.{setting.name} says nothing about itself"
    RunConfig().part(kind, name)


def test_the_settings_of_the_run_are_documented() -> None:
    assert all(setting.doc for setting in settings_of(RunSettings))
