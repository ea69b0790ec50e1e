"""Parts from other packages: the tutorial, and plug-ins with every kind of mistake."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.media import clip
from tests.support.places import ROOT
from videoseg import registry
from videoseg.cli._app import run
from videoseg.errors import MissingDependencyError

TUTORIAL = (ROOT / "docs" / "adding-a-part.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```(?:python|toml) title=\"(\S+)\"\n(.*?)```", TUTORIAL, flags=re.DOTALL))


def install(folder: Path, files: dict[str, str]) -> None:
    """Put a package where an installer would, from its sources with ``pyproject.toml``."""
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    for name, text in files.items():
        if name.endswith(".py"):
            (folder / name).write_text(text, encoding="utf-8")
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head, encoding="utf-8")
    lines: list[str] = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for plug-ins that this process finds."""
    folder = tmp_path / "plug-ins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    known = set(sys.modules)
    registry._outside.cache_clear()
    yield folder
    registry._outside.cache_clear()
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "videoseg", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=600,
    )


def test_the_model_of_the_tutorial(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    install(folder, {name: FILES[name] for name in ("bright_model.py", "pyproject.toml")})
    film = clip(frames=5, width=96, height=64)
    out = tmp_path / "out"
    done = command(
        folder,
        *("segment", str(film), "the lamp", "--model", "bright", "-o", str(out)),
        *("--set", "models.bright.least=120", "--write", "svg"),
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["model"]["name"] == "bright"
    assert record["settings"]["models"]["bright"] == {"least": 120}
    assert record["counts"]["instances"][0]["count"] == 5
    shown = command(folder, "show", "bright")
    assert "least brightness of a pixel, 0 to 255" in shown.stdout
    assert "bright  (0 MB, Apache-2.0; on this machine)" in command(folder, "models").stdout


def test_the_tutorial_followed_word_by_word(
    plug_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "work"
    for name, text in FILES.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(here)
    install(plug_ins, {name: FILES[name] for name in ("bright_model.py", "pyproject.toml")})
    added = [name for name in FILES if name.startswith("videoseg/")]
    assert added == ["videoseg/writers/boxes.py", "videoseg/sources/arrays.py"]
    for name in added:  # as if the file were in the package's own folder
        package = importlib.import_module(".".join(Path(name).parent.parts))
        folders = [*package.__path__, str((here / name).parent)]
        monkeypatch.setattr(package, "__path__", folders)
    registry._built_in.cache_clear()
    try:
        assert "boxes" in registry.names("writers")
        assert registry.source_for("lamp.npy") == "arrays"
        (program,) = re.findall(r"```python\n(.*?)```", TUTORIAL, flags=re.DOTALL)
        exec(compile(program, "adding-a-part.md", "exec"), {})  # noqa: S102
        (line,) = re.findall(r"```sh\n(.*?)```", TUTORIAL, flags=re.DOTALL)
        assert run(shlex.split(line)[1:]) == 0
    finally:
        registry._built_in.cache_clear()
        for name in added:
            sys.modules.pop(".".join(Path(name).with_suffix("").parts), None)
    (shown,) = re.findall(r"```text\n(.*?)```", TUTORIAL, flags=re.DOTALL)
    assert (here / "out" / "lamp" / "boxes.txt").read_text(encoding="utf-8") == shown


GOOD = """
from dataclasses import dataclass
from typing import Annotated, ClassVar
from typing_extensions import Doc
from videoseg import Detections, Instance, Mask, ModelCard

CARD = dict(name="ours", summary="s", kinds=frozenset({"text"}), open_vocabulary=True,
            licence="l", megabytes=0)

@dataclass
class Ours:
    card: ClassVar[ModelCard] = ModelCard(**CARD)
    least: Annotated[int, Doc("what it means")] = 1
    def prepare(self, prompts): pass
    def segment(self, frames, prompts):
        return [self.answer(frame) for frame in frames]
    def answer(self, frame):
        return Detections(frame.stream, frame.index)
    def close(self): pass
"""
CARD = "card: ClassVar[ModelCard] = ModelCard(**CARD)"
SETTING = 'least: Annotated[int, Doc("what it means")] = 1'
FAULTS = {
    "a package that is missing": ("import no_such_package\n" + GOOD, "No module named 'no_such"),
    "any error": (GOOD + "1 / 0\n", "ZeroDivisionError: division by zero"),
    "an error of several lines": (GOOD + "raise ValueError('a\\nb')\n", "ValueError: a b"),
    "it ends the program": (GOOD + "raise SystemExit(3)\n", "SystemExit: 3"),
    "a syntax error": (GOOD + "def\n", "SyntaxError"),
    "no such name": (GOOD.replace("class Ours", "class Other"), "has no attribute 'Ours'"),
    "no card": (GOOD.replace(CARD, ""), "its card must be a ModelCard .*, got None"),
    "a card of another type": (GOOD.replace(CARD, "card = 3"), "must be a ModelCard .*, got 3"),
    "a card without fields": (GOOD.replace("(**CARD)", "()"), "TypeError: .*missing"),
    "a card of unknown kinds": (GOOD.replace('{"text"}', '{"words"}'), "kinds must be some of"),
    "a card of another name": (
        GOOD.replace('name="ours"', 'name="mine"'),
        "its card is called 'mine', and the entry point 'ours'",
    ),
    "a function": (
        GOOD.replace("@dataclass\n", "").replace("class Ours:", "class X:") + "def Ours(): pass\n",
        "must be a dataclass.*, got <function Ours",
    ),
    "an object": (GOOD + "Ours = Ours()\n", "must be a dataclass"),
    "no dataclass": (GOOD.replace("@dataclass\n", ""), "Ours is not a dataclass"),
    "no method": (GOOD.replace("def segment", "def ask"), "lacks the methods segment"),
    "a setting without Doc": (
        GOOD.replace(SETTING, "least: int = 1"),
        r"its setting 'least' has no Doc\(\.\.\.\)",
    ),
    "a setting without a default": (
        GOOD.replace(" = 1\n", "\n"),
        "its setting 'least' has no default",
    ),
    "a setting of no type for settings": (
        GOOD.replace("[int, Doc", "[object.__class__.__class__, Doc").replace(
            "Annotated[object.__class__.__class__", "Annotated[Mask"
        ),
        "its setting 'least' has a type that settings cannot have",
    ),
    "a default that does not fit": (
        GOOD.replace(" = 1\n", " = 'x'\n"),
        "the default of its setting 'least' does not fit",
    ),
    "a type that is not there": (
        "from __future__ import annotations\n" + GOOD.replace("[int, Doc", "[Nothing, Doc"),
        "types of its settings cannot be read: NameError",
    ),
}


def project(
    name: str, group: str = "videoseg.models", entry: str = "ours", at: str = "Ours"
) -> str:
    return (
        f'[project]\nname = "{name}"\nversion = "2.1"\n'
        f'[project.entry-points."{group}"]\n{entry} = "{name.replace("-", "_")}:{at}"\n'
    )


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_plug_in_is_named(
    plug_ins: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source, says = FAULTS[name]
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": source})
    assert "ours" not in registry.names("models")
    assert "embedded" in registry.names("models")
    (broken,) = registry.broken("models")
    line = str(broken)
    assert re.search(says, line), line
    assert "models part 'ours' (package our-model 2.1, videoseg.models: our_model:Ours)" in line
    assert "\n" not in line
    with pytest.raises(MissingDependencyError, match="cannot be used"):
        registry.card("ours")
    assert run(["segment", "clip.mp4", "cat", "--model", "ours"]) == 4
    assert run(["show", "ours"]) == 4
    assert run(["models", "--json"]) == 0
    said = capfd.readouterr()
    assert len(json.loads(said.out)) == len(registry.names("models"))
    assert said.err.count(line) == 3


def test_a_good_one_is_found(plug_ins: Path) -> None:
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": GOOD})
    assert registry.broken() == ()
    assert registry.card("ours").kinds == {"text"}
    found = registry.find("models", "ours")
    assert (found.is_plug_in, found.cls.__module__, found.members) == (True, "our_model", ())
    assert found.origin.startswith("package our-model 2.1, videoseg.models: ")
    assert isinstance(found.make(), found.cls)


@pytest.mark.parametrize(
    ("group", "entry", "says"),
    [
        ("videoseg.models", "embedded", "another part has this name already"),
        ("videoseg.models", "a b", "a name is letters, digits"),
        ("videoseg.models", "a+b", "a name is letters, digits"),
        ("videoseg.sources", "ours", "lacks the methods accepts, open, frames"),
        ("videoseg.writers", "ours", "has no needs_image"),
        ("videoseg.exporters", "ours", "lacks the methods produces, export"),
        ("videoseg.tracking", "ours", "lacks the methods start, update, finish"),
    ],
)
def test_names_and_kinds(plug_ins: Path, group: str, entry: str, says: str) -> None:
    source = GOOD.replace('name="ours"', f'name="{entry}"')
    files = {"pyproject.toml": project("our-model", group, f'"{entry}"'), "our_model.py": source}
    install(plug_ins, files)
    (broken,) = registry.broken()
    assert says in str(broken)
    assert registry.names("models")
    if entry == "embedded":
        assert registry.find("models", "embedded").cls.__module__.startswith("videoseg.")


def test_two_packages_with_one_name(plug_ins: Path) -> None:
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": GOOD})
    install(plug_ins, {"pyproject.toml": project("their-model"), "their_model.py": GOOD})
    assert "ours" in registry.names("models")
    (broken,) = registry.broken("models")
    assert "another part has this name already" in str(broken)


VERBS = {
    "help": ["--help"],
    "verb help": ["segment", "--help"],
    "models": ["models"],
    "show": ["show"],
    "show one": ["show", "embedded"],
    "doctor": ["doctor", "--json"],
    "schema": ["config", "schema"],
    "config": ["config", "show"],
}


@pytest.fixture(scope="module")
def broken_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One broken plug-in of each kind."""
    folder = tmp_path_factory.mktemp("broken")
    kinds = ("models", "sources", "tracking", "writers", "exporters")
    for number, kind in enumerate(kinds):
        name = f"bad-{kind}"
        source = "print('hello')\n" + (GOOD if number else "raise RuntimeError('no driver')\n")
        files = {f"bad_{kind}.py": source}
        files["pyproject.toml"] = project(name, f"videoseg.{kind}", f"bad-{kind}")
        install(folder, files)
    return folder


@pytest.mark.parametrize("verb", VERBS)
def test_broken_plug_ins_break_nothing_else(broken_folder: Path, verb: str) -> None:
    done = command(broken_folder, *VERBS[verb])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "hello" not in done.stdout
    if verb in ("models", "show", "doctor"):
        assert "RuntimeError: no driver" in done.stdout + done.stderr
        assert "bad-models 2.1" in done.stdout + done.stderr
    if verb in ("doctor", "schema"):
        json.loads(done.stdout)


ANSWERS = {
    "nothing": ("return None", "must answer Detections for each frame, got None"),
    "one for all": ("return Detections('s', 0)", "was asked about the frames"),
    "too few": ("return []", "was asked about the frames"),
    "another type": ("return [1 for _ in frames]", "Detections for each frame, got 1"),
    "another frame": (
        "return [Detections(f.stream, f.index + 1) for f in frames]",
        "was asked about the frames",
    ),
    "no instance": ("return [Detections(f.stream, f.index, (3,)) for f in frames]", "got 3"),
    "a small mask": (
        "import numpy as np; return [Detections(f.stream, f.index, (Instance(Mask.from_array("
        "np.ones((4, 4), bool)), 0.5, 0),)) for f in frames]",
        "a mask is of a frame of 4 x 4, but the frame is 96 x 64",
    ),
    "no such prompt": (
        "import numpy as np; return [Detections(f.stream, f.index, (Instance(Mask.from_array("
        "np.ones(f.image.shape[:2], bool)), 0.5, 7),)) for f in frames]",
        "answers prompt 7, but 1 were asked",
    ),
    "too many presences": (
        "return [Detections(f.stream, f.index, (), (0.5, 0.5)) for f in frames]",
        "presence has 2 values for 1 prompts",
    ),
    "an array for a mask": (
        "return [Detections(f.stream, f.index, (Instance(f.image, 0.5, 0),)) for f in frames]",
        r"plug-in 'ours' \(package our-model 2\.1.*failed: ValueError: mask must be a Mask",
    ),
    "the end of the program": (
        "raise SystemExit(0)",
        r"plug-in 'ours' \(package our-model 2\.1.*failed: SystemExit: 0",
    ),
    "an error of its own": (
        "return frames[0].picture",
        r"plug-in 'ours' \(package our-model 2\.1.*failed: AttributeError: 'Frame'",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_wrong_answers(
    plug_ins: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, says = ANSWERS[name]
    source = GOOD.replace("return [self.answer(frame) for frame in frames]", textwrap.dedent(code))
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": source})
    film = clip(frames=5, width=96, height=64)
    out = tmp_path / "out"
    assert (
        run(["segment", str(film), "cat", "--model", "ours", "-o", str(out), "--progress", "none"])
        == 1
    )
    (line,) = [each for each in capfd.readouterr().err.splitlines() if "videoseg:" in each]
    assert re.search(says, line), line
    assert "ours" in line
    assert not (out / "run.json").exists()


def test_what_a_model_prints_is_not_mixed_into_json(plug_ins: Path, tmp_path: Path) -> None:
    source = GOOD.replace("def answer(self, frame):", "def answer(self, frame):\n        print(7)")
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": source})
    film = clip(frames=5, width=96, height=64)
    wanted = ("segment", str(film), "cat", "--model", "ours", "--write", "masks", "--json")
    done = command(plug_ins, *wanted, "-o", str(tmp_path / "out"))
    assert json.loads(done.stdout)["state"] == "done"
    assert done.stderr.splitlines()[0] == "7"


SOURCE = """
from dataclasses import dataclass
@dataclass
class Ours:
    @classmethod
    def accepts(cls, location): return 1 / 0
    def open(self, location): return {}
    def frames(self, start=0, stop=None): yield from ()
    def close(self): pass
"""


def test_a_source_that_raises_leaves_the_input_to_the_others(
    plug_ins: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"pyproject.toml": project("our-source", "videoseg.sources"), "our_source.py": SOURCE}
    install(plug_ins, files)
    film = clip(frames=5, width=96, height=64)
    assert run(["info", str(film)]) == 0
    said = capfd.readouterr()
    assert "96 x 64" in said.out
    assert said.err.count("source 'ours' was left out: accepts: ZeroDivisionError") == 1
    assert run(["info", str(film), "--source", "ours"]) == 1
    assert "holds no stream of pictures" in capfd.readouterr().err


def test_a_writer_that_cannot_be_used_is_not_called_unknown(
    plug_ins: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"pyproject.toml": project("our-model", "videoseg.writers"), "our_model.py": GOOD}
    install(plug_ins, files)
    film = clip(frames=5, width=96, height=64)
    assert run(["segment", str(film), "cat", "--write", "ours"]) == 4
    assert "(package our-model 2.1, videoseg.writers: our_model:Ours)" in capfd.readouterr().err


def test_numbers_of_numpy_in_answers_are_taken(plug_ins: Path, tmp_path: Path) -> None:
    code = (
        "import numpy as np; one = np.int64(0); return [Detections(f.stream, f.index, (Instance("
        "Mask(one, one, np.int32(96), np.int64(64), np.ones((64, 96), bool)), np.float32(0.5), one,"
        " np.uint8(3)),), (np.float32(0.5),)) for f in frames]"
    )
    source = GOOD.replace("return [self.answer(frame) for frame in frames]", code)
    install(plug_ins, {"pyproject.toml": project("our-model"), "our_model.py": source})
    film = clip(frames=5, width=96, height=64)
    out = tmp_path / "out"
    assert run(["segment", str(film), "cat", "--model", "ours", "-o", str(out)]) == 0
