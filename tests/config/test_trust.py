"""What the `videoseg.toml` of a project may say, and where frames and keys go."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from typing_extensions import Doc

from tests.support import hosted_servers as servers
from tests.support.datasets import grabcut
from tests.support.hosted_servers import KEY, serving
from tests.support.media import clip
from videoseg import registry
from videoseg.cli._app import run
from videoseg.config import trust
from videoseg.config.guards import guards_of
from videoseg.config.layers import PROJECT_FILE
from videoseg.config.run_config import load
from videoseg.config.tables import SINGLE
from videoseg.config.trust import trust_file
from videoseg.errors import ConfigError
from videoseg.protocols import destinations_of
from videoseg.settings import Guarded, settings_of
from videoseg.sources.video import VideoSource
from videoseg.types.usage import Destination

AWAY = "https://192.0.2.1/v1"
"""An address that no packet would reach."""


@dataclass
class Sender:
    """A writer of somebody's own, with a setting that its author has marked."""

    url: Annotated[str, Doc("where to send outlines"), Guarded("an address")] = ""
    colour: Annotated[str, Doc("colour of outlines")] = "red"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was received, which is the working folder."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "masks").mkdir()
    (folder / "masks" / "mask.png").touch()
    (folder / "masks" / "link.png").symlink_to("/etc/passwd")
    (folder / "prices.toml").touch()
    (folder / "weights").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("A_KEY", KEY)
    real = registry._built_in

    def with_sender(kind: registry.Kind) -> Any:
        return {**real(kind), **({"sender": Sender} if kind == "writers" else {})}

    monkeypatch.setattr(registry, "_built_in", with_sender)
    return folder


def says(project: Path, text: str) -> Path:
    file = project / PROJECT_FILE
    file.write_text(text, encoding="utf-8")
    return file


