"""The animated SVG: its times and presence as written, and what a browser shows of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from tests.support import memory, scenes
from tests.support.browser import screenshot
from videoseg.exporters.animated_svg import AnimatedSvg
from videoseg.formats.svg_path import format_path, parse_path
from videoseg.geometry.masks import from_bitmap, iou
from videoseg.outlines.raster import rasterise
from videoseg.types import Bezier, Mask, Part, Scene, Shape, StreamInfo

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}


def export(
    made: Iterable[Scene],
    folder: Path,
    *,
    loop: bool = True,
    info: StreamInfo | None = None,
    tolerance: float = 0,
) -> str:
    streams = scenes.streams(info or scenes.stream())
    exporter = AnimatedSvg(loop=loop, tolerance=tolerance)
    exporter.export(scenes.Run(streams, scenes.prompts(), made), folder)
    return (folder / "animated.svg").read_text(encoding="utf-8")


def tracks(text: str) -> dict[int, etree._Element]:
    root = etree.fromstring(text.encode())
    found = root.findall("s:g", NAMESPACE)
    return {int(group.attrib["data-track"]): group for group in found}


def steps(path: etree._Element, name: str, otherwise: str) -> list[tuple[float, str]]:
    """Seconds from which on, or at which, an attribute has each value."""
    animate = path.find(f"s:animate[@attributeName='{name}']", NAMESPACE)
    if animate is None:
        return [(0, str(path.attrib.get(name, otherwise)))]
    total = float(str(animate.attrib["dur"]).removesuffix("s"))
    times = [float(key) * total for key in str(animate.attrib["keyTimes"]).split(";")]
    values = str(animate.attrib["values"]).split(";")
    assert len(times) == len(values)
    assert times == sorted(times)
    assert times[0] == 0
    linear = animate.attrib["calcMode"] == "linear"
    assert (times[-1] == pytest.approx(total)) if linear else (times[-1] < total)
    return list(zip(times, values, strict=True))


def at(path: etree._Element, name: str, otherwise: str, seconds: Fraction) -> str:
    return [value for time, value in steps(path, name, otherwise) if time <= seconds][-1]


def shown_at(group: etree._Element, seconds: Fraction) -> list[str]:
    """Path data of a track that is drawn at a time, of an animation in steps."""
    paths = group.findall("s:path", NAMESPACE)
    drawn = [path for path in paths if at(path, "display", "inline", seconds) == "inline"]
    return [at(path, "d", "", seconds) for path in drawn]


def test_every_frame_has_its_outline_at_its_own_time(tmp_path: Path) -> None:
    made = scenes.moving()
    found = tracks(export(made, tmp_path))
    assert found.keys() == {1, 2}
    for scene in made:
        present = {tracked.track_id for tracked in scene.instances}
        for track_id, path in found.items():
            shown = shown_at(path, scene.seconds)
            assert bool(shown) == (track_id in present), (scene.index, track_id)
            expected = [item for item in scene.instances if item.track_id == track_id]
            assert shown == [format_path(item.shape) for item in expected]


def test_the_last_frame_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    text = export(scenes.moving(pts=(0, 24, 100), duration=60), tmp_path)
    assert 'dur="0.266666s"' in text  # 160 / 600 s, in whole microseconds


def test_without_a_duration_the_last_frame_lasts_as_long_as_the_one_before(tmp_path: Path) -> None:
    text = export(scenes.moving(pts=(0, 24, 84), duration=None), tmp_path)
    assert 'dur="0.24s"' in text


def test_time_0_is_the_first_frame(tmp_path: Path) -> None:
    made = scenes.moving(pts=(300, 324, 348))
    found = tracks(export(made, tmp_path))
    first = format_path(made[0].instances[0].shape)
    assert shown_at(found[1], Fraction(0)) == [first]
    assert shown_at(found[1], Fraction(24, 600)) == [format_path(made[1].instances[0].shape)]
    assert found[1].findall("s:path", NAMESPACE)[0].attrib["d"] == first


def test_keys_make_it_shorter_and_stay_within_the_tolerance(tmp_path: Path) -> None:
    discs = [scenes.disc(20 + 1.5 * n, 30, 14 + 0.1 * n) for n in range(30)]
    made = [scenes.scene(scenes.tracked(disc), index=n) for n, disc in enumerate(discs)]
    stepped, keyed = (export(made, tmp_path, tolerance=tolerance) for tolerance in (0, 0.7))
    assert len(keyed) < len(stepped) / 2
    (path,) = tracks(keyed)[1].findall("s:path", NAMESPACE)
    keys = steps(path, "d", "")
    assert len(keys) < len(made) / 4
    for scene, disc in zip(made, discs, strict=True):
        (ring,) = between(keys, float(scene.seconds))
        again = rasterise(Shape((Part(ring),)), scenes.WIDTH, scenes.HEIGHT)
        assert again is not None
        assert iou(again, disc) > 0.95


def test_any_number_of_threads_makes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        scenes.scene(
            *(
                scenes.tracked(scenes.disc(20 + (1 + track / 4) * n, 30, 9 + track), track_id=track)
                for track in range(1, 5 if n < 9 else 3)
            ),
            index=n,
        )
        for n in range(16)
    ]
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(export(made, tmp_path, tolerance=0.7))
    assert len(tracks(found[0])) == 4
    assert found[0] == found[1] == found[2]


def test_a_hole_that_comes_and_goes_does_not_stop_its_part(tmp_path: Path) -> None:
    discs = [scenes.disc(20 + 1.5 * n, 30, 14, hole=7 if 8 <= n < 20 else 0) for n in range(30)]
    made = [scenes.scene(scenes.tracked(disc), index=n) for n, disc in enumerate(discs)]
    paths = tracks(export(made, tmp_path, tolerance=0.7))[1].findall("s:path", NAMESPACE)
    assert len(paths) == 3
    for scene, disc in zip(made, discs, strict=True):
        seconds = scene.seconds
        (path,) = (path for path in paths if at(path, "display", "inline", seconds) == "inline")
        rings = between(steps(path, "d", ""), float(seconds))
        again = rasterise(Shape((Part(rings[0], rings[1:]),)), scenes.WIDTH, scenes.HEIGHT)
        assert again is not None
        assert iou(again, disc) > 0.93


def test_a_tolerance_makes_no_file_longer(tmp_path: Path) -> None:
    """Small parts that are other ones on every frame: paths of their own only cost."""
    rng = np.random.default_rng(4)
    made = []
    for index in range(8):
        bitmap = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.bool_)
        for left in range(6, 80, 16):
            high, wide = rng.integers(4, 12, 2)
            top = rng.integers(8, 28)
            bitmap[top : top + high, left : left + wide] = True
        made.append(scenes.scene(scenes.tracked(scenes.mask_of(bitmap), 1), index=index))
    exact, loose = (export(made, tmp_path, tolerance=each) for each in (0, 0.2))
    assert len(loose) <= len(exact)


def flickering(count: int) -> list[Scene]:
    """A disc that moves evenly; at first a hole in it is there on every second frame only."""
    discs = [
        scenes.disc(20 + 1.5 * n, 30, 14, hole=6 if n < 8 and n % 2 else 0) for n in range(count)
    ]
    return [scenes.scene(scenes.tracked(disc), index=n) for n, disc in enumerate(discs)]


def test_what_keys_would_make_longer_steps_and_the_rest_moves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = flickering(30)
    text = export(made, tmp_path, tolerance=0.7)
    assert len(text) < len(export(made, tmp_path)) * 0.7
    paths = tracks(text)[1].findall("s:path", NAMESPACE)
    modes = [
        path.xpath("string(s:animate[@attributeName='d']/@calcMode)", namespaces=NAMESPACE)
        for path in paths
    ]
    assert modes == ["discrete", "linear"]
    for scene in made:
        shown = [path for path in paths if at(path, "display", "inline", scene.seconds) == "inline"]
        (path,) = shown
        if path is paths[0]:
            value = at(path, "d", "", scene.seconds)
            assert value == format_path(scene.instances[0].shape)
        else:
            (ring,) = between(steps(path, "d", ""), float(scene.seconds))
            again = rasterise(Shape((Part(ring),)), scenes.WIDTH, scenes.HEIGHT)
            assert again is not None
            assert iou(again, scene.instances[0].instance.mask) > 0.93
    assert not caplog.records


def test_it_says_so_where_every_frame_is_a_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(3)
    discs = [
        scenes.disc(rng.uniform(20, 40), rng.uniform(20, 40), rng.uniform(8, 14)) for _ in range(8)
    ]
    made = [scenes.scene(scenes.tracked(disc), index=n) for n, disc in enumerate(discs)]
    text = export(made, tmp_path, tolerance=0.5)
    assert 'calcMode="linear"' not in text
    (record,) = caplog.records
    assert "every frame is a key" in record.getMessage()
    assert "0.5 px" in record.getMessage()
    caplog.clear()
    export(made, tmp_path)
    assert not caplog.records


def between(keys: list[tuple[float, str]], seconds: float) -> tuple[Bezier, ...]:
    """The rings of an animation that moves, at a time."""
    place = max(0, min(len(keys) - 2, sum(time <= seconds for time, _ in keys) - 1))
    (begin, one), (end, other) = keys[place : place + 2]
    share = (seconds - begin) / (end - begin)
    made = []
    for first, second in zip(parse_path(one), parse_path(other), strict=True):
        assert isinstance(first, Bezier)
        assert isinstance(second, Bezier)
        mixed = (1 - share) * first.segments + share * second.segments
        made.append(Bezier(mixed.astype(np.float32)))
    return tuple(made)


def test_it_loops_or_freezes(tmp_path: Path) -> None:
    assert 'repeatCount="indefinite"' in export(scenes.moving(), tmp_path)
    frozen = export(scenes.moving(), tmp_path, loop=False)
    assert "repeatCount" not in frozen
    assert 'fill="freeze"' in frozen


def test_what_does_not_move_is_not_animated(tmp_path: Path) -> None:
    still = [scenes.scene(scenes.tracked(scenes.disc(30, 30, 9)), index=n) for n in range(4)]
    assert "<animate" not in export(still, tmp_path)


def test_each_object_is_a_layer_and_every_path_has_its_name(tmp_path: Path) -> None:
    """Where it comes back it has another path, whose name says whose it is."""
    root = etree.fromstring(export(scenes.moving(labels=("the cat", "the cat")), tmp_path).encode())
    inkscape = "{http://www.inkscape.org/namespaces/inkscape}"
    assert [
        (layer.attrib[f"{inkscape}groupmode"], layer.attrib[f"{inkscape}label"]) for layer in root
    ] == [("layer", "the cat 1"), ("layer", "the cat 2")]
    assert [
        [path.attrib["id"] for path in layer.findall("s:path", NAMESPACE)] for layer in root
    ] == [["the-cat-1"], ["the-cat-2", "the-cat-2_2"]]


def test_a_hostile_label_is_only_text(tmp_path: Path) -> None:
    made = scenes.moving(labels=(scenes.HOSTILE, "ring"))
    found = tracks(export(made, tmp_path))
    label = scenes.HOSTILE.replace("\x00", "\ufffd")
    assert found[1].attrib["data-label"] == label
    assert found[1].findtext("s:title", namespaces=NAMESPACE) == label


@pytest.mark.slow
def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    def run(frames: int) -> None:
        made = scenes.Run(scenes.streams(), scenes.prompts(), memory.passing(frames))
        AnimatedSvg().export(made, tmp_path)

    run(600)  # what is made once and kept, such as the names of up to 256 tracks
    short, long = (memory.peak(run, frames) for frames in (100, 600))
    assert len(tracks((tmp_path / "animated.svg").read_text())) == 600 // memory.SPAN
    assert long < short + 20_000


def test_several_streams_get_a_file_each(tmp_path: Path) -> None:
    streams = scenes.streams(scenes.stream("left/cam"), scenes.stream("left cam"))
    made = [
        scene
        for pair in zip(
            scenes.moving(stream="left/cam"), scenes.moving(stream="left cam"), strict=True
        )
        for scene in pair
    ]
    exporter = AnimatedSvg()
    exporter.export(scenes.Run(streams, scenes.prompts(), made), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(exporter.produces(streams))


@pytest.mark.browser
@pytest.mark.parametrize("tolerance", [0, 0.3])
def test_a_browser_shows_each_frame_at_its_time(tmp_path: Path, tolerance: float) -> None:
    made = scenes.moving()
    text = export(made, tmp_path, tolerance=tolerance).split("?>", 1)[1]
    total = Fraction(made[-1].pts + 24, 600)
    chosen = [0, 1, 2, 4, 5]
    cells: list[tuple[float, int, Mask | None]] = []
    for index in chosen:
        shapes = {tracked.track_id: tracked.shape for tracked in made[index].instances}
        for track_id in (1, 2):
            shape = shapes.get(track_id)
            mask = None if shape is None else rasterise(shape, scenes.WIDTH, scenes.HEIGHT)
            cells.append((float(made[index].seconds), track_id, mask))
            # The second time round, halfway between two frames.
            late = float(total + made[index].seconds) + 0.01
            cells.append((late, track_id, mask))
    picture = screenshot(
        _page(text, [(seconds, track_id) for seconds, track_id, _ in cells]),
        tmp_path,
        width=max(500, scenes.WIDTH),
        height=scenes.HEIGHT * len(cells),
    )
    for place, (seconds, track_id, mask) in enumerate(cells):
        cell = picture[place * scenes.HEIGHT :][: scenes.HEIGHT, : scenes.WIDTH, 0]
        shown = from_bitmap(np.asarray(cell < 128))
        if mask is None:
            assert shown is None, (seconds, track_id)
        else:
            assert shown is not None, (seconds, track_id)
            # Pixels whose centres an outline runs through may come out either way.
            assert iou(shown, mask) >= (0.96 if tolerance else 0.98), (seconds, track_id)


def _page(svg: str, cells: list[tuple[float, int]]) -> str:
    """One copy of the animation for each cell, stopped at its time, one track alone in black."""
    return f"""<!doctype html><meta charset="utf-8">
<style>
  body {{ margin: 0; background: white }}
  svg {{ display: block }}
  g {{ fill: black; visibility: hidden }}
</style>
{svg * len(cells)}
<script>
  const cells = {json.dumps(cells)};
  document.querySelectorAll("svg").forEach((svg, place) => {{
    const [seconds, track] = cells[place];
    svg.querySelector(`[data-track="${{track}}"]`).style.visibility = "visible";
    svg.pauseAnimations();
    svg.setCurrentTime(seconds);
  }});
</script>"""
