"""Every model can be served: what it answers over HTTP is what it answers directly."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_models import IMAGE, MODELS
from tests.support import web
from videoseg.types import Cue, Frame, Mask, Prompt

web.need_web()

PHRASE = "red thing"
BOX = (40.0, 60.0, 140.0, 160.0)


def direct(model: Any, prompt: Prompt) -> Mask | None:
    model.prepare([prompt])
    frame = Frame("f", 0, 0, Fraction(1), IMAGE)
    (found,) = model.segment([frame], [[prompt]])
    best = max(found.instances, key=lambda one: one.score, default=None)
    return None if best is None else best.mask


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("marked", [False, True])
def test_it_answers_as_the_model_does(name: str, marked: bool, tmp_path: Path) -> None:
    height, width = IMAGE.shape[:2]
    x1, y1, x2, y2 = BOX
    refs = [[x1 / width, y1 / height, x2 / width, y2 / height]] if marked else None
    posted = {"image_url": web.data_uri(IMAGE), "object": PHRASE, "spatial_refs": refs}
    with MODELS[name](tmp_path) as model:
        kinds = model.card.kinds
        with web.answering(model) as place:
            status, answer = web.post_json(place, "/v1/segment", posted)
        if "text" not in kinds and not marked:
            assert (status, "takes no text" in answer["error"]) == (422, True)
            return
        assert status == 200, answer
        if marked and "box" not in kinds:
            return  # which of its answers fits the box is chosen by the server
        cues = [Cue(boxes=[BOX])] if marked else []
        words = PHRASE if "text" in kinds else None
        wanted = direct(model, Prompt(text=words, cues=cues, max_instances=1 if marked else None))
        model.close()
    if wanted is None:
        assert answer == {"path": ""}
        return
    left, top, right, bottom = wanted.box
    sides = (left / width, top / height, right / width, bottom / height)
    assert list(answer["bbox"].values()) == pytest.approx(sides, abs=1e-5)
