"""Moondream's own client asks a server of ours."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.server.test_skills import Pieces, picture, shown
from tests.support import web
from videoseg.geometry import masks
from videoseg.types import Frame, Prompt

cloud = pytest.importorskip("moondream.cloud_vl")
types = pytest.importorskip("moondream.types")


def test_it_detects_points_segments_and_streams() -> None:
    image = picture()
    encoded = types.Base64EncodedImage(image_url=web.data_uri(image))
    frame = Frame("f", 0, 0, Fraction(1), image)
    (direct,) = Pieces().segment([frame], [[Prompt(text="red")]])
    largest, smallest = sorted(direct.instances, key=lambda one: -one.score)
    with web.answering(Pieces()) as place:
        client = cloud.CloudVL(endpoint=f"http://{place}/v1", api_key="any")
        boxes = client.detect(encoded, "red")["objects"]
        assert [box["x_min"] for box in boxes] == [0.1, 0.6]
        assert len(client.point(encoded, "red")["points"]) == 2
        answer = client.segment(encoded, "red")
        assert masks.iou(shown(answer, image), largest.mask) >= 0.99
        marked = client.segment(encoded, "red", spatial_refs=[[0.68, 0.7]])
        assert masks.iou(shown(marked, image), smallest.mask) >= 0.99
        first, *_, last = client.segment(encoded, "red", stream=True)
        assert first == {"bbox": answer["bbox"]}
        assert last == {"completed": True, **answer}
        assert client.segment(encoded, "green") == {"path": ""}
        with pytest.raises(OSError, match="501"):
            client.caption(encoded)
