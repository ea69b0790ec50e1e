"""ViTMatte with a tiny random network: what it is shown, and what comes back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.torch_models import save, tiny_vitmatte
from videoseg.config.run_config import load
from videoseg.edges.soft_edges import signed_distance
from videoseg.errors import MissingDependencyError
from videoseg.matting.vitmatte import DIVISOR, WEIGHTS, VitMatte, padded
from videoseg.types import EdgeWindow

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(tiny_vitmatte(), tmp_path_factory.mktemp("vitmatte"))


def window(width: int, height: int, softness: float = 2.0) -> EdgeWindow:
    """The left half is the object."""
    inside = np.zeros((height, width), bool)
    inside[:, : (width + 1) // 2] = True
    image = np.random.default_rng(0).random((height, width, 3), np.float32)
    return EdgeWindow((0, 0, width, height), image, signed_distance(inside), softness)


@given(height=st.integers(1, 100), width=st.integers(1, 100))
def test_padding_adds_below_and_right_alone(height: int, width: int) -> None:
    pixels = torch.rand(4, height, width) + 1
    grown = padded(pixels)
    rows, columns = grown.shape[-2:]
    assert rows % DIVISOR == columns % DIVISOR == 0
    assert 0 <= rows - height < DIVISOR
    assert 0 <= columns - width < DIVISOR
    assert torch.equal(grown[:, :height, :width], pixels)
    assert grown.sum() == pytest.approx(float(pixels.sum()), rel=1e-5)


def test_the_network_sees_what_the_processor_of_transformers_makes() -> None:
    processors = pytest.importorskip("transformers.models.vitmatte.image_processing_pil_vitmatte")
    shown = window(45, 70)
    image = np.rint(shown.image * 255).astype(np.uint8)
    exact = EdgeWindow(shown.box, (image / 255).astype(np.float32), shown.distance, shown.softness)
    processor = processors.VitMatteImageProcessorPil()
    trimap = np.rint(shown.trimap * 255).astype(np.uint8)
    theirs = processor(images=image, trimaps=trimap, return_tensors="np")["pixel_values"][0]
    ours = padded(torch.as_tensor(VitMatte()._pixels(exact))).numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 3e-3  # half of 255 is none of its levels


def test_trimaps_say_inside_outside_and_unknown() -> None:
    shown = window(40, 8)
    assert set(np.unique(shown.trimap)) == {0, 0.5, 1}
    assert (shown.trimap[:, :15] == 1).all()
    assert (shown.trimap[:, 25:] == 0).all()
    assert (shown.trimap[:, 19:21] == 0.5).all()


@pytest.mark.parametrize(("width", "height"), [(2, 1), (31, 33), (64, 64), (150, 40)])
def test_a_matte_has_the_size_of_its_window(weights: str, width: int, height: int) -> None:
    alpha = VitMatte(weights).alpha(window(width, height))
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.float32
    assert ((alpha >= 0) & (alpha <= 1)).all()


def test_the_network_is_used(weights: str) -> None:
    shown, engine = window(40, 40), VitMatte(weights)
    other = EdgeWindow(shown.box, 1 - shown.image, shown.distance, shown.softness)
    assert np.abs(engine.alpha(shown) - engine.alpha(other)).max() > 1e-3


def test_long_windows_are_shown_smaller(weights: str) -> None:
    engine = VitMatte(weights, long_side=64)
    shown = window(200, 90)
    assert engine._pixels(shown).shape == (4, 29, 64)
    assert set(np.unique(engine._pixels(shown)[3])) <= {0, 0.5, 1}
    assert engine.alpha(shown).shape == (90, 200)


def test_weights_that_are_not_there_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"hf download hustvl/vitmatte-small"):
        VitMatte(offline=True).alpha(window(40, 40))


def test_packages_that_are_not_there_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError) as raised:
        VitMatte().alpha(window(40, 40))
    assert str(raised.value) == (
        "matting 'vitmatte' needs torch and transformers: pip install 'videoseg[models]'"
    )


def test_settings_of_the_run_reach_the_engine(caplog: pytest.LogCaptureFixture) -> None:
    config = load(flags={"device": "cpu", "offline": True})
    engine = config.part("matting", "vitmatte")
    assert (engine.device, engine.offline) == ("cpu", True)
    config.part("matting", "guided")
    assert not caplog.records


def test_the_weights_are_of_one_revision() -> None:
    """A branch may move, and with it every matte."""
    assert re.fullmatch(r"[\w-]+/[\w.-]+@[0-9a-f]{40}", WEIGHTS)
