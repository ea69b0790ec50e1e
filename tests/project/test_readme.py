"""Every command and every program in the README and in ``docs/`` runs as it stands there.

``docs/adding-a-part.md`` is followed as a whole in ``test_plug_ins.py``.
"""

from __future__ import annotations

import itertools
import json
import pkgutil
import re
import shlex
import shutil
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.support.extras import need_packages_of
from tests.support.places import ROOT
from videoseg import registry
from videoseg.cli._app import run
from videoseg.config.layers import presets
from videoseg.config.run_config import load

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.name: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
TUTORIAL = "adding-a-part.md"
FRAMES = 4


def blocks(language: str) -> list[str]:
    return [
        block
        for name, page in PAGES.items()
        if name != TUTORIAL
        for block in re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
    ]


COMMANDS = [
    line for block in blocks("sh") for line in block.splitlines() if line.startswith("videoseg ")
]
TOLD = [
    told
    for block in blocks("text")
    for told in re.findall(r"\bvideoseg ((?:segment|write|rerun|preview|replay) .*)", block)
]
"""Commands that need a service or a camera: their options are checked alone."""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``sample_media/`` with clips of the same names and pictures, but only a few frames."""
    folder = tmp_path_factory.mktemp("readme") / "sample_media"
    folder.mkdir()
    for name in ("coffee.jpg", "robot.mcap"):
        shutil.copy(ROOT / "sample_media" / name, folder)
    for source in (ROOT / "sample_media").glob("*.mp4"):
        with av.open(str(source)) as whole, av.open(str(folder / source.name), "w") as short:
            stream = short.add_stream("libx264", rate=Fraction(25))
            picture = whole.streams.video[0]
            stream.width, stream.height = picture.width, picture.height
            for number, frame in enumerate(whole.decode(picture)):
                if number == FRAMES:
                    break
                image = frame.reformat(format="yuv420p")
                image.pts, image.time_base = number, Fraction(1, 25)
                short.mux(stream.encode(image))
            short.mux(stream.encode())
    return folder


def asked_for(command: str) -> list[str]:
    """The outputs that a command or its preset names."""
    words = shlex.split(command)
    pairs = list(itertools.pairwise(words))
    presets = [word for before, word in pairs if before == "--preset"]
    named = [name for before, word in pairs if before == "--write" for name in word.split(",")]
    return [*named, *(name for preset in presets for name in load(preset=preset).run.write)]


def before(verb: str, words: list[str], command: str) -> list[str]:
    """The commands that have made what another one takes up."""
    folder = words[0] if words else ""
    if verb not in ("rerun", "write", "edit", "info") or not folder.startswith("out/"):
        return []
    (made,) = (each for each in COMMANDS if each.endswith(f"-o {folder}"))
    edits = [each for each in COMMANDS if each.startswith(f"videoseg edit {folder} ")]
    return [made, *(edits[: edits.index(command)] if verb == "edit" else ())]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_command(
    command: str, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ".mcap" in command:
        pytest.importorskip("mcap")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_media").symlink_to(samples)
    need_packages_of(asked_for(command))
    verb, *rest = shlex.split(command)[1:]
    for earlier in before(verb, rest, command):
        assert run(shlex.split(earlier)[1:]) == 0
    assert run(shlex.split(command)[1:]) == 0
    out = re.search(r"-o (\S+)", command)
    if out is not None:
        assert (tmp_path / out[1] / "run.json").is_file()


@pytest.mark.parametrize("program", blocks("python"))
def test_program(
    program: str,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if ".mcap" in program:
        pytest.importorskip("mcap")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_media").symlink_to(samples)
    exec(compile(program, "README.md", "exec"), {})  # noqa: S102
    assert len(capsys.readouterr().out.splitlines()) >= FRAMES


def test_the_first_screen_shows_both_commands() -> None:
    top = "\n".join(README.splitlines()[:24])
    assert "make demo" in top
    assert "make test" in top
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:", makefile, flags=re.MULTILINE)
    assert re.search(r"^test:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[name]):
        assert (folder / link).is_file(), link


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_of_a_kind_that_is_checked(name: str) -> None:
    opened = [line for line in PAGES[name].splitlines() if line.startswith("```")][::2]
    kinds = {"```sh", "```python", "```json", "```text"}
    if name == TUTORIAL:
        opened = [re.sub(r' title="\S+"$', "", line) for line in opened]
        kinds |= {"```toml"}
    assert set(opened) <= kinds


@pytest.mark.parametrize("command", TOLD)
def test_what_is_only_told_has_options_that_exist(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(command)
    assert run([words[0], "--help"]) == 0
    shown = capsys.readouterr().out
    for word in words[1:]:
        if word.startswith("--"):
            assert word in shown


def test_the_readme_is_for_the_first_ten_minutes() -> None:
    assert len(README.splitlines()) < 150


def test_prompts_in_json_are_accepted(tmp_path: Path) -> None:
    from videoseg.prompts import load_prompts

    lists = [text for text in blocks("json") if text.startswith("[")]
    assert lists
    for text in lists:
        path = tmp_path / "prompts.json"
        path.write_text(text, encoding="utf-8")
        assert load_prompts(path)


def test_the_form_of_the_review_list_is_as_shown() -> None:
    from videoseg.runlog.findings import Finding

    (shown,) = (text for text in blocks("json") if '"kind"' in text)
    written = Finding("ended", 0, "the dog").to_json()
    assert isinstance(written, dict)
    assert list(json.loads(shown)) == list(written)


@pytest.mark.parametrize(
    "name", re.findall(r"^::: (\S+)$", (ROOT / "docs" / "reference.md").read_text("utf-8"), re.M)
)
def test_what_the_reference_is_made_of_is_there(name: str) -> None:
    """Found without the tools that make the pages, which only one step of the checks has."""
    found = pkgutil.resolve_name(name)
    assert found.__doc__
    home = getattr(found, "__module__", name)
    assert name.startswith(home), f"{name} is defined in {home}"


WRITTEN = {
    name
    for page in PAGES.values()
    for names in re.findall(r"--write ([a-z0-9,-]*[a-z0-9])", page)
    for name in names.split(",")
}
OUTPUTS = sorted({*registry.names("writers"), *registry.names("exporters")})


def test_every_output_that_a_page_names_exists() -> None:
    # The tutorial makes "boxes" itself.
    assert WRITTEN - {"boxes"} <= {*OUTPUTS, "auto"}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_is_in_a_table(name: str) -> None:
    rows = [
        row
        for page in ("command-line.md", "labels.md", "robotics.md")
        for row in PAGES[page].splitlines()
        if row.startswith("|")
    ]
    assert any(f"`{name}`" in row.split("|")[1] for row in rows)


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_is_on_a_page(name: str) -> None:
    assert any(re.search(rf"--preset {name}\b|`{name}`", page) for page in PAGES.values())


@pytest.mark.parametrize(
    ("kind", "part", "setting"),
    sorted(
        {
            found
            for page in PAGES.values()
            for found in re.findall(
                r"\b(writers|exporters|matting|tracking|sources)\.([a-z0-9-]+)\.([a-z_]+)\b", page
            )
        }
    ),
)
def test_every_setting_that_a_page_names_exists(
    kind: registry.Kind, part: str, setting: str
) -> None:
    assert setting in {each.name for each in registry.find(kind, part).settings}
