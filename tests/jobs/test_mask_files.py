"""Masks from files: pictures of every kind, and SVG, checked against resvg and Pillow."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import resvg_py
from PIL import Image

from tests.support.media import clip, square_box
from videoseg.cli._app import run
from videoseg.config.run_config import load as load_config
from videoseg.errors import PromptError, UsageError
from videoseg.jobs.job import Job
from videoseg.jobs.mask_files import read_mask
from videoseg.prompts import load_prompts, parse_prompt
from videoseg.runlog.reader import read_run
from videoseg.types import Bitmap, Cue, Mask, Prompt, StreamInfo

WIDTH, HEIGHT = 96, 64
INFO = StreamInfo("clip.mp4", WIDTH, HEIGHT, Fraction(1, 25), frame_count=20)
RED, GREEN = (220, 30, 40), (20, 200, 60)


def square(x1: int = 10, y1: int = 12, x2: int = 40, y2: int = 50) -> Bitmap:
    made = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    made[y1:y2, x1:x2] = True
    return made


def palette_of(indices: Bitmap | np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(np.asarray(indices, np.uint8))
    made = Image.new("P", image.size)
    made.putdata(image.tobytes())
    made.putpalette([value for colour in colours for value in colour])
    return made


def rgba(inside: tuple[int, int, int], alpha: np.ndarray) -> Image.Image:
    made = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    made[..., :3], made[..., 3] = inside, alpha
    return Image.fromarray(made)


S = square()
TWO = np.where(square(50, 5, 90, 30), 2, S.astype(np.uint8))
SOFT = np.where(S, 255, 0).astype(np.uint8)
SOFT[12:50, 9], SOFT[12:50, 40] = 100, 180

PICTURES = {
    "white on black": (Image.fromarray(SOFT * 0 + S * np.uint8(255)), "", S),
    "soft edge, half counts": (Image.fromarray(SOFT), "", square(10, 12, 41, 50)),
    "1 bit": (Image.fromarray(S), "", S),
    "0 and 1": (Image.fromarray(S.astype(np.uint8)), "", S),
    "16 bit": (Image.fromarray(S * np.uint16(65535)), "", S),
    "16 bit, one id": (Image.fromarray(S * np.uint16(300)), "", S),
    "16 bit, an id of two": (Image.fromarray(TWO.astype(np.uint16) * 300), "#600", TWO == 2),
    "RGB, grey": (Image.fromarray(np.repeat(S[..., None] * np.uint8(255), 3, 2)), "", S),
    "palette of colours, one id": (palette_of(S, (0, 0, 0), RED), "", S),
    "palette, an id of two": (palette_of(TWO, (0, 0, 0), RED, GREEN), "#2", TWO == 2),
    "palette, white first": (palette_of(~S, (255, 255, 255), (0, 0, 0)), "", S),
    "grey labels, an id of two": (Image.fromarray(TWO), "#1", TWO == 1),
    "alpha, black inside": (rgba((0, 0, 0), S * np.uint8(255)), "", S),
    "alpha, a cut-out": (rgba(RED, S * np.uint8(255)), "", S),
    "alpha, opaque everywhere": (
        Image.merge(
            "RGBA",
            [Image.fromarray(S * np.uint8(255))] * 3 + [Image.new("L", (WIDTH, HEIGHT), 255)],
        ),
        "",
        S,
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(tmp_path: Path, name: str) -> None:
    image, wanted, expected = PICTURES[name]
    image.save(tmp_path / "mask.png")
    found = read_mask(tmp_path / f"mask.png{wanted}", INFO)
    assert np.array_equal(found.to_array(), expected)


def test_a_name_with_a_hash_is_a_name(tmp_path: Path) -> None:
    Image.fromarray(S).save(tmp_path / "take #2.png")
    assert read_mask(tmp_path / "take #2.png", INFO).area == S.sum()


SAY = {
    "size": (Image.new("L", (32, 64), 255), "", "is 32 x 64, but clip.mp4 is 96 x 64"),
    "empty": (Image.new("L", (WIDTH, HEIGHT), 0), "", "no pixel of it is set"),
    "ids": (palette_of(TWO, (0, 0, 0), RED, GREEN), "", r"holds the ids 1, 2; name one.*#1"),
    "no id": (palette_of(TWO, (0, 0, 0), RED, GREEN), "#3", "has no id 3; it holds 1, 2"),
    "word": (palette_of(TWO, (0, 0, 0), RED, GREEN), "#cat", "a number"),
    "colour": (Image.new("RGB", (WIDTH, HEIGHT), RED), "", "picture in colour"),
}


@pytest.mark.parametrize("name", SAY)
def test_pictures_that_do_not_fit(tmp_path: Path, name: str) -> None:
    image, wanted, says = SAY[name]
    image.save(tmp_path / "mask.png")
    with pytest.raises(PromptError, match=says) as caught:
        read_mask(tmp_path / f"mask.png{wanted}", INFO)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_picture(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_text("hello", encoding="utf-8")
    with pytest.raises(PromptError, match="cannot be decoded"):
        read_mask(tmp_path / "mask.png", INFO)
    for gone in (tmp_path / "none.png", tmp_path):
        with pytest.raises(PromptError, match="no such file"):
            read_mask(gone, INFO)


HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
BOX = f'{HEAD} width="96" height="64" viewBox="0 0 96 64">'
DRAWINGS = {
    "path": '<path d="M10 10h40v30h-40zM20 15v20h10v-20z"/>',
    "hole by even-odd": '<path fill-rule="evenodd" d="M10 10h40v30h-40zM20 15h10v10h-10z"/>',
    "no hole by nonzero": '<path d="M10 10h40v30h-40zM20 15h10v10h-10z"/>',
    "rule in a group's style": (
        '<g style="fill-rule:evenodd"><path d="M8 8h50v50h-50zM20 15h10v10h-10z"/></g>'
    ),
    "star": '<path d="M48 4L64 56L20 22H76L32 56Z"/>',
    "curves": '<path d="M10 30C10 0 80 0 80 30S40 60 10 30Z"/>',
    "arc": '<path d="M20 30A25 15 20 1 1 60 40L40 60Z"/>',
    "rect": '<rect x="5.5" y="6" width="50" height="40"/>',
    "round rect": '<rect x="5" y="6" width="50" height="40" rx="12"/>',
    "round rect, both": '<rect x="5" y="6" width="50" height="40" rx="40" ry="5"/>',
    "circle": '<circle cx="40" cy="30" r="22.5"/>',
    "ellipse": '<ellipse cx="40" cy="30" rx="32" ry="12"/>',
    "polygon": '<polygon points="10,10 80,20 60,60"/>',
    "polyline": '<polyline points="10 10 80 20 60 60"/>',
    "groups": (
        '<g transform="translate(10 5)"><g transform="rotate(30)">'
        '<rect width="40" height="20"/></g></g>'
    ),
    "transforms": (
        '<rect transform="matrix(1 .2 -.1 1 4 5) scale(1.5, 0.8) skewX(20) skewY(-5)"'
        ' width="30" height="30"/>'
    ),
    "rotate about": '<rect transform="rotate(40, 48, 32)" x="38" y="12" width="20" height="40"/>',
    "scaled": f'{HEAD} viewBox="0 0 960 640"><circle cx="400" cy="300" r="200"/></svg>',
    "moved view box": f'{HEAD} viewBox="-48 -32 96 64"><circle r="20"/></svg>',
    "millimetres": (
        f'{HEAD} width="96mm" height="64mm" viewBox="0 0 96 64">'
        '<rect x="9" y="9" width="30" height="30"/></svg>'
    ),
    "no view box": (
        f'{HEAD} width="96" height="64"><rect x="9" y="9" width="3mm" height="50%"/></svg>'
    ),
    "use": (
        '<defs><circle id="c" r="9"/></defs><use xlink:href="#c" x="20" y="20"/>'
        '<use href="#c" x="70" y="40"/>'
    ),
    "symbol": '<symbol id="s"><rect width="9" height="30"/></symbol><use href="#s" x="20" y="20"/>',
    "definitions alone are not drawn": (
        '<defs><rect width="90" height="60"/></defs><rect width="20" height="20"/>'
    ),
    "clip paths are not drawn": (
        '<clipPath id="p"><rect width="90" height="60"/></clipPath><rect width="20" height="20"/>'
    ),
    "hidden": (
        '<g style="display:none"><rect width="90" height="60"/></g>'
        '<g visibility="hidden"><rect x="50" width="9" height="9"/>'
        '<rect visibility="visible" x="70" width="9" height="9"/></g>'
        '<rect width="20" height="20"/>'
    ),
    "inner svg": '<svg x="20" y="10"><rect width="30" height="30"/></svg>',
    "a comment and metadata": (
        '<!-- hi --><metadata>x</metadata><title>cat</title><rect width="20" height="20"/>'
    ),
    "two, over each other": (
        '<rect width="40" height="40"/><rect x="20" y="20" width="40" height="40"/>'
    ),
}


def drawn_by_resvg(text: str) -> np.ndarray:
    made = resvg_py.svg_to_bytes(svg_string=text, width=WIDTH, height=HEIGHT, dpi=96)
    return np.asarray(Image.open(io.BytesIO(bytes(made))).convert("RGBA"))[..., 3]


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_those_of_resvg(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mask.svg"
    inner = DRAWINGS[name]
    text = inner if inner.startswith(HEAD) else f"{BOX}{inner}</svg>"
    path.write_text(text, encoding="utf-8")
    found = read_mask(path, INFO).to_array()
    alpha = drawn_by_resvg(text).astype(int)
    assert alpha.shape == found.shape
    # Where resvg's cover is far from a half, centre and cover agree.
    assert not (found & (alpha < 40)).any()
    assert not (~found & (alpha > 215)).any()
    assert abs(int(found.sum()) - alpha.sum() / 255) <= 0.02 * found.sum() + 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            f'{HEAD} viewBox="0 0 64 96"><rect width="9" height="9"/></svg>',
            "is 64 x 96, but the frame is 96 x 64",
        ),
        (f"{BOX}<text>cat</text></svg>", "draws nothing inside the frame"),
        (f'{BOX}<rect x="200" width="9" height="9"/></svg>', "draws nothing inside the frame"),
        (f'{BOX}<path d="M0 0L9 x"/></svg>', "<path>: expected a number"),
        (f'{BOX}<rect width="9qq" height="9"/></svg>', "length '9qq'"),
        (f'{BOX}<rect transform="spin(4)" width="9" height="9"/></svg>', "transform 'spin"),
        (f'{HEAD} viewBox="0 0 x 1"><rect width="9" height="9"/></svg>', "viewBox '0 0 x 1'"),
        (f'{HEAD} viewBox="0 0 0 1"><rect width="9" height="9"/></svg>', "no size: 0 x 1"),
        (f'{BOX}<g id="a"><use href="#a"/></g></svg>', "without end"),
        (f'{BOX}<path d="M0 0{"C9e9 9e9 0 9e9 1 1" * 2000}z"/></svg>', "bend far beyond the frame"),
        (f'{BOX}<path d="M0 0{"h1" * 300_000}z"/></svg>', "more than 262144 commands"),
        (f"{BOX}<rect", "not well-formed"),
        ("<html/>", "not an SVG"),
    ],
    ids=lambda text: text[:60],
)
def test_drawings_that_do_not_fit(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mask.svg"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says) as caught:
        read_mask(path, INFO)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_element_of_a_drawing(tmp_path: Path) -> None:
    path = tmp_path / "mask.svg"
    path.write_text(
        f'{BOX}<g transform="translate(5 5)"><rect id="a" width="9" height="9"/>'
        '<g id="b"><rect x="20" width="9" height="9"/></g></g></svg>',
        encoding="utf-8",
    )
    assert read_mask(tmp_path / "mask.svg#b", INFO).box == (25, 5, 34, 14)
    assert read_mask(tmp_path / "mask.svg#a", INFO).box == (5, 5, 14, 14)
    with pytest.raises(PromptError, match="no element with the id 'c'"):
        read_mask(tmp_path / "mask.svg#c", INFO)


def test_marks_name_files_relative_to_where_they_stand(tmp_path: Path) -> None:
    assert parse_prompt("label=cat;mask=in/cat.png;at=4").cues == (Cue(4, mask_file="in/cat.png"),)
    entries = [
        {"label": "cat", "mask": "cat.png"},
        {"label": "cup", "cues": [{"at": 3, "mask": ["a.svg", "/b.png"]}]},
    ]
    (tmp_path / "prompts.json").write_text(json.dumps(entries), encoding="utf-8")
    cat, cup = load_prompts(tmp_path / "prompts.json")
    assert [cue.mask_file for cue in cat.cues] == [tmp_path / "cat.png"]
    assert [(cue.frame, cue.mask_file) for cue in cup.cues] == [
        (3, tmp_path / "a.svg"),
        (3, Path("/b.png")),
    ]
    assert cat.kinds == {"mask"}
    (tmp_path / "prompts.json").write_text('[{"mask": 3}]', encoding="utf-8")
    with pytest.raises(PromptError, match="mask must be a list"):
        load_prompts(tmp_path / "prompts.json")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip and a mask of its moving square, as PNG and as SVG twice as large."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "clip.mp4").write_bytes(clip(frames=5, width=WIDTH, height=HEIGHT).read_bytes())
    Image.fromarray(S).save(folder / "mask.png")
    (folder / "mask.svg").write_text(
        f'{HEAD} viewBox="0 0 192 128"><rect x="20" y="24" width="60" height="76"/></svg>',
        encoding="utf-8",
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "marks", [["--mask", "mask.png"], ["--mask", "mask.svg"], ["--prompt", "mask=mask.png"]]
)
def test_the_mask_is_the_answer_on_its_frame(
    drawn: Path, tmp_path: Path, marks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(drawn)
    out = tmp_path / "out"
    assert run(["segment", "clip.mp4", *marks, "-o", str(out), "--write", "svg"]) == 0
    answers = list(read_run(out).detections())
    assert len(answers) == 5
    first = answers[0][2]
    assert first is not None
    (one,) = first.instances
    assert np.array_equal(one.mask.to_array(), S)
    assert one.score == 1
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    (cue,) = record["prompts"][0]["cues"]
    assert cue["mask"]["size"] == [HEIGHT, WIDTH]
    # The same command goes on from there, another mask does not; and the run can be redone.
    again = ["segment", "clip.mp4", *marks, "-o", str(out), "--write", "svg", "--resume"]
    assert run(again) == 0
    other = ["segment", "clip.mp4", "--box", "1,1,20,20", "-o", str(out), "--write", "svg"]
    assert run([*other, "--resume"]) == 1
    assert run(["rerun", str(out), "-o", str(tmp_path / "again")]) == 0
    assert run(["write", str(out), "--write", "masks"]) == 0


def test_a_mask_on_a_later_frame_and_several_at_once(drawn: Path) -> None:
    second = square(60, 5, 90, 30)
    both = (Cue(2, mask=S), Cue(2, mask=second))
    with Job(drawn / "clip.mp4", Prompt("both", cues=both)) as job:
        steps = list(job.steps())
    assert steps[1].scene.instances  # followed back from the masks
    found = steps[2].detections
    assert found is not None
    assert np.array_equal(found.instances[0].mask.to_array(), S | second)


def test_a_look_and_a_repeated_mask_show_the_mask(drawn: Path) -> None:
    prompt = Prompt("it", cues=[Cue(0, mask=drawn / "mask.png")])
    with Job(drawn / "clip.mp4", prompt) as job:
        ((_, answer),) = job.look([0])
    assert np.array_equal(answer.instances[0].mask.to_array(), S)
    config = load_config(flags={"repeat_prompt": True})
    with Job(drawn / "clip.mp4", prompt, config) as job:
        for step in job.steps():
            assert step.detections is not None
            assert np.array_equal(step.detections.instances[0].mask.to_array(), S)


@pytest.mark.slow
def test_a_mask_corrects_what_was_followed(drawn: Path) -> None:
    second = square(60, 5, 90, 30)
    cues = (Cue(0, boxes=square_box(0, WIDTH, HEIGHT)), Cue(2, mask=second))
    with Job(drawn / "clip.mp4", Prompt("it", cues=cues)) as job:
        steps = list(job.steps())
    found = steps[2].detections
    assert found is not None
    assert np.array_equal(found.instances[0].mask.to_array(), second)
    assert {one.object_id for step in steps for one in step.detections.instances} == {0}  # type: ignore[union-attr]


def test_a_mask_with_a_click_is_asked(drawn: Path) -> None:
    prompt = Prompt("it", cues=(Cue(0, points=(20, 20), mask=drawn / "mask.png"),))
    with Job(drawn / "clip.mp4", prompt) as job:
        first = next(job.steps()).detections
    assert first is not None
    assert all(one.score < 1 for one in first.instances)


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (Mask.from_array(np.ones((8, 8), np.bool_)), "mask of 'object' is 8 x 8, but the frame is"),
        ("none.png", "no such file"),
    ],
)
def test_masks_that_do_not_fit_the_clip(drawn: Path, mask: object, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        Job(drawn / "clip.mp4", Prompt(cues=[Cue(0, mask=mask)]))  # type: ignore[arg-type]
