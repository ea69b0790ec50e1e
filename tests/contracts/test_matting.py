"""What every matting engine keeps to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.torch_models import save, tiny_vitmatte
from videoseg import registry
from videoseg.edges.soft_edges import signed_distance
from videoseg.errors import MissingDependencyError
from videoseg.protocols import Matter
from videoseg.types import EdgeWindow

SOFTNESS = 5.0


def window(inside: npt.NDArray[np.bool_], seed: int = 0) -> EdgeWindow:
    """Reddish inside, bluish outside, with noise."""
    height, width = inside.shape
    colours = np.where(inside[..., None], (0.8, 0.4, 0.2), (0.1, 0.3, 0.6))
    colours = colours + 0.02 * np.random.default_rng(seed).standard_normal((height, width, 3))
    image = np.clip(colours, 0, 1).astype(np.float32)
    return EdgeWindow((0, 0, width, height), image, signed_distance(inside), SOFTNESS)


def disc(radius: float) -> npt.NDArray[np.bool_]:
    rows, columns = np.mgrid[:60, :70]
    return np.asarray((rows - 30) ** 2 + (columns - 35) ** 2 < radius**2)


UNTRAINED: dict[str, Callable[[], Any]] = {"vitmatte": tiny_vitmatte}
"""Networks, made with random weights: what they answer means nothing."""
TRAINED = [name for name in registry.names("matting") if name not in UNTRAINED]


@pytest.fixture(params=registry.names("matting"))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Matter:
    settings = {}
    if request.param in UNTRAINED:
        settings["weights"] = save(UNTRAINED[request.param](), tmp_path)
    made = registry.find("matting", request.param).make(**settings)
    assert isinstance(made, Matter)
    try:
        made.alpha(window(disc(20)))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return made


def test_there_is_one_that_needs_nothing() -> None:
    assert "guided" in registry.names("matting")


@pytest.mark.parametrize("radius", [1.5, 20, 29, 100])
def test_mattes_are_shares_of_each_pixel(engine: Matter, radius: float) -> None:
    given = window(disc(radius))
    alpha = engine.alpha(given)
    assert alpha.shape == given.distance.shape
    assert alpha.dtype == np.float32
    assert np.isfinite(alpha).all()


@pytest.mark.parametrize("engine", TRAINED, indirect=True)
def test_where_colours_agree_with_the_mask_its_edge_is_kept(engine: Matter) -> None:
    given = window(disc(20))
    band = np.abs(given.distance) < SOFTNESS
    wrong = np.abs(engine.alpha(given) - disc(20))[band]
    assert wrong.mean() < 0.06


def test_the_same_window_has_the_same_matte(engine: Matter) -> None:
    given = window(disc(20))
    assert np.array_equal(engine.alpha(given), engine.alpha(given))


def test_what_is_given_is_left_as_it_is(engine: Matter) -> None:
    given = window(disc(20))
    image, distance = given.image.copy(), given.distance.copy()
    engine.alpha(given)
    assert np.array_equal(given.image, image)
    assert np.array_equal(given.distance, distance)


def test_several_threads_get_the_mattes_that_one_gets(engine: Matter) -> None:
    given = [window(disc(10 + n), seed=n) for n in range(6)]
    alone = [engine.alpha(each) for each in given]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(engine.alpha, given))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
