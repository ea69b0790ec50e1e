"""OTIO and EDL: shots, objects and the review list, read back by OpenTimelineIO."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support import labels, scenes
from tests.support.labels import export
from videoseg.formats.timecode import frame_number
from videoseg.runlog.findings import Finding
from videoseg.types import Scene

NTSC = Fraction(30000, 1001)
REVIEW = (
    Finding("ended", 1, "ring", 2, "clip", 2, Fraction(2, 25), until=4),
    Finding("never_found", 0, "disc"),
)


def two_shots(rate: Fraction | None = None, count: int = 10, cut: int = 6) -> list[Scene]:
    """A disc that is always there, and a ring that is not on frames 2 and 3, over a cut."""
    made = []
    for index in range(count):
        items = [scenes.tracked(scenes.disc(20 + index, 30, 14), 1)]
        if index not in (2, 3):
            ring = scenes.disc(60, 36, 20, hole=9)
            items.append(scenes.tracked(ring, 2 if index < cut else 3, label="ring", prompt=1))
        shown = scenes.scene(*items, index=index, pts=round(index * 600 / (rate or 25)))
        made.append(replace(shown, shot=int(index >= cut)))
    return made


def run(**changes: Any) -> scenes.Run:
    made = two_shots(changes.get("frame_rate"))
    return replace(labels.run_of(made, **changes), review=REVIEW)


def read(path: Path) -> Any:
    otio = pytest.importorskip("opentimelineio", reason="opentimelineio is not installed")
    return otio.adapters.read_from_file(str(path))


def span(found: Any) -> tuple[int, int]:
    """First frame and number of frames."""
    return found.start_time.to_frames(), found.duration.to_frames()


def within(inner: Any, outer: Any) -> bool:
    """Whether a span lies in another, ends included."""
    (first, length), (begin, all_of_it) = span(inner), span(outer)
    return begin <= first and first + length <= begin + all_of_it


def test_shots_are_clips_and_objects_markers(tmp_path: Path) -> None:
    export("otio", run(frame_count=12, location="film/clip.mov"), tmp_path)
    timeline = read(tmp_path / "timeline.otio")
    first, second = timeline.find_clips()
    assert first.media_reference.target_url == "film/clip.mov"
    assert first.media_reference.available_range.duration.to_frames() == 12
    assert [span(clip.source_range) for clip in (first, second)] == [(0, 6), (6, 4)]
    marks = [
        [(mark.name, mark.color, *span(mark.marked_range)) for mark in clip.markers]
        for clip in (first, second)
    ]
    assert marks == [
        [("disc 1", "GREEN", 0, 6), ("ring 2", "GREEN", 0, 6), (str(REVIEW[0]), "RED", 2, 2)],
        [("ring 3", "GREEN", 6, 4)],
    ]
    assert dict(first.markers[1].metadata["videoseg"]) == {"track_id": 2, "label": "ring"}


def test_markers_can_be_left_out(tmp_path: Path) -> None:
    export("otio", run(), tmp_path, objects=False, review=False)
    assert not any(clip.markers for clip in read(tmp_path / "timeline.otio").find_clips())


@pytest.mark.parametrize(
    ("rate", "timecode"),
    [(NTSC, "00:59:59;28"), (NTSC, "01:00:00:00"), (Fraction(24), "10:00:00:00"), (None, None)],
)
def test_the_source_begins_at_its_timecode(
    rate: Fraction | None, timecode: str | None, tmp_path: Path
) -> None:
    export("otio", run(frame_rate=rate, timecode=timecode), tmp_path)
    timeline = read(tmp_path / "timeline.otio")
    clip, *_ = timeline.find_clips()
    expected = 0 if timecode is None or rate is None else frame_number(timecode, rate)
    start = clip.media_reference.available_range.start_time
    assert (start.value, start.rate) == (expected, float(rate or 25))
    assert timeline.global_start_time == clip.source_range.start_time
    if timecode is not None:
        import opentimelineio as otio

        drop = ";" in timecode
        assert otio.opentime.to_timecode(start, start.rate, drop_frame=drop) == timecode


@pytest.mark.parametrize("location", ["plates/a", "plates/a/x.%04d.png"])
def test_numbered_pictures_are_a_sequence(location: str, tmp_path: Path) -> None:
    made = [replace(s, name=f"x.{1001 + s.index:04d}.png") for s in two_shots()]
    changes = {"start_number": 1001, "location": location, "frame_count": 10}
    export("otio", labels.run_of(made, **changes), tmp_path)
    clip, *_ = read(tmp_path / "timeline.otio").find_clips()
    urls = [clip.media_reference.target_url_for_image_number(n) for n in (0, 9)]
    assert urls == ["plates/a/x.1001.png", "plates/a/x.1010.png"]
    assert clip.media_reference.end_frame() == 1010


@pytest.mark.parametrize("made", ["clip.mov", "plates/x.1001.png"])
def test_what_is_there_is_named_from_the_root_on(
    made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs look for what is not beside the timeline, not where the command was given."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / made
    place.parent.mkdir(exist_ok=True)
    place.touch()
    (tmp_path / "out").mkdir()
    pictures = made.startswith("plates")
    found = [replace(s, name=f"x.{1001 + s.index:04d}.png") if pictures else s for s in two_shots()]
    changes = {"location": "plates" if pictures else made, "start_number": 1001 * pictures}
    export("otio", labels.run_of(found, **changes), tmp_path / "out")
    clip, *_ = read(tmp_path / "out" / "timeline.otio").find_clips()
    media = clip.media_reference
    named = media.target_url_for_image_number(0) if pictures else media.target_url
    assert Path(named) == place


def test_pictures_in_no_row_are_a_folder(tmp_path: Path) -> None:
    made = [replace(s, name=f"x{s.index * 2}.png") for s in two_shots()]
    export("otio", labels.run_of(made, location="plates/a"), tmp_path)
    clip, *_ = read(tmp_path / "timeline.otio").find_clips()
    assert clip.media_reference.target_url == "plates/a"


def at(shots: dict[int, int], **more: Any) -> list[Scene]:
    """A frame at each of these numbers, 24 units of time each, with the number of its shot."""
    ring = scenes.tracked(scenes.disc(60, 36, 20, hole=9), 1, label="ring")
    return [
        replace(scenes.scene(ring, index=number, pts=24 * number, **more), shot=shot)
        for number, shot in shots.items()
    ]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (at({n: n // 6 for n in range(0, 18, 2)}), [(0, 6), (6, 6), (12, 5)]),
        (at({3: 0, 4: 0, 9: 1, 10: 1, 15: 2}), [(3, 6), (9, 6), (15, 1)]),
        (at({0: 0, 5: 1, 6: 2, 7: 3}, duration=24), [(0, 5), (5, 1), (6, 1), (7, 1)]),
        (at({0: 0, 5: 1}, duration=72), [(0, 5), (5, 3)]),
    ],
    ids=["every second frame", "a late start and gaps", "shots of one frame", "a long last frame"],
)
def test_no_frame_is_lost_between_shots(
    made: list[Scene], wanted: list[tuple[int, int]], tmp_path: Path
) -> None:
    for name in ("otio", "edl"):
        export(name, labels.run_of(made, "ring"), tmp_path)
    timeline = read(tmp_path / "timeline.otio")
    clips = list(timeline.find_clips())
    assert [span(clip.source_range) for clip in clips] == wanted
    end = wanted[-1][0] + wanted[-1][1]
    assert timeline.duration().to_frames() == end - wanted[0][0]
    assert timeline.global_start_time.to_frames() == wanted[0][0]
    for clip in clips:
        assert within(clip.source_range, clip.available_range())
        for mark in clip.markers:
            assert within(mark.marked_range, clip.source_range)
    edits = [line.split()[-4:] for line in lines(tmp_path) if "  CLIP " in line]
    spans = [tuple(frame_number(code, Fraction(25)) for code in edit) for edit in edits]
    assert spans == [(first, first + length) * 2 for first, length in wanted]


def test_shots_that_begin_on_one_number_have_a_frame_each(tmp_path: Path) -> None:
    """Frames at uneven times: the first of a shot lies at the number of the last before it."""
    close = [(0, 0), (24, 0), (30, 1), (34, 2), (72, 2)]
    made = [
        replace(each, pts=pts, index=n, shot=shot)
        for n, (each, (pts, shot)) in enumerate(
            zip(at(dict.fromkeys(range(5), 0)), close, strict=True)
        )
    ]
    export("otio", labels.run_of(made, "ring"), tmp_path)
    clips = list(read(tmp_path / "timeline.otio").find_clips())
    assert [span(clip.source_range) for clip in clips] == [(0, 1), (1, 1), (2, 2)]


def lines(folder: Path) -> list[str]:
    return (folder / "timeline.edl").read_text("ascii").splitlines()


def test_an_edl_has_a_cut_for_each_shot(tmp_path: Path) -> None:
    export("edl", run(timecode="00:59:59;28", frame_rate=NTSC), tmp_path)
    found = lines(tmp_path)
    assert found[:4] == [
        "TITLE: clip",
        "FCM: DROP FRAME",
        "",
        "001  CLIP     V     C        00:59:59;28 01:00:00;04 00:59:59;28 01:00:00;04",
    ]
    assert found[4:8] == [
        "* FROM CLIP NAME:  clip",
        "* LOC: 00:59:59:28 GREEN   disc 1",
        "* LOC: 00:59:59:28 GREEN   ring 2",
        f"* LOC: 01:00:00:00 RED     {REVIEW[0]}",
    ]


def test_an_edl_without_a_timecode_begins_at_0(tmp_path: Path) -> None:
    export("edl", run(), tmp_path, markers=False)
    assert lines(tmp_path) == [
        "TITLE: clip",
        "FCM: NON-DROP FRAME",
        "",
        "001  CLIP     V     C        00:00:00:00 00:00:00:06 00:00:00:00 00:00:00:06",
        "* FROM CLIP NAME:  clip",
        "",
        "002  CLIP     V     C        00:00:00:06 00:00:00:10 00:00:00:06 00:00:00:10",
        "* FROM CLIP NAME:  clip",
    ]


@pytest.mark.parametrize(
    ("location", "wanted"),
    [
        ("film/clip.mov", "clip.mov"),
        ("film/robot.mcap", "clip"),
        ("https://example.org/clip.mp4?***", "clip"),
        ("-", "clip"),
        (None, "clip"),
    ],
)
def test_an_edl_names_the_file_of_its_clips(
    location: str | None, wanted: str, tmp_path: Path
) -> None:
    export("edl", run(location=location), tmp_path)
    assert f"* FROM CLIP NAME:  {wanted}" in lines(tmp_path)


def test_an_edl_names_numbered_pictures_by_their_span(tmp_path: Path) -> None:
    made = [replace(s, name=f"x.{997 + s.index:04d}.png") for s in two_shots()]
    changes = {"start_number": 997, "location": "plates/a", "frame_count": 12}
    export("edl", labels.run_of(made, **changes), tmp_path)
    assert "* FROM CLIP NAME:  x.[0997-1008].png" in lines(tmp_path)


def test_an_edl_leaves_accents_out(tmp_path: Path) -> None:
    ring = scenes.tracked(scenes.disc(60, 36, 20), 1, label="Gänschen é 猫")
    export("edl", labels.run_of([scenes.scene(ring)], "Gänschen é 猫"), tmp_path)
    assert lines(tmp_path)[-1].endswith("GREEN   Ganschen e ? 1")


@pytest.mark.parametrize(
    ("rate", "timecode"), [(Fraction(25), "10:00:00:00"), (NTSC, "00:59:59;28")]
)
def test_the_adapter_of_opentimelineio_reads_the_edl(
    rate: Fraction, timecode: str, tmp_path: Path
) -> None:
    adapter = pytest.importorskip("otio_cmx3600_adapter.cmx_3600")
    export("edl", run(frame_rate=rate, timecode=timecode), tmp_path)
    text = (tmp_path / "timeline.edl").read_text("ascii")
    timeline = adapter.read_from_string(text, rate=float(rate))
    clips = list(timeline.find_clips())
    assert [clip.source_range.duration.to_frames() for clip in clips] == [6, 4]
    start = frame_number(timecode, rate)
    assert [clip.source_range.start_time.to_frames() for clip in clips] == [start, start + 6]
    assert [[mark.name for mark in clip.markers] for clip in clips][1] == ["ring 3"]
    assert len(clips[0].markers) == 3
