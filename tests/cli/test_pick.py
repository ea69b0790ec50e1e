"""--pick is another name for a setting of the embedded model."""

from __future__ import annotations

import pytest

from videoseg.cli.options.model import ModelOptions
from videoseg.errors import UsageError


def test_a_pick_is_a_setting_of_the_embedded_model() -> None:
    assert ModelOptions().assignments() == []
    for model in (None, "embedded"):
        assert ModelOptions(model=model, pick="left").assignments() == ["models.embedded.pick=left"]


def test_a_pick_for_another_model_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="--pick is for --model embedded, not sam3"):
        ModelOptions(model="sam3", pick="left").assignments()
