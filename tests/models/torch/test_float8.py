"""Products in 8 bits: as exact as the format is, and refused where masks come out otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.reference_models import box_mask, model
from tests.support.torch_models import TINY
from videoseg.errors import ModelError
from videoseg.models._torch import float8
from videoseg.networks.device import Device
from videoseg.types import Detections, Instance

torch: Any = pytest.importorskip("torch")


def test_a_layer_gives_what_rounding_both_sides_to_8_bits_gives() -> None:
    """Against the same sums in float32 of values that were rounded and scaled back."""
    torch.manual_seed(0)
    plain = torch.nn.Linear(64, 32)
    holder = torch.nn.Sequential(plain, torch.nn.Linear(32, 7))
    given = torch.randn(3, 5, 64) * 20
    assert float8.take_float8([holder]) == 1  # a side of 7 cannot be multiplied
    made = holder[0](given)

    def rounded(values: Any) -> Any:
        scale = values.abs().max() / 448
        return (values / scale).to(torch.float8_e4m3fn).float() * scale

    expected = rounded(given) @ rounded(plain.weight).T + plain.bias
    assert made.shape == (3, 5, 32)
    assert torch.allclose(made, expected, atol=1e-3, rtol=1e-3)
    exact = plain(given)
    off = (made - exact).norm() / exact.norm()
    assert 0.005 < off < 0.06


def test_nothing_is_lost_of_what_is_zero_or_large() -> None:
    values, scale = float8.in_float8(torch.zeros(4, 16))
    assert float((values.float() * scale).abs().max()) == 0
    values, scale = float8.in_float8(torch.full((2, 16), 1e6, dtype=torch.bfloat16))
    assert values.float().isfinite().all()
    assert torch.allclose(values.float() * scale, torch.full((2, 16), 1e6), rtol=0.01)


@pytest.mark.parametrize("name", ["sam2.1-tiny", "sam3"])
def test_a_network_is_taken_over_where_masks_stay(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = TINY[name](tmp_path)
    with caplog.at_level("WARNING"):
        part = model(name, folder, fp8=True, fp8_agreement=0.01)
    (line,) = [each for each in caplog.messages if "8 bits" in each]
    assert "layers in 8 bits, masks agree to" in line
    kinds = {type(module).__name__ for module in part._heavy()[0].modules()}
    assert "Float8Linear" in kinds
    plain = model(name, folder)
    assert plain._heavy()
    with pytest.raises(ModelError, match=rf"{name}.fp8_agreement asks for 1; leave fp8 out"):
        model(name, folder, fp8=True, fp8_agreement=1.0)


def detections(*masks: Any) -> dict[str, Detections]:
    return {"box": Detections("p", 0, tuple(Instance(mask, 1.0, 0) for mask in masks))}


def test_answers_are_compared_both_ways() -> None:
    one, other = box_mask(0, 0, 40, 40), box_mask(60, 0, 100, 40)
    near = box_mask(0, 0, 40, 38)
    assert float8.check_agreement("m", detections(one), detections(near), 0.9) == 0.95
    assert float8.check_agreement("m", detections(one, other), detections(other, one), 1) == 1
    for before, after in (
        (detections(one), detections(one, other)),
        (detections(one, other), detections(one)),
        (detections(one), detections()),
    ):
        with pytest.raises(ModelError, match=r"masks for a box .* IoU 0.000"):
            float8.check_agreement("m", before, after, 0.5)
    with pytest.raises(ModelError, match="finds nothing on the known picture"):
        float8.check_agreement("m", detections(), detections(), 0.5)


def test_a_device_without_8_bits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Device(torch.device("cuda"), torch.bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A100")
    with pytest.raises(ModelError, match=r"fp8: cuda \(A100\) has no 8-bit products"):
        float8.need_float8(old)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    float8.need_float8(old)
