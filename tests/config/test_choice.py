"""Which model a run takes where it may choose."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import pytest

from videoseg import registry
from videoseg.config import model_choice as choice
from videoseg.config.model_choice import chosen, is_present
from videoseg.config.run_config import RunConfig, load
from videoseg.types import Cue, ModelCard, Prompt

WORDS = Prompt("cat", text="cat")
POINT = Prompt("it", cues=(Cue(points=((1.0, 1.0, True),)),))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of models that count as being on this machine, beside the embedded one."""
    names: set[str] = set()

    def present(card: ModelCard, weights: str = "") -> bool:
        return card.extra is None or card.name in names or weights == "here"

    monkeypatch.setattr(choice, "is_present", present)
    return names


def auto(*prompts: Prompt, config: RunConfig | None = None) -> str:
    return chosen(config or load(flags={"model": "auto"}), prompts).run.model


def test_a_name_stays() -> None:
    config = load(flags={"model": "sam3"})
    assert chosen(config, [WORDS]) is config


def test_without_weights_it_is_the_embedded_one(
    here: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert not here
    with caplog.at_level(logging.WARNING):
        assert auto(WORDS) == "embedded"
    assert "--model auto takes embedded" in caplog.text


def test_the_best_that_is_here(here: set[str], caplog: pytest.LogCaptureFixture) -> None:
    here |= {"sam3", "sam3-litetext-s0", "sam2.1-large"}
    with caplog.at_level(logging.WARNING):
        assert auto(WORDS) == "sam3"
    assert "--model auto takes sam3: SAM 3" in caplog.text
    here.remove("sam3")
    assert auto(WORDS) == "sam3-litetext-s0"


def test_it_must_take_what_is_asked(here: set[str]) -> None:
    here |= {"sam3-litetext-s0", "sam2.1-tiny", "sam2.1-large"}
    assert auto(POINT) == "sam2.1-large"
    assert auto(WORDS, POINT) == "embedded"


def test_weights_in_a_folder_count(here: set[str]) -> None:
    assert not here
    config = load(flags={"model": "auto"}, assignments=["models.sam3.weights=here"])
    assert auto(WORDS, config=config) == "sam3"


def test_presence_needs_packages_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = registry.card("sam3")
    assert is_present(registry.card("embedded"))
    assert not is_present(card, str(tmp_path))
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert is_present(card, str(tmp_path))
    assert not is_present(dataclasses.replace(card, packages=("no_such_package",)), str(tmp_path))
    both = dataclasses.replace(card, weights=(str(tmp_path), str(tmp_path / "other")))
    assert not is_present(both)


def test_settings_of_the_run_reach_the_model(caplog: pytest.LogCaptureFixture) -> None:
    flags = {"device": "cpu", "precision": "bf16", "compile": True, "offline": True}
    config = load(flags=flags, assignments=["models.sam3.precision=fp32"])
    part: Any = config.part("models", "sam3")
    assert (part.device, part.precision, part.compile, part.offline) == ("cpu", "fp32", True, True)
    with caplog.at_level(logging.WARNING):
        config.part("models", "embedded")
    assert "model embedded has no setting 'device'; it is not used" in caplog.text


def test_a_model_with_nothing_said_has_its_own_defaults() -> None:
    part: Any = load().part("models", "sam3")
    assert (part.device, part.precision, part.compile, part.offline) == (
        "auto",
        "auto",
        False,
        False,
    )