REFUSED = {
    "an address": ('[models.moondream]\nurl = "https://evil.test/v1"', "models.moondream.url"),
    "loopback": ('[models.moondream]\nurl = "http://localhost:8000"', "models.moondream.url"),
    "a package": ('[models.moondream]\nurl = "photon"', "models.moondream.url"),
    "another model": ('[models.gemini]\nurl = "https://evil.test"', "models.gemini.url"),
    "a model of models": ('[models.agent]\nurl = "https://evil.test"', "models.agent.url"),
    "a key": ('[models.moondream]\nkey_from = "AWS_SECRET"', "models.moondream.key_from"),
    "a key for itself": ('[models.gemini]\nkey_from = "GEMINI_API_KEY"', "models.gemini.key_from"),
    "a cache": ('[models.gemini]\ncache = "/tmp/answers"', "models.gemini.cache"),
    "a cache at home": ('[models.gemini]\ncache = "~/.ssh"', "models.gemini.cache"),
    "a cache inside": ('[models.gemini]\ncache = "answers"', "models.gemini.cache"),
    "a cache in capitals": ('[models.gemini]\ncache = "OFF"', "models.gemini.cache"),
    "prices": ('[models.moondream]\nprices = "prices.toml"', "models.moondream.prices"),
    "weights of a hub": ('[models.clipseg]\nweights = "evil/clipseg"', "models.clipseg.weights"),
    "weights inside": ('[models.clipseg]\nweights = "weights"', "models.clipseg.weights"),
    "a name with a dot": ('[models."sam2.1-tiny"]\nweights = "evil/x"', "sam2.1-tiny.weights"),
    "a table in a line": ('models = {moondream = {url = "https://evil.test"}}', "moondream.url"),
    "keys with points": ('models.moondream.url = "https://evil.test"', "models.moondream.url"),
    "an escaped key": ('[models.moondream]\n"\\u0075rl" = "https://evil.test"', "moondream.url"),
    "not even text": ('[models.moondream]\nurl = ["https://evil.test"]', "models.moondream.url"),
    "a number": ("[models.moondream]\nkey_from = 1", "models.moondream.key_from"),
    "after what is harmless": ('[models.moondream]\nquality = 80\nurl = "x"', "moondream.url"),
    "a file elsewhere": ('[run]\nignore_mask = "/etc/passwd"', "run.ignore_mask"),
    "a file above": ('[run]\nignore_mask = "../mask.png"', "run.ignore_mask"),
    "above by a detour": ('[run]\nignore_mask = "masks/../../x.png"', "run.ignore_mask"),
    "a link that leads out": ('[run]\nignore_mask = "masks/link.png"', "run.ignore_mask"),
    "a zero in a path": ('[run]\nignore_mask = "masks\\u0000"', "run.ignore_mask"),
    "a part of somebody's own": ('[writers.sender]\nurl = "https://evil.test"', "sender.url"),
    "on top of a preset": ('preset = "fast"\nmodels.gemini.url = "x"', "models.gemini.url"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_project_may_not_name_these(case: str, project: Path) -> None:
    text, setting = REFUSED[case]
    file = says(project, text)
    with pytest.raises(ConfigError, match=r"cannot be set by the file of a project") as caught:
        load(folder=project / "masks")
    said = str(caught.value)
    assert said.startswith(f"{file}: ")
    assert setting in said
    assert f"videoseg config trust {project}" in said
    assert len(said.splitlines()) == 1
    assert "evil" not in said.replace(setting, ""), "values stay where they are"


@pytest.mark.parametrize("name", ["../evil", "/evil.toml", "evil.toml", "./fast", "FAST"])
def test_a_preset_is_one_that_comes_along(name: str, project: Path) -> None:
    (project / "evil.toml").write_text('[models.moondream]\nurl = "https://evil.test"')
    says(project, f'preset = "{name}"')
    with pytest.raises(ConfigError, match="no preset is called"):
        load(folder=project)


HARMLESS = (
    'preset = "fast"',
    '[run]\nmodel = "moondream"\nbatch = 2\nwrite = ["svg"]',
    '[run]\nignore_mask = "masks/mask.png"',
    '[models.moondream]\nurl = ""\nkey_from = ""\ncache = "off"\nprices = ""\nquality = 80',
    '[models.gemini]\ncache = "auto"\nmax_cost = 1.0',
    '[models.clipseg]\nweights = ""\nthreshold = 0.3',
    '[writers.sender]\ncolour = "blue"',
)


@pytest.mark.parametrize("text", HARMLESS)
def test_a_project_may_say_this(text: str, project: Path) -> None:
    says(project, text)
    load(folder=project)


@pytest.mark.parametrize("way", ["set", "environment", "config", "the same file"])
def test_the_users_own_word_counts(way: str, project: Path, tmp_path: Path) -> None:
    text = f'[models.moondream]\nurl = "{AWAY}"\n'
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    ways: dict[str, dict[str, Any]] = {
        "set": {"assignments": [f"models.moondream.url={AWAY}"]},
        "environment": {"environment": {"VIDEOSEG_MODELS_MOONDREAM_URL": AWAY}},
        "config": {"file": mine},
        "the same file": {"file": Path(PROJECT_FILE)},
    }
    says(project, text if way == "the same file" else "[run]\nbatch = 2\n")
    assert load(folder=project, **ways[way]).part("models", "moondream").url == AWAY


def test_what_the_project_says_is_refused_also_where_the_user_says_otherwise(
    project: Path,
) -> None:
    """Else it would count on the day that the user's own word is gone."""
    says(project, '[models.moondream]\nurl = "https://evil.test"')
    with pytest.raises(ConfigError, match=r"models\.moondream\.url"):
        load(folder=project, assignments=[f"models.moondream.url={AWAY}"])


def test_a_file_is_trusted_as_it_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = says(project, f'[models.moondream]\nurl = "{AWAY}"\nkey_from = "A_KEY"\n')
    assert run(["config", "show"]) == 2
    assert run(["config", "trust", "masks"]) == 0
    said = capsys.readouterr().out
    assert str(file) in said
    assert f'models.moondream.url = "{AWAY}"' in said
    assert 'models.moondream.key_from = "A_KEY"' in said
    assert load(folder=project).part("models", "moondream").url == AWAY
    kept = trust_file()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert run(["config", "trust", "--list"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    # Comments say nothing; any other word does.
    says(project, f'# mine\n[models.moondream]\nkey_from = "A_KEY"\nurl = "{AWAY}"\n')
    load(folder=project)
    says(project, f'[models.moondream]\nurl = "{AWAY}"\nkey_from = "B_KEY"\n')
    with pytest.raises(ConfigError, match="has changed since you trusted it"):
        load(folder=project)
    assert run(["config", "trust", "--list"]) == 0
    assert "not trusted" in capsys.readouterr().out
    assert run(["config", "trust"]) == 0
    load(folder=project)
    assert run(["config", "trust", "--remove"]) == 0
    with pytest.raises(ConfigError, match="cannot be set"):
        load(folder=project)
    assert run(["config", "trust", "--remove"]) == 2
    assert "is not trusted" in capsys.readouterr().err


def test_another_folder_with_the_same_file_is_not_trusted(project: Path, tmp_path: Path) -> None:
    text = f'[models.moondream]\nurl = "{AWAY}"\n'
    says(project, text)
    assert run(["config", "trust"]) == 0
    (tmp_path / "other").mkdir()
    says(tmp_path / "other", text)
    with pytest.raises(ConfigError, match="cannot be set"):
        load(folder=tmp_path / "other")


@pytest.mark.parametrize("text", ["", "[]", "null", '{"files": {}}', '{"files": [1]}', "[" * 99999])
def test_a_damaged_note_trusts_nothing(text: str, project: Path) -> None:
    says(project, f'[models.moondream]\nurl = "{AWAY}"\n')
    trust_file().parent.mkdir(parents=True)
    trust_file().write_text(text)
    with pytest.raises(ConfigError, match=r"trusted\.json is damaged"):
        load(folder=project)


def test_a_user_without_a_home_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(trust, "_home", lambda: Path("~"))
    says(project, f'[models.moondream]\nurl = "{AWAY}"\n')
    with pytest.raises(ConfigError, match="cannot be set"):
        load(folder=project)
    assert run(["config", "trust"]) == 2
    assert "no folder can be trusted" in capsys.readouterr().err


def test_no_key_is_sent_for_a_project_that_was_received(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The attack that was found: on this machine nobody is asked."""
    film = str(clip(frames=3, width=160, height=96))
    with serving(servers.moondream) as server:
        text = f'[models.moondream]\nurl = "{server.url}"\nkey_from = "A_KEY"\n'
        says(project, text)
        command = ["segment", film, "red", "-o", "out", "--model", "moondream", "--write", "masks"]
        assert run([*command, "--yes"]) == 2
        assert not server.requests
        said = capfd.readouterr().err
        assert said.count("\n") == 1
        assert "models.moondream.key_from (a key) and models.moondream.url (an address)" in said
        assert run(["config", "trust"]) == 0
        assert run(command) == 0
    assert server.requests[0].headers["x-moondream-auth"] == KEY


@pytest.mark.parametrize("verb", [["rerun"], ["write", "--write", "overlay"]])
def test_a_folder_that_was_received_opens_no_address(
    verb: list[str], project: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    film = str(clip(frames=3, width=160, height=96))
    command = ["segment", film, "--box", "1,20,60,80", "--repeat-prompt", "--write", "masks"]
    assert run([*command, "-q", "-o", "out"]) == 0
    made = json.loads(Path("out/run.json").read_text())
    made["inputs"][0]["name"] = "http://192.0.2.1/clip.mp4"
    Path("out/run.json").write_text(json.dumps(made))
    with monkeypatch.context() as patch:
        patch.setattr(VideoSource, "open", lambda *_: pytest.fail("is opened"))
        assert run([verb[0], "out", *verb[1:]]) == 2
    assert "name it with --input" in capfd.readouterr().err
    # What needs no picture needs no input, and the user may name one.
    assert run(["write", "out", "--write", "measurements"]) == 0
    assert run([verb[0], "out", *verb[1:], "--input", film, "--overwrite"]) == 0


SMELLS = re.compile(
    r"url|address|host|\bkeys?\b|key_|path|\bfiles?\b|folder|director|cache|weights|prices|command|"
    r"python|program|package|token(?!s)|password|hub|TOML"
)
REASONS = {
    ("models", "offline"): "keeps from fetching",
    ("matting", "offline"): "keeps from fetching",
    ("run", "offline"): "keeps from fetching",
    ("exporters", "tolerance"): "how large a file becomes",
    ("exporters", "names"): "numbers, or the names of the source's pictures made safe",
    ("exporters", "resolution"): "one of two names of a folder inside the output folder",
    ("writers", "format"): "how large files become",
    ("writers", "names"): "numbers, or the names of the source's pictures made safe",
    ("writers", "numbering"): "which numbers files have",
    ("writers", "objects"): "how many files there are",
    ("writers", "preset"): "how large a file becomes",
    ("writers", "shot"): "a part of names, made safe",
    ("writers", "template"): "names below the folder of the output, and no others",
    ("writers", "version"): "a number in names",
    ("sources", "on_truncation"): "what becomes of a file that the user names",
    ("sources", "timeout"): "how long an address that the user names is waited for",
}
"""Settings that smell of what must be guarded, and why they need not be."""


def every_setting() -> list[tuple[str, str, str, type[Any]]]:
    single = SINGLE.items()
    found = [(name, name, each.name, cls) for name, cls in single for each in settings_of(cls)]
    for kind in registry.KINDS:
        for part in registry.names(kind):
            cls = registry.find(kind, part).cls
            found += [(kind, part, each.name, cls) for each in settings_of(cls)]
    return found


@pytest.mark.parametrize(("kind", "part", "name", "cls"), every_setting())
def test_settings_that_smell_are_guarded(kind: str, part: str, name: str, cls: type[Any]) -> None:
    (setting,) = [each for each in settings_of(cls) if each.name == name]
    smells = SMELLS.search(f"{name} {setting.doc}") or "Path" in setting.type
    if smells and (kind, name) not in REASONS:
        assert name in guards_of(cls), f"{kind}.{part}.{name}: {setting.doc}"


def test_reasons_are_for_settings_that_exist_and_smell() -> None:
    smelling = {
        (kind, name)
        for kind, _, name, cls in every_setting()
        for each in settings_of(cls)
        if each.name == name and SMELLS.search(f"{name} {each.doc}")
    }
    assert set(REASONS) <= smelling


def agent(*more: str) -> list[str]:
    """A language model on this machine with a segmenter that is a service."""
    settings = ("agent.url=http://localhost:9", "agent.segmenter=moondream", *more)
    return [word for each in settings for word in ("--set", f"models.{each}")]


@pytest.mark.parametrize("verb", ["segment", "preview", "bench", "eval"])
def test_a_segmenter_that_is_a_service_is_asked_about_too(
    verb: str, project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film = str(clip(frames=3, width=160, height=96))
    given = {
        "segment": ["segment", film, "red", "-o", "out"],
        "preview": ["preview", film, "red", "-o", "look.png"],
        "bench": ["bench", film, "red", "--count", "2"],
        "eval": ["eval", str(grabcut(tmp_path / "data")), "--task", "boxes", "--limit", "1"],
    }
    settings = agent(f"moondream.url={AWAY}", "moondream.key_from=A_KEY")
    assert run([*given[verb], "--model", "agent", *settings]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "to 192.0.2.1 with the key A_KEY; --yes allows it" in said
    assert {"segment": "3 frames", "preview": "3 frames", "bench": "2 frames", "eval": "1 frame"}[
        verb
    ] in said


def test_where_frames_go(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOONDREAM_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def of(name: str, *assignments: str) -> tuple[Destination, ...]:
        return destinations_of(load(assignments=assignments).part("models", name))

    assert of("embedded") == of("moondream", "models.moondream.url=photon") == ()
    own = Destination("api.moondream.ai", "MOONDREAM_API_KEY")
    assert of("moondream") == of("grounding-dino+moondream") == (own,)
    # A key goes to its own service, and to no other unless that is said.
    assert of("moondream", f"models.moondream.url={AWAY}") == (Destination("192.0.2.1"),)
    both = of("agent", "models.agent.segmenter=moondream")
    assert [each.host for each in both] == ["generativelanguage.googleapis.com", "api.moondream.ai"]


def test_a_dry_run_of_a_pair_with_a_service_sends_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair is no service by itself; its frames would go to one all the same."""
    film = str(clip(frames=3, width=160, height=96))
    monkeypatch.setattr(
        "videoseg.jobs.estimate.estimate", lambda _: pytest.fail("frames are tried")
    )
    command = ["segment", film, "--box", "1,20,60,80", "--model", "grounding-dino+moondream"]
    assert run([*command, "--set", f"models.moondream.url={AWAY}", "--dry-run"]) == 0
