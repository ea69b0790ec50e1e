"""Output folders that somebody has made to do harm: refused in one line, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from videoseg.cli._app import run as command
from videoseg.errors import OutputError
from videoseg.runlog import leftover
from videoseg.runlog.checkpoint import Notes
from videoseg.runlog.reader import read_run
from videoseg.runlog.staging import STAGING, Staging, settle
from videoseg.system import held_folders as held
from videoseg.system.held_folders import FolderHandle

TOKEN = "0123456789abcdef" * 2
NAMES = ("svg", "overlay.mp4", "run.json")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")


@dataclass(frozen=True)
class Place:
    """A folder that was received, and one beside it that nothing may touch."""

    out: Path
    witness: Path

    @property
    def staging(self) -> Path:
        return self.out / STAGING

    @property
    def new(self) -> Path:
        return self.staging / "new"

    @property
    def notes(self) -> Path:
        return self.staging / "notes"

    def mark(self, pieces: Any) -> None:
        """Say that these pieces were on their way."""
        marker = json.dumps({"token": TOKEN, "pieces": pieces})
        (self.staging / "publishing").write_text(marker)

    def stage(self, *names: str, listed: bool = True) -> None:
        """Mark pieces that are there, as files, and listed."""
        for name in names:
            path = self.new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("theirs")
        outputs = [*names, "overlay.mp4"] if listed else ["overlay.mp4"]
        (self.new / "run.json").write_text(json.dumps({"outputs": outputs}))
        self.mark(list(names))

    def link(self, path: Path, target: Path) -> None:
        """Put a link in the place of what is there."""
        if path.is_dir():
            for inner in path.iterdir():
                inner.unlink()
            path.rmdir()
        path.unlink(missing_ok=True)
        path.symlink_to(target)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """What a run leaves that was killed while it published, as a copy of it may look."""
    found = Place(tmp_path / "out", tmp_path / "witness")
    for folder in (found.new, found.notes, found.witness / "notes", found.witness / "new"):
        folder.mkdir(parents=True)
    (found.witness / "keys").write_text("mine")
    (found.witness / "plan.json").write_text("mine")
    (found.witness / "notes" / "detections.jsonl").write_text("mine\n")
    (found.staging / "lock").write_text(f"videoseg-staging 1 {TOKEN}\n")
    found.stage("overlay.mp4")
    return found


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Kind, number of names, and content of all below a folder; links are not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        made = path.lstat()
        text = os.readlink(path) if path.is_symlink() else ""
        if stat.S_ISREG(made.st_mode):
            text = path.read_bytes().decode("latin-1")
        name = path.relative_to(folder).as_posix()
        found[name] = (made.st_mode, made.st_nlink if path.is_file() else 0, text)
    return found


def test_what_our_own_run_has_left_is_put_into_place(place: Place) -> None:
    """The folder that all others here are made from is sound."""
    settle(place.out)
    assert (place.out / "overlay.mp4").read_text() == "theirs"
    assert not place.staging.exists()


def raw_marker(text: str) -> Callable[[Place], None]:
    return lambda place: void((place.staging / "publishing").write_text(text))


def named(name: Any, *more: Any) -> Callable[[Place], None]:
    """A list of pieces with a name in it."""
    return lambda place: place.mark([name, *more])


def staged(*names: str, listed: bool = True) -> Callable[[Place], None]:
    return lambda place: place.stage(*names, listed=listed)


def linked(name: str, target: str = "keys") -> Callable[[Place], None]:
    """A link out of the folder in the place of something in it."""
    return lambda place: place.link(place.out / name, place.witness / target)


def piped(name: str) -> Callable[[Place], None]:
    def make(place: Place) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        (place.out / name).unlink(missing_ok=True)
        os.mkfifo(place.out / name)

    return make


def hard(name: str, target: str = "keys") -> Callable[[Place], None]:
    """A second name for a file elsewhere."""

    def make(place: Place) -> None:
        (place.out / name).unlink(missing_ok=True)
        os.link(place.witness / target, place.out / name)

    return make


def without_marker(make: Callable[[Place], None]) -> Callable[[Place], None]:
    """As a run that was killed before it published."""

    def both(place: Place) -> None:
        (place.staging / "publishing").unlink()
        (place.notes / "plan.json").write_text("{}")
        make(place)

    return both


def both(*makes: Callable[[Place], None]) -> Callable[[Place], None]:
    return lambda place: void([make(place) for make in makes])


def void(_: object) -> None:
    return None


def climbing(place: Place) -> None:
    """The first attack that was found: the list alone, as version 0.1.0 wrote it."""
    (place.staging / "keys").write_text("theirs")
    (place.out.parent / "keys").write_text("mine")
    (place.staging / "publishing").write_text('["../keys"]')


def to_an_absolute_place(place: Place) -> None:
    (place.staging / "publishing").write_text(json.dumps([str(place.witness / "keys")]))


def on_the_way(place: Place) -> None:
    """A piece in a folder, where the output folder has a link of that name."""
    place.stage("svg/left")
    (place.out / "svg").symlink_to(place.witness)


def over_a_folder_of_the_users(place: Place) -> None:
    place.stage("photos")
    (place.out / "photos").mkdir()
    (place.out / "photos" / "a.jpg").write_text("mine")


def of_another_user(place: Place) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(place.staging, 12345, 12345)


def without_lock(place: Place) -> None:
    (place.staging / "lock").unlink()


def moved_away(place: Place) -> None:
    """The whole staging folder is a link to one that looks like ours."""
    target = place.witness / "staging"
    place.staging.rename(target)
    place.staging.symlink_to(target)


DEEP = "[" * 100_000 + "]" * 100_000
VARIATIONS: dict[str, Callable[[Place], None]] = {
    "climbs": climbing,
    "climbs, with a token": named("../witness/keys"),
    "climbs from within": named("a/../../witness/keys"),
    "climbs in the middle": staged("svg/../overlay.mp4"),
    "absolute": to_an_absolute_place,
    "absolute, with a token": named("/etc/passwd"),
    "two slashes": named("//etc/passwd"),
    "a drive": named("C:\\keys"),
    "a drive without a slash": named("C:keys"),
    "a stream of a file": named("overlay.mp4:hidden"),
    "backslashes": named("..\\witness\\keys"),
    "a share": named("\\\\host\\share\\x"),
    "a short name": named("VIDEOS~1/lock"),
    "itself": named("."),
    "empty": named(""),
    "a dot before": named("./overlay.mp4"),
    "a slash behind": named("overlay.mp4/"),
    "a dot behind": named("overlay.mp4."),
    "a blank behind": named("run.json "),
    "the staging folder": named(f"{STAGING}/lock"),
    "the staging folder in capitals": named(".VideoSeg-PART/lock"),
    "the staging folder in wide letters": named("．ｖideoseg-part/lock"),
    "the staging folder with an unseen letter": named(".videoseg\u200c-part/lock"),
    "not composed": named(unicodedata.normalize("NFD", "é.mp4")),
    "twice but for case": named("overlay.mp4", "OVERLAY.mp4"),
    "twice but for form": named("ﬁlm", "film"),
    "one in the other": named("svg", "svg/0.svg"),
    "a zero": named("overlay\0.mp4"),
    "two lines": named("overlay.mp4\nrm"),
    "half a letter": named("\ud800"),
    "too long": named("a" * 5_000),
    "a number": named(1),
    "nothing": named(None),
    "a list": named(["overlay.mp4"]),
    "numbers alone": raw_marker("[1, 2]"),
    "null": raw_marker("null"),
    "text": raw_marker('"overlay.mp4"'),
    "a table": raw_marker('{"pieces": ["overlay.mp4"]}'),
    "the wrong token": raw_marker('{"token": "", "pieces": ["overlay.mp4"]}'),
    "no list": lambda place: place.mark("overlay.mp4"),
    "deep": raw_marker(DEEP),
    "huge": raw_marker(f"[{' ' * (1 << 21)}]"),
    "not in the manifest": staged("videoseg.toml", listed=False),
    "a link as a piece": linked(f"{STAGING}/new/overlay.mp4"),
    "a link in a piece": both(staged("svg/0.svg"), linked(f"{STAGING}/new/svg/1.svg"),
                              lambda place: place.stage("svg/0.svg"),
                              lambda place: place.mark(["svg"]),
                              lambda place: void((place.new / "run.json").write_text(
                                  '{"outputs": ["svg"]}'))),
    "a pipe as a piece": piped(f"{STAGING}/new/overlay.mp4"),
    "a hard link as a piece": hard(f"{STAGING}/new/overlay.mp4"),
    "a link as the manifest": linked(f"{STAGING}/new/run.json"),
    "a pipe as the manifest": piped(f"{STAGING}/new/run.json"),
    "a link on the way": on_the_way,
    "over a folder of the user's": over_a_folder_of_the_users,
    "new is a link": linked(f"{STAGING}/new", "new"),
    "old is a link": linked(f"{STAGING}/old", "new"),
    "notes is a link": linked(f"{STAGING}/notes", "notes"),
    "new is a link, unmarked": without_marker(linked(f"{STAGING}/new", "new")),
    "notes is a link, unmarked": both(
        lambda place: (place.staging / "publishing").unlink(),
        linked(f"{STAGING}/notes", "notes"),
    ),
    "notes is a pipe": both(lambda place: place.notes.rmdir(), piped(f"{STAGING}/notes")),
    "a link as the plan": without_marker(linked(f"{STAGING}/notes/plan.json", "plan.json")),
    "a link as a part of the plan": without_marker(linked(f"{STAGING}/notes/plan.json.part")),
    "a pipe as a part of the plan": without_marker(piped(f"{STAGING}/notes/plan.json.part")),
    "a hard link as a part of the plan": without_marker(hard(f"{STAGING}/notes/plan.json.part")),
    "a pipe as the state": without_marker(piped(f"{STAGING}/notes/state")),
    "a link as the answers": without_marker(linked(f"{STAGING}/notes/detections.jsonl")),
    "a hard link as the answers": without_marker(hard(f"{STAGING}/notes/detections.jsonl")),
    "a link as the list": linked(f"{STAGING}/publishing"),
    "a pipe as the list": piped(f"{STAGING}/publishing"),
    "a hard link as the list": hard(f"{STAGING}/publishing"),
    "a link as the lock": linked(f"{STAGING}/lock"),
    "a link to nowhere as the lock": linked(f"{STAGING}/lock", "nowhere"),
    "a pipe as the lock": piped(f"{STAGING}/lock"),
    "a hard link as the lock": hard(f"{STAGING}/lock"),
    "an empty lock": lambda place: void((place.staging / "lock").write_text("")),
    "a lock of something else": lambda place: void((place.staging / "lock").write_text("1234")),
    "no lock": without_lock,
    "the whole is a link": moved_away,
    "of another user": of_another_user,
}  # fmt: skip


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("variation", VARIATIONS)
def test_what_no_run_has_left_is_refused(
    variation: str, relative: bool, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where folders cannot be held open, as on Windows."""
    monkeypatch.setattr(held, "RELATIVE", relative and held.RELATIVE)
    VARIATIONS[variation](place)
    before = snapshot(place.out.parent)
    ways: list[Callable[[], object]] = [
        lambda: Staging(place.out, NAMES, overwrite=True).__enter__(),
        lambda: Staging(place.out, NAMES, resume=True, overwrite=True).__enter__(),
        lambda: Staging(place.out, ["measurements.csv"]).__enter__(),
    ]
    if os.path.lexists(place.staging / "publishing"):
        ways.append(lambda: settle(place.out))
    for way in ways:
        with pytest.raises(OutputError, match="is not what a run of yours has left") as caught:
            way()
        assert len(str(caught.value).splitlines()) == 1
        assert str(caught.value).isprintable()
        assert snapshot(place.out.parent) == before


