"""Where settings come from, which of two places wins, and what `videoseg config` says about it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from videoseg.cli._app import run
from videoseg.config import layers
from videoseg.config.json_schema import settings_schema
from videoseg.config.layers import PROJECT_FILE, project_file
from videoseg.config.run_config import load
from videoseg.errors import ConfigError
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.settings import MOVED, RENAMED


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder deep inside a project that has settings."""
    (tmp_path / ".git").mkdir()
    deep = tmp_path / "shots" / "one"
    deep.mkdir(parents=True)
    return deep


def says(path: Path, batch: int) -> Path:
    path.write_text(f"[run]\nbatch = {batch}\n")
    return path


@pytest.fixture
def places(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every place that settings come from; each says another batch, from 1 up."""
    preset = says(tmp_path / "preset.toml", 1)
    monkeypatch.setattr(layers, "presets", lambda: {"mine": preset})
    says(tmp_path / PROJECT_FILE, 2)
    return {
        "preset": "mine",
        "folder": project,
        "file": says(tmp_path / "given.toml", 3),
        "environment": {"VIDEOSEG_RUN_BATCH": "5"},
        "flags": {"batch": 6},
        "assignments": ["run.batch=7"],
    }


@pytest.mark.parametrize("lower", range(-1, 5))
def test_of_two_neighbours_the_later_wins(lower: int, places: dict[str, Any]) -> None:
    names = list(places)
    both = {name: places[name] for name in names[max(lower, 0) : lower + 2]}
    alone = {name: places[name] for name in names[lower + 1 : lower + 2]}
    assert load(**both).run.batch == load(**alone).run.batch != load().run.batch
    if lower >= 0:
        assert load(**both).run.batch != load(**{names[lower]: places[names[lower]]}).run.batch


def test_all_at_once(places: dict[str, Any]) -> None:
    assert load(**places).run.batch == 7


def test_what_two_places_say_about_different_settings_holds_together(tmp_path: Path) -> None:
    file = tmp_path / "given.toml"
    file.write_text("[tracking.iou]\nsmoothing = 0.25\n")
    found = load(file=file, environment={"VIDEOSEG_TRACKING_IOU_MIN_HITS": "1"})
    tracker = found.part("tracking", "iou")
    assert (tracker.smoothing, tracker.min_hits) == (0.25, 1)
    assert found.origins == {
        "tracking.iou.smoothing": str(file),
        "tracking.iou.min_hits": "VIDEOSEG_TRACKING_IOU_MIN_HITS",
    }


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_refused_and_the_new_one_named(old: str, new: str, tmp_path: Path) -> None:
    file = tmp_path / "given.toml"
    file.write_text(f"[tracking.iou]\n{old} = 1\n")
    ways: list[dict[str, Any]] = [
        {"file": file},
        {"assignments": [f"tracking.iou.{old}=1"]},
        {"environment": {f"VIDEOSEG_TRACKING_IOU_{old.upper()}": "1"}},
    ]
    for way in ways:
        with pytest.raises(ConfigError, match=f"{old!r} any more; it is called {new!r} now"):
            load(**way)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_in_an_earlier_run_is_read(old: str, new: str) -> None:
    found = load(recorded={"run": {}, "tracking": {"iou": {old: 1}}})
    assert found.tables["tracking"]["iou"] == {new: 1}


@pytest.mark.parametrize(("old", "new"), MOVED["tracking"].items())
@pytest.mark.parametrize("tracker", ["iou", "two-pass"])
def test_a_setting_that_has_moved_is_refused_and_its_new_place_named(
    old: str, new: str, tracker: str, tmp_path: Path
) -> None:
    file = tmp_path / "given.toml"
    file.write_text(f"[tracking.{tracker}]\n{old} = 1\n")
    variable = f"VIDEOSEG_TRACKING_{tracker.upper().replace('-', '_')}_{old.upper()}"
    ways: list[dict[str, Any]] = [
        {"file": file},
        {"assignments": [f"tracking.{tracker}.{old}=1"]},
        {"environment": {variable: "1"}},
    ]
    for way in ways:
        with pytest.raises(ConfigError, match=f"{old!r} any more; it is called {new!r} now"):
            load(**way)


def test_other_parts_have_no_setting_that_has_moved() -> None:
    with pytest.raises(ConfigError, match=r"writers\.svg has no setting 'curves';"):
        load(assignments=["writers.svg.curves=true"])
    found = load(assignments=["exporters.animated-svg.tolerance=2"])
    assert found.tables == {"exporters": {"animated-svg": {"tolerance": 2.0}}}


def test_the_table_of_outlines_is_set_in_every_way(tmp_path: Path) -> None:
    file = tmp_path / "given.toml"
    file.write_text("[outlines]\ntolerance = 0.25\n")
    found = load(preset="rotoscope", file=file, environment={"VIDEOSEG_OUTLINES_CURVES": "false"})
    assert found.outlines == Vectorizer(tolerance=0.25, curves=False)
    assert found.origins["outlines.tolerance"] == str(file)
    assert found.origins["outlines.curves"] == "VIDEOSEG_OUTLINES_CURVES"
    assert load(assignments=["outlines.curves=true"]).outlines == Vectorizer(curves=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("outlines.tolerances=1", "outlines has no setting .*mean 'tolerance'"),
        ("outlines.tolerance=-1", r"outlines\.tolerance = -1"),
        ("outlines.iou.tolerance=1", "--set takes part.key=value"),
        ("outline.iou.tolerance=1", "unknown table 'outline'.*'outlines'"),
    ],
)
def test_what_is_wrong_with_the_table_of_outlines_is_said(given: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(assignments=[given])


@pytest.mark.parametrize("tracker", ["iou", "two-pass"])
def test_settings_of_an_earlier_run_that_have_moved_are_read(tracker: str) -> None:
    earlier = {"tolerance": 1.5, "curves": True, "smoothing": 0.25}
    found = load(recorded={"run": {"tracker": tracker}, "tracking": {tracker: earlier}})
    assert found.outlines == Vectorizer(tolerance=1.5, curves=True)
    assert found.tables["tracking"][tracker] == {"smoothing": 0.25}
    now = load(recorded={"run": {}, "outlines": {"tolerance": 3.0}, "tracking": {"iou": earlier}})
    assert now.outlines == Vectorizer(tolerance=3.0, curves=True)


def test_an_earlier_run_is_changed_by_this_call_alone(places: dict[str, Any]) -> None:
    """A run that is taken up again must be what it was, wherever that is done."""
    around = {name: places[name] for name in ("preset", "folder", "file", "environment")}
    recorded = {"run": {"batch": 30}}
    assert load(recorded=recorded, **around).run.batch == 30
    assert load(recorded=recorded, flags={"batch": 6}).run.batch == 6
    assert load(recorded=recorded, assignments=["run.batch=7"]).run.batch == 7


def test_nothing_around_counts_unless_asked(places: dict[str, Any]) -> None:
    assert load().run.batch == 0


@pytest.mark.parametrize(
    ("name", "text", "kind", "part", "key", "value"),
    [
        ("VIDEOSEG_WRITERS_SVG_PRECISION", "2", "writers", "svg", "precision", 2),
        ("VIDEOSEG_EXPORTERS_ANIMATED_SVG_LOOP", "0", "exporters", "animated-svg", "loop", False),
        ("VIDEOSEG_WRITERS_OVERLAY_PRESET", "slow", "writers", "overlay", "preset", "slow"),
        ("VIDEOSEG_WRITERS_OVERLAY_PNG_OPACITY", "0.5", "writers", "overlay-png", "opacity", 0.5),
        ("VIDEOSEG_SOURCES_VIDEO_ON_BAD_FRAME", "fail", "sources", "video", "on_bad_frame", "fail"),
    ],
)  # fmt: skip
def test_variables(name: str, text: str, kind: Any, part: str, key: str, value: object) -> None:
    found = load(environment={name: text, "VIDEOSEG_DEBUG": "1", "VIDEOSEG_RUN_MODEL": ""})
    assert found.tables == {kind: {part: {key: value}}}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("VIDEOSEG_RUN_BATCHES", "VIDEOSEG_RUN_BATCHES: run has no setting .*mean 'batch'"),
        ("VIDEOSEG_RUN_MODEL", "VIDEOSEG_RUN_MODEL: no model"),
        ("VIDEOSEG_WRITERS_SVGS_PRECISION", "VIDEOSEG_WRITERS_SVGS_PRECISION does not name a part"),
        ("VIDEOSEG_WRITERS_SVG_PRECISON", "PRECISON: writers.svg has no .*mean 'precision'"),
        ("VIDEOSEG_WRITERS_SVG_PRECISION", "VIDEOSEG_WRITERS_SVG_PRECISION: writers.svg.precision"),
        ("VIDEOSEG_WRITER_SVG_PRECISION", "VIDEOSEG_WRITER_SVG_PRECISION is not a setting"),
        ("VIDEOSEG_MODEL", "VIDEOSEG_MODEL is not a setting; .*VIDEOSEG_RUN_"),
        ("VIDEOSEG_RUN", "VIDEOSEG_RUN is not a setting"),
        ("VIDEOSEG_PRESET", "VIDEOSEG_PRESET: no preset is called 'x'"),
    ],
)
def test_mistakes_name_the_variable(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(environment={name: "x"})


@pytest.mark.parametrize("layer", [{"assignments": ["run.start=12.5"]}, {"environment": {
    "VIDEOSEG_RUN_START": "12.5"}}])  # fmt: skip
def test_text_that_looks_like_a_number_stays_text(layer: Any) -> None:
    assert load(**layer).run.start == "12.5"


@pytest.mark.parametrize("lower", range(3))
def test_the_preset_is_named_by_the_nearest_place(lower: int, project: Path) -> None:
    names = sorted(layers.presets())
    given = project / "given.toml"
    (project / PROJECT_FILE).write_text(f'preset = "{names[0]}"\n')
    given.write_text(f'preset = "{names[1]}"\n[run]\nbatch = 9\n')
    places: list[dict[str, Any]] = [
        {"folder": project},
        {"file": given},
        {"environment": {"VIDEOSEG_PRESET": names[2]}},
        {"preset": names[3]},
    ]
    found = load(**{**places[lower], **places[lower + 1]})
    assert f"preset {names[lower + 1]!r}" in found.origins.values()
    assert f"preset {names[lower]!r}" not in found.origins.values()
    if lower == 0:
        assert found.run.batch == 9


def test_files_name_presets_that_exist(project: Path) -> None:
    file = project / PROJECT_FILE
    file.write_text("preset = 3\n")
    with pytest.raises(ConfigError, match=rf"{file}: preset must be the name"):
        load(folder=project)
    file.write_text('preset = "fats"\n')
    with pytest.raises(ConfigError, match=rf"{file}: no preset is called .*mean 'fast'"):
        load(folder=project)


def test_mistakes_name_the_file(project: Path, tmp_path: Path) -> None:
    file = tmp_path / PROJECT_FILE
    file.write_text('[run]\nmodel = "embeded"\n')
    with pytest.raises(ConfigError, match=rf"{file}: no model .*did you mean 'embedded'"):
        load(folder=project)
    file.write_text("[writers.svgs]\nprecision = 2\n")
    with pytest.raises(ConfigError, match=rf"{file}: no writer .*did you mean 'svg'"):
        load(folder=project)


def test_the_project_file_is_the_nearest(project: Path, tmp_path: Path) -> None:
    assert project_file(project) is None
    top = says(tmp_path / PROJECT_FILE, 1)
    assert project_file(project) == top
    near = says(project / PROJECT_FILE, 2)
    assert project_file(project) == near


def test_the_search_ends_at_the_top_of_the_project(project: Path, tmp_path: Path) -> None:
    says(tmp_path / PROJECT_FILE, 1)
    (project.parent / ".hg").mkdir()
    assert project_file(project) is None


def test_the_search_ends_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "clips").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    says(tmp_path / PROJECT_FILE, 1)
    assert project_file(home / "clips") is None
    assert project_file(home / "clips") != says(home / PROJECT_FILE, 2)
    assert project_file(home / "clips") == home / PROJECT_FILE


def test_outside_of_both_only_the_folder_itself_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    folder = tmp_path / "clips"
    folder.mkdir()
    says(tmp_path / PROJECT_FILE, 1)
    assert project_file(folder) is None
    own = says(folder / PROJECT_FILE, 2)
    assert project_file(folder) == own


def test_show_prints_a_file_that_means_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = 'run.start="a\\"b \\\\ \\u007f é"'
    assert run(["config", "show", "--preset", "rotoscope", "--set", hostile, "--origin"]) == 0
    file = tmp_path / "shown.toml"
    file.write_text(capsys.readouterr().out, encoding="utf-8")
    found, expected = load(file=file), load(preset="rotoscope", assignments=[hostile])
    assert found.run == expected.run
    for kind, parts in expected.tables.items():
        for part in parts:
            assert found.part(kind, part) == expected.part(kind, part)


def test_show_says_where_settings_come_from(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("VIDEOSEG_WRITERS_SVG_PRECISION", "3")
    says(tmp_path / PROJECT_FILE, 2)
    assert run(["config", "show", "--origin", "--json", "--preset", "rotoscope"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"]["batch"] == {"value": 2, "origin": str(tmp_path / PROJECT_FILE)}
    precision = {"value": 3, "origin": "VIDEOSEG_WRITERS_SVG_PRECISION"}
    assert found["writers"]["svg"]["precision"] == precision
    assert found["tracking"]["iou"]["smoothing"]["origin"] == "preset 'rotoscope'"
    assert found["run"]["model"] == {"value": "embedded", "origin": "default"}


def test_show_refuses_what_segment_would(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--set", "run.bach=1"]) == 2
    assert "--set run.bach=1: run has no setting 'bach'" in capsys.readouterr().err


def test_presets_are_listed_with_their_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(layers.presets())
    assert all(len(line.split()) > 4 for line in lines)


def test_the_schema_is_one_and_takes_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    validator = jsonschema.Draft202012Validator
    validator.check_schema(schema)
    for path in layers.presets().values():
        validator(schema).validate(tomllib.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": {"batches": 3}},
        {"run": {"batch": -1}},
        {"run": {"model": "embeded"}},
        {"run": {"write": ["svgs"]}},
        {"writers": {"svgs": {}}},
        {"writers": {"svg": {"precision": "two"}}},
        {"tracking": {"iou": {"smoothing": 2}}},
        {"writer": {}},
        {"preset": "fats"},
    ],
)
def test_the_schema_refuses_what_we_refuse(wrong: dict[str, Any]) -> None:
    assert list(jsonschema.Draft202012Validator(settings_schema()).iter_errors(wrong))
