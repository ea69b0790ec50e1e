"""Topics that are asked for, and the names of their streams."""

from __future__ import annotations

import pytest

from videoseg.formats.robotics.topics import chosen_topics, globs_of, stream_names

TOPICS = ["/camera/front/image_raw", "/camera/rear/image_raw", "/depth/image"]


def test_streams_have_names_that_are_safe_as_files_and_unique() -> None:
    names = stream_names(
        [*TOPICS, "camera/front/image_raw", "/../..", "", "/Depth/Image", "/é" * 99]
    )
    assert names["/camera/front/image_raw"] == "camera_front_image_raw"
    assert names["camera/front/image_raw"] == "camera_front_image_raw_2"
    assert names["/Depth/Image"] == "Depth_Image_2"
    assert names["/../.."] == "topic"
    assert len({name.lower() for name in names.values()}) == len(names)
    assert all(0 < len(name) <= 90 and "/" not in name for name in names.values())


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        ((), TOPICS),
        (("*",), TOPICS),
        (("/camera/*",), TOPICS[:2]),
        (("camera/*/image*",), TOPICS[:2]),
        (("/depth/image", "/camera/front/*"), [TOPICS[0], TOPICS[2]]),
    ],
)
def test_patterns(globs: tuple[str, ...], expected: list[str]) -> None:
    assert chosen_topics(TOPICS, globs) == expected


def test_a_pattern_that_fits_nothing_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean /camera/rear/image_raw"):
        chosen_topics(TOPICS, ["/camera/*", "/camera/read/image_raw"])
    with pytest.raises(ValueError, match="there are /camera/front/image_raw, /camera/rear"):
        chosen_topics(TOPICS, ["zzzz"])
    with pytest.raises(ValueError, match="there is none"):
        chosen_topics([], ["/camera"])


def test_patterns_as_text() -> None:
    assert globs_of(" /a/*, /b ,") == globs_of(["/a/*", "/b", ""]) == ("/a/*", "/b")