def test_a_torn_list_moves_nothing(place: Place) -> None:
    """It is written whole or not at all; after a loss of power it may still be torn."""
    (place.staging / "publishing").write_text('{"token": "01')
    settle(place.out)
    assert not list(place.out.iterdir())
    assert (place.witness / "keys").read_text() == "mine"


@pytest.mark.parametrize("verb", ["write", "rerun", "segment"])
def test_commands_refuse_it_in_one_line(
    verb: str, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    climbing(place)
    before = snapshot(place.out.parent)
    given = {
        "write": ["write", str(place.out), "--write", "measurements"],
        "rerun": ["rerun", str(place.out)],
        "segment": ["segment", "sample_media/cat.mp4", "the cat", "-o", str(place.out)],
    }
    assert command(given[verb]) == 1
    said = capfd.readouterr().err
    assert "is not what a run of yours has left" in said
    assert "Traceback" not in said
    assert snapshot(place.out.parent) == before


def test_the_output_folder_itself_may_be_a_link(place: Place) -> None:
    """That is what the user has asked for."""
    link = place.out.parent / "link"
    link.symlink_to(place.out)
    settle(link)
    with Staging(link, NAMES, overwrite=True) as staging:
        (staging.folder / "overlay.mp4").write_text("new")
        staging.publish()
    assert (place.out / "overlay.mp4").read_text() == "new"
    assert link.is_symlink()


def test_a_run_writes_through_no_link_of_its_output_folder(place: Place) -> None:
    """Two pictures make folders in a folder; that one must not lead away."""
    (place.out / "svg").symlink_to(place.witness)
    before = snapshot(place.witness)
    settle(place.out)
    with pytest.raises(OutputError, match=r"svg is a link, and svg/left must lie in a folder"):
        Staging(place.out, ["svg/left"], overwrite=True).__enter__()
    assert snapshot(place.witness) == before


SWAPPING = """
import os, sys
root, name, target = sys.argv[1:]
while True:
    out = os.path.join(root, sorted(os.listdir(root))[-1])
    folder, aside, link = os.path.join(out, name), f"{out}.aside", f"{root}.link"
    try:
        if not os.path.lexists(link):
            os.symlink(target, link)
        os.rename(folder, aside); os.rename(link, folder)
        os.rename(folder, link); os.rename(aside, folder)
    except OSError:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{STAGING}/new", f"{STAGING}/notes", STAGING])
def test_a_second_process_that_swaps_a_folder_for_a_link(name: str, place: Place) -> None:
    """It puts a link there and the folder back, without end; nothing outside is touched."""
    (place.witness / "overlay.mp4").write_text("mine")
    before = snapshot(place.witness)
    root = place.out.parent / "received"
    root.mkdir()
    (root / "0").mkdir()
    other = subprocess.Popen([sys.executable, "-c", SWAPPING, root, name, place.witness])
    settled = 0
    try:
        for number in range(60):
            out = root / f"out-{number:03}"
            shutil.copytree(place.out, place.out.parent / "copy")
            (place.out.parent / "copy").rename(out)
            time.sleep(number % 4 / 1000)
            try:
                settle(out)
                settled += 1
                with Staging(out, NAMES, overwrite=True) as staging:
                    staging.publish()
            except (OutputError, RuntimeError, FileNotFoundError):
                pass
            assert snapshot(place.witness) == before
    finally:
        other.kill()
        other.wait()
    assert settled, "some get through"


@pytest.mark.parametrize("moment", ["before it is looked through", "after that"])
@pytest.mark.parametrize("name", ["new", STAGING])
def test_a_folder_that_is_swapped_between_look_and_use(
    moment: str, name: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.witness / "overlay.mp4").write_text("mine")
    before = snapshot(place.witness)
    folder = place.staging if name == STAGING else place.new
    real = leftover.waiting

    def swapped(*given: Any) -> Any:
        found = real(*given) if moment == "after that" else None
        folder.rename(place.out.parent / "aside")
        folder.symlink_to(place.witness)
        return real(*given) if found is None else found

    monkeypatch.setattr(leftover, "waiting", swapped)
    if name == "new":
        with pytest.raises(OutputError, match="new is a link"):
            settle(place.out)
        assert not (place.out / "overlay.mp4").exists()
    else:
        settle(place.out)  # the folder that was opened is the one that is used
        assert (place.out / "overlay.mp4").read_text() == "theirs"
    assert snapshot(place.witness) == before


def test_what_was_exchanged_during_the_run_is_not_published(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (elsewhere / "new").mkdir(parents=True)
    with Staging(out, NAMES) as staging:
        staging.folder.parent.rename(out / "aside")
        (out / STAGING).symlink_to(elsewhere)
        (staging.folder / "overlay.mp4").write_text("made")
        with pytest.raises(OutputError, match="was exchanged while the run wrote to it"):
            staging.publish()
    assert (elsewhere / "new" / "overlay.mp4").read_text() == "made"
    assert not (out / "overlay.mp4").exists()


@pytest.mark.parametrize("name", ["plan.json.part", "state.part"])
def test_notes_are_written_through_no_link(name: str, tmp_path: Path) -> None:
    """One that appears while the run is under way."""
    notes, keys = tmp_path / "notes", tmp_path / "keys"
    notes.mkdir()
    keys.write_text("mine")
    (notes / name).symlink_to(keys)
    with FolderHandle.at(notes) as folder:
        folder.write(name.removesuffix(".part"), [b"made"])
    assert keys.read_text() == "mine"
    assert (notes / name.removesuffix(".part")).read_text() == "made"
    with pytest.raises(OutputError, match=r"cannot use .*: link is a link"):
        (tmp_path / "link").symlink_to(notes)
        Notes(tmp_path / "link")


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_a_manifest_that_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    path = tmp_path / "run.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    assert command(["write", str(tmp_path), "--write", "measurements"]) == 1
    with pytest.raises(ValueError, match="is not a run folder"):
        read_run(tmp_path)
