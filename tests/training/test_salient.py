"""Answers of the teacher that are taken: one whole thing, without doubt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.salient import saliency, whole_thing


def _disc(value: float = 1.0, edge: float = 1.0) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[:120, :160]
    away = np.hypot(x - 80, y - 60)
    return np.asarray(np.clip((30 - away) / edge + 0.5, 0, 1) * value, dtype=np.float32)


def test_a_clear_thing_is_taken_and_nothing_else() -> None:
    found = whole_thing(_disc())
    assert found is not None
    np.testing.assert_array_equal(found, _disc() > 0.5)
    assert whole_thing(_disc(edge=20)) is None, "its edge is in doubt"
    assert whole_thing(_disc(value=0.0)) is None
    assert whole_thing(np.ones((120, 160), dtype=np.float32)) is None, "all of the photograph"
    two = _disc()
    two[5:35, 5:35] = 1
    assert whole_thing(two) is None, "two things"
    two[5:35, 5:35] = 0
    two[5:10, 5:10] = 1
    found = whole_thing(two)
    assert found is not None
    assert not found[5:10, 5:10].any(), "a scrap beside it is left out"


class _Brightness:
    """A network that finds bright pixels and has several outputs."""

    def get_inputs(self) -> list[object]:
        return [type("Input", (), {"name": "pixels"})]

    def run(self, _: None, given: dict[str, npt.NDArray[np.float32]]) -> list[object]:
        return [given["pixels"].mean(axis=1, keepdims=True), None]


def test_saliency_has_the_size_of_the_photograph_and_runs_from_0_to_1() -> None:
    image = np.zeros((90, 130, 3), dtype=np.uint8)
    image[30:60, 40:90] = 200
    sure = saliency(_Brightness(), image)
    assert sure.shape == (90, 130)
    assert (sure.min(), sure.max()) == (0, 1)
    assert sure[45, 65] > 0.9
