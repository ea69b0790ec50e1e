"""The animated SVG: its times and presence as written, and what a browser shows of it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from tests import scenes
from tests.browser import screenshot
from videoseg.exporters import animated_svg
from videoseg.exporters.animated_svg import AnimatedSvg
from videoseg.geometry.masks import from_bitmap, iou
from videoseg.outlines.contours import rasterise
from videoseg.types import Mask, Scene, StreamInfo

NAMESPACE = {"s": "http://www.w3.org/2000/svg"}
NOTHING = "M0 0"


def export(
    made: list[Scene], folder: Path, *, loop: bool = True, info: StreamInfo | None = None
) -> str:
    streams = scenes.streams(info or scenes.stream())
    AnimatedSvg(loop=loop).export(scenes.Run(streams, scenes.prompts(), made), folder)
    return (folder / "animated.svg").read_text(encoding="utf-8")


def tracks(text: str) -> dict[int, etree._Element]:
    root = etree.fromstring(text.encode())
    found = root.findall("s:path", NAMESPACE)
    return {int(path.attrib["data-track"]): path for path in found}


def steps(path: etree._Element) -> list[tuple[float, str]]:
    """Seconds at which a track changes, and to what."""
    animate = path.find("s:animate", NAMESPACE)
    if animate is None:
        return [(0, str(path.attrib["d"]))]
    assert animate.attrib["attributeName"] == "d"
    assert animate.attrib["calcMode"] == "discrete"
    total = float(str(animate.attrib["dur"]).removesuffix("s"))
    times = [float(key) * total for key in str(animate.attrib["keyTimes"]).split(";")]
    values = str(animate.attrib["values"]).split(";")
    assert len(times) == len(values)
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] < total
    return list(zip(times, values, strict=True))


def shown_at(path: etree._Element, seconds: Fraction) -> str:
    return [value for time, value in steps(path) if time <= seconds][-1]


def test_every_frame_has_its_outline_at_its_own_time(tmp_path: Path) -> None:
    made = scenes.moving()
    found = tracks(export(made, tmp_path))
    assert found.keys() == {1, 2}
    for scene in made:
        present = {tracked.track_id for tracked in scene.instances}
        for track_id, path in found.items():
            visible = shown_at(path, scene.seconds) != NOTHING
            assert visible == (track_id in present), (scene.index, track_id)
    assert len({value for _, value in steps(found[1])}) == len(made)
    for time, scene in zip([time for time, _ in steps(found[1])], made, strict=True):
        assert float(scene.seconds) - 0.001 < time <= scene.seconds


def test_the_last_frame_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    text = export(scenes.moving(pts=(0, 24, 100), duration=60), tmp_path)
    assert 'dur="0.266666s"' in text  # 160 / 600 s, in whole microseconds


def test_without_a_duration_the_last_frame_lasts_as_long_as_the_one_before(tmp_path: Path) -> None:
    text = export(scenes.moving(pts=(0, 24, 84), duration=None), tmp_path)
    assert 'dur="0.24s"' in text


def test_time_0_is_the_start_of_the_stream(tmp_path: Path) -> None:
    made = scenes.moving(pts=(300, 324, 348))
    found = tracks(export(made, tmp_path))
    assert steps(found[1])[0] == (0, NOTHING)
    assert steps(found[1])[1][0] == pytest.approx(0.5, abs=0.001)


def test_time_0_of_a_live_stream_is_its_first_frame(tmp_path: Path) -> None:
    info = StreamInfo("clip", scenes.WIDTH, scenes.HEIGHT, scenes.TIME_BASE, live=True)
    found = tracks(export(scenes.moving(pts=(300000, 300024)), tmp_path, info=info))
    assert steps(found[1])[0][1] != NOTHING
    assert steps(found[1])[1][0] == pytest.approx(0.04, abs=0.001)


def test_it_loops_or_freezes(tmp_path: Path) -> None:
    assert 'repeatCount="indefinite"' in export(scenes.moving(), tmp_path)
    frozen = export(scenes.moving(), tmp_path, loop=False)
    assert "repeatCount" not in frozen
    assert 'fill="freeze"' in frozen


def test_what_does_not_move_is_not_animated(tmp_path: Path) -> None:
    still = [scenes.scene(scenes.tracked(scenes.disc(30, 30, 9)), index=n) for n in range(4)]
    assert "<animate" not in export(still, tmp_path)


def test_a_hostile_label_is_only_text(tmp_path: Path) -> None:
    made = scenes.moving(labels=(scenes.HOSTILE, "ring"))
    found = tracks(export(made, tmp_path))
    label = scenes.HOSTILE.replace("\x00", "\ufffd")
    assert found[1].attrib["data-label"] == label
    assert found[1].findtext("s:title", namespaces=NAMESPACE) == label


def test_the_spool_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = export(scenes.moving(), tmp_path)
    monkeypatch.setattr(animated_svg, "_BUFFER", 1)
    assert export(scenes.moving(), tmp_path) == whole


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
def test_a_browser_shows_each_frame_at_its_time(tmp_path: Path) -> None:
    made = scenes.moving()
    text = export(made, tmp_path).split("?>", 1)[1]
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
            assert iou(shown, mask) >= 0.99, (seconds, track_id)


def _page(svg: str, cells: list[tuple[float, int]]) -> str:
    """One copy of the animation for each cell, stopped at its time, one track alone in black."""
    return f"""<!doctype html><meta charset="utf-8">
<style>
  body {{ margin: 0; background: white }}
  svg {{ display: block }}
  path {{ fill: black; visibility: hidden }}
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
